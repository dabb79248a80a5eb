"""Judges: verdicts made again, agreement by another route, both orders, and the coverage of the corrected mean."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.analysis.judges import agreement, both_orders, judge_again, prediction_powered_mean
from harness.analysis.paired import mcnemar_mid_p

ratings = st.lists(st.tuples(*[st.sampled_from(("a", "b", "c"))] * 2), min_size=1, max_size=40)
choices = st.sampled_from(("first", "second", "tie", "unparsed"))
TURNED = {"first": "second", "second": "first", "tie": "tie", "unparsed": "unparsed"}


@given(st.lists(st.tuples(st.floats(0, 5), st.floats(0, 3)), min_size=1, max_size=5), st.floats(0, 5))
def test_the_verdict_follows_from_the_weighted_mean(rows: list, least: float) -> None:
    scores = {str(place): score for place, (score, _) in enumerate(rows)}
    weights = {str(place): weight + 0.1 for place, (_, weight) in enumerate(rows)}
    found = judge_again(scores, weights, least)
    assert found.weighted == pytest.approx(np.average(list(scores.values()), weights=list(weights.values())))
    assert found.verdict == ("pass" if found.weighted >= least else "fail")


@pytest.mark.parametrize("score", [None, float("nan")])
def test_a_score_that_could_not_be_read_is_no_verdict(score: float | None) -> None:
    found = judge_again({"style": 3.0, "truth": score}, {"style": 1.0, "truth": 2.0}, 1.0)
    assert (found.verdict, found.weighted, found.refused) == ("unparsed", None, "no score for truth")


@pytest.mark.parametrize("weights", [{}, {"a": 0.0}, {"a": 2.0, "b": -1.0}, {"a": float("nan")}])
def test_weights_are_at_least_zero_and_not_all_zero(weights: dict) -> None:
    with pytest.raises(ValueError, match="weights must be"):
        judge_again({"a": 1.0}, weights, 1.0)


@given(ratings)
def test_kappa_follows_from_the_table_of_counts(rows: list) -> None:
    first, second = zip(*rows, strict=True)
    table = np.array([[sum((a, b) == (one, two) for a, b in rows) for two in "abc"] for one in "abc"]) / len(rows)
    observed, expected = np.trace(table), table.sum(axis=0) @ table.sum(axis=1)
    found = agreement(first, second)
    assert found.observed.estimate == pytest.approx(observed)
    assert (found.kappa is None) == (found.refused is not None)
    if found.kappa is not None:
        assert found.kappa == pytest.approx((observed - expected) / (1 - expected))
        assert found.kappa <= 1


@given(ratings)
def test_kappa_is_symmetric(rows: list) -> None:
    first, second = zip(*rows, strict=True)
    there, back = agreement(first, second), agreement(second, first)
    assert there.observed == back.observed
    assert there.kappa == (None if back.kappa is None else pytest.approx(back.kappa))


def test_cohens_own_example() -> None:
    """Cohen 1960, table 1: proportions .44 .07 .09 / .05 .20 .05 / .01 .03 .06 over 100 give kappa .492."""
    counts = {"aa": 44, "ab": 7, "ac": 9, "ba": 5, "bb": 20, "bc": 5, "ca": 1, "cb": 3, "cc": 6}
    rows = [tuple(pair) for pair, count in counts.items() for _ in range(count)]
    assert agreement(*zip(*rows, strict=True)).kappa == pytest.approx(0.492, abs=5e-4)


def test_questions_that_one_could_not_rate_are_counted_apart() -> None:
    found = agreement(["a", None, "b", "a"], ["a", "b", None, "b"], ["x", "x", "y", "y"])
    assert (found.n, found.unrated, found.observed.estimate) == (2, 2, 0.5)
    assert agreement([None], ["a"]).refused == "no question was rated by both"


def test_one_category_leaves_nothing_to_agree_on() -> None:
    found = agreement(["a", "a"], ["a", "a"])
    assert (found.kappa, found.refused) == (None, "both raters gave all 2 questions the same category")


def test_raters_come_in_pairs() -> None:
    with pytest.raises(ValueError, match="shorter"):
        agreement(["a", "b"], ["a"])


@given(st.lists(st.tuples(choices, choices), max_size=40))
def test_every_pair_ends_in_one_class(rows: list) -> None:
    found = both_orders([one for one, _ in rows], [two for _, two in rows])
    assert found.wins_a + found.wins_b + found.ties + found.torn + found.unparsed == found.n == len(rows)
    assert found.for_first + found.for_second <= found.torn
    assert found.p == mcnemar_mid_p(found.for_first, found.for_second)


@given(st.lists(st.tuples(choices, choices), max_size=40))
def test_swapping_the_names_swaps_the_wins(rows: list) -> None:
    there = both_orders([one for one, _ in rows], [two for _, two in rows])
    back = both_orders([two for _, two in rows], [one for one, _ in rows])
    assert (there.wins_a, there.wins_b, there.ties, there.torn) == (back.wins_b, back.wins_a, back.ties, back.torn)


@given(st.lists(choices.filter(lambda choice: choice != "unparsed"), max_size=40))
def test_a_judge_that_looks_at_the_answers_is_never_torn(picks: list) -> None:
    assert both_orders(picks, [TURNED[pick] for pick in picks]).torn == 0


def test_a_judge_that_looks_at_the_place_is_always_torn() -> None:
    found = both_orders(["first"] * 10, ["first"] * 10)
    assert (found.torn, found.for_first, found.wins_a) == (10, 10, 0)
    assert found.p < 0.01


@given(st.lists(st.tuples(st.floats(0, 1), st.floats(0, 1)), min_size=3, max_size=30), st.integers(1, 30))
def test_the_corrected_mean_follows_its_formula(rows: list, labelled: int) -> None:
    judged, labels = (np.array(column) for column in zip(*rows, strict=True))
    labels[labelled:] = np.nan
    found = prediction_powered_mean(judged, labels)
    assert found.estimate == pytest.approx(judged.mean() + np.nanmean(labels - judged))
    assert (found.low is None) == (found.refused is not None)


def test_with_every_label_it_is_the_mean_of_the_labels() -> None:
    labels = np.random.default_rng(1).random(50)
    found = prediction_powered_mean(np.zeros(50), labels)
    assert found.estimate == pytest.approx(labels.mean())
    # the correction for few labels counts once more: a factor of 50/49 in the variance
    assert found.se == pytest.approx(labels.std(ddof=1) / np.sqrt(50) * np.sqrt(50 / 49))


@pytest.mark.parametrize("clusters", [None, 60])
def test_the_corrected_mean_is_covered_at_its_nominal_rate(clusters: int | None) -> None:
    """1,000 replications, 600 judged and 60 labelled questions (10 of 60 clusters of 10): .95 within .025.

    The judge is wrong on a fifth of the right answers and a tenth of the wrong ones; the truth is .6.
    """
    draws = np.random.default_rng(2)
    names = None if clusters is None else [str(place % clusters) for place in range(600)]
    hits = []
    for _ in range(1000):
        if clusters is None:
            truth, labelled = (draws.random(600) < 0.6).astype(float), draws.permutation(600) < 60
        else:
            truth = (draws.random(600) < draws.beta(6, 4, clusters)[np.arange(600) % clusters]).astype(float)
            labelled = (draws.permutation(clusters) < 20)[np.arange(600) % clusters]
        judged = np.where(truth == 1, draws.random(600) > 0.2, draws.random(600) < 0.1).astype(float)
        found = prediction_powered_mean(judged, np.where(labelled, truth, np.nan), names)
        hits.append(found.low <= 0.6 <= found.high)
    assert abs(np.mean(hits) - 0.95) < 0.025


@pytest.mark.parametrize(
    ("judged", "labels", "clusters", "reason"),
    [
        ([1, 0, 1], [1, np.nan, np.nan], None, "labels in at least 2 units, here 1"),
        ([1, 0, 1], [1, 0, np.nan], ["a", "a", "b"], "labels in at least 2 units, here 1"),
        ([1, 0, 1], [1, 0, 1], ["a", "a", "a"], "labels in at least 2 units, here 1"),
        ([1, 1, 1], [1, 1, np.nan], None, "the 3 values do not spread"),
    ],
)
def test_without_an_interval_the_estimate_stands(
    judged: list, labels: list, clusters: list | None, reason: str
) -> None:
    found = prediction_powered_mean(judged, labels, clusters)
    assert found.low is None
    assert reason in found.refused


@pytest.mark.parametrize(
    ("judged", "labels", "message"),
    [([], [], "a label"), ([1], [np.nan], "a label"), ([1], [1, 0], "a label"), ([np.nan, 1], [1, 1], "finite")],
)
def test_what_cannot_be_corrected_is_refused(judged: list, labels: list, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        prediction_powered_mean(judged, labels)
