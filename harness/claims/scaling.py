"""What a test says of a whole study: `scaling_report.matches("pocket-s:rag", "pocket-l:direct", margin=0.05)`."""

from collections.abc import Callable
from dataclasses import dataclass

from harness.analysis.yardstick import CORRECT
from harness.claims.calibrated import calibrated
from harness.claims.declared import Against, compared
from harness.claims.ground import Ground
from harness.claims.levels import Bound, Side, bounded
from harness.claims.pairs import Rivals, beats, matches
from harness.claims.results import ClaimResult, Finding, judge
from harness.claims.trends import Quantity, Trend, Way, trending
from harness.errors import HarnessError


class ClaimFailed(AssertionError):
    """The data contradict a claim; the text is one paragraph with the numbers."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sources:
    """Where claims find what they are judged on, and who is told of each verdict."""

    ground: Callable[[], Ground]
    against: Against
    tell: Callable[[ClaimResult], None]


class ScalingReport:
    """The claims that a test can state over the finished study. Cells are named MODEL:CONDITION.

    Every call judges one claim by itself, one-sided at .05 in either direction: it raises ClaimFailed when the data
    contradict it, and returns the evidence when they support it or cannot tell. A test in which some claim cannot be
    told is skipped at its end, with the number of questions it would need; --strict-claims fails it.
    """

    def __init__(self, sources: Sources) -> None:
        """Claims over what `sources` has; nothing is read before the first one."""
        self._sources = sources

    def matches(self, a: str, b: str, *, margin: float | None = None, metric: str = CORRECT) -> ClaimResult:
        """`a` loses less than `margin` against `b` on the same questions; the study's margin where none is given."""
        __tracebackhide__ = True
        return self._settled(matches(self._ground, Rivals(a=a, b=b, metric=metric), margin))

    def beats(self, a: str, b: str, *, by: float = 0.0, metric: str = CORRECT) -> ClaimResult:
        """`a` gains more than `by` against `b` on the same questions."""
        __tracebackhide__ = True
        return self._settled(beats(self._ground, Rivals(a=a, b=b, metric=metric), by))

    def cell(self, name: str) -> "CellClaims":
        """Claims over one cell."""
        return CellClaims(self, name)

    def uplift(self, condition: str) -> "TrendClaims":
        """Claims over what a condition gains against direct answering by the same model."""
        return TrendClaims(self, "uplift", condition)

    def gap(self, condition: str | None = None) -> "TrendClaims":
        """Claims over confidence minus competence; the direct condition where none is named."""
        return TrendClaims(self, "gap", condition)

    def accuracy(self, condition: str | None = None) -> "TrendClaims":
        """Claims over the share of right answers; the direct condition where none is named."""
        return TrendClaims(self, "accuracy", condition)

    def loss(self, condition: str | None = None) -> "TrendClaims":
        """Claims over the loss of the gold answer, in nats per token; the direct condition where none is named."""
        return TrendClaims(self, "loss", condition)

    def calibrated(self, model: str, *, max_ece: float) -> ClaimResult:
        """The calibration error of a cell, or of a model that answers directly, is below `max_ece`."""
        __tracebackhide__ = True
        return self._settled(calibrated(self._ground, model, max_ece))

    def no_regression(self, baseline: str, *, margin: float | None = None, metric: str = CORRECT) -> ClaimResult:
        """No cell loses `margin` or more against a stored run; the baseline's own margin where none is given."""
        __tracebackhide__ = True
        return self._settled(compared((baseline, margin, metric), self._ground, self._sources.against))

    def _bounded(self, name: str, side: Side, values: dict[str, float]) -> ClaimResult:
        __tracebackhide__ = True
        if len(values) != 1:
            raise HarnessError(
                f"{side.replace(' ', '_')}() takes one METRIC=VALUE, such as correct=0.5, not {len(values)}"
            )
        ((metric, value),) = values.items()
        return self._settled(bounded(self._ground, Bound(cell=name, side=side, value=value, metric=metric)))

    def _trending(self, trend: Trend) -> ClaimResult:
        __tracebackhide__ = True
        return self._settled(trending(self._ground, trend))

    @property
    def _ground(self) -> Ground:
        return self._sources.ground()

    def _settled(self, finding: Finding) -> ClaimResult:
        __tracebackhide__ = True
        (result,) = judge([finding])
        self._sources.tell(result)
        return held(result)


class CellClaims:
    """Claims over one cell: `cell("pocket-s:rag").at_least(f1=0.5)`; "correct" is the share of right answers."""

    def __init__(self, report: ScalingReport, name: str) -> None:
        """Claims over the cell of that name."""
        self._report = report
        self._name = name

    def at_least(self, **value: float) -> ClaimResult:
        """The mean of one metric is at least a value strictly inside its range."""
        __tracebackhide__ = True
        return self._report._bounded(self._name, "at least", value)  # noqa: SLF001 - two halves of one sentence

    def at_most(self, **value: float) -> ClaimResult:
        """The mean of one metric is at most a value strictly inside its range."""
        __tracebackhide__ = True
        return self._report._bounded(self._name, "at most", value)  # noqa: SLF001 - as above


class TrendClaims:
    """Claims over one quantity against the size of the models; of one task, or of all questions."""

    def __init__(self, report: ScalingReport, quantity: Quantity, condition: str | None) -> None:
        """Claims over that quantity under that condition."""
        self._report = report
        self._quantity: Quantity = quantity
        self._condition = condition

    def grows_with_size(self, *, task: str | None = None) -> ClaimResult:
        """It is larger for larger models."""
        __tracebackhide__ = True
        return self._trending("grows", task)

    def shrinks_with_size(self, *, task: str | None = None) -> ClaimResult:
        """It is smaller for larger models."""
        __tracebackhide__ = True
        return self._trending("shrinks", task)

    def _trending(self, way: Way, task: str | None) -> ClaimResult:
        __tracebackhide__ = True
        trend = Trend(quantity=self._quantity, way=way, condition=self._condition, task=task)
        return self._report._trending(trend)  # noqa: SLF001 - as above


def held(result: ClaimResult) -> ClaimResult:
    """The result, unless the data contradict the claim.

    Raises:
        ClaimFailed: they do.
    """
    __tracebackhide__ = True
    if result.verdict == "fails":
        raise ClaimFailed(result.message)
    return result
