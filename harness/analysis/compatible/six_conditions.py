"""Effects of retrieval, fine-tuning and training mode in the six-condition experiment, from pass rates."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from pandas import DataFrame

from harness.analysis.cells import answered_rows, correct_rows
from harness.analysis.compatible import faults

EffectKind = Literal["rag", "fine-tuning", "training mode"]
CONDITIONS = ("direct", "rag", "ft", "ft+rag", "rag-ft", "rag-ft+rag")
EFFECTS: tuple[tuple[EffectKind, int, int], ...] = (
    ("rag", 2, 1),
    ("rag", 4, 3),
    ("rag", 6, 5),
    ("fine-tuning", 3, 1),
    ("fine-tuning", 4, 2),
    ("fine-tuning", 5, 1),
    ("fine-tuning", 6, 2),
    ("training mode", 5, 3),
    ("training mode", 6, 4),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class PassRate:
    """One of the six conditions by its number: `passed` of `n`; the rate is None when n is 0."""

    number: int
    condition: str
    passed: int
    n: int
    rate: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ConditionEffect:
    """The pass rate of condition `of` minus that of condition `over`, and their ratio.

    `difference` is None where `reason` says which is missing, `ratio` also when the lower rate is 0.
    """

    kind: EffectKind
    of: int
    over: int
    difference: float | None = None
    ratio: float | None = None
    reason: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SixConditions:
    """The six pass rates of one model and the nine effects between them."""

    model: str
    rates: tuple[PassRate, ...]
    effects: tuple[ConditionEffect, ...]
    compatible: bool = field(default=True, init=False)
    fault: str = field(default=faults.RATES, init=False)


def six_conditions(model: str, counts: Mapping[str, tuple[int, int]]) -> SixConditions:
    """All effects of one model from (passed, n) by condition name; a condition that was not run may be left out.

    Raises:
        ValueError: more passed than there were, or fewer than none.

    Source: the published formula "six-condition effects".
    """
    rates = tuple(_rate(number, name, counts.get(name, (0, 0))) for number, name in enumerate(CONDITIONS, start=1))
    effects = tuple(_effect(kind, rates[of - 1], rates[over - 1]) for kind, of, over in EFFECTS)
    return SixConditions(model=model, rates=rates, effects=effects)


def six_conditions_by_model(cases: DataFrame) -> tuple[SixConditions, ...]:
    """The effects of each model in the case table, in its order: correct of answered, all repeats together."""
    told = cases[["model", "condition"]].assign(passed=correct_rows(cases))[answered_rows(cases)]
    counted = told.groupby(["model", "condition"], sort=False)["passed"].agg(["sum", "size"])
    counts: dict[str, dict[str, tuple[int, int]]] = {str(name): {} for name in cases["model"].unique()}
    for (model, condition), passed, n in counted.itertuples():
        counts[model][condition] = (int(passed), int(n))
    return tuple(six_conditions(model, found) for model, found in counts.items())


def _rate(number: int, condition: str, count: tuple[int, int]) -> PassRate:
    passed, n = count
    if not 0 <= passed <= n:
        raise ValueError(f"condition {condition!r}: {passed} passed of {n}")
    return PassRate(number=number, condition=condition, passed=passed, n=n, rate=passed / n if n else None)


def _effect(kind: EffectKind, of: PassRate, over: PassRate) -> ConditionEffect:
    missing = [rate.condition for rate in (of, over) if rate.rate is None]
    if of.rate is None or over.rate is None:
        return ConditionEffect(kind=kind, of=of.number, over=over.number, reason=f"no answers of {', '.join(missing)}")
    return ConditionEffect(
        kind=kind,
        of=of.number,
        over=over.number,
        difference=of.rate - over.rate,
        ratio=of.rate / over.rate if over.rate else None,
        reason=None if over.rate else f"no ratio: the pass rate of {over.condition} is 0",
    )
