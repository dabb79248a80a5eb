"""How the models and conditions of one run look in all of its figures, and what they are called there."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import lru_cache

from harness.analysis.frame import CaseTables
from harness.providers.services import SERVICES
from harness.report.figures.figure import FigureData
from harness.report.figures.names import SHOWN, short_names
from harness.report.figures.theme import (
    HOSTED_SHAPE,
    LOCAL_SHAPE,
    Style,
    condition_styles,
    family_colours,
)

HERE = "http://127.0.0.1"  # where a server on one's own machine answers


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """The models by size, then name, and the conditions in study order, with their short names and styles.

    `sizes_b` is None for a model without a usable size. `by_family` has the colour of a model's family and the shape of
    where it runs: a square here, a circle behind an API.
    """

    models: tuple[str, ...]
    conditions: tuple[str, ...]
    names: Mapping[str, str]
    condition_names: Mapping[str, str]
    sizes_b: Mapping[str, float | None]
    families: Mapping[str, str | None]
    styles: Mapping[str, Style]
    by_family: Mapping[str, Style]

    def cell_style(self, model: str, condition: str) -> Style:
        """The condition's colour in the shape of where the model runs."""
        return replace(self.styles[condition], shape=self.by_family[model].shape)


def look_of(data: FigureData, *, most: int = SHOWN) -> Look:
    """The look of a run's models and conditions; model names take at most `most` characters."""
    cells = data.summary.cells
    sizes = {cell.model: cell.params_b for cell in cells}
    models = tuple(sorted(sizes, key=lambda model: (sizes[model] is None, sizes[model] or 0.0, model)))
    contexts = {arm.condition: arm.context for arm in data.analysis.compared.arms}
    conditions = tuple(sorted({cell.condition for cell in cells}, key=lambda name: _order(name, contexts)))
    families = {arm.model: arm.size.family for arm in data.analysis.compared.arms}
    colours = family_colours(families.values())
    hosted = _hosted(data.tables)
    return Look(
        models=models,
        conditions=conditions,
        names=short_names(models, most),
        condition_names=short_names(conditions, most),
        sizes_b=sizes,
        families={model: families.get(model) for model in models},
        styles=condition_styles(conditions),
        by_family={
            model: Style(colour=colours[families.get(model)], shape=HOSTED_SHAPE if model in hosted else LOCAL_SHAPE)
            for model in models
        },
    )


def _order(name: str, contexts: Mapping[str, str]) -> tuple[object, ...]:
    ranks = ("none", "retrieved", "gold", "distractor")
    context = contexts.get(name)
    fixed = ("direct", "rag", "ft", "ft+rag", "rag-ft", "rag-ft+rag")
    place = fixed.index(name) if name in fixed else len(fixed)
    return place, ranks.index(context) if context in ranks else len(ranks), name


@lru_cache(maxsize=1)  # every figure of a run asks, and a run may have 100,000 results
def _hosted(tables: CaseTables) -> frozenset[str]:
    specs = {result.case.model: result.case.cell.model for result in tables.results}
    return frozenset(name for name, spec in specs.items() if _is_elsewhere(spec.provider))


def _is_elsewhere(provider: str) -> bool:
    service = SERVICES.get(provider)
    return service is not None and not (service.base_url or "").startswith(HERE)
