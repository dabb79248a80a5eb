"""Where the spread comes from, and whether more questions or more repeats would narrow the answer."""

from dataclasses import dataclass
from math import sqrt
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike

from harness.analysis.intervals import FloatArray


@dataclass(frozen=True, slots=True, kw_only=True)
class Component:
    """One variance by the method of moments; `estimate` may be negative when the truth is near 0, `variance` is not."""

    name: str
    df: float
    squares: float
    estimate: float

    @property
    def variance(self) -> float:
        """The estimate, and 0 where that is negative."""
        return max(0.0, self.estimate)


@dataclass(frozen=True, slots=True, kw_only=True)
class RepeatComponents:
    """Questions and repeats of one cell: sigma_q^2 between questions, sigma_e^2 between repeats of a question.

    `repeats` is the (effective) number of repeats per question. Both components are None exactly when `refused` says
    why.
    """

    n: int
    repeats: float
    question: Component | None = None
    residual: Component | None = None
    refused: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class StudyDesign:
    """The standard error that n questions with K repeats would have, and what doubling either would make of it."""

    n: int
    repeats: int
    se: float
    se_twice_questions: float
    se_twice_repeats: float
    advice: Literal["more questions", "either", "more repeats change nothing"]


@dataclass(frozen=True, slots=True, kw_only=True)
class CrossedComponents:
    """Models x questions x repeats, all crossed: four variances whose sums of squares add up to the total.

    With one repeat the residual cannot be told from model x question: `residual` is None and the latter holds both.
    All are None exactly when `refused` says why.
    """

    models: int
    n: int
    repeats: int
    total_squares: float
    model: Component | None = None
    question: Component | None = None
    model_question: Component | None = None
    residual: Component | None = None
    refused: str | None = None


def repeat_components(scores: ArrayLike) -> RepeatComponents:
    """Split the variance of one cell by one-way random-effects analysis of variance.

    sigma_e^2 = MS_e; sigma_q^2 = (MS_q - MS_e)/K0, K0 = (N - sum K_i^2/N)/(n - 1), which is K when balanced.

    Args:
        scores: questions by repeats, shape (n, K), NaN where a repeat has no score; questions without any are left out.

    Raises:
        ValueError: the scores are not a table, or hold an infinity.

    Source: Searle, Casella and McCulloch 1992, Variance Components, section 3.6.
    """
    table = _array(scores, 2)
    counts = np.sum(np.isfinite(table), axis=1)
    table, counts = table[counts > 0], counts[counts > 0].astype(np.float64)
    n, total = len(table), float(counts.sum())
    if n < 2:  # noqa: PLR2004 - a variance needs two
        return RepeatComponents(n=n, repeats=total, refused=f"a variance between questions needs 2 questions, here {n}")
    effective = (total - float(np.sum(counts**2)) / total) / (n - 1)
    if total == n:
        return RepeatComponents(n=n, repeats=1.0, refused="no question was repeated")
    means = np.nansum(table, axis=1) / counts
    within = float(np.nansum((table - means[:, None]) ** 2))
    between = float(counts @ (means - np.nansum(table) / total) ** 2)
    noise = within / (total - n)
    estimate = (between / (n - 1) - noise) / effective
    return RepeatComponents(
        n=n,
        repeats=effective,
        question=Component(name="question", df=n - 1, squares=between, estimate=estimate),
        residual=Component(name="residual", df=total - n, squares=within, estimate=noise),
    )


def study_error(components: RepeatComponents, n: int, repeats: int) -> float:
    """The standard error of a mean over n questions with K repeats each: sqrt(sigma_q^2/n + sigma_e^2/(n K)).

    Raises:
        ValueError: there are no components, or n or `repeats` is below 1.

    Source: Brennan 2001, Generalizability Theory, section 1.2.
    """
    if components.question is None or components.residual is None:
        raise ValueError(f"there are no variance components: {components.refused}")
    if n < 1 or repeats < 1:
        raise ValueError(f"a design has at least 1 question and 1 repeat, not {n} and {repeats}")
    return sqrt(components.question.variance / n + components.residual.variance / (n * repeats))


