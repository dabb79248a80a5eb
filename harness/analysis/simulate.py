"""Case rows with a planted truth, for proofs that the statistics find it and cover it at their nominal rate."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from math import sqrt
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from harness.analysis.distributions import generator, normal_quantile
from harness.analysis.extras import require
from harness.analysis.frame import INTEGERS, LEADING, TRAILING
from harness.analysis.intervals import FloatArray, IntArray
from harness.registry.catalog import tier

if TYPE_CHECKING:
    from pandas import DataFrame

METRIC = "planted@1"
FEWEST_RHO = -0.999_999
FAR = -12.0  # no normal number that matters lies below


@dataclass(frozen=True, slots=True, kw_only=True)
class PlantedModel:
    """One model: its size, the accuracy of each condition in (0, 1), and how it states confidence and loss.

    `gap` is mean (confidence - correct), within [-accuracy, 1 - accuracy] of each condition; `loss_nll` the mean
    loss in nats per token, at least 0, or None for none.
    """

    name: str
    params_b: float | None
    accuracy: Mapping[str, float]
    gap: float = 0.0
    loss_nll: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Missing:
    """The share of cases that end without a readable answer, each in [0, 1], together at most 1.

    `tilt` in [0, 1] makes hard questions fail more often: at 1 a rate runs from 0 for the easiest to twice itself for
    the hardest question, and is its own mean throughout; rates together must then be at most 1/(1 + tilt).
    """

    error: float = 0.0
    unparsed: float = 0.0
    blank: float = 0.0
    skipped: float = 0.0
    tilt: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Truth:
    """What is planted: a case is right when Phi(z) < accuracy, z a standard normal number of the case.

    z = sqrt(1 - r) [sqrt(icc) C + sqrt(1 - icc) Q] + sqrt(r) E, each of C (cluster) and Q (question) being
    sqrt(shared) common to all cells + sqrt(1 - shared) of the model and condition, E of the case; r is `repeat_noise`.
    Two questions of a cluster correlate (1 - r) icc within a cell, two cells on a question (1 - r) shared, two repeats
    1 - r, all on the scale of z: `implied_discordance` and `implied_icc` tell what that is for right and wrong.
    `clusters` of 0 leaves every question on its own; otherwise questions are dealt to clusters in turn, and
    `uneven` above 0 makes the sizes fall as (cluster + 1)^-uneven.
    """

    models: tuple[PlantedModel, ...]
    questions: int
    clusters: int = 0
    uneven: float = 0.0
    icc: float = 0.0
    shared: float = 0.0
    repeats: int = 1
    repeat_noise: float = 0.0
    tasks: tuple[str, ...] = ()
    latency_s: float = 1.0
    missing: Missing = field(default_factory=Missing)


def simulate(truth: Truth, seed: int) -> "DataFrame":
    """One row per case in the columns of the case table, cells in the order planted; the same for the same seed.

    Confidence is the chance of being right given what the cells share of the question, moved by the planted gap; it is
    missing without a readable answer, as every other quantity of an unanswered case is. `primary` and "planted@1" are
    1 or 0 of a readable answer.

    Raises:
        ValueError: a planted value is out of its range, or there are no models, conditions or questions.
        MissingExtra: pandas or scipy is not installed.
    """
    require("pandas", "scipy")
    from pandas import concat

    _check(truth)
    places = _clusters(truth)
    common = generator(seed, "simulate", "common")
    known = sqrt(truth.shared) * _between(truth, places, common)
    cells = [(model, condition) for model in truth.models for condition in model.accuracy]
    frames = []
    for model, condition in cells:
        rng = generator(seed, "simulate", model.name, condition)
        own = sqrt(1 - truth.shared) * _between(truth, places, rng)
        for repeat in range(truth.repeats):
            noise = rng.standard_normal(truth.questions)
            z = sqrt(1 - truth.repeat_noise) * (known + own) + sqrt(truth.repeat_noise) * noise
            values = _values(truth, (model, condition), (z, known), rng)
            frames.append(_frame(truth, (model, condition, repeat), places, values))
    return concat(frames, ignore_index=True)


def scaling_models(
    sizes_b: Mapping[str, float], slopes: Mapping[str, tuple[float, float]], *, scatter: float, seed: int
) -> tuple[PlantedModel, ...]:
    """Models on planted lines: logit accuracy = intercept + slope log10 N + u, u normal with sd `scatter` per model.

    Args:
        sizes_b: each model's parameters in billions, above 0.
        slopes: each condition's intercept (at 1 billion) and slope per decade, on the logit scale; u is the same in
            all conditions of a model.
        scatter: at least 0.
        seed: of u.

    Raises:
        ValueError: a size is not above 0.
    """
    if not all(np.isfinite(size) and size > 0 for size in sizes_b.values()):
        raise ValueError(f"sizes must be above 0, not {dict(sizes_b)}")
    models = []
    for name, size in sizes_b.items():
        u = scatter * float(generator(seed, "scatter", name).standard_normal())
        logits = {condition: line[0] + line[1] * np.log10(size) + u for condition, line in slopes.items()}
        accuracy = {condition: float(1 / (1 + np.exp(-logit))) for condition, logit in logits.items()}
        models.append(PlantedModel(name=name, params_b=size, accuracy=accuracy))
    return tuple(models)


def implied_discordance(accuracy_a: float, accuracy_b: float, rho: float) -> float:
    """The share of questions that exactly one of two cells gets right: p_a + p_b - 2 Phi_2(z_a, z_b; rho)."""
    return accuracy_a + accuracy_b - 2 * _both(accuracy_a, accuracy_b, rho)


def implied_icc(accuracy: float, rho: float) -> float:
    """The intra-cluster correlation of right and wrong: (Phi_2(z, z; rho) - p^2) / (p (1 - p))."""
    return (_both(accuracy, accuracy, rho) - accuracy**2) / (accuracy * (1 - accuracy))


def correlation_for(accuracy_a: float, accuracy_b: float, psi: float) -> float:
    """The correlation of z at which two cells have the discordance psi, in (-1, 1).

    Raises:
        ValueError: no correlation gives it: psi lies outside (|p_a - p_b|, min(p_a + p_b, 2 - p_a - p_b)).
    """
    require("scipy")
    from scipy.optimize import brentq

    least, most = abs(accuracy_a - accuracy_b), min(accuracy_a + accuracy_b, 2 - accuracy_a - accuracy_b)
    ends = [implied_discordance(accuracy_a, accuracy_b, rho) - psi for rho in (FEWEST_RHO, -FEWEST_RHO)]
    if not ends[0] > 0 > ends[1]:
        raise ValueError(f"a discordance of {psi} is outside ({least:.4g}, {most:.4g}) of these accuracies")
    return float(
        brentq(lambda rho: implied_discordance(accuracy_a, accuracy_b, rho) - psi, FEWEST_RHO, -FEWEST_RHO, xtol=1e-10)
    )


def _both(accuracy_a: float, accuracy_b: float, rho: float) -> float:
    """P(both right): the integral of Phi((z_b - rho x)/sqrt(1 - rho^2)) over the normal x below z_a."""
    require("scipy")
    from scipy.integrate import quad
    from scipy.special import ndtr

    z_a, z_b, rest = normal_quantile(accuracy_a), normal_quantile(accuracy_b), sqrt(1 - rho**2)
    value, _ = quad(
        lambda x: float(np.exp(-x * x / 2) / sqrt(2 * np.pi) * ndtr((z_b - rho * x) / rest)),
        FAR,
        z_a,
        points=[z for z in (z_b / rho if rho else z_a - 1, -1.0) if FAR < z < z_a],
        limit=200,
    )
    return float(value)


def _check(truth: Truth) -> None:
    missing = truth.missing
    shares = {
        "icc": truth.icc,
        "shared": truth.shared,
        "repeat_noise": truth.repeat_noise,
        "tilt": missing.tilt,
        "missing": (missing.error + missing.unparsed + missing.blank + missing.skipped) * (1 + missing.tilt),
    }
    if bad := [f"{name} {share}" for name, share in shares.items() if not 0 <= share <= 1]:
        raise ValueError(f"planted shares must be in [0, 1], not {', '.join(bad)}")
    if min(missing.error, missing.unparsed, missing.blank, missing.skipped) < 0:
        raise ValueError("planted rates of missing answers must be at least 0")
    if truth.questions < 1 or truth.repeats < 1 or truth.clusters < 0:
        raise ValueError("a truth has at least 1 question, 1 repeat and no fewer than 0 clusters")
    planted = [(model, share) for model in truth.models for share in model.accuracy.values()]
    if not planted:
        raise ValueError("a truth has at least 1 model with 1 condition")
    for model, share in planted:
        if not 0 < share < 1 or not -share <= model.gap <= 1 - share:
            raise ValueError(f"{model.name!r}: accuracy {share} in (0, 1) and gap {model.gap} within it")


def _clusters(truth: Truth) -> IntArray:
    """Each question's cluster, or its own place without clusters, shape (n,)."""
    places = np.arange(truth.questions)
    if not truth.clusters:
        return places.astype(np.intp)
    if not truth.uneven:
        return (places % truth.clusters).astype(np.intp)
    edges = np.cumsum((np.arange(truth.clusters) + 1.0) ** -truth.uneven)
    return np.searchsorted(edges / edges[-1], (places + 0.5) / truth.questions).astype(np.intp)


