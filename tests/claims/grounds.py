"""Grounds of claims from arrays: cells with planted scores, without cases, stores or models."""

from collections.abc import Mapping, Sequence
from statistics import NormalDist

import numpy as np

from harness.analysis.arms import Arm, CaseGrid, Questions
from harness.analysis.model_sizes import ModelSize
from harness.claims.ground import Asked, Ground

CONTEXTS = {"direct": "none", "rag": "retrieved", "oracle": "gold"}
SIZES = {"s": 0.1, "m": 1.0, "l": 10.0, "xl": 100.0}


def make_ground(scores: Mapping[str, Sequence[float]], **changes: object) -> Ground:
    """Cells by MODEL:CONDITION with 1 for right, 0 for wrong and NaN for a failed call, on the same questions.

    `clusters` and `tasks` hold one value per question, `confidence` and `metrics[NAME@VERSION]` one row per cell,
    `unasked` how many cases of a cell have no outcome; other changes are fields of Ground.
    """
    right = np.array([np.asarray(values, dtype=float) for values in scores.values()])
    n = right.shape[1]
    clusters = np.asarray(changes.pop("clusters", np.arange(n)), dtype=np.intp)
    tasks = tuple(changes.pop("tasks", [None] * n))
    rows = dict(changes.pop("metrics", {}))
    confidence = changes.pop("confidence", None)
    unasked = changes.pop("unasked", {})
    answered = np.isfinite(right)
    columns = {
        "answered": answered.astype(float),
        "correct": np.where(answered, right, 0.0),
        "primary": np.where(answered, right, np.nan),
        "confidence": np.full(right.shape, np.nan) if confidence is None else np.asarray(confidence, dtype=float),
        "loss_nll": np.asarray(rows.get("loss@1", np.full(right.shape, np.nan)), dtype=float),
    } | {name: np.asarray(values, dtype=float) for name, values in rows.items()}
    arms = tuple(_arm(name) for name in scores)
    grid = CaseGrid(
        arms=arms,
        arm_of=np.arange(len(arms)),
        repeats=np.zeros(len(arms), dtype=np.intp),
        questions=Questions(
            datasets=("d",) * n,
            ids=tuple(map(str, range(n))),
            tasks=tasks,
            clusters=clusters,
            guess=np.zeros(n),
        ),
        columns=columns,
        metrics=tuple(rows),
        answers=None,
        sources=(),
        left_out=(),
    )
    asked = {
        name: Asked(planned=n, unasked=unasked.get(name, 0), failed=int((~answered[place]).sum()))
        for place, name in enumerate(scores)
    }
    fields = {
        "grids": (grid,),
        "results": (),
        "cells": asked,
        "elsewhere": (),
        "tasks": frozenset(task for task in tasks if task),
        "margin": 0.05,
        "seed": 0,
    }
    return Ground(**{**fields, **changes})


def _arm(name: str) -> Arm:
    model, _, condition = name.rpartition(":")
    return Arm(
        size=ModelSize(model=model, params_b=SIZES.get(model)),
        condition=condition,
        context=CONTEXTS[condition],
    )


def drawn(rng: np.random.Generator, n: int, **shares: float) -> dict[str, np.ndarray]:
    """Cells of right and wrong answers at these shares (s_rag=.8 is s:rag), correlated through the questions."""
    shared = rng.normal(size=n)
    found = {}
    for name, share in shares.items():
        own = 0.7 * shared + np.sqrt(1 - 0.49) * rng.normal(size=n)
        found[name.replace("_", ":")] = (own < NormalDist().inv_cdf(share)).astype(float)
    return found


def exactly(n: int, **right: int) -> dict[str, np.ndarray]:
    """Cells with so many right answers, at the first questions."""
    return {name.replace("_", ":"): (np.arange(n) < count).astype(float) for name, count in right.items()}
