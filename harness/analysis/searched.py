"""What each model's direct and retrieval cells score when the best is chosen fairly, and what retrieval adds."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from harness.analysis.arms import Role, ScoreTable, models_of
from harness.analysis.crossfit import CrossFit, SearchedCells, averaged_interval, cross_fit_rows
from harness.analysis.intervals import FloatArray, IntArray, Interval, distinct, mean_interval
from harness.analysis.margin_sensitivity import Rule, Side
from harness.analysis.model_sizes import ModelSize, size_of
from harness.analysis.refusals import Refused


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Chosen:
    """The cells of one kind searched together: the cross-fit, and the scores by question that later parts pair.

    `rows` has shape (1 or fold seeds, n), `mean` over the cells shape (n,), NaN where some cell has no score. `side` is
    the same by rule of choice, for the sensitivity of a verdict.
    """

    fit: CrossFit
    rows: FloatArray
    mean: FloatArray
    side: Side


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelUplift:
    """What one model gains by retrieval, in the unit of the score, higher is better.

    `direct` and `retrieval` are searched by the same rule; each tells the number of cells and the optimism of its
    in-sample maximum. `mean_uplift` is the mean over retrieval cells less that over direct ones, `best_uplift` the
    difference of the two cross-fits.
    """

    model: str
    params_b: float | None
    tier: str | None
    direct: CrossFit | Refused
    retrieval: CrossFit | Refused
    mean_uplift: Interval | Refused
    best_uplift: Interval | Refused


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Searches:
    """The direct and the retrieval search of every model that has such cells, models in study order."""

    models: tuple[ModelSize, ...]
    tiers: Mapping[str, str | None]
    direct: Mapping[str, Chosen]
    retrieval: Mapping[str, Chosen]


def search_models(table: ScoreTable, seed: int) -> Searches:
    """Search each model's direct cells and its retrieval cells, over those with its own weights and precision."""
    models = models_of(table.arms)
    found: dict[Role, dict[str, Chosen]] = {"none": {}, "retrieved": {}}
    for role, chosen in found.items():
        for size in models:
            if places := table.places(model=size.model, context=role):
                chosen[size.model] = search(table, places, seed)
    tiers = {arm.model: arm.tier for arm in table.arms}
    return Searches(models=models, tiers=tiers, direct=found["none"], retrieval=found["retrieved"])


def search(table: ScoreTable, places: Sequence[int], seed: int) -> Chosen:
    """Search at least one arm of the table; a score of which less is better is turned round."""
    values = table.scores[:, list(places)] * (1.0 if table.higher_is_better else -1.0)
    names = tuple(table.arms[place].label for place in places)
    cells = SearchedCells(names=names, scores=values, clusters=table.clusters)
    fit, rows = cross_fit_rows(cells, seed=seed)
    mean = values[:, 0] if len(places) == 1 else values.mean(axis=1)
    return Chosen(fit=fit, rows=rows, mean=mean, side=_side(cells, fit, rows, mean))


def model_uplifts(searches: Searches, clusters: IntArray) -> tuple[ModelUplift, ...]:
    """Every model's search and uplift, in study order."""
    return tuple(_uplift(size, searches, clusters) for size in searches.models)


def sized(searches: Searches, *, retrieval: bool) -> list[ModelSize]:
    """The models with a usable size and direct cells (and retrieval cells), smallest first."""
    both = searches.retrieval if retrieval else searches.direct
    known = [
        size
        for size in searches.models
        if not isinstance(size_of(size, "total"), str) and size.model in searches.direct
    ]
    return sorted((size for size in known if size.model in both), key=lambda size: size.params_b or 0.0)


def stacked(rows: Sequence[FloatArray]) -> FloatArray:
    """Scores by draw of several models, each (1 or draws, n), as one array of shape (draws, n, models)."""
    draws = max(len(each) for each in rows)
    return np.stack([np.broadcast_to(each, (draws, each.shape[1])) for each in rows], axis=-1)


def difference_of(differences: FloatArray, clusters: IntArray) -> Interval | Refused:
    """The interval of a paired difference by draw, shape (1 or draws, n), over the questions that have one."""
    there = np.asarray(np.isfinite(differences).all(axis=0))
    kept = clusters[there]
    if not len(kept):
        return Refused(reason=f"none of {len(there)} questions is scored in all of the cells")
    if len(differences) == 1:
        return mean_interval(differences[0, there], kept)
    if distinct(kept) < 2:  # noqa: PLR2004 - one cluster has no spread between clusters
        return Refused(reason=f"all {len(kept)} questions are in one cluster")
    return averaged_interval(differences[:, there], kept)


def told_fit(chosen: Chosen | None, kind: str) -> CrossFit | Refused:
    """The cross-fit of a search, or why there is none."""
    if chosen is None:
        return Refused(reason=f"needs 1 {kind} cell, has 0")
    return Refused(reason=chosen.fit.reason) if chosen.fit.reason is not None else chosen.fit


def _side(cells: SearchedCells, fit: CrossFit, rows: FloatArray, mean: FloatArray) -> Side:
    there = np.asarray(np.isfinite(cells.scores).all(axis=1))
    most = np.full((1, len(mean)), np.nan)
    if fit.best_in_sample is not None:
        most[0, there] = cells.scores[there, cells.names.index(fit.best_in_sample)]
    elif there.any():
        most[0, there] = cells.scores[there, int(np.argmax(cells.scores[there].mean(axis=0)))]
    refused: dict[Rule, str] = {} if fit.reason is None else {"cross-fit": fit.reason}
    return Side(
        searched=len(cells.names),
        rows={"maximum": most, "mean": mean[None], "cross-fit": rows},
        refused=refused,
    )


def _uplift(size: ModelSize, searches: Searches, clusters: IntArray) -> ModelUplift:
    direct, retrieval = searches.direct.get(size.model), searches.retrieval.get(size.model)
    mean: Interval | Refused = Refused(reason=f"needs direct and retrieval cells of {size.model}")
    best = mean
    if direct is not None and retrieval is not None:
        mean = difference_of((retrieval.mean - direct.mean)[None], clusters)
        best = difference_of(retrieval.rows - direct.rows, clusters)
    return ModelUplift(
        model=size.model,
        params_b=size.params_b if not isinstance(size_of(size, "total"), str) else None,
        tier=searches.tiers[size.model],
        direct=told_fit(direct, "direct"),
        retrieval=told_fit(retrieval, "retrieval"),
        mean_uplift=mean,
        best_uplift=best,
    )
