"""Does the best retrieval of one tier of size hold its own against the next tier's direct answering, with intervals?"""

from dataclasses import dataclass
from itertools import pairwise

from harness.analysis.arms import Role, ScoreTable
from harness.analysis.crossfit import CrossFit
from harness.analysis.margin import MarginVerdict
from harness.analysis.margin_sensitivity import SensitivityRow, sensitivity_of
from harness.analysis.ratios import Ratio, compensation_ratio
from harness.analysis.refusals import Refused
from harness.analysis.searched import Chosen, search, stacked, told_fit
from harness.analysis.substitutes import headline
from harness.registry.catalog import TIERS

_Searches = dict[tuple[str, Role], Chosen | None]


@dataclass(frozen=True, slots=True, kw_only=True)
class TierStanding:
    """One tier: its best direct and its best retrieval cell over all of its models, both cross-fitted.

    `verdict` judges that retrieval against the next tier's best direct cell within the declared margin, `compensation`
    is (retrieval - direct) / (next direct - direct); `sensitivity` has the verdict under every rule of choice.
    """

    tier: str
    models: tuple[str, ...]
    next_tier: str | None
    direct: CrossFit | Refused
    retrieval: CrossFit | Refused
    next_direct: CrossFit | Refused
    verdict: MarginVerdict | Refused
    compensation: Ratio | Refused
    sensitivity: tuple[SensitivityRow, ...] = ()


def tier_standings(table: ScoreTable, margin: float, seed: int) -> tuple[TierStanding, ...] | Refused:
    """One row per tier that has cells, smallest first; the next tier is the next one that has any."""
    tiers = [name for name in TIERS if table.places(tier=name)]
    if not tiers:
        return Refused(reason="needs 1 model with known size, has 0")
    if not table.higher_is_better:
        return Refused(reason=f"{table.name} is better when it is lower")
    kinds: tuple[Role, Role] = ("none", "retrieved")
    found: _Searches = {(name, kind): _search(table, name, kind, seed) for name in tiers for kind in kinds}
    return tuple(_row(table, (name, following), found, margin) for name, following in pairwise([*tiers, None]) if name)


def _search(table: ScoreTable, tier: str, kind: Role, seed: int) -> Chosen | None:
    places = table.places(tier=tier, context=kind)
    return search(table, places, seed) if places else None


def _row(table: ScoreTable, names: tuple[str, str | None], found: _Searches, margin: float) -> TierStanding:
    tier, following = names
    direct, retrieval = found[tier, "none"], found[tier, "retrieved"]
    ahead = None if following is None else found[following, "none"]
    no_next = Refused(reason="the largest tier has no next")
    why = _missing(retrieval, ahead) if following else no_next
    verdict: MarginVerdict | Refused = why
    compensation: Ratio | Refused = why
    rows: tuple[SensitivityRow, ...] = ()
    if retrieval is not None and ahead is not None and 0 < margin < float("inf"):
        rows = sensitivity_of(retrieval.side, ahead.side, table.clusters, margin=margin)
        verdict = headline(rows)
    if direct is not None and retrieval is not None and ahead is not None:
        scores = stacked([direct.rows, retrieval.rows, ahead.rows])
        compensation = compensation_ratio(scores, table.clusters)
    return TierStanding(
        tier=tier,
        models=tuple(dict.fromkeys(table.arms[place].model for place in table.places(tier=tier))),
        next_tier=following,
        direct=told_fit(direct, "direct"),
        retrieval=told_fit(retrieval, "retrieval"),
        next_direct=told_fit(ahead, "direct") if following else no_next,
        verdict=verdict,
        compensation=compensation,
        sensitivity=rows,
    )


def _missing(retrieval: Chosen | None, ahead: Chosen | None) -> Refused:
    if retrieval is None:
        return Refused(reason="the tier has no retrieval cells")
    if ahead is None:
        return Refused(reason="the next tier has no direct cells")
    return Refused(reason="a verdict needs a declared margin above 0")