def _between(truth: Truth, places: IntArray, rng: np.random.Generator) -> FloatArray:
    clusters = rng.standard_normal(int(places.max()) + 1)[places]
    questions: FloatArray = rng.standard_normal(truth.questions)
    return sqrt(truth.icc) * clusters + sqrt(1 - truth.icc) * questions


def _values(
    truth: Truth, cell: tuple[PlantedModel, str], drawn: tuple[FloatArray, FloatArray], rng: np.random.Generator
) -> Mapping[str, NDArray[np.generic]]:
    """The outcome and the measured columns of one cell and repeat, each of shape (n,)."""
    from scipy.special import ndtr

    model, condition = cell
    z, known = drawn
    accuracy, hardness = model.accuracy[condition], ndtr(z)
    outcome = np.where(hardness < accuracy, "correct", "wrong").astype(object)
    at = rng.random(truth.questions)
    start = np.zeros(truth.questions)
    for name in ("error", "unparsed", "blank", "skipped"):
        rate = getattr(truth.missing, name) * (1 - truth.missing.tilt + 2 * truth.missing.tilt * hardness)
        outcome[(start <= at) & (at < start + rate)] = None if name == "skipped" else name
        start = start + rate
    readable = np.isin(outcome, ("correct", "wrong"))
    answered = readable | np.isin(outcome, ("unparsed", "blank"))
    latency_s = truth.latency_s * rng.lognormal(-0.125, 0.5, truth.questions)
    loss = np.nan if model.loss_nll is None else model.loss_nll
    return {
        "outcome": outcome,
        "answered": answered,
        "score": np.where(readable, (outcome == "correct").astype(np.float64), np.nan),
        "confidence": np.where(readable, _confidence(truth, accuracy, model.gap, known), np.nan),
        "loss_nll": np.where(answered, loss * (0.5 + hardness), np.nan),
        "latency_s": np.where(answered, latency_s, np.nan),
    }


