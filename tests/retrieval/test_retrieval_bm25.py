"""BM25: what it finds does not depend on order, on the cache, or on how the process was started."""

import math
import os
import random
import subprocess
import sys
from collections import Counter
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from harness.errors import StudyError, UnknownName
from harness.prompts.render import prompt_bytes
from harness.records import Passage, RetrieverSpec
from harness.retrieval.base import build_retriever

WORDS = ["ferry", "mill", "river", "bell", "light", "stone", "oak", "salt", "1823", "42"]
TEXTS = st.lists(st.sampled_from(WORDS), max_size=8).map(" ".join)
CORPUS = st.lists(TEXTS, max_size=8).map(
    lambda texts: [Passage(id=f"p{number:02}", text=text) for number, text in enumerate(texts)]
)
SPEC = RetrieverSpec()
SMALL = [
    Passage(id="a", text="The ferry crosses the river.", title="Ferry"),
    Passage(id="b", text="The mill stands at the river."),
    Passage(id="c", text="Salt is dug here."),
]
# The function-scoped cache only holds indices, each under the key of its own content.
shared_cache = settings(suppress_health_check=[HealthCheck.function_scoped_fixture])


def found(passages: list[Passage], query: str, top_k: int = 5, spec: RetrieverSpec = SPEC) -> list[str]:
    return [passage.id for passage in build_retriever(spec, passages).search([query], top_k)[0]]


def lucene(passages: list[Passage], query: str, k1: float = 1.5, b: float = 0.75) -> dict[str, float]:
    """The formula written out, for passages of plain words."""
    words = {passage.id: Counter(passage.text.split()) for passage in passages}
    mean = sum(count.total() for count in words.values()) / len(words)
    scores: dict[str, float] = {}
    for name, counts in words.items():
        for word in query.split():
            holding = sum(word in other for other in words.values())
            idf = math.log(1 + (len(words) - holding + 0.5) / (holding + 0.5))
            norm = k1 * (1 - b + b * counts.total() / mean)
            scores[name] = scores.get(name, 0.0) + idf * counts[word] / (counts[word] + norm)
    return {name: score for name, score in scores.items() if score > 0}


@shared_cache
@given(CORPUS, TEXTS, st.randoms(use_true_random=False))
def test_the_order_of_the_corpus_changes_nothing(passages: list[Passage], query: str, rng: random.Random) -> None:
    shuffled = rng.sample(passages, len(passages))
    assert found(passages, query) == found(shuffled, query)


@shared_cache
@given(CORPUS, TEXTS)
def test_a_kept_index_finds_what_a_fresh_one_finds(passages: list[Passage], query: str) -> None:
    fresh = found(passages, query)
    assert found(passages, query) == fresh


@shared_cache
@given(CORPUS, TEXTS, st.integers(1, 9))
def test_fewer_are_the_first_of_more(passages: list[Passage], query: str, top_k: int) -> None:
    assert found(passages, query, top_k) == found(passages, query, 10)[:top_k]


@shared_cache
@given(CORPUS.filter(lambda passages: any(passage.text for passage in passages)), TEXTS)
def test_scores_rank_as_the_written_formula_does(passages: list[Passage], query: str) -> None:
    scores = lucene(passages, query)
    ids = found(passages, query, 10)
    assert set(ids) == set(scores)
    assert all(scores[one] >= scores[next_] - 1e-6 for one, next_ in pairwise(ids))


@shared_cache
@given(CORPUS, TEXTS)
def test_equal_passages_are_ordered_by_id(passages: list[Passage], query: str) -> None:
    assume(query)
    twins = [*passages, Passage(id="zz", text=query), Passage(id="za", text=query)]
    ids = found(twins, query, 20)
    assert ids.index("za") + 1 == ids.index("zz")


def test_the_best_passage_comes_first() -> None:
    assert found(SMALL, "Which ferry crosses the river?") == ["a", "b"]


def test_queries_are_answered_in_order() -> None:
    hits = build_retriever(SPEC, SMALL).search(["salt", "nothing of it", "mill"], 1)
    assert [[passage.id for passage in one] for one in hits] == [["c"], [], ["b"]]


@pytest.mark.parametrize("query", ["", "?!", "the of", "zebra"])
def test_a_query_without_a_known_word_finds_nothing(query: str) -> None:
    assert found(SMALL, query) == []


@pytest.mark.parametrize("passages", [[], [Passage(id="a", text="")], [Passage(id="a", text="the of ?")]])
def test_a_corpus_without_words_finds_nothing(passages: list[Passage]) -> None:
    assert found(passages, "ferry") == []


def test_titles_are_searched_unless_told_otherwise() -> None:
    passages = [Passage(id="a", text="crosses", title="Ferry"), Passage(id="b", text="stands", title="Mill")]
    assert found(passages, "mill") == ["b"]
    assert found(passages, "mill", spec=RetrieverSpec(options={"titles": False})) == []


def test_stopwords_are_words_when_asked_for() -> None:
    assert found(SMALL, "the", spec=RetrieverSpec(options={"stopwords": "none"})) == ["a", "b"]


def test_letters_of_any_width_and_case_are_the_same() -> None:
    assert found(SMALL, "\uff26\uff25\uff32\uff32\uff39") == ["a"]


