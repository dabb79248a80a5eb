"""Does the best retrieval of one tier of size reach the direct answering of the next?"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Literal

import numpy as np

from harness.analysis.compatible import faults
from harness.analysis.compatible.scaling import ModelRow
from harness.registry.catalog import TIERS

Side = Literal["max", "mean"]
SIDES: tuple[tuple[Side, Side], ...] = (("max", "mean"), ("max", "max"), ("mean", "mean"), ("mean", "max"))
PICK: dict[Side, Callable[[Sequence[float]], float]] = {"max": max, "mean": lambda values: float(np.mean(values))}


@dataclass(frozen=True, slots=True, kw_only=True)
class TierRow:
    """One tier: the mean of its models' direct, the maximum of their best retrieval, and the next tier's direct.

    `compensation_ratio` is best_rag / next_direct. `reason` says why it is None: no next tier, no cells, or a next
    direct of at most 0. `can_match` is best_rag >= next_direct, None only where either is missing.
    """

    tier: str
    models: tuple[str, ...]
    direct: float | None = None
    best_rag: float | None = None
    next_tier: str | None = None
    next_direct: float | None = None
    compensation_ratio: float | None = None
    can_match: bool | None = None
    reason: str | None = None
    compatible: bool = field(default=True, init=False)
    fault: str = field(default=faults.SELECTION, init=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class TierVerdict:
    """One line of the verdict table; `uplift` is best_rag - direct, None where either is missing."""

    tier: str
    models: tuple[str, ...]
    direct: float | None
    best_rag: float | None
    uplift: float | None
    can_match_next_tier: bool | None
    compatible: bool = field(default=True, init=False)
    fault: str = field(default=faults.SELECTION, init=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class TierSensitivity:
    """The same verdict with another way to sum up each side's models; `ratio` is None where `reason` says why."""

    tier: str
    next_tier: str
    best_over_models: Side
    direct_over_models: Side
    best_rag: float | None = None
    next_direct: float | None = None
    ratio: float | None = None
    can_match: bool | None = None
    reason: str | None = None
    compatible: bool = field(default=True, init=False)
    fault: str = field(default=faults.SELECTION, init=False)


def tier_table(models: Sequence[ModelRow]) -> tuple[TierRow, ...]:
    """One row per tier that has models, smallest first; the next tier is the next one that has models.

    Models without a tier are in no row.

    Source: the published formula "tier table".
    """
    tiers = _by_tier(models)
    # the pair of the largest tier ends in None
    return tuple(_row(name, following, tiers) for name, following in pairwise([*tiers, None]) if name)


def verdict_table(tiers: Sequence[TierRow]) -> tuple[TierVerdict, ...]:
    """The tier table as verdicts, in its order.

    Source: the published formula "verdict table".
    """
    return tuple(
        TierVerdict(
            tier=row.tier,
            models=row.models,
            direct=row.direct,
            best_rag=row.best_rag,
            uplift=None if row.direct is None or row.best_rag is None else row.best_rag - row.direct,
            can_match_next_tier=row.can_match,
        )
        for row in tiers
    )


def tier_sensitivity(models: Sequence[ModelRow], tier: str) -> tuple[TierSensitivity, ...]:
    """The tier's verdict under maximum and mean over the models on both sides; the published one comes first.

    Empty for a tier without models, and for the largest.
    """
    tiers = _by_tier(models)
    names = list(tiers)
    if tier not in names[:-1]:
        return ()
    following = names[names.index(tier) + 1]
    return tuple(_sensitivity((tier, following), sides, tiers) for sides in SIDES)


def _by_tier(models: Sequence[ModelRow]) -> dict[str, list[ModelRow]]:
    found = {name: [row for row in models if row.tier == name] for name in TIERS}
    return {name: rows for name, rows in found.items() if rows}


def _row(tier: str, following: str | None, tiers: dict[str, list[ModelRow]]) -> TierRow:
    models = tuple(row.model for row in tiers[tier])
    best = _over(tiers[tier], "best_rag", "max")
    direct = _over(tiers[tier], "direct", "mean")
    if following is None:
        return TierRow(tier=tier, models=models, direct=direct, best_rag=best, reason="the largest tier has no next")
    ahead = _over(tiers[following], "direct", "mean")
    ratio, match, reason = _compared(best, ahead)
    return TierRow(
        tier=tier,
        models=models,
        direct=direct,
        best_rag=best,
        next_tier=following,
        next_direct=ahead,
        compensation_ratio=ratio,
        can_match=match,
        reason=reason,
    )


def _sensitivity(pair: tuple[str, str], sides: tuple[Side, Side], tiers: dict[str, list[ModelRow]]) -> TierSensitivity:
    best = _over(tiers[pair[0]], "best_rag", sides[0])
    ahead = _over(tiers[pair[1]], "direct", sides[1])
    ratio, match, reason = _compared(best, ahead)
    return TierSensitivity(
        tier=pair[0],
        next_tier=pair[1],
        best_over_models=sides[0],
        direct_over_models=sides[1],
        best_rag=best,
        next_direct=ahead,
        ratio=ratio,
        can_match=match,
        reason=reason,
    )


def _over(models: Sequence[ModelRow], name: Literal["best_rag", "direct"], side: Side) -> float | None:
    known = [value for row in models if (value := row.best_rag if name == "best_rag" else row.direct) is not None]
    return PICK[side](known) if known else None


def _compared(best: float | None, ahead: float | None) -> tuple[float | None, bool | None, str | None]:
    if best is None:
        return None, None, "the tier has no retrieval cells"
    if ahead is None:
        return None, None, "the next tier has no direct cells"
    if ahead <= 0:
        return None, best >= ahead, f"the next tier's direct mean is {ahead:g}, not above 0"
    return best / ahead, best >= ahead, None
