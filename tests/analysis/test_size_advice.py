"""The size recommendation by intervals: one of three calls for every line, and what it says beside."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.analysis.grid_confidence import SizedQuantity
from harness.analysis.intervals import Interval
from harness.analysis.line import Coefficient
from harness.analysis.margin import margin_verdict
from harness.analysis.refusals import Refused
from harness.analysis.searched import ModelUplift
from harness.analysis.size_advice import AdviceRules, size_advice
from harness.analysis.substitutes import BestSubstitute
from harness.analysis.uplift_line import UpliftLine

SIZES = {"a": 1.0, "b": 10.0, "c": 100.0}
RULES = AdviceRules(condition="direct", margin=0.05, sizes_b=SIZES)


def line(
    low: float | None, high: float | None, *, quantity: str = "accuracy", task: str | None = None, **more: object
) -> SizedQuantity:
    estimate = 0.0 if low is None or high is None else (low + high) / 2
    refused = "too few" if low is None else None
    slope = Coefficient(estimate=estimate, level=0.95, low=low, high=high, refused=refused)
    made = UpliftLine(models=tuple(SIZES), left_out=(), slope=slope)
    return SizedQuantity(**({"quantity": quantity, "condition": "direct", "task": task, "line": made} | more))


def advised(*lines: SizedQuantity, **more: object):
    return size_advice(lines, more.get("uplifts", ()), more.get("best", ()), more.get("rules", RULES))


@pytest.mark.parametrize(
    ("low", "high", "call"),
    [
        (0.03, 0.1, "scale up"),
        (-0.1, 0.02, "do not scale"),
        (0.02, 0.04, "test before deciding"),
        (0.025, 0.1, "test before deciding"),  # over two decades its lower end is the margin itself
        (None, None, "test before deciding"),
    ],
)
def test_the_interval_over_all_sizes_is_held_against_the_margin(
    low: float | None, high: float | None, call: str
) -> None:
    (found,) = advised(line(low, high))
    assert found.call == call
    assert (found.least_b, found.most_b) == (1.0, 100.0)
    assert found.low is None if low is None else found.low == pytest.approx(2 * low)


@given(st.floats(-2, 2), st.floats(0, 2), st.floats(0.001, 0.5))
def test_every_line_gets_exactly_one_call(low: float, width: float, margin: float) -> None:
    rules = AdviceRules(condition="direct", margin=margin, sizes_b=SIZES)
    (found,) = advised(line(low, low + width), rules=rules)
    above, below = 2 * low > margin, 2 * (low + width) < margin
    assert found.call == ("scale up" if above else "do not scale" if below else "test before deciding")


@pytest.mark.parametrize(
    ("low", "high", "told"), [(0.1, 0.2, True), (-0.2, -0.1, False), (-0.1, 0.1, None), (None, None, None)]
)
def test_overconfidence_is_said_only_when_sure(low: float | None, high: float | None, told: bool | None) -> None:
    (found,) = advised(line(0.1, 0.2), line(low, high, quantity="gap"))
    assert found.overconfident is told


def test_each_task_has_its_own_advice() -> None:
    found = advised(line(0.1, 0.2), line(-0.2, -0.1, task="x"))
    assert [(one.task, one.call) for one in found] == [(None, "scale up"), ("x", "do not scale")]


def substitute(small: str, large: str, a: float) -> BestSubstitute:
    verdict = margin_verdict([a, a - 0.01, a + 0.01], [0.5, 0.5, 0.5], margin=0.05)
    return BestSubstitute(small=small, large=large, verdict=verdict, sensitivity=())


def test_the_smallest_that_holds_its_own_against_the_largest_is_named() -> None:
    refused = BestSubstitute(small="a", large="c", verdict=Refused(reason="x"), sensitivity=())
    best = (refused, substitute("b", "c", 0.5), substitute("a", "b", 0.9))
    assert advised(line(0.1, 0.2), best=best)[0].smallest_enough == "b"
    assert advised(line(0.1, 0.2), best=(substitute("a", "c", 0.1),))[0].smallest_enough is None
    assert advised(line(0.1, 0.2))[0].smallest_enough is None


def test_only_models_whose_whole_uplift_is_above_zero_are_helped() -> None:
    def uplift(model: str, best: Interval | Refused) -> ModelUplift:
        none = Refused(reason="x")
        return ModelUplift(
            model=model, params_b=1.0, tier=None, direct=none, retrieval=none, mean_uplift=none, best_uplift=best
        )

    def interval(low: float) -> Interval:
        return Interval(estimate=0.3, n=9, clusters=9, method="t", level=0.95, low=low, high=0.9)

    uplifts = (uplift("a", interval(0.1)), uplift("b", interval(-0.1)), uplift("c", Refused(reason="x")))
    assert advised(line(0.1, 0.2), uplifts=uplifts)[0].hybrid_helps == ("a",)


def test_no_advice_without_a_margin_a_line_or_direct_answers() -> None:
    for margin in (0.0, float("inf"), float("nan")):
        rules = AdviceRules(condition="direct", margin=margin, sizes_b=SIZES)
        assert "needs a declared margin above 0" in advised(line(0.1, 0.2), rules=rules).reason
    assert advised(line(0.1, 0.2, line=Refused(reason="no sizes"))).reason == "no sizes"
    assert advised(line(0.1, 0.2, condition="rag")).reason == "no model answered directly"
