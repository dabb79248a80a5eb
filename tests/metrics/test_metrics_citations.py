"""Citations: the published vectors and the laws."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.metrics.citations import (
    citation_precision,
    citation_precision_compatible,
    citation_recall,
    citations,
    grounded_fraction,
)
from harness.metrics.unscored import Unscored
from tests.strategies import phrases, texts

GOLDEN = Path(__file__).resolve().parents[2].parent / "shared" / "reference" / "golden_citations.json"
VECTORS = json.loads(GOLDEN.read_text(encoding="utf-8"))["citations"] if GOLDEN.exists() else []
pinned = pytest.mark.skipif(not GOLDEN.exists(), reason="the reference vectors are not beside this checkout")
contexts = st.lists(phrases, min_size=1, max_size=5)


@pinned
def test_there_are_vectors() -> None:
    assert len(VECTORS) == 4


@pytest.mark.parametrize("vector", VECTORS, ids=lambda vector: vector["answer"] or "empty")
def test_citations_vector(vector: dict[str, Any]) -> None:
    found = citations(vector["answer"], vector["contexts"])

    assert {
        "referenced": list(found.referenced),
        "missing": list(found.missing),
        "extra": list(found.extra),
        "coverage": {str(number): share for number, share in found.coverage.items()},
        "mean_coverage": found.mean_coverage,
        "total_contexts": found.total_contexts,
        "unique_citations": len(found.referenced),
    } == vector["metrics"]


@pytest.mark.parametrize("vector", VECTORS, ids=lambda vector: vector["answer"] or "empty")
def test_derived_vector(vector: dict[str, Any]) -> None:
    found = citations(vector["answer"], vector["contexts"])
    grounded = grounded_fraction(vector["answer"], vector["contexts"])

    assert (citation_precision_compatible(found), citation_recall(found), grounded) == (
        vector["precision"],
        vector["recall"],
        vector["grounded"],
    )


@given(texts, contexts)
def test_all_shares_stay_in_range(answer: str, passages: list[str]) -> None:
    found = citations(answer, passages)

    for share in (
        citation_precision_compatible(found),
        citation_recall(found),
        found.mean_coverage,
        grounded_fraction(answer, passages),
    ):
        assert 0 <= share <= 1


@given(st.sets(st.integers(min_value=1, max_value=9)), contexts)
def test_every_passage_is_cited_or_missing(numbers: set[int], passages: list[str]) -> None:
    found = citations(" ".join(f"[{number}]" for number in numbers), passages)

    assert sorted({*found.referenced, *found.missing} - {*found.extra}) == [*range(1, len(passages) + 1)]


@given(contexts)
def test_citing_everything_and_nothing_else_is_perfect(passages: list[str]) -> None:
    found = citations("".join(f"[{number}]" for number in range(1, len(passages) + 1)), passages)

    assert (citation_precision(found), citation_recall(found)) == (1, 1)


@given(contexts)
def test_repeating_the_passages_is_grounded_and_covers_them(passages: list[str]) -> None:
    long_enough = [f"{passage} lantern" for passage in passages]
    answer = f"{' '.join(long_enough)} [1]"

    assert (grounded_fraction(answer, long_enough), citations(answer, long_enough).mean_coverage) == (1, 1)


def test_precision_of_no_citation_is_unscored() -> None:
    with pytest.raises(Unscored, match="cites nothing"):
        citation_precision(citations("none", ["text"]))


def test_the_compatible_precision_of_no_citation_is_one() -> None:
    assert citation_precision_compatible(citations("none", ["text"])) == 1


def test_recall_without_passages_is_unscored() -> None:
    with pytest.raises(Unscored, match="no passage"):
        citation_recall(citations("[1]", []))


def test_a_passage_of_short_words_is_not_covered() -> None:
    assert citations("[1] an ox", ["[1] an ox"]).coverage == {1: 0.0}


def test_an_endless_number_is_no_citation() -> None:
    assert citations(f"[{'9' * 5000}]", ["text"]).referenced == ()
