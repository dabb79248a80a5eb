"""Reading amounts from text."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.metrics.quantities import (
    Bound,
    Number,
    Quantity,
    Range,
    Side,
    Tolerance,
    read_number,
    read_quantity,
    same_quantity,
    within,
)
from harness.metrics.units import unit_name
from tests.strategies import amounts, positive_amounts, texts, written

UNITS = ("", "km", "kilometres", "%", "US dollars", "kWh", "eggs", "million dollars", "degrees Celsius")
quantities = st.one_of(
    amounts.map(lambda amount: Number(amount=amount)),
    st.builds(
        Bound, side=st.sampled_from(("<", "<=", ">", ">=")), limit=amounts.map(lambda amount: Number(amount=amount))
    ),
    st.tuples(amounts, amounts).map(lambda ends: Range(low=Number(amount=min(ends)), high=Number(amount=max(ends)))),
)


@given(texts, st.sampled_from(UNITS))
def test_any_text_is_read_or_refused(text: str, unit: str) -> None:
    read_quantity(text, unit)


@given(amounts, st.sampled_from(UNITS))
def test_a_written_number_is_read_back(amount: float, unit: str) -> None:
    assert read_number(written(amount), unit) == Number(amount=float(written(amount)))


@given(amounts)
def test_thousands_commas_change_nothing(amount: float) -> None:
    assert read_number(f"{amount:,.3f}") == read_number(f"{amount:.3f}")


@given(st.integers(min_value=-(10**9), max_value=10**9), st.sampled_from((" ", "\u00a0", "\u202f")))
def test_thousands_spaces_change_nothing(amount: float, space: str) -> None:
    assert read_number(f"{amount:,}".replace(",", space)) == Number(amount=float(amount))


@pytest.mark.parametrize("unit", [unit for unit in UNITS if unit])
@given(amount=amounts)
def test_the_questions_unit_changes_nothing(unit: str, amount: float) -> None:
    assert read_number(f"{written(amount)} {unit.upper()}", unit) == Number(amount=float(written(amount)))


@pytest.mark.parametrize(
    ("text", "unit", "amount"),
    [
        ("42km", "kilometre", 42),
        ("42 kilometers.", "km", 42),
        ("120 kilometres per hour", "km/h", 120),
        ("$5", "dollars", 5),
        ("-$5", "USD", -5),
        ("USD 5", "dollars", 5),
        ("$4 million", "dollars", 4e6),
        ("$4 million", "million dollars", 4),
        ("5 m", "metres", 5),
        ("5 million m", "metres", 5e6),
        ("5 m", "", 5e6),
        ("3 t", "tonnes", 3),
        ("12 degrees", "degrees Celsius", 12),
        ("12 °C", "degrees Celsius", 12),
        ("1.5 x 10^3", "", 1500),
        ("2.5e-3", "", 0.0025),
        ("2 thousand", "", 2000),
        ("\N{MINUS SIGN}7", "", -7),
        (".5", "", 0.5),
        ("year 12", "years", 12),
        ("12 batches", "batch", 12),
        ("12 berries", "berry", 12),
        ("12 glasses", "glass", 12),
    ],
)
def test_numbers_by_example(text: str, unit: str, amount: float) -> None:
    assert read_number(text, unit) == Number(amount=amount)


@pytest.mark.parametrize(
    ("text", "unit"),
    [
        ("42 miles", "km"),
        ("4%", "km"),
        ("GPT-3", ""),
        ("GPT 3", ""),
        ("10,00", ""),
        ("1.2.3", ""),
        ("nan", ""),
        ("inf", ""),
        ("1e999", ""),
        ("", ""),
        ("twelve", ""),
        ("12 eggs", ""),
        ("9" * 201, ""),
    ],
)
def test_these_are_no_numbers(text: str, unit: str) -> None:
    assert read_number(text, unit) is None


@pytest.mark.parametrize(("text", "unit"), [("4%", "percent"), ("€4", "euro"), ("4 km", "kilometre")])
def test_a_unit_that_nobody_asked_for_is_kept(text: str, unit: str) -> None:
    assert read_number(text) == Number(amount=4, unit=unit)


@given(
    positive_amounts,
    positive_amounts,
    st.sampled_from(("{}-{}", "{} \N{EN DASH} {}", "{} to {}", "from {} to {}", "[{}, {}]")),
)
def test_a_range_is_read_in_order_however_it_is_written(one: float, other: float, form: str) -> None:
    low, high = sorted((float(written(one)), float(written(other))))

    found = read_quantity(form.format(written(one), written(other)))

    assert found == Range(low=Number(amount=low), high=Number(amount=high))


@pytest.mark.parametrize(
    ("text", "unit", "low", "high"),
    [
        ("80 to 90 km", "km", 80, 90),
        ("80 km - 90 km", "km", 80, 90),
        ("between 80 and 90 kilometres", "km", 80, 90),
        ("[90, 80] km", "km", 80, 90),
        ("(80, 90)", "", 80, 90),
        ("-5 to -3", "", -5, -3),
        ("-5 to 3 m", "metre", -5, 3),
        ("-5--3", "", -5, -3),
        ("2-3 million", "", 2e6, 3e6),
        ("2-3 m", "metre", 2, 3),
        ("500 to 1 million", "", 500, 1e6),
        ("about 5-6", "", 5, 6),
        ("[1,000, 2,000]", "", 1000, 2000),
    ],
)
def test_ranges_by_example(text: str, unit: str, low: float, high: float) -> None:
    assert read_quantity(text, unit) == Range(low=Number(amount=low), high=Number(amount=high))


@pytest.mark.parametrize("text", ["2020-05-03", "[1, 2, 3]", "[a, b]", "5 km to 6 hours", "- - -", "1-" * 150])
def test_these_are_no_ranges(text: str) -> None:
    assert read_quantity(text) is None


def test_a_range_shares_the_sign_of_its_second_end() -> None:
    assert read_quantity("5-10%") == Range(low=Number(amount=5, unit="percent"), high=Number(amount=10, unit="percent"))


@pytest.mark.parametrize(
    ("text", "side"),
    [
        ("less than 10", "<"),
        ("<10", "<"),
        ("under 10", "<"),
        ("at most 10", "<="),
        ("no more than 10", "<="),
        ("up to 10", "<="),
        ("more than 10", ">"),
        ("over 10", ">"),
        ("at least 10", ">="),
        ("≥ 10", ">="),
    ],
)
def test_bounds_by_example(text: str, side: Side) -> None:
    assert read_quantity(text) == Bound(side=side, limit=Number(amount=10))


@pytest.mark.parametrize("text", ["over the hill", "less than a dozen", "under 5-6"])
def test_a_bound_needs_a_number(text: str) -> None:
    assert read_quantity(text) is None


@pytest.mark.parametrize("hedge", ["about ", "~", "≈ ", "approx. ", "nearly ", "Roughly "])
def test_hedges_are_left_out(hedge: str) -> None:
    assert read_quantity(f"{hedge}10") == Number(amount=10)


@given(quantities)
def test_a_quantity_is_the_same_as_itself(quantity: Quantity) -> None:
    assert same_quantity(quantity, quantity, Tolerance(absolute=0.0))


@given(quantities, quantities, st.none() | st.floats(min_value=0, max_value=10))
def test_being_the_same_is_symmetric(left: Quantity, right: Quantity, absolute: float | None) -> None:
    tolerance = Tolerance(absolute=absolute)

    assert same_quantity(left, right, tolerance) == same_quantity(right, left, tolerance)


@given(positive_amounts, st.floats(min_value=0, max_value=0.01))
def test_the_tolerance_is_relative(amount: float, share: float) -> None:
    other = amount * (1 + share)
    expected = abs(other - amount) <= 1e-3 * max(other, amount)

    assert same_quantity(Number(amount=amount), Number(amount=other), Tolerance()) is expected


@pytest.mark.parametrize(("other", "expected"), [(0.2, True), (0.4, True), (0.41, False), (0.19, False)])
def test_an_absolute_tolerance_includes_its_ends(other: float, expected: bool) -> None:
    assert same_quantity(Number(amount=0.3), Number(amount=other), Tolerance(absolute=0.1)) is expected


def test_small_numbers_are_not_equal_to_zero() -> None:
    assert not same_quantity(Number(amount=0), Number(amount=0.0009), Tolerance())


@pytest.mark.parametrize(
    ("left", "right", "expected"),
    [("4%", "4", True), ("$4", "4", True), ("$4", "€4", False), ("4 km", "4", False), ("4 km", "4 kilometers", True)],
)
def test_only_signs_may_be_left_out(left: str, right: str, expected: bool) -> None:
    one, other = read_number(left), read_number(right)

    assert one is not None
    assert other is not None
    assert same_quantity(one, other, Tolerance()) is expected


@given(amounts, amounts, amounts)
def test_a_number_is_within_a_range_between_its_ends(one: float, middle: float, other: float) -> None:
    limits = Range(low=Number(amount=min(one, other)), high=Number(amount=max(one, other)))
    expected = min(one, other) <= middle <= max(one, other)

    assert within(Number(amount=middle), limits, Tolerance(absolute=0.0)) is expected


@pytest.mark.parametrize("text", ["Kilowatt-hours", "kWh", "KWH.", "kilowatt hour"])
def test_spellings_of_a_unit_share_a_name(text: str) -> None:
    assert unit_name(text) == "kilowatt hour"


@given(texts)
def test_a_units_name_is_its_own_name(text: str) -> None:
    assert unit_name(unit_name(text)) == unit_name(text)
