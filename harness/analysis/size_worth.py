"""What retrieval is worth in parameters: how much larger a model would have to be to answer as well directly."""

from dataclasses import dataclass, replace

import numpy as np

from harness.analysis.intervals import Clusters, FloatArray
from harness.analysis.joint import JointMeans, joint_means
from harness.analysis.line import Line
from harness.analysis.model_sizes import ModelSize
from harness.analysis.ratios import Quotient, RatioSet, fieller_set
from harness.analysis.scaling_bands import intercept_place, is_extrapolated
from harness.analysis.scaling_fit import FitRules, ModelScore, ScalingFit, fit_scaling
from harness.analysis.score_scale import ScoreScale, sampling_variance, scale_derivative, to_scale

LOG_MOST = 300.0  # log10 beyond which a size is no number


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class RetrievalScores:
    """Direct answers of several models, and one model's answers with retrieval, on the same questions.

    `direct` has shape (n, models) in the order of `sizes`, `retrieval` shape (n,), or both one draw (fold seed) more as
    their first axis, as in joint_means; `model` is the one with retrieval.
    `clusters` names the cluster of each question, or the question itself when it has none.
    """

    sizes: tuple[ModelSize, ...]
    direct: FloatArray
    retrieval: FloatArray
    clusters: Clusters
    model: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SizeRatio:
    """A size, or a factor of size, with its confidence set; `estimate` is None exactly when `reason` says why.

    `extrapolated` is True where the size lies outside what was fitted, None for a factor and without an estimate.
    """

    confidence: RatioSet
    estimate: float | None = None
    extrapolated: bool | None = None
    reason: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class RetrievalWorth:
    """What one model's retrieval is worth in size, by the line of direct answering over all models.

    `multiplier` is the factor of parameters that buys as much, `catch_up_b` the size in billions at which the line
    reaches this model with retrieval. Both are undefined when the slope's interval spans 0.
    """

    model: str
    n: int
    clusters: int
    dropped: int
    fit: ScalingFit
    multiplier: SizeRatio
    catch_up_b: SizeRatio


def retrieval_worth(scores: RetrievalScores, rules: FitRules) -> RetrievalWorth:
    """The effective parameter multiplier 10^((g(p'_rag) - g(p'_direct))/b) and the catch-up size, with Fieller sets.

    g is the scale of the fit. The sets use the degrees of freedom of the fit; the slope varies with models as the fit
    says, and with the questions jointly with this model's own scores.

    Args:
        scores: on the same questions; rows with any score missing are dropped and counted.
        rules: of the fit; the level is also that of the sets.

    Raises:
        ValueError: shapes that differ, an unknown model, or complete rows in fewer than two clusters; and as
            fit_scaling.

    Source: Fieller 1954, JRSS B 16(2).
    """
    names = [size.model for size in scores.sizes]
    if scores.model not in names:
        raise ValueError(f"no model {scores.model!r} among those that answer directly: {', '.join(names)}")
    joint = joint_means(np.concatenate([scores.direct, scores.retrieval[..., None]], axis=-1), scores.clusters)
    if len(joint.means) != len(names) + 1:
        raise ValueError(f"{len(joint.means) - 1} columns of direct scores for {len(names)} models")
    fit = fit_scaling(_model_scores(scores.sizes, joint), rules)
    reason = _why_undefined(fit) or _off_scale(fit, joint, names, scores)
    made = RetrievalWorth(
        model=scores.model,
        n=joint.n,
        clusters=joint.clusters,
        dropped=joint.dropped,
        fit=fit,
        multiplier=_undefined(reason or ""),
        catch_up_b=_undefined(reason or ""),
    )
    if reason is not None:
        return made
    place = names.index(scores.model)
    raised = _raised(fit, joint, names, place)
    ahead = _ahead(fit, joint, names, scores.sizes[place].family)
    return replace(made, multiplier=_as_factor(raised, fit), catch_up_b=_as_size(ahead, fit))


def _raised(fit: ScalingFit, joint: JointMeans, names: list[str], place: int) -> Quotient:
    """The model's own gain on the scale, over the slope."""
    contrast = np.zeros(len(names) + 1)
    contrast[-1], contrast[place] = 1.0, -1.0
    gain = _value(fit, joint, -1) - _value(fit, joint, place)
    return _quotient(fit, _question_covariance(fit, joint, names), (gain, contrast, np.zeros(_size(fit))), names)


def _ahead(fit: ScalingFit, joint: JointMeans, names: list[str], family: str | None) -> Quotient:
    """How far the score with retrieval lies above the line at its centre, over the slope."""
    line = _line(fit)
    unit = np.zeros(_size(fit))
    unit[intercept_place(fit, family)] = 1.0
    contrast = -_over_columns(fit, names, unit @ line.weights)
    contrast[-1] += 1.0
    distance = _value(fit, joint, -1) - float(unit @ line.coefficients)
    return _quotient(fit, _question_covariance(fit, joint, names), (distance, contrast, -unit), names)


def _quotient(
    fit: ScalingFit, questions: FloatArray, numerator: tuple[float, FloatArray, FloatArray], names: list[str]
) -> Quotient:
    """A numerator over the slope, with what questions and the scatter of models do to both.

    The numerator is its value, what each column of scores and what each coefficient of the line counts in it.
    """
    line = _line(fit)
    value, contrast, coefficients = numerator
    slope = np.zeros(_size(fit))
    slope[-1] = 1.0
    scatter = _between_models(fit, questions, names) * (line.weights @ line.weights.T)
    return Quotient(
        numerator=value,
        denominator=float(line.coefficients[-1]),
        numerator_variance=max(0.0, float(contrast @ questions @ contrast + coefficients @ scatter @ coefficients)),
        denominator_variance=float(line.covariance[-1, -1]),
        covariance=float(
            contrast @ questions @ _over_columns(fit, names, slope @ line.weights) + coefficients @ scatter @ slope
        ),
        df=line.df,
    )


