"""Whether retrieval helps small models more than large ones: uplift against size, over shared questions."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike

from harness.analysis.intervals import Clusters, FloatArray, clusters_where, distinct
from harness.analysis.joint import JointMeans, joint_means
from harness.analysis.line import Coefficient, coefficient
from harness.analysis.model_sizes import (
    MODELS_FOR_INTERVAL,
    ModelSize,
    SizeDesign,
    SizeKind,
    design_of,
    usable,
)
from harness.analysis.scaling_fit import fitted_line, leave_one_out


@dataclass(frozen=True, slots=True, kw_only=True)
class UpliftLine:
    """The uplift of `models` against log10 of their size, over the `n` questions that all of them answered both ways.

    `slope` is per tenfold size, `at_centre` the uplift at the mean log10 size `centre`; both are None exactly when
    `reason` says why there is no line. `tau` is the standard deviation between models beyond sampling.
    """

    models: tuple[str, ...]
    left_out: tuple[tuple[str, str], ...]
    uplifts: tuple[float, ...] = ()
    n: int = 0
    clusters: int = 0
    dropped: int = 0
    slope: Coefficient | None = None
    at_centre: Coefficient | None = None
    centre: float | None = None
    tau: float | None = None
    spans_zero: bool | None = None
    leave_one_out: tuple[float, float] | None = None
    reason: str | None = None


def uplift_by_size(
    sizes: Sequence[ModelSize],
    uplifts: ArrayLike,
    clusters: Clusters,
    *,
    size: SizeKind = "total",
    level: float = 0.95,
) -> UpliftLine:
    """Generalised least squares of the mean uplifts on log10 N, with covariance of the questions + tau^2 I.

    The uplift is the paired difference, with retrieval minus without. It is never regressed on the direct score of the
    same questions, whose noise it shares. Errors are those of Knapp and Hartung, on M - 2 degrees of freedom; fewer
    than 3 models give no interval.

    Args:
        sizes: one per model.
        uplifts: paired differences, shape (n, models), or (draws, n, models) as in joint_means; questions with one
            missing are dropped and counted.
        clusters: one name per question: its cluster, or the question itself when it has none.
        size: what counts of a mixture of experts.
        level: of the intervals, in (0, 1).

    Raises:
        ValueError: shapes that differ, or a model stands twice.
    """
    data = _by_draw(uplifts, len(clusters), len(sizes))
    places, left_out = usable(sizes, size)
    kept = [sizes[place] for place in places]
    bare = UpliftLine(models=tuple(one.model for one in kept), left_out=left_out)
    design = design_of(kept, size, by_family=False)
    if isinstance(design, str):
        return replace(bare, reason=design)
    used = data[:, :, places]
    groups = distinct(clusters_where(clusters, np.asarray(np.isfinite(used).all(axis=(0, 2)))))
    if groups < 2:  # noqa: PLR2004 - one cluster has no spread between clusters
        return replace(bare, reason=f"uplifts of all models are known in {groups} clusters, and at least 2 are needed")
    return _fitted(bare, design, joint_means(used, clusters), level)


def _by_draw(uplifts: ArrayLike, questions: int, models: int) -> FloatArray:
    """The uplifts with draws as their first axis, shape (draws, n, models)."""
    data = np.asarray(uplifts, dtype=np.float64)
    data = data[None] if data.ndim == 2 else data  # noqa: PLR2004 - questions by models
    if data.ndim != 3 or data.shape[1:] != (questions, models):  # noqa: PLR2004 - draws
        raise ValueError(f"uplifts of shape {data.shape} for {questions} questions and {models} models")
    return data


def _fitted(bare: UpliftLine, design: SizeDesign, joint: JointMeans, level: float) -> UpliftLine:
    line = fitted_line(joint.means, design.matrix, joint.covariance, "REML")
    largest = float(np.max(np.abs(joint.means)))
    found = [coefficient(line, place, level=level, scale=largest) for place in (0, 1)]
    if len(bare.models) < MODELS_FOR_INTERVAL:
        why = f"an interval needs at least {MODELS_FOR_INTERVAL} models, here {len(bare.models)}"
        found = [replace(one, refused=why) for one in found]
    at_centre, slope = found
    return replace(
        bare,
        uplifts=tuple(joint.means.tolist()),
        n=joint.n,
        clusters=joint.clusters,
        dropped=joint.dropped,
        slope=slope,
        at_centre=at_centre,
        centre=design.centre,
        tau=None if line.df < 1 else (line.scatter or 0.0) ** 0.5,
        spans_zero=None if slope.low is None or slope.high is None else slope.low <= 0 <= slope.high,
        leave_one_out=leave_one_out(joint.means, design.matrix, joint.covariance, "REML"),
    )
