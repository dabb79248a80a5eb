"""CCG and the size it recommends: six published series, and the laws of both."""

from math import inf, isinf, nan

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from harness.analysis.compatible.ccg import ccg_label, ccg_ratio, ccg_series, confidence_gap
from harness.analysis.compatible.size_recommendation import recommend_size
from tests.analysis.compatible.compatible_rows import golden

SERIES = (
    "temporal_part1",
    "pattern_completion",
    "knowledge_retrieval",
    "temporal_reasoning",
    "compositional",
    "exercise",
)
numbers = st.floats(allow_nan=True, allow_infinity=True)
triples = st.lists(
    st.tuples(st.floats(0.1, 100), st.floats(0.1, 5), st.floats(0, 100)),
    min_size=2,
    max_size=8,
    unique_by=lambda t: t[0],
)


def published(name: str) -> tuple[dict[str, object], tuple[list[float], list[float], list[float]]]:
    found = golden("golden_ccg.json")[name]
    return found, tuple(found["inputs"][part] for part in ("sizes", "losses", "accuracies"))


def apart(found) -> tuple[list[float], list[float], list[float]]:
    sizes, losses, accuracies = (list(part) for part in zip(*found, strict=True))
    assume(max(sizes) > 1.1 * min(sizes))
    return sizes, losses, accuracies


@pytest.mark.parametrize("name", SERIES)
def test_the_published_numbers_come_out(name) -> None:
    expected, inputs = published(name)
    found = ccg_series(*inputs)
    numbers = (found.loss.slope, found.ccg, found.loss_improvement_percent, found.accuracy_change)
    names = ("loss_slope", "ccg", "loss_improvement_pct", "accuracy_change_pp")
    assert numbers == pytest.approx(tuple(expected[name] for name in names), rel=1e-10)


@pytest.mark.parametrize("name", SERIES)
def test_the_published_accuracy_fit_comes_out(name) -> None:
    expected, inputs = published(name)
    fit = ccg_series(*inputs).accuracy
    names = ("acc_slope_pp", "acc_slope_stderr", "acc_slope_p", "acc_r2")
    assert (fit.slope, fit.stderr, fit.p, fit.r_squared) == pytest.approx(
        tuple(expected[name] for name in names), rel=1e-9
    )


@pytest.mark.parametrize("name", SERIES)
def test_the_published_words_come_out_in_both_units(name) -> None:
    expected, inputs = published(name)
    found, fraction = ccg_series(*inputs), ccg_series(*inputs, unit="fraction")
    assert found.label == expected["source_label"].lower()
    assert found.recommendation.recommendation == expected["source_recommendation"]
    assert fraction.ccg == pytest.approx(expected["ccg_if_accuracy_as_fraction"], rel=1e-10)
    assert fraction.recommendation.recommendation == expected["source_recommendation_fraction_units"]


def test_the_published_confidence_gap_comes_out() -> None:
    expected, (sizes, _, accuracies) = published("temporal_part1")
    found = confidence_gap(sizes, expected["inputs"]["confidence"], accuracies)
    assert list(found.gaps_pp) == pytest.approx(expected["gap_pp"])
    assert found.confidence.slope == pytest.approx(expected["confidence_slope_pp"], rel=1e-10)
    assert (found.gap.slope, found.gap.stderr, found.gap.p) == pytest.approx(
        tuple(expected[f"gap_slope_{part}"] for part in ("pp", "stderr", "p")), rel=1e-9
    )


@given(triples, st.floats(min_value=1e-3, max_value=1e9))
def test_the_unit_of_size_changes_nothing(found, unit) -> None:
    sizes, losses, accuracies = apart(found)
    plain, other = ccg_series(sizes, losses, accuracies), ccg_series([unit * s for s in sizes], losses, accuracies)
    assume(abs(abs(plain.accuracy.slope) - 0.01) > 1e-6 and abs(plain.loss.slope) > 1e-9)
    assert other.ccg == pytest.approx(plain.ccg, rel=1e-4)


@given(triples)
def test_accuracy_as_a_fraction_makes_ccg_a_hundred_times_larger(found) -> None:
    sizes, losses, accuracies = apart(found)
    points, fraction = (ccg_series(sizes, losses, accuracies, unit=u) for u in ("percentage points", "fraction"))
    assume(abs(fraction.accuracy.slope) > 0.0101)
    assert fraction.ccg == pytest.approx(100 * points.ccg, rel=1e-6, abs=1e-12)
    assert (points.unit, fraction.unit) == ("percentage points", "fraction")


