"""How scores grow with model size: a line through few models, whose intervals include the scatter of the models."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import isfinite
from typing import Literal

import numpy as np

from harness.analysis.intervals import FloatArray
from harness.analysis.line import Coefficient, Line, coefficient, mixed_line, ordinary_line
from harness.analysis.model_sizes import (
    MODELS_FOR_INTERVAL,
    ModelSize,
    SizeDesign,
    SizeKind,
    design_of,
    size_of,
    usable,
)
from harness.analysis.score_scale import ScoreScale, choose_scale, off_bounds, sampling_variance, to_scale

Estimator = Literal["least squares", "REML"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelScore:
    """The mean score of one model over `n` questions; `se` is the clustered standard error of that mean."""

    size: ModelSize
    mean: float
    n: int
    se: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class FitRules:
    """How a line is fitted.

    `share` says that the metric is a share (or a mean of scores in [0, 1]), for which the logit above `chance` is
    tried. `size` counts a mixture of experts by its total or its active parameters. `estimator` is ordinary least
    squares, whose residual scatter holds both kinds of noise, or REML with Knapp-Hartung errors, which takes the
    sampling errors as known. No bootstrap over questions is among them: it sees no scatter between models, and covers
    .66 where .95 is claimed.
    """

    share: bool = True
    chance: float = 0.0
    size: SizeKind = "total"
    estimator: Estimator = "least squares"
    level: float = 0.95


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ScalingFit:
    """A line of scores, on `scale`, against log10 of the size in billions.

    `slope` is per tenfold size and None exactly when `reason` says why there is no line. Its own refusal says why it
    has no interval. `spans_zero` is None without an interval. `leave_one_out` is the range of the slope when each model
    is left out in turn, None where that leaves no line. `scatter` is the residual standard deviation (least squares) or
    tau (REML). `corrected` names the models whose share of 0 or 1 became (x + 1/2)/(n + 1). `left_out` models have no
    usable size or score. Sizes are those that were fitted, in billions.
    """

    rules: FitRules
    models: tuple[str, ...]
    left_out: tuple[tuple[str, str], ...]
    scale: ScoreScale | None = None
    slope: Coefficient | None = None
    intercepts: tuple[tuple[str, Coefficient], ...] = ()
    why_common: str | None = None
    centre: float | None = None
    scatter: float | None = None
    sampling: float | None = None
    spans_zero: bool | None = None
    leave_one_out: tuple[float, float] | None = None
    corrected: tuple[str, ...] = ()
    least_b: float | None = None
    most_b: float | None = None
    line: Line | None = None
    reason: str | None = None


def fit_scaling(scores: Sequence[ModelScore], rules: FitRules) -> ScalingFit:
    """Fit g(p'_m) = a_family + b (log10 N_m - mean), with t intervals on M - 1 - intercepts degrees of freedom.

    Families have intercepts of their own only with at least 2 models each and 6 in all. Fewer than 3 models give no
    interval, fewer than 2 no line.

    Args:
        scores: one per model; those without a usable size or a finite mean are left out with the reason.
        rules: metric, chance, size, estimator and level.

    Raises:
        ValueError: a model stands twice, a share lies outside [0, 1], chance outside [0, 1), n is below 1, a rule has
            no such value, or REML is asked for where a standard error is missing.
    """
    _check(scores, rules)
    kept, left_out = _kept(scores, rules)
    bare = ScalingFit(rules=rules, models=tuple(score.size.model for score in kept), left_out=left_out)
    design = design_of([score.size for score in kept], rules.size)
    if isinstance(design, str):
        return replace(bare, reason=design)
    counts = [score.n for score in kept]
    scale = choose_scale([score.mean for score in kept], counts, share=rules.share, chance=rules.chance)
    y, sampling = _on_scale(kept, scale)
    return _described(bare, kept, design, (scale, y, sampling))


def fitted_line(y: FloatArray, design: FloatArray, sampling: FloatArray, estimator: Estimator) -> Line:
    """The line of the estimator; without residual degrees of freedom there is nothing to weigh by, so least squares."""
    if estimator == "REML" and design.shape[0] > design.shape[1]:
        return mixed_line(y, design, sampling)
    return ordinary_line(y, design)


def leave_one_out(
    y: FloatArray, design: FloatArray, sampling: FloatArray, estimator: Estimator
) -> tuple[float, float] | None:
    """The least and the greatest slope (last coefficient) over the fits that leave one model out.

    None where leaving out some model leaves no line: fewer than 2 models, or no two sizes to tell apart.
    """
    slopes = []
    for left in range(len(y)):
        rest = np.arange(len(y)) != left
        part = design[rest]
        part = part[:, np.any(part != 0, axis=0) | (np.arange(part.shape[1]) == part.shape[1] - 1)]
        if len(part) < part.shape[1] or np.linalg.matrix_rank(part) < part.shape[1]:
            return None
        slopes.append(fitted_line(y[rest], part, sampling[np.ix_(rest, rest)], estimator).coefficients[-1])
    return float(min(slopes)), float(max(slopes))


def _described(
    bare: ScalingFit,
    kept: Sequence[ModelScore],
    design: SizeDesign,
    fitted: tuple[ScoreScale, FloatArray, FloatArray],
) -> ScalingFit:
    (scale, y, sampling), rules = fitted, bare.rules
    line = fitted_line(y, design.matrix, sampling, rules.estimator)
    found = [coefficient(line, place, level=rules.level, scale=_size(y)) for place in range(design.matrix.shape[1])]
    if len(kept) < MODELS_FOR_INTERVAL:
        why = f"an interval needs at least {MODELS_FOR_INTERVAL} models, here {len(kept)}"
        found = [replace(one, refused=why) for one in found]
    slope = found[-1]
    spans = None if slope.low is None or slope.high is None else slope.low <= 0 <= slope.high
    sizes = [float(size_of(score.size, rules.size)) for score in kept]
    logit = scale.name == "logit"
    return replace(
        bare,
        scale=scale,
        slope=slope,
        intercepts=tuple(zip(design.intercepts, found[:-1], strict=True)),
        why_common=design.why_common,
        centre=design.centre,
        scatter=None if line.scatter is None else line.scatter**0.5,
        sampling=float(np.mean(np.diag(sampling))) if rules.estimator == "REML" else None,
        spans_zero=spans,
        leave_one_out=leave_one_out(y, design.matrix, sampling, rules.estimator),
        corrected=tuple(one.size.model for one in kept if logit and off_bounds(one.mean, one.n) != one.mean),
        least_b=min(sizes),
        most_b=max(sizes),
        line=line,
    )


def _on_scale(kept: Sequence[ModelScore], scale: ScoreScale) -> tuple[FloatArray, FloatArray]:
    values = [to_scale(score.mean, score.n, scale) for score in kept]
    variances = [sampling_variance(score.mean, score.n, (score.se or 0.0) ** 2, scale) for score in kept]
    return np.array(values, dtype=np.float64), np.diag(variances)


def _size(y: FloatArray) -> float:
    return float(np.max(np.abs(y)))


def _kept(scores: Sequence[ModelScore], rules: FitRules) -> tuple[list[ModelScore], tuple[tuple[str, str], ...]]:
    places, left_out = usable([score.size for score in scores], rules.size)
    sized = [scores[place] for place in places]
    unscored = tuple((one.size.model, "it has no finite score") for one in sized if not isfinite(one.mean))
    return [one for one in sized if isfinite(one.mean)], left_out + unscored


def _check(scores: Sequence[ModelScore], rules: FitRules) -> None:
    if rules.estimator not in {"least squares", "REML"}:
        raise ValueError(f"the estimator is 'least squares' or 'REML', not {rules.estimator!r}")
    if not 0 < rules.level < 1:
        raise ValueError(f"a level lies in (0, 1), not {rules.level}")
    few = [score.size.model for score in scores if score.n < 1]
    if few:
        raise ValueError(f"the score of {few[0]!r} rests on no question")
    unsure = [score.size.model for score in scores if score.se is None or not 0 <= score.se < float("inf")]
    if rules.estimator == "REML" and unsure:
        raise ValueError(f"REML needs a standard error for every score; {unsure[0]!r} has none")
