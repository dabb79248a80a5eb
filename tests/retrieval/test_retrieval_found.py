"""What a search found is the same whether it was kept, damaged, or never written."""

import json
import random

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from harness.records import Passage, RetrieverSpec
from harness.retrieval import found
from harness.retrieval.base import build_retriever
from harness.retrieval.bm25 import Bm25

WORDS = ["ferry", "mill", "river", "bell", "light", "stone", "oak", "salt"]
TEXTS = st.lists(st.sampled_from(WORDS), max_size=6).map(" ".join)
PASSAGES = [Passage(id=f"p{number}", text=text) for number, text in enumerate(["ferry river", "mill river", "salt"])]
SPEC = RetrieverSpec()


@pytest.fixture
def searches(monkeypatch):
    """How often the corpus itself was searched."""
    counted = []
    search = Bm25.search
    monkeypatch.setattr(Bm25, "search", lambda *args: counted.append(1) or search(*args))
    return counted


def kept_files(cache):
    return list((cache / "found").rglob("ids.json"))


# The function-scoped cache only holds searches, each under the key of its own content.
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(TEXTS, max_size=6), st.lists(TEXTS, max_size=4), st.integers(1, 4), st.randoms())
def test_finds_what_the_retriever_finds_the_first_and_every_time(texts, queries, top_k, rng: random.Random):
    passages = [Passage(id=f"p{number}", text=text) for number, text in enumerate(texts)]
    wanted = build_retriever(SPEC, passages).search(queries, top_k)
    assert found.find(SPEC, passages, queries, top_k) == wanted
    rng.shuffle(passages)
    assert found.find(SPEC, passages, queries, top_k) == wanted


def test_searches_once(searches):
    for _ in range(3):
        found.find(SPEC, PASSAGES, ["river", "salt"], 2)
    assert len(searches) == 1


@pytest.mark.parametrize(
    ("spec", "passages", "queries", "top_k"),
    [
        (RetrieverSpec(options={"k1": 0.5}), PASSAGES, ["river"], 2),
        (SPEC, PASSAGES[:2], ["river"], 2),
        (SPEC, [*PASSAGES[:2], Passage(id="p2", text="river")], ["river"], 2),
        (SPEC, PASSAGES, ["salt"], 2),
        (SPEC, PASSAGES, ["river"], 1),
    ],
    ids=["settings", "corpus", "a text", "queries", "top_k"],
)
def test_whatever_changes_what_is_found_is_searched_anew(searches, spec, passages, queries, top_k):
    found.find(SPEC, PASSAGES, ["river"], 2)
    found.find(spec, passages, queries, top_k)
    assert len(searches) == 2


@pytest.mark.parametrize("damage", ["", "{", "[]", '[["nobody"]]', "[[1]]", "7"])
def test_a_damaged_file_is_mended(cache, searches, damage):
    wanted = found.find(SPEC, PASSAGES, ["river"], 2)
    (file,) = kept_files(cache)
    file.write_text(damage)
    assert found.find(SPEC, PASSAGES, ["river"], 2) == wanted
    assert found.find(SPEC, PASSAGES, ["river"], 2) == wanted
    assert len(searches) == 2
    assert json.loads(file.read_text()) == [[passage.id for passage in wanted[0]]]


def test_a_cache_that_cannot_be_written_costs_a_search_each_time(monkeypatch, tmp_path, searches):
    blocked = tmp_path / "file"
    blocked.write_text("")
    monkeypatch.setenv("HARNESS_CACHE_DIR", str(blocked))
    wanted = found.find(SPEC, PASSAGES, ["river"], 2)
    assert found.find(SPEC, PASSAGES, ["river"], 2) == wanted
    assert len(searches) == 2


def test_fewer_than_one_passage_cannot_be_asked_for():
    with pytest.raises(ValueError, match="at least 1"):
        found.find(SPEC, PASSAGES, ["river"], 0)
