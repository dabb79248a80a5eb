"""Score tables with planted means, for the tests of what is read off them."""

from collections.abc import Mapping, Sequence

import numpy as np

from harness.analysis.arms import Arm, Questions, ScoreTable
from harness.analysis.model_sizes import ModelSize
from harness.registry.catalog import tier

CONTEXTS = {"direct": "none", "hints": "none", "rag": "retrieved", "rag-2": "retrieved", "gold": "gold"}


def arm(model: str, condition: str, params_b: float | None, **more: object) -> Arm:
    usable = params_b if params_b is not None and 0 < params_b < float("inf") else None
    size = ModelSize(model=model, params_b=params_b)
    return Arm(size=size, condition=condition, context=CONTEXTS[condition], tier=tier(usable), **more)


def score_table(
    arms: Sequence[Arm], scores: np.ndarray, *, clusters: np.ndarray | None = None, **more: object
) -> ScoreTable:
    n = len(scores)
    questions = Questions(
        datasets=("d",) * n,
        ids=tuple(f"q{place:04d}" for place in range(n)),
        tasks=(None,) * n,
        clusters=np.arange(n) if clusters is None else clusters,
        guess=np.zeros(n),
    )
    told = {"name": "correct", "missing": "not right"} | more
    return ScoreTable(arms=tuple(arms), scores=np.asarray(scores, dtype=np.float64), questions=questions, **told)


def planted_table(
    means: Mapping[tuple[str, str], float],
    sizes: Mapping[str, float | None],
    *,
    n: int = 200,
    seed: int = 1,
    **more: object,
) -> ScoreTable:
    """Right and wrong answers whose share is the planted mean to 1/n, shuffled per arm."""
    rng = np.random.default_rng(seed)
    columns = [rng.permutation((np.arange(n) < round(mean * n)).astype(float)) for mean in means.values()]
    arms = [arm(model, condition, sizes[model]) for model, condition in means]
    return score_table(arms, np.column_stack(columns), **more)