def _between_models(fit: ScalingFit, questions: FloatArray, names: list[str]) -> float:
    """The variance between models beyond sampling: tau^2 of REML, else what the residual variance exceeds sampling by.

    Noise that the questions give to all models alike moves the line, not the residuals around it.
    """
    line = _line(fit)
    if fit.rules.estimator == "REML":
        return line.scatter or 0.0
    places = [names.index(model) for model in fit.models]
    within = questions[np.ix_(places, places)]
    design = np.linalg.pinv(line.weights)
    residual = np.eye(len(places)) - design @ line.weights
    expected = float(np.trace(residual @ within)) / line.df
    return max(0.0, (line.scatter or 0.0) - expected)


def _question_covariance(fit: ScalingFit, joint: JointMeans, names: list[str]) -> FloatArray:
    """The covariance of all columns on the scale of the fit; columns without a place on it count 0."""
    scale = _scale(fit)
    used = [place for place in range(len(names) + 1) if to_scale(float(joint.means[place]), joint.n, scale) is not None]
    growth = np.zeros(len(names) + 1)
    growth[used] = [scale_derivative(float(joint.means[place]), joint.n, scale) for place in used]
    covariance: FloatArray = joint.covariance * np.outer(growth, growth)
    for place in used:
        variance = float(joint.covariance[place, place])
        covariance[place, place] = sampling_variance(float(joint.means[place]), joint.n, variance, scale)
    return covariance


def _over_columns(fit: ScalingFit, names: list[str], weights: FloatArray) -> FloatArray:
    """Weights of the fitted models as weights of all columns, the last of which is retrieval."""
    spread = np.zeros(len(names) + 1)
    spread[[names.index(model) for model in fit.models]] = weights
    return spread


def _as_factor(quotient: Quotient, fit: ScalingFit) -> SizeRatio:
    confidence = fieller_set(quotient, level=fit.rules.level)
    return _powered(confidence, quotient.numerator / quotient.denominator, 0.0)


def _as_size(quotient: Quotient, fit: ScalingFit) -> SizeRatio:
    confidence = fieller_set(quotient, level=fit.rules.level)
    found = _powered(confidence, quotient.numerator / quotient.denominator, fit.centre or 0.0)
    return found if found.estimate is None else replace(found, extrapolated=is_extrapolated(fit, found.estimate))


def _powered(confidence: RatioSet, estimate: float, centre: float) -> SizeRatio:
    """Ten to the ratio; an end that is no number any more is unbounded above, and 0 below."""
    if abs(estimate + centre) > LOG_MOST:
        return _undefined(f"the slope is too flat: the size would be 10^{estimate + centre:.0f}")
    low, high = (None if end is None else end + centre for end in (confidence.low, confidence.high))
    return SizeRatio(
        estimate=10 ** (estimate + centre),
        confidence=RatioSet(
            kind=confidence.kind,
            low=0.0 if low is None or low < -LOG_MOST else 10 ** min(low, LOG_MOST),
            high=None if high is None or high > LOG_MOST else 10**high,
        ),
    )


def _undefined(reason: str) -> SizeRatio:
    return SizeRatio(confidence=RatioSet(kind="undefined", reason=reason), reason=reason)


def _why_undefined(fit: ScalingFit) -> str | None:
    """Why no ratio over the slope exists."""
    if fit.slope is None:
        return fit.reason
    if fit.spans_zero:
        return f"the slope's interval [{fit.slope.low:.3g}, {fit.slope.high:.3g}] spans 0"
    return fit.slope.refused


def _off_scale(fit: ScalingFit, joint: JointMeans, names: list[str], scores: RetrievalScores) -> str | None:
    place = names.index(scores.model)
    for told, column in (("with retrieval", -1), ("directly", place)):
        if to_scale(float(joint.means[column]), joint.n, _scale(fit)) is None:
            return f"{scores.model} {told} scores no better than chance, where the scale of the fit has no value"
    families = [name for name, _ in fit.intercepts]
    if len(families) > 1 and scores.sizes[place].family not in families:
        return f"the fit has no intercept for the family of {scores.model}"
    return None


def _value(fit: ScalingFit, joint: JointMeans, place: int) -> float:
    value = to_scale(float(joint.means[place]), joint.n, _scale(fit))
    if value is None:
        raise ValueError(f"column {place} has no place on the scale")
    return value


def _scale(fit: ScalingFit) -> ScoreScale:
    if fit.scale is None:
        raise ValueError(f"no line was fitted: {fit.reason}")
    return fit.scale


def _line(fit: ScalingFit) -> Line:
    if fit.line is None:
        raise ValueError(f"no line was fitted: {fit.reason}")
    return fit.line


def _size(fit: ScalingFit) -> int:
    return len(fit.intercepts) + 1


def _model_scores(sizes: tuple[ModelSize, ...], joint: JointMeans) -> list[ModelScore]:
    errors = np.sqrt(np.diag(joint.covariance))
    columns = zip(sizes, joint.means, errors, strict=False)  # the last column is retrieval
    return [ModelScore(size=size, mean=float(mean), n=joint.n, se=float(se)) for size, mean, se in columns]