def test_a_new_process_finds_the_same(cache: Path) -> None:
    code = (
        "from harness.records import Passage, RetrieverSpec; from harness.retrieval.base import build_retriever;"
        "p = [Passage(id=f'p{i:03}', text=' '.join(w for j, w in enumerate('a1 b2 c3 d4 e5'.split()) if i >> j & 1))"
        " for i in range(32)];"
        "print([q.id for q in build_retriever(RetrieverSpec(), p).search(['a1 c3 e5'], 12)[0]])"
    )
    runs = [
        subprocess.run(
            [sys.executable, "-c", code],
            env={**os.environ, "PYTHONHASHSEED": seed, "HARNESS_CACHE_DIR": str(cache / seed)},
            capture_output=True,
            check=True,
            text=True,
        )
        for seed in ("1", "2")
    ]
    assert runs[0].stdout == runs[1].stdout != ""


def test_the_index_is_kept_without_pickle(cache: Path) -> None:
    found(SMALL, "ferry")
    kept = [path for path in cache.rglob("*") if path.is_file()]
    assert {path.suffix for path in kept} == {".npy", ".json"}


def test_a_kept_index_is_read_and_not_built_again(monkeypatch: pytest.MonkeyPatch) -> None:
    first = found(SMALL, "ferry")
    monkeypatch.setattr("harness.retrieval.bm25.Bm25._build", lambda _self: pytest.fail("built again"))
    assert found(SMALL, "ferry") == first


@pytest.mark.parametrize("text", ["", "[]", "{"])
def test_a_broken_index_is_mended(cache: Path, text: str) -> None:
    first = found(SMALL, "ferry")
    (params,) = cache.rglob("params.index.json")
    whole = params.read_text(encoding="utf-8")
    params.write_text(text, encoding="utf-8")
    assert found(SMALL, "ferry") == first
    assert params.read_text(encoding="utf-8") == whole


def test_an_index_of_another_size_is_not_used(cache: Path) -> None:
    first = found(SMALL, "ferry")
    (params,) = cache.rglob("params.index.json")
    params.write_text(params.read_text(encoding="utf-8").replace('"num_docs": 3', '"num_docs": 4'), encoding="utf-8")
    assert found(SMALL, "ferry") == first


def test_a_cache_that_cannot_be_written_costs_nothing_else(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (cache / "file").write_text("", encoding="utf-8")
    monkeypatch.setenv("HARNESS_CACHE_DIR", str(cache / "file"))
    assert found(SMALL, "ferry") == ["a"]


def test_another_corpus_has_another_index(cache: Path) -> None:
    found(SMALL, "ferry")
    found(SMALL[:2], "ferry")
    assert len(list(cache.rglob("params.index.json"))) == 2


@pytest.mark.parametrize(
    "options",
    [{"k1": 1.2}, {"b": 0.5}, {"variant": "atire"}, {"variant": "robertson"}, {"stopwords": "none"}, {"titles": False}],
)
def test_every_option_changes_the_hash(options: dict[str, object]) -> None:
    assert build_retriever(RetrieverSpec(options=options), ()).hash != build_retriever(SPEC, ()).hash


def test_the_number_of_passages_changes_the_hash() -> None:
    assert build_retriever(RetrieverSpec(top_k=4), ()).hash != build_retriever(SPEC, ()).hash


def test_an_option_at_its_default_changes_nothing() -> None:
    spec = RetrieverSpec(options={"k1": 1.5, "b": 0.75, "stopwords": "en"})
    assert build_retriever(spec, SMALL).hash == build_retriever(SPEC, ()).hash


def test_a_whole_number_is_the_same_option() -> None:
    one, other = (build_retriever(RetrieverSpec(options={"k1": value}), ()) for value in (2, 2.0))
    assert one.hash == other.hash


@pytest.mark.parametrize(
    ("spec", "told"),
    [
        (RetrieverSpec(top_k=0), "top_k of the retrieval is 0: at least 1"),
        (RetrieverSpec(options={"k1": -1}), "option k1 of bm25 is -1: a number of at least 0"),
        (RetrieverSpec(options={"k1": float("nan")}), "option k1 of bm25 is nan"),
        (RetrieverSpec(options={"k1": True}), "option k1 of bm25 is True"),
        (RetrieverSpec(options={"b": "1"}), "option b of bm25 is '1': a number from 0 to 1"),
        (RetrieverSpec(options={"variant": "bm25f"}), "one of lucene, robertson, atire"),
        (RetrieverSpec(options={"stopwords": "de"}), "one of en, none"),
        (RetrieverSpec(options={"titles": "yes"}), "true or false"),
    ],
)
def test_a_wrong_value_is_told(spec: RetrieverSpec, told: str) -> None:
    with pytest.raises(StudyError, match=told):
        build_retriever(spec, SMALL)


@pytest.mark.parametrize(
    ("spec", "told"),
    [
        (RetrieverSpec(kind="bm52"), "unknown kind of retrieval 'bm52': did you mean 'bm25'"),
        (RetrieverSpec(options={"titel": 1}), "unknown option of bm25 'titel': did you mean 'titles'"),
    ],
)
def test_an_unknown_name_is_told(spec: RetrieverSpec, told: str) -> None:
    with pytest.raises(UnknownName, match=told):
        build_retriever(spec, SMALL)


def test_a_search_for_no_passages_is_refused() -> None:
    with pytest.raises(ValueError, match="top_k is 0"):
        build_retriever(SPEC, SMALL).search(["ferry"], 0)


def test_importing_the_parts_imports_nothing_heavy() -> None:
    modules = "harness.retrieval.base, harness.retrieval.bm25, harness.retrieval.select, harness.datasets.load"
    heavy = "{'bm25s', 'numpy', 'scipy', 'pandas', 'pyarrow', 'torch', 'datasets'}"
    code = f"import sys, {modules}, {prompt_bytes.__module__}; print({heavy} & set(sys.modules))"
    run = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert run.stdout == "set()\n"
