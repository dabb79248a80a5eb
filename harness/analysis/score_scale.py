"""The scale on which scores are fitted against size: the logit of what lies above chance, or the score as it is."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import exp, log
from typing import Literal

ScaleName = Literal["logit", "identity"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ScoreScale:
    """A monotone scale for mean scores; `chance` is the floor of guessing in [0, 1), 0 where there is none.

    `reason` says why shares are on the identity scale, None otherwise.
    """

    name: ScaleName
    chance: float = 0.0
    reason: str | None = None


def choose_scale(means: Sequence[float], counts: Sequence[int], *, share: bool, chance: float = 0.0) -> ScoreScale:
    """The logit for shares that all lie above chance, else the identity.

    Args:
        means: one mean score per model; within [0, 1] for shares.
        counts: the questions behind each mean, at least 1.
        share: whether the metric is a share, or a mean of scores in [0, 1].
        chance: floor of guessing, in [0, 1); 0 for metrics that are no shares.

    Raises:
        ValueError: a chance outside [0, 1), or a share outside [0, 1].
    """
    if not 0 <= chance < 1:
        raise ValueError(f"chance lies in [0, 1), not {chance}")
    if not share:
        return ScoreScale(name="identity")
    outside = [mean for mean in means if not 0 <= mean <= 1]
    if outside:
        raise ValueError(f"a share lies in [0, 1], not {outside[0]}")
    below = sum(above_chance(off_bounds(mean, n), chance) <= 0 for mean, n in zip(means, counts, strict=True))
    if not below:
        return ScoreScale(name="logit", chance=chance)
    told = f"{below} of {len(means)} models score no better than chance ({chance:.3g}), where there is no logit"
    return ScoreScale(name="identity", chance=chance, reason=told)


def off_bounds(share: float, n: int) -> float:
    """A share x/n of 0 or 1 as (x + 1/2)/(n + 1), any other as it is."""
    return (share * n + 0.5) / (n + 1) if share in {0.0, 1.0} else share


def above_chance(share: float, chance: float) -> float:
    """How much of the room above chance a share takes, (p - chance)/(1 - chance): 0 at chance, 1 at most."""
    return (share - chance) / (1 - chance)


def to_scale(mean: float, n: int, scale: ScoreScale) -> float | None:
    """A mean score over n questions on the scale, or None when it is a share at or below chance on the logit scale."""
    if scale.name == "identity":
        return above_chance(mean, scale.chance)
    room = above_chance(off_bounds(mean, n), scale.chance)
    return log(room / (1 - room)) if 0 < room < 1 else None


def scale_derivative(mean: float, n: int, scale: ScoreScale) -> float:
    """How fast the scale grows with the mean score, > 0: what turns a standard error into one on the scale.

    Raises:
        ValueError: the mean has no place on the scale.
    """
    if scale.name == "identity":
        return 1 / (1 - scale.chance)
    room = above_chance(off_bounds(mean, n), scale.chance)
    if not 0 < room < 1:
        raise ValueError(f"a share of {mean} has no logit above a chance of {scale.chance}")
    return 1 / (room * (1 - room) * (1 - scale.chance))


def from_scale(value: float, scale: ScoreScale) -> float:
    """The score of a value on the scale: within (chance, 1) from the logit; from the identity it may leave [0, 1]."""
    if scale.name == "identity":
        return scale.chance + (1 - scale.chance) * value
    room = 1 / (1 + exp(-value)) if value >= 0 else exp(value) / (1 + exp(value))
    return scale.chance + (1 - scale.chance) * room


def sampling_variance(mean: float, n: int, variance: float, scale: ScoreScale) -> float:
    """The sampling variance on the scale, by the delta method from that of the mean.

    A share of 0 or 1 shows no variance of its own; it gets that of the binomial share it is replaced by.
    """
    if scale.name == "logit" and mean in {0.0, 1.0}:
        replaced = off_bounds(mean, n)
        variance = max(variance, replaced * (1 - replaced) / n)
    return variance * scale_derivative(mean, n, scale) ** 2