def _confidence(truth: Truth, accuracy: float, gap: float, known: FloatArray) -> FloatArray:
    from scipy.special import ndtr

    seen = (1 - truth.repeat_noise) * truth.shared
    rest = sqrt(max(1e-12, 1 - seen))
    calibrated = ndtr((normal_quantile(accuracy) - sqrt(1 - truth.repeat_noise) * known) / rest)
    # both forms keep [0, 1] and move the mean by exactly the gap
    moved = calibrated + gap / (1 - accuracy) * (1 - calibrated) if gap > 0 else calibrated * (1 + gap / accuracy)
    return np.clip(np.asarray(moved, dtype=np.float64), 0.0, 1.0)


def _frame(
    truth: Truth, cell: tuple[PlantedModel, str, int], places: IntArray, values: Mapping[str, NDArray[np.generic]]
) -> "DataFrame":
    from pandas import DataFrame

    model, condition, repeat = cell
    n, answered = truth.questions, np.asarray(values["answered"], dtype=np.bool_)
    names = [f"q{place:07d}" for place in range(n)]
    label = f"{model.name}-{condition}" + (f"-r{repeat}" if truth.repeats > 1 else "")
    counted = np.where(answered, 1, -1)
    columns: dict[str, object] = {
        "run": "planted",
        "cell": label,
        "model": model.name,
        "params_b": np.nan if model.params_b is None else model.params_b,
        "tier": tier(model.params_b),
        "condition": condition,
        "dataset": "planted",
        "question_id": names,
        "cluster": [f"c{place:05d}" for place in places] if truth.clusters else None,
        "task": [truth.tasks[place % len(truth.tasks)] for place in range(n)] if truth.tasks else None,
        "repeat": repeat,
        "outcome": values["outcome"],
        METRIC: values["score"],
        "confidence": values["confidence"],
        "confidence_source": np.where(np.isfinite(values["confidence"].astype(np.float64)), "planted", ""),
        "loss_nll": values["loss_nll"],
        "prompt_tokens": 100 * counted,
        "output_tokens": 10 * counted,
        "latency_s": values["latency_s"],
        "concurrency": counted,
        "cost_usd": np.nan,
        "key": [f"{label}/{name}" for name in names],
        "primary": values["score"],
    }
    return _typed(DataFrame(columns, index=range(n)), answered)


def _typed(frame: "DataFrame", answered: NDArray[np.bool_]) -> "DataFrame":
    """The types of the case table, and nothing where there is no answer."""
    from pandas import NA

    for name in ("prompt_tokens", "output_tokens", "concurrency"):
        frame[name] = frame[name].astype("Int64")
        frame.loc[~answered, name] = NA
    frame["repeat"] = frame["repeat"].astype("Int64")
    frame.loc[frame["confidence"].isna(), "confidence_source"] = NA
    texts = [name for name, _ in (*LEADING, *TRAILING) if name not in INTEGERS and frame[name].dtype.kind != "f"]
    return frame.astype(dict.fromkeys([*texts, "run"], "string"))
