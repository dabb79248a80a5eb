"""What a test states and what a study file declares come to the same verdicts."""

import numpy as np
import pytest

from harness.analysis.gate import Gate, GateCell, Rule
from harness.analysis.gate_cells import Refused
from harness.analysis.intervals import Interval
from harness.analysis.multiplicity import Adjusted
from harness.analysis.power import NonInferiorityPower
from harness.analysis.yardstick import Yardstick
from harness.claimfile import labelled
from harness.claims.declared import declared_results
from harness.claims.regression import unregressed
from harness.claims.results import judge
from harness.claims.scaling import ClaimFailed, ScalingReport, Sources
from harness.errors import HarnessError
from harness.studyfile import parse_study
from tests.claims.grounds import drawn, make_ground

SHARES = {"s_direct": 0.2, "s_rag": 0.8, "m_direct": 0.5, "m_rag": 0.82, "l_direct": 0.8, "l_rag": 0.85}
DECLARED = """
[[claims]]
kind = "matches"
a = "s:rag"
b = "l:direct"

[[claims]]
kind = "beats"
a = "s:direct"
b = "l:direct"

[[claims]]
kind = "at_least"
cell = "s:rag"
value = 0.5

[[claims]]
kind = "at_most"
cell = "s:rag"
value = 0.5

[[claims]]
kind = "calibrated"
model = "s"
max_ece = 0.2

[[claims]]
kind = "shrinks_with_size"
quantity = "uplift"
condition = "rag"

[[claims]]
kind = "grows_with_size"
quantity = "accuracy"

[[claims]]
kind = "no_regression"
baseline = "main"
"""


def cell(name: str = "s:rag", *, held: float | None = 0.01, worse: float | None = 0.9, **changes: object) -> GateCell:
    adjusted = [None if p is None else Adjusted(p=p, method="Holm", size=2, exploratory=False) for p in (held, worse)]
    power = NonInferiorityPower(n=50, margin=0.05, true_difference=0.0, alpha=0.05, power_aimed=0.8, n_needed=120)
    model, _, condition = name.partition(":")
    fields = {
        "model": model,
        "condition": condition,
        "verdict": "no regression",
        "n": 50,
        "mean_a": 0.5,
        "mean_b": 0.5,
        "gain": Interval(estimate=-0.02, n=50, clusters=50, method="Tango", level=0.9, low=-0.04, high=0.01),
        "power": power,
        "method": "Tango",
        "held": adjusted[0],
        "worse": adjusted[1],
    }
    return GateCell(**{**fields, **changes})


def gate(*cells: GateCell, refused: tuple[Refused, ...] = ()) -> Gate:
    return Gate(
        a="main",
        b="made-up",
        rule=Rule(margin=0.05),
        yardstick=Yardstick(name="correct"),
        cells=cells,
        refused=refused,
        changed=(),
    )


@pytest.fixture(scope="module")
def ground():
    rng = np.random.default_rng(3)
    cells = drawn(rng, 400, **SHARES)
    stated = [values.mean() + 0.01 * rng.random(400) for values in cells.values()]
    return make_ground(cells, confidence=stated, margin=0.1)


def report_over(ground, told=None) -> ScalingReport:
    told = [] if told is None else told
    return ScalingReport(Sources(ground=lambda: ground, against=lambda *_: gate(cell()), tell=told.append))


def test_every_kind_is_judged_in_one_family(ground):
    claims = labelled(parse_study(DECLARED, "x").claims)
    found = declared_results(claims, ground, lambda *_: gate(cell()))
    assert {label: result.verdict for label, result in found.items()} == {
        "s:rag-matches-l:direct": "holds",
        "s:direct-beats-l:direct": "fails",
        "s:rag-correct-at-least-0.5": "holds",
        "s:rag-correct-at-most-0.5": "fails",
        "s-calibrated": "holds",
        "uplift-rag-shrinks-with-size": "holds",
        "accuracy-grows-with-size": "holds",
        "no-regression-main": "holds",
    }
    assert all(result.label == label for label, result in found.items())
    assert "by Holm over 8 claims" in found["s-calibrated"].message


def test_no_declared_claims_have_no_results(ground):
    assert declared_results({}, ground, lambda *_: gate()) == {}


def test_each_sentence_tells_its_verdict(ground):
    told = []
    report = report_over(ground, told)
    report.matches("s:rag", "l:direct", margin=0.1)
    report.beats("l:direct", "s:direct", by=0.1)
    report.cell("s:rag").at_least(correct=0.5)
    report.cell("s:direct").at_most(correct=0.5)
    report.uplift("rag").shrinks_with_size()
    report.accuracy().grows_with_size()
    report.calibrated("s", max_ece=0.2)
    report.no_regression("main")
    assert [result.verdict for result in told] == ["holds"] * 8
    assert report.gap().grows_with_size().verdict == "inconclusive"
    assert report.loss().shrinks_with_size().verdict == "inconclusive"


def test_a_contradicted_claim_is_told_and_raised(ground):
    told = []
    with pytest.raises(ClaimFailed, match="s:direct beats l:direct: does not hold") as caught:
        report_over(ground, told).beats("s:direct", "l:direct")
    assert isinstance(caught.value, AssertionError)
    assert [result.verdict for result in told] == ["fails"]


@pytest.mark.parametrize("values", [{}, {"correct": 0.5, "f1": 0.5}])
def test_a_level_is_one_value(ground, values):
    with pytest.raises(HarnessError, match=r"at_least\(\) takes one METRIC=VALUE"):
        report_over(ground).cell("s:rag").at_least(**values)


@pytest.mark.parametrize(
    ("cells", "told"),
    [
        ([cell(), cell(held=0.001)], "holds"),
        ([cell(), cell(held=None, worse=None)], "holds"),
        ([cell(held=None, worse=None)], "holds"),
        ([cell(), cell(held=0.3)], "inconclusive"),
        ([cell(), cell(held=1.0, worse=0.01)], "fails"),
        ([cell(), cell(held=None, worse=None, verdict="underpowered", reason="no spread")], "inconclusive"),
    ],
)
def test_no_regression_needs_every_cell_and_fails_by_one(cells, told):
    assert judge([unregressed(gate(*cells))])[0].verdict == told


def test_a_regression_tells_the_worst_cell():
    worst = Interval(estimate=-0.2, n=50, clusters=50, method="Tango", level=0.9, low=-0.3, high=-0.1)
    found = unregressed(
        gate(cell(), cell("m:rag", gain=worst), refused=(Refused(model="x", condition="y", reason="z"),))
    )
    assert "m:rag changed for the worst, by -20.0 points [-30.0, -10.0]" in found.numbers
    assert "1 cell could not be compared" in found.numbers
    assert found.needed == 120


def test_a_run_without_a_common_cell_cannot_be_compared():
    refused = Refused(model="x", condition="y", reason="A holds no answer of it")
    assert unregressed(gate(refused=(refused,))).why == "no cell can be compared: A holds no answer of it"


def test_a_part_of_a_run_is_not_held_against_another():
    part = make_ground(drawn(np.random.default_rng(1), 9, s_rag=0.5), unasked={"s:rag": 3})
    found = report_over(part).no_regression("main")
    assert (found.verdict, found.why) == ("inconclusive", "3 of the 9 planned cases have no answer yet")