@given(st.floats(-10, 10), st.floats(0.1, 10), st.floats(0.2, 100), st.sampled_from([-1, 1]))
def test_ccg_falls_as_the_unit_of_accuracy_grows(loss_slope, accuracy_slope, unit, sign) -> None:
    scaled = ccg_ratio(loss_slope, sign * accuracy_slope * unit)
    assert scaled == pytest.approx(ccg_ratio(loss_slope, sign * accuracy_slope) / unit, rel=1e-9, abs=1e-300)


@given(triples, st.randoms(use_true_random=False))
def test_the_order_of_the_models_changes_nothing(found, random) -> None:
    shuffled = random.sample(found, len(found))
    plain, other = ccg_series(*apart(found)), ccg_series(*apart(shuffled))
    assert other == plain


@given(triples)
def test_falling_loss_and_rising_accuracy_are_called_a_pathology(found) -> None:
    sizes, losses, accuracies = apart(found)
    ccg = ccg_series(sizes, losses, accuracies)
    if ccg.loss.slope < 0 < ccg.accuracy.slope:
        assert ccg.label != "healthy"
        assert "always gives a negative CCG" in ccg.fault


@pytest.mark.parametrize(
    ("loss_slope", "accuracy_slope", "ccg"),
    [(-1.0, 0.0099, -inf), (-1.0, -0.0099, -inf), (0.0, 0.0, inf), (1.0, 0.0, inf), (-1.0, 0.01, -100.0)],
)
def test_a_flat_accuracy_slope_gives_an_infinite_ccg(loss_slope, accuracy_slope, ccg) -> None:
    assert ccg_ratio(loss_slope, accuracy_slope) == pytest.approx(ccg)


@pytest.mark.parametrize(
    ("ccg", "label"),
    [
        *((-inf, "pathological"), (inf, "pathological"), (-10.1, "severe pathology"), (-10.0, "mild pathology")),
        *((-0.1, "mild pathology"), (0.0, "healthy"), (3.0, "healthy")),
    ],
)
def test_labels_begin_at_their_thresholds(ccg, label) -> None:
    assert ccg_label(ccg) == label


@given(numbers, numbers)
def test_every_input_gets_exactly_one_recommendation(ccg, change) -> None:
    found = recommend_size(ccg, change)
    rules = {
        "Scale up": change > 20 and ccg > -5,
        "Moderate scaling": change > 10 and ccg > -20,
        "Don't scale - use hybrid": change < 10 or ccg < -20,
        "Test before deciding": True,
    }
    assert found.recommendation == next(name for name, holds in rules.items() if holds)
    assert found.reasoning


@pytest.mark.parametrize(
    ("ccg", "change", "advice", "size", "hybrid"),
    [
        (-4.9, 20.1, "Scale up", "more than 13B", False),
        (-5.0, 20.1, "Moderate scaling", "7-13B", False),
        (0.0, 20.0, "Moderate scaling", "7-13B", False),
        (-20.0, 30.0, "Test before deciding", None, None),
        (0.0, 10.0, "Test before deciding", None, None),
        (0.0, 9.9, "Don't scale - use hybrid", "3-7B", True),
        (-20.1, 30.0, "Don't scale - use hybrid", "3-7B", True),
        (-inf, 50.0, "Don't scale - use hybrid", "3-7B", True),
        (nan, nan, "Test before deciding", None, None),
    ],
)
def test_the_rules_hold_at_their_edges(ccg, change, advice, size, hybrid) -> None:
    found = recommend_size(ccg, change)
    assert (found.recommendation, found.suggested_size, found.hybrid_needed) == (advice, size, hybrid)


def test_equal_accuracies_are_pathological() -> None:
    found = ccg_series([1, 7, 70], [3.0, 2.0, 1.0], [50, 50, 50])
    assert isinf(found.ccg)
    assert found.label == "pathological"


@pytest.mark.parametrize(
    ("sizes", "reason"),
    [
        ([1.0, None, -2.0], "a fit needs at least 2 models, here 1"),
        ([3, 3, 3], "all 3 models are of one size"),
    ],
)
def test_no_ccg_has_a_reason(sizes, reason) -> None:
    found = ccg_series(sizes, [3.0, 2.0, 1.0], [10, 20, 30])
    assert (found.ccg, found.label, found.recommendation, found.reason) == (None, None, None, reason)


def test_a_first_loss_of_0_has_no_improvement() -> None:
    assert ccg_series([1, 2, 3], [0.0, 1.0, 1.0], [10, 20, 30]).loss_improvement_percent is None


def test_lengths_that_differ_are_a_mistake() -> None:
    with pytest.raises(ValueError, match="2 sizes for values"):
        ccg_series([1, 2], [1.0], [10, 20])
