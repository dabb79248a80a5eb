"""The sizes of the models in a fit: which ones have a usable size, and the design that a line over them has."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from math import isfinite, log10
from typing import Literal

import numpy as np

from harness.analysis.intervals import FloatArray

SizeKind = Literal["total", "active"]
SAME_SIZE = 1e-9  # spread of log10 sizes below which they are one size
MODELS_FOR_INTERVAL = 3
MODELS_FOR_FAMILIES = 6
FAMILY_LEAST = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelSize:
    """A model and its size: `params_b` and, for a mixture of experts, `active_params_b`, both in billions."""

    model: str
    params_b: float | None
    active_params_b: float | None = None
    family: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class SizeDesign:
    """The design of a line over models: one intercept column per name in `intercepts`, then log10 size - `centre`.

    `intercepts` is ("all",) for a common one; `why_common` says why families share it where they could have differed.
    """

    matrix: FloatArray
    intercepts: tuple[str, ...]
    centre: float
    why_common: str | None


def size_of(size: ModelSize, kind: SizeKind) -> float | str:
    """The size in billions, or why the model has none; the active size of a dense model is its total one."""
    value = size.params_b
    if kind == "active" and size.active_params_b is not None:
        value = size.active_params_b
    if value is None:
        return "its size is not known"
    if not isfinite(value) or value <= 0:
        return f"its size of {value:g} billion parameters is not above 0 and finite"
    return value


def usable(sizes: Sequence[ModelSize], kind: SizeKind) -> tuple[list[int], tuple[tuple[str, str], ...]]:
    """The places of the models with a size, and the others with the reason.

    Raises:
        ValueError: a model stands twice, or `kind` is neither total nor active.
    """
    if kind not in {"total", "active"}:
        raise ValueError(f"size is 'total' or 'active', not {kind!r}")
    twice = [model for model, count in Counter(size.model for size in sizes).items() if count > 1]
    if twice:
        raise ValueError(f"model {twice[0]!r} stands twice; a model is one point of a fit")
    found = [size_of(size, kind) for size in sizes]
    places = [place for place, value in enumerate(found) if not isinstance(value, str)]
    left_out = [(size.model, why) for size, why in zip(sizes, found, strict=True) if isinstance(why, str)]
    return places, tuple(left_out)


def design_of(sizes: Sequence[ModelSize], kind: SizeKind, *, by_family: bool = True) -> SizeDesign | str:
    """The design of a line through models that all have a size, or why no line can be drawn.

    Families get intercepts of their own only when all are named, each has at least 2 models, there are at least 6
    models, and sizes differ within a family.
    """
    if len(sizes) < 2:  # noqa: PLR2004 - two points make a line
        return f"a line needs at least 2 models with a size, here {len(sizes)}"
    logs = np.array([log10(float(size_of(size, kind))) for size in sizes])
    if np.ptp(logs) <= SAME_SIZE:
        return f"all {len(sizes)} models have the same size"
    centre = float(logs.mean())
    why_common = _why_common(sizes, logs) if by_family else None
    families = sorted({size.family or "" for size in sizes})
    if not by_family or why_common is not None or len(families) == 1:
        columns, names = [np.ones(len(logs))], ["all"]
    else:
        columns = [np.array([float(size.family == name) for size in sizes]) for name in families]
        names = families
    matrix = np.column_stack([*columns, logs - centre])
    return SizeDesign(matrix=matrix, intercepts=tuple(names), centre=centre, why_common=why_common)


def _why_common(sizes: Sequence[ModelSize], logs: FloatArray) -> str | None:
    counts = Counter(size.family for size in sizes)
    if len(counts) == 1:
        return None
    if None in counts:
        return f"the family of {counts[None]} of {len(sizes)} models is not known"
    alone = sorted(name for name, count in counts.items() if name is not None and count < FAMILY_LEAST)
    if alone:
        return f"family {alone[0]!r} has only 1 model"
    if len(sizes) < MODELS_FOR_FAMILIES:
        return f"{len(counts)} intercepts and a slope need at least {MODELS_FOR_FAMILIES} models, here {len(sizes)}"
    within = max(float(np.ptp(logs[[size.family == name for size in sizes]])) for name in counts)
    return "no family has models of different sizes" if within <= SAME_SIZE else None
