"""Axes hold their values, and their ticks can be read."""

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.report.figures.axes import (
    Axis,
    log_axis,
    moved,
    pixel,
    points_axis,
    rows_axis,
    share_axis,
    size_axis,
    value_axis,
)
from harness.report.wording import size

SIZES = st.lists(st.floats(1e-3, 2e3), min_size=1, max_size=20)
SHARES = st.lists(st.floats(0, 1), min_size=1, max_size=20)
VALUES = st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=20)
MAKERS: list[tuple[Callable[..., Axis], st.SearchStrategy[list[float]], int]] = [
    (size_axis, SIZES, 7),
    (lambda values: log_axis(values, "t", most=4), SIZES, 4),
    (lambda values: share_axis(values, "t"), SHARES, 6),
    (lambda values: share_axis(values, "t", least=0.06), SHARES, 6),
    (lambda values: points_axis(values, "t"), SHARES, 6),
    (lambda values: value_axis(values, "t"), VALUES, 6),
]


@pytest.mark.parametrize(("make", "values", "most"), MAKERS)
def test_an_axis_holds_its_values_and_a_few_ticks(
    make: Callable[..., Axis], values: st.SearchStrategy[list[float]], most: int
) -> None:
    @given(values)
    def holds(found: list[float]) -> None:
        axis = make(found)
        slack = 1e-9 * max(1.0, abs(axis.low), abs(axis.high))
        assert axis.low - slack <= min(found)
        assert max(found) <= axis.high + slack
        assert 1 <= len(axis.ticks) <= most
        assert all(axis.low - slack <= tick <= axis.high + slack for tick in axis.ticks)

    holds()


@given(SHARES)
def test_an_axis_of_shares_stays_within_all_and_nothing(values: list[float]) -> None:
    axis = share_axis(values, "t")
    assert 0 <= axis.low < axis.high <= 1
    assert axis.high - axis.low >= 0.3 - 1e-9


@given(SHARES)
def test_an_axis_of_differences_has_zero_on_it(values: list[float]) -> None:
    assert 0 in points_axis(values, "t").ticks


def test_an_axis_from_zero_begins_there() -> None:
    assert value_axis([5.0, 9.0], "t", zero=True).low == 0


def test_sizes_read_as_people_say_them() -> None:
    assert size_axis([0.1, 70]).ticks == (0.1, 0.3, 1.0, 3.0, 10.0, 30.0, 100.0)
    assert size_axis([0.135, 20]).ticks == (0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 20.0)


def test_many_orders_of_magnitude_leave_tens_out() -> None:
    assert len(log_axis([1e-9, 1e9], "t", most=4).ticks) <= 4


@given(st.floats(0.2, 90), st.floats(-30, 30))
def test_moving_by_pixels_moves_by_pixels(value: float, by: float) -> None:
    for axis in (size_axis([0.1, 100]), value_axis([0, 100], "t")):
        at = pixel(axis, value, 500)
        if 30 < at < 470:
            assert pixel(axis, moved(axis, value, by, 500), 500) == pytest.approx(at + by, abs=1e-6)


def test_an_upright_axis_counts_from_the_top() -> None:
    axis = share_axis([0.0, 1.0], "t")
    assert (pixel(axis, 1.0, 200, up=True), pixel(axis, 0.0, 200, up=True)) == (0, 200)


def test_rows_are_pixels_from_the_top() -> None:
    assert pixel(rows_axis(200), 30, 200, up=True) == pytest.approx(30)


@pytest.mark.parametrize("size_b", [2.7e-5, 1e-4, 9.99e-4, 1e-3, 0.135, 0.5, 1.0, 7.0, 405.0, 1000.0, 1800.0])
def test_a_tick_of_sizes_reads_as_the_size_does_in_tables(size_b: float) -> None:
    vl_convert = pytest.importorskip("vl_convert")
    label = size_axis([size_b]).label
    drawn = vl_convert.vegalite_to_svg(
        {
            "data": {"values": [{"value": size_b}]},
            "transform": [{"calculate": label, "as": "told"}],
            "mark": "text",
            "encoding": {"text": {"field": "told", "type": "nominal"}},
        }
    )
    assert f">{size(size_b)}<" in drawn
