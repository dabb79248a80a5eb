"""Effects of retrieval and fine-tuning within each model and against size, from the score table."""

from dataclasses import dataclass, replace

import numpy as np

from harness.analysis.arms import ScoreTable, models_of
from harness.analysis.by_model_size import line_of
from harness.analysis.distributions import generator
from harness.analysis.interaction import (
    BY_NAME,
    CONTRASTS,
    Contrast,
    Effect,
    SizeRow,
    contrast_values,
    effect,
    level_of,
)
from harness.analysis.intervals import FloatArray
from harness.analysis.model_sizes import ModelSize, size_of
from harness.analysis.multiplicity import adjust
from harness.analysis.refusals import Refused
from harness.analysis.six_conditions import CONDITIONS
from harness.analysis.uplift_line import UpliftLine


@dataclass(frozen=True, slots=True, kw_only=True)
class ContrastLine:
    """One contrast of the conditions against log10 of the size of the models that ran it."""

    contrast: Contrast
    line: UpliftLine | Refused


@dataclass(frozen=True, slots=True, kw_only=True)
class Effects:
    """The contrasts of every model that ran their conditions, the table by size, and each contrast's line."""

    effects: tuple[Effect, ...]
    rows: tuple[SizeRow, ...]
    lines: tuple[ContrastLine, ...]


def condition_effects_of(table: ScoreTable, seed: int) -> Effects | Refused:
    """Every contrast of the six conditions; p adjusted over all of them (exploratory), models in study order."""
    by_model = {size.model: _numbered(table, size.model) for size in models_of(table.arms)}
    made = [
        _effect(table, (size, by_model[size.model]), contrast, seed)
        for size in models_of(table.arms)
        for contrast in CONTRASTS
        if set(by_model[size.model]).issuperset({*contrast.plus, *contrast.minus})
    ]
    if not made:
        numbers = len({number for scores in by_model.values() for number in scores})
        return Refused(reason=f"needs 2 of the conditions {', '.join(CONDITIONS)} in one model, has {numbers}")
    adjusted = adjust([found.p for found in made], exploratory=True)
    effects = tuple(replace(found, adjusted=p) for found, p in zip(made, adjusted, strict=True))
    lines = tuple(line for contrast in CONTRASTS if (line := _line(table, by_model, contrast)) is not None)
    rows = tuple(_row(table, size, by_model[size.model], seed) for size in models_of(table.arms))
    return Effects(effects=effects, rows=rows, lines=lines)


def _numbered(table: ScoreTable, model: str) -> dict[int, FloatArray]:
    return {
        CONDITIONS[arm.condition]: table.scores[:, place]
        for place, arm in enumerate(table.arms)
        if arm.model == model and arm.condition in CONDITIONS and arm.quantisation is None
    }


def _effect(table: ScoreTable, of: tuple[ModelSize, dict[int, FloatArray]], contrast: Contrast, seed: int) -> Effect:
    size, scores = of
    rng = generator(seed, "sign flips", table.name, table.missing, size.model, contrast.name)
    found = effect(scores, contrast, table.clusters, rng=rng)
    return replace(found, model=size.model, params_b=_known(size))


def _line(table: ScoreTable, by_model: dict[str, dict[int, FloatArray]], contrast: Contrast) -> ContrastLine | None:
    values = {
        size: found
        for size in models_of(table.arms)
        if (found := contrast_values(by_model[size.model], contrast)) is not None
    }
    if not values:
        return None
    return ContrastLine(
        contrast=contrast, line=line_of(tuple(values), np.column_stack(list(values.values())), table.clusters)
    )


def _row(table: ScoreTable, size: ModelSize, scores: dict[int, FloatArray], seed: int) -> SizeRow:
    rag, ft, synergy = (_effect(table, (size, scores), BY_NAME[name], seed) for name in ("2-1", "3-1", "(4-3)-(2-1)"))
    levels = {number: level_of(scores.get(number), table.clusters) for number in (1, 2, 4)}
    return SizeRow(
        metric=table.name,
        model=size.model,
        params_b=_known(size),
        base=levels[1],
        rag=levels[2],
        ft_rag=levels[4],
        rag_benefit=rag,
        ft_benefit=ft,
        synergy=synergy,
    )


def _known(size: ModelSize) -> float | None:
    return None if isinstance(size_of(size, "total"), str) else size.params_b