def study_design(components: RepeatComponents, n: int, repeats: int) -> StudyDesign:
    """What n questions with K repeats give, and which of the two is worth doubling.

    Doubling the questions halves the whole variance, doubling the repeats only the residual's share of it: repeats are
    as good only when questions do not differ, and are worth nothing when repeats do not.

    Raises:
        ValueError: as study_error.
    """
    se, questions, again = (
        study_error(components, *size) for size in ((n, repeats), (2 * n, repeats), (n, 2 * repeats))
    )
    even = again <= questions * (1 + 1e-9)
    useless = again >= se * (1 - 1e-9)
    return StudyDesign(
        n=n,
        repeats=repeats,
        se=se,
        se_twice_questions=questions,
        se_twice_repeats=again,
        advice="more repeats change nothing" if useless else "either" if even else "more questions",
    )


def crossed_components(scores: ArrayLike) -> CrossedComponents:
    """Split the variance of models x questions x repeats, all random and crossed, by its expected mean squares.

    Args:
        scores: shape (models, questions, repeats), without gaps.

    Raises:
        ValueError: the scores have another shape or a value that is not finite.

    Source: Searle, Casella and McCulloch 1992, Variance Components, chapter 4.
    """
    table = _array(scores, 3)
    if not np.isfinite(table).all():
        raise ValueError("a crossed design must have no gaps; leave out questions that a model did not answer")
    models, n, repeats = table.shape
    grand = float(table.mean()) if table.size else 0.0
    total = float(np.sum((table - grand) ** 2))
    if models < 2 or n < 2 or not repeats:  # noqa: PLR2004 - a variance needs two
        reason = f"crossed components need 2 models and 2 questions, here {models} and {n}, with {repeats} repeats"
        return CrossedComponents(models=models, n=n, repeats=repeats, total_squares=total, refused=reason)
    by_model, by_question = table.mean(axis=(1, 2)) - grand, table.mean(axis=(0, 2)) - grand
    cells = table.mean(axis=2)
    both = cells - by_model[:, None] - by_question[None, :] - grand
    squares = {
        "model": n * repeats * float(np.sum(by_model**2)),
        "question": models * repeats * float(np.sum(by_question**2)),
        "model x question": repeats * float(np.sum(both**2)),
        "residual": float(np.sum((table - cells[:, :, None]) ** 2)),
    }
    found = _components(squares, table.shape)
    return CrossedComponents(
        models=models,
        n=n,
        repeats=repeats,
        total_squares=total,
        model=found["model"],
        question=found["question"],
        model_question=found["model x question"],
        residual=found.get("residual"),
    )


def _components(squares: dict[str, float], shape: tuple[int, ...]) -> dict[str, Component]:
    models, n, repeats = shape
    df = {
        "model": models - 1,
        "question": n - 1,
        "model x question": (models - 1) * (n - 1),
        "residual": models * n * (repeats - 1),
    }
    mean = {name: squares[name] / df[name] for name in df if df[name]}
    estimates = {
        "model": (mean["model"] - mean["model x question"]) / (n * repeats),
        "question": (mean["question"] - mean["model x question"]) / (models * repeats),
        "model x question": (mean["model x question"] - mean.get("residual", 0.0)) / repeats,
        "residual": mean.get("residual", 0.0),
    }
    return {
        name: Component(name=name, df=df[name], squares=squares[name], estimate=estimates[name])
        for name in df
        if df[name]
    }


def _array(scores: ArrayLike, dimensions: int) -> FloatArray:
    table = np.asarray(scores, dtype=np.float64)
    if table.ndim != dimensions:
        raise ValueError(f"scores must have {dimensions} dimensions, not {table.ndim}")
    if np.isinf(table).any():
        raise ValueError("scores must not be infinite")
    return table
