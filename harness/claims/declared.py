"""The claims of a study file as one family: judged together, by Holm."""

from collections.abc import Callable, Mapping
from dataclasses import replace

from harness.analysis.gate import Gate
from harness.claimfile import (
    AnyClaim,
    BeatsClaim,
    CalibratedClaim,
    LevelClaim,
    MatchesClaim,
    RegressionClaim,
    TrendClaim,
)
from harness.claims.calibrated import calibrated
from harness.claims.ground import Ground
from harness.claims.levels import Bound, Side, bounded
from harness.claims.pairs import Rivals, beats, matches
from harness.claims.regression import unregressed
from harness.claims.results import ALPHA, ClaimResult, Finding, Undecided, judge, undecided
from harness.claims.trends import Trend, Way, trending

Against = Callable[[str, float | None, str], Gate]


def declared_results(claims: Mapping[str, AnyClaim], ground: Ground, against: Against) -> dict[str, ClaimResult]:
    """The verdict of every declared claim, by label; no claims give none.

    Args:
        claims: by label, as `Study.claims`.
        ground: the run.
        against: holds the run against a baseline: place, margin or None for the baseline's own, metric.

    Raises:
        HarnessError: a claim names what the run does not have.
    """
    alpha = ALPHA / max(1, len(claims))  # of the family's first step, for the questions that are needed
    findings = [finding(claim, ground, against, alpha=alpha) for claim in claims.values()]
    judged = judge(findings)
    return {label: replace(result, label=label) for label, result in zip(claims, judged, strict=True)}


def finding(claim: AnyClaim, ground: Ground, against: Against, *, alpha: float = ALPHA) -> Finding:
    """What the run says of one claim.

    Raises:
        HarnessError: the claim names what the run does not have.
    """
    match claim:
        case MatchesClaim():
            rivals = Rivals(a=claim.a, b=claim.b, metric=claim.metric)
            return matches(ground, rivals, claim.margin, alpha=alpha)
        case BeatsClaim():
            return beats(ground, Rivals(a=claim.a, b=claim.b, metric=claim.metric), claim.by, alpha=alpha)
        case LevelClaim():
            side: Side = "at least" if claim.kind == "at_least" else "at most"
            bound = Bound(cell=claim.cell, side=side, value=claim.value, metric=claim.metric)
            return bounded(ground, bound, alpha=alpha)
        case CalibratedClaim():
            return calibrated(ground, claim.model, claim.max_ece, alpha=alpha)
        case TrendClaim():
            way: Way = "grows" if claim.kind == "grows_with_size" else "shrinks"
            return trending(ground, Trend(quantity=claim.quantity, way=way, condition=claim.condition, task=claim.task))
        case RegressionClaim():
            return compared((claim.baseline, claim.margin, claim.metric), ground, against)


def compared(asked: tuple[str, float | None, str], ground: Ground, against: Against) -> Finding:
    """What the run says against a stored one, once all of it is asked; `asked` is what `against` takes."""
    unasked = sum(cell.unasked for cell in ground.cells.values())
    if unasked:
        planned = sum(cell.planned for cell in ground.cells.values())
        why = Undecided(f"{unasked} of the {planned} planned cases have no answer yet")
        return undecided(f"no cell is worse than in {asked[0]}", why)
    return unregressed(against(*asked))
