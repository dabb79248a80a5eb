"""Laws and examples of the retrieval metrics."""

import math
from collections.abc import Callable, Collection

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.metrics import retrieval
from harness.metrics.text import normalise, sentences
from harness.metrics.unscored import Unscored
from tests.strategies import gold_sets, phrases, rankings, texts

Measure = Callable[[int, list[str], Collection[str]], float]
CUT = (retrieval.hit_at, retrieval.recall_at, retrieval.ndcg_at)
ks = st.integers(min_value=1, max_value=10)


@pytest.mark.parametrize("measure", CUT)
@given(k=ks, ranking=rankings, gold=gold_sets)
def test_ranking_measures_stay_in_range(measure: Measure, k: int, ranking: list[str], gold: frozenset[str]) -> None:
    assert 0 <= measure(k, ranking, gold) <= 1 + 1e-12


@pytest.mark.parametrize("measure", [retrieval.hit_at, retrieval.recall_at])
@given(k=ks, ranking=rankings, gold=gold_sets)
def test_looking_further_never_finds_less(measure: Measure, k: int, ranking: list[str], gold: frozenset[str]) -> None:
    assert measure(k, ranking, gold) <= measure(k + 1, ranking, gold)


@pytest.mark.parametrize("measure", CUT)
@given(k=ks, gold=gold_sets, others=st.lists(st.sampled_from(("x", "y", "z")), unique=True))
def test_gold_passages_first_is_ideal(measure: Measure, k: int, gold: frozenset[str], others: list[str]) -> None:
    expected = min(1.0, k / len(gold)) if measure is retrieval.recall_at else 1.0

    assert measure(k, [*sorted(gold), *others], gold) == pytest.approx(expected)


@pytest.mark.parametrize("measure", CUT)
@given(k=ks, ranking=rankings)
def test_without_a_gold_passage_ranked_all_is_zero(measure: Measure, k: int, ranking: list[str]) -> None:
    assert measure(k, ranking, {"elsewhere"}) == 0


@given(rankings, gold_sets)
def test_reciprocal_rank_is_one_over_the_first_rank_that_hits(ranking: list[str], gold: frozenset[str]) -> None:
    unique = list(dict.fromkeys(ranking))
    first = next((rank for rank in range(1, len(unique) + 1) if retrieval.hit_at(rank, ranking, gold)), None)

    assert retrieval.reciprocal_rank(ranking, gold) == (1 / first if first else 0)


@pytest.mark.parametrize("measure", CUT)
@given(k=ks, ranking=rankings, gold=gold_sets)
def test_a_passage_ranked_twice_counts_once(measure: Measure, k: int, ranking: list[str], gold: frozenset[str]) -> None:
    assert measure(k, [*ranking, *ranking], gold) == measure(k, ranking, gold)


def test_ndcg_discounts_by_rank() -> None:
    assert retrieval.ndcg_at(3, ["x", "g", "h"], {"g", "h"}) == pytest.approx(
        (1 / math.log2(3) + 1 / 2) / (1 + 1 / math.log2(3))
    )


@pytest.mark.parametrize("measure", CUT)
@pytest.mark.parametrize(("ranking", "gold", "reason"), [([], {"g"}, "retrieved"), (["g"], set(), "no gold passage")])
def test_nothing_to_rank_is_unscored(measure: Measure, ranking: list[str], gold: set[str], reason: str) -> None:
    with pytest.raises(Unscored, match=reason):
        measure(3, ranking, gold)


def test_an_empty_ranking_has_no_reciprocal_rank() -> None:
    with pytest.raises(Unscored, match="retrieved"):
        retrieval.reciprocal_rank([], {"g"})


def test_a_cut_off_below_one_is_refused() -> None:
    with pytest.raises(ValueError, match="k is 0"):
        retrieval.hit_at(0, ["g"], {"g"})


@given(phrases, texts, texts)
def test_an_answer_is_found_where_it_stands(answer: str, before: str, after: str) -> None:
    assert retrieval.answer_in_context([answer], ["else", f"{before} {answer} {after}"]) == 1


@pytest.mark.parametrize(
    ("references", "passages", "expected"),
    [
        (["10"], ["in 2010"], 0),
        (["1438"], ["It has 1,438 steps."], 1),
        (["x", "The Tower"], ["a tower, once"], 1),
        (["red fish"], ["red", "fish"], 0),
    ],
)
def test_answers_in_context_by_example(references: list[str], passages: list[str], expected: float) -> None:
    assert retrieval.answer_in_context(references, passages) == expected


@pytest.mark.parametrize(
    ("references", "passages", "reason"), [(["x", "the"], ["x"], "two or more"), (["red"], [], "passage")]
)
def test_no_needle_or_no_passage_is_unscored(references: list[str], passages: list[str], reason: str) -> None:
    with pytest.raises(Unscored, match=reason):
        retrieval.answer_in_context(references, passages)


@pytest.mark.parametrize(
    ("reference", "passages", "expected"),
    [
        ("The mill stands north. It grinds barley daily.", ["Today the mill stands north of it."], 0.5),
        ("one two three four five.", ["five one", "three two"], 1.0),
        ("one two three four five.", ["one two three"], 0.0),
        ("Short one. The mill stands north.", ["the mill stands north"], 1.0),
    ],
)
def test_context_recall_by_example(reference: str, passages: list[str], expected: float) -> None:
    assert retrieval.context_recall(reference, passages) == expected


@given(texts, st.lists(texts, min_size=1, max_size=3))
def test_context_recall_stays_in_range(reference: str, passages: list[str]) -> None:
    try:
        found = retrieval.context_recall(reference, passages)
    except Unscored:
        assert all(len(part.split()) < 3 or not normalise(part) for part in sentences(reference))
    else:
        assert 0 <= found <= 1


@given(phrases.filter(lambda phrase: len(phrase.split()) >= 3), texts)
def test_a_reference_recalls_itself(reference: str, other: str) -> None:
    assert retrieval.context_recall(reference, [other, reference]) == 1


@given(st.lists(st.tuples(st.booleans(), st.booleans()), max_size=20))
def test_quadrants_count_every_case_once(cases: list[tuple[bool, bool]]) -> None:
    found = retrieval.quadrants(cases)

    assert tuple(found) == retrieval.QUADRANTS
    assert sum(found.values()) == len(cases)


@pytest.mark.parametrize("right", [True, False])
@pytest.mark.parametrize("in_context", [True, False])
def test_a_quadrant_names_both_facts(right: bool, in_context: bool) -> None:
    name = retrieval.quadrant(right=right, in_context=in_context)

    assert name.startswith("right") is right
    assert ("not in" not in name) is in_context
