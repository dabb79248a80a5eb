"""The `[[claims]]` of a study file: what each kind of claim says, read strictly, and the label that names its test."""

import re
from collections.abc import Mapping, Sequence
from typing import Annotated, Literal, get_args

from pydantic import BaseModel, ConfigDict, Field

Margin = Annotated[float, Field(gt=0, lt=1)]
Number = Annotated[float, Field(allow_inf_nan=False)]


class ClaimTable(BaseModel):
    """What every one of the `[[claims]]` may have: a label of its own, which names its test."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)

    label: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._+:@-]*$", max_length=100)] | None = None


class MatchesClaim(ClaimTable):
    """`a` loses less than the margin against `b`; both are MODEL:CONDITION, the study's margin without one."""

    kind: Literal["matches"]
    a: str
    b: str
    margin: Margin | None = None
    metric: str = "correct"


class BeatsClaim(ClaimTable):
    """`a` gains more than `by` against `b`."""

    kind: Literal["beats"]
    a: str
    b: str
    by: Annotated[float, Field(ge=0, lt=1)] = 0.0
    metric: str = "correct"


class LevelClaim(ClaimTable):
    """The mean of a metric, or the share of right answers, of one cell against a number."""

    kind: Literal["at_least", "at_most"]
    cell: str
    metric: str = "correct"
    value: Number


class CalibratedClaim(ClaimTable):
    """The calibration error of a cell, or of a model that answers directly, is below `max_ece`."""

    kind: Literal["calibrated"]
    model: str
    max_ece: Margin


class TrendClaim(ClaimTable):
    """A quantity rises or falls with the size of the models, under one condition; of one task, or of all."""

    kind: Literal["grows_with_size", "shrinks_with_size"]
    quantity: Literal["uplift", "gap", "accuracy", "loss"]
    condition: str | None = None
    task: str | None = None


class RegressionClaim(ClaimTable):
    """No cell loses the margin or more against a stored run; the baseline's own margin without one."""

    kind: Literal["no_regression"]
    baseline: str
    margin: Annotated[float, Field(ge=0, allow_inf_nan=False)] | None = None
    metric: str = "correct"


AnyClaim = MatchesClaim | BeatsClaim | LevelClaim | CalibratedClaim | TrendClaim | RegressionClaim
CLAIMS: Mapping[str, type[ClaimTable]] = {
    kind: table for table in get_args(AnyClaim) for kind in get_args(table.model_fields["kind"].annotation)
}


def labelled(claims: Sequence[AnyClaim]) -> dict[str, AnyClaim]:
    """The claims by label, in order: their own, else what they say, with a count where two would be alike."""
    found: dict[str, AnyClaim] = {}
    for claim in claims:
        wanted = claim.label or re.sub(r"[^A-Za-z0-9._+:@-]+", "_", _said(claim))
        label, number = wanted, 1
        while label in found:
            number += 1
            label = f"{wanted}~{number}"
        found[label] = claim
    return found


def cells_of(claim: AnyClaim) -> tuple[str, ...]:
    """The cells and models that a claim names, as it names them."""
    if isinstance(claim, MatchesClaim | BeatsClaim):
        return claim.a, claim.b
    if isinstance(claim, LevelClaim):
        return (claim.cell,)
    return (claim.model,) if isinstance(claim, CalibratedClaim) else ()


def _said(claim: AnyClaim) -> str:
    kind = claim.kind.replace("_", "-")
    if isinstance(claim, MatchesClaim | BeatsClaim):
        return f"{claim.a}-{kind}-{claim.b}"
    if isinstance(claim, LevelClaim):
        return f"{claim.cell}-{claim.metric}-{kind}-{claim.value:g}"
    if isinstance(claim, CalibratedClaim):
        return f"{claim.model}-{kind}"
    if isinstance(claim, TrendClaim):
        return "-".join(filter(None, (claim.quantity, claim.condition, claim.task, kind)))
    return f"{kind}-{claim.baseline}"
