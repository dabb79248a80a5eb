"""Numbers as they are read: within their range, with their interval, never a sign before 0, and reasons in one line."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.analysis.intervals import Interval
from harness.analysis.line import Coefficient
from harness.analysis.ratios import RatioSet
from harness.analysis.refusals import Refused
from harness.report.sections_numbers import (
    count,
    cross_fit,
    decimal,
    details,
    listed,
    optional,
    points,
    probability,
    questions_of,
    ratio,
    reasons,
    refusals,
    share,
    signed,
    size_set,
    table,
    three,
)

FINITE = st.floats(-2.0, 2.0)


def interval(estimate: float, low: float | None, high: float | None) -> Interval:
    refused = "one cluster" if low is None else None
    return Interval(estimate=estimate, n=10, clusters=10, method="t", level=0.95, low=low, high=high, refused=refused)


@given(st.floats(-1e6, 1e6))
def test_a_signed_number_reads_back_to_its_digits(value: float) -> None:
    shown = signed(value)
    assert float(shown) == pytest.approx(value, abs=0.0501, rel=1e-9)
    assert shown[0] in "+-" or float(shown) == 0


@given(FINITE, FINITE, FINITE)
def test_the_ends_of_a_difference_stay_within_100_points(estimate: float, low: float, high: float) -> None:
    ends = [float(found) for found in re.findall(r"-?[\d.]+", points(interval(estimate, low, high)).partition(" ")[2])]
    assert all(-100 <= end <= 100 for end in ends)
    assert len(ends) == 2


@given(FINITE, FINITE)
def test_the_ends_of_a_share_stay_within_0_and_100(low: float, high: float) -> None:
    shown = share(interval(0.5, low, high))
    assert all(0 <= float(found) <= 100 for found in re.findall(r"-?[\d.]+", shown))


@given(st.floats(0, 1))
def test_a_p_value_is_never_0(p: float) -> None:
    assert probability(p) == "< 0.001" or float(probability(p)) > 0


@pytest.mark.parametrize("found", [None, Refused(reason="none")])
def test_nothing_stands_where_there_is_no_number(found: Refused | None) -> None:
    assert {points(found), share(found), decimal(found), questions_of(found), optional(None), probability(None)} == {
        "-"
    }
    assert cross_fit(Refused(reason="none")) == "-"


def test_an_estimate_without_interval_stands_alone() -> None:
    assert points(interval(0.2, None, None), " points") == "+20.0 points"
    assert decimal(interval(0.2, None, None)) == "0.200"


def test_the_ends_of_a_refused_coefficient_are_not_told() -> None:
    found = Coefficient(estimate=0.2, level=0.95, low=0.1, high=0.3, refused="needs 3 models")
    assert decimal(found, sign=True) == "+0.200"


@pytest.mark.parametrize(("value", "shown"), [(-0.001, "0.00"), (0.0, "0.00"), (-0.5, "-0.50"), (10.0, "10.00")])
def test_no_sign_stands_before_0(value: float, shown: str) -> None:
    assert optional(value, ".2f") == shown


@pytest.mark.parametrize(
    ("confidence", "shown"),
    [
        (RatioSet(kind="interval", low=0.5, high=2.0), "1.5 [0.5, 2]"),
        (RatioSet(kind="interval", low=None, high=2.0), "1.5 [no bound, 2]"),
        (RatioSet(kind="interval", low=0.5, high=None), "1.5 [0.5, no bound]"),
        (RatioSet(kind="complement", low=-1.0, high=2.0), "1.5 (at most -1, or at least 2)"),
        (RatioSet(kind="everything"), "1.5 (any value)"),
        (RatioSet(kind="undefined", reason="flat"), "1.5 (undefined)"),
    ],
)
def test_a_ratio_is_told_with_its_set(confidence: RatioSet, shown: str) -> None:
    assert ratio(1.5, confidence) == shown


def test_a_bound_of_0_is_a_bound() -> None:
    assert ratio(-1.0, RatioSet(kind="interval", low=-2.0, high=0.0)) == "-1 [-2, 0]"


def test_a_ratio_without_estimate_is_its_set() -> None:
    assert ratio(None, RatioSet(kind="undefined", reason="flat")) == "undefined"


@pytest.mark.parametrize(
    ("estimate", "confidence", "shown"),
    [
        (3.2, RatioSet(kind="interval", low=1.1, high=None), "3.2B [1.1B, no bound]"),
        (1e6, RatioSet(kind="interval", low=1e-9, high=1e300), "over 10T [under 1K, over 10T]"),
        (3.2, RatioSet(kind="complement", low=1.0, high=2.0), "3.2B (two ranges of sizes)"),
        (None, RatioSet(kind="undefined", reason="flat"), "undefined"),
        (None, RatioSet(kind="everything"), "any size"),
    ],
)
def test_a_size_is_told_as_people_say_it(estimate: float | None, confidence: RatioSet, shown: str) -> None:
    assert size_set(estimate, confidence) == shown


@pytest.mark.parametrize(
    ("value", "shown"),
    [(0.0, "0"), (1234.5, "1230"), (212345.0, "212,000"), (2.1e9, "2.1e+09"), (0.5, "0.5"), (0.0004, "4.0e-04")],
)
def test_three_digits_are_enough(value: float, shown: str) -> None:
    assert three(value) == shown


@pytest.mark.parametrize(
    ("names", "shown"), [([], ""), (["a"], "a"), (["a", "b"], "a and b"), (["a", "b", "c"], "a, b and c")]
)
def test_names_are_listed(names: list[str], shown: str) -> None:
    assert listed(names) == shown


def test_many_names_are_counted() -> None:
    assert listed(["a", "b", "c", "d"], 2) == "a, b and 2 more"


@pytest.mark.parametrize(("number", "shown"), [(0, "0 models"), (1, "1 model"), (1200, "1,200 models")])
def test_a_count_has_its_noun(number: int, shown: str) -> None:
    assert count(number, "model") == shown


def test_reasons_are_told_once_with_all_that_they_keep_back() -> None:
    few = Refused(reason="needs 2, has 1")
    assert refusals([("a", few), ("b", 3), ("c", Refused(reason="other")), ("d", few), ("a", few)]) == (
        "Not computed: a and d: needs 2, has 1.",
        "Not computed: c: other.",
    )
    assert reasons([("a", None)]) == ()


def test_a_table_without_rows_is_none() -> None:
    assert table("t", ("a",), []) == details("t", ("a",), []) == ()
    (found,) = details("t", ("a",), [("1",)])
    assert found.detail
