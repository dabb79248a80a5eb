"""Tiers of size: what each scores directly and with retrieval, beside the next tier."""

from collections.abc import Sequence

from harness.analysis.crossfit import CrossFit
from harness.analysis.intervals import Interval
from harness.analysis.margin import MarginVerdict
from harness.analysis.ratios import Ratio
from harness.analysis.refusals import Refused
from harness.analysis.tiers_by_interval import TierStanding
from harness.report.figures.axes import share_axis
from harness.report.figures.figure import Figure, FigureData
from harness.report.figures.marks import Dot, ends
from harness.report.figures.rows import Column, Mark, Table, label_room, row_sheet
from harness.report.figures.sheet import Entry, key_of
from harness.report.figures.theme import condition_styles
from harness.report.figures.words import interval_words, n_words, sentence, share_tip, signed, whole

ROW = 66.0  # pixels of a row of three points and a line of text
FIRST, STEP = 12.0, 14.0
_STYLES = condition_styles(("direct", "rag"))
SERIES = (
    Entry(text="direct", style=_STYLES["direct"]),
    Entry(text="best retrieval", style=_STYLES["rag"]),
    Entry(text="next tier, direct", style=_STYLES["direct"], hollow=True),
)


def tier_compensation(data: FigureData, width: int) -> Figure | Refused:
    """Each tier's best retrieval beside its own and the next tier's best direct answering, all cross-fitted."""
    share = data.analysis.headline
    if isinstance(share, Refused):
        return share
    if isinstance(share.tiers, Refused):
        return share.tiers
    tiers = [tier for tier in share.tiers if isinstance(tier.direct, CrossFit) or isinstance(tier.retrieval, CrossFit)]
    if not any(isinstance(tier.retrieval, CrossFit) for tier in tiers):
        return Refused(reason="no tier has retrieval cells")
    told = [one for tier in tiers for one in _estimates(tier) if one is not None]
    table = Table(names=[f"{tier.tier} ({len(tier.models)})" for tier in tiers], row=ROW)
    column = Column(
        heading="",
        axis=share_axis(ends(told), "right answers, %"),
        marks=[mark for row, tier in enumerate(tiers) for mark in _marks(row, tier)],
        notes={row: _verdict(tier) for row, tier in enumerate(tiers)},
    )
    return Figure(
        stem="tier_compensation",
        title="Can retrieval replace the next tier of size?",
        alt=_finding(tiers),
        caption=sentence(
            n_words(one.n for one in told),
            interval_words(told),
            f"Verdicts on a margin of {100 * data.analysis.margin:g} points.",
            "Each is the best cell of its tier, chosen on other questions than it is scored on (cross-fitted); behind "
            "a tier's name stands the number of its models.",
        ),
        spec=row_sheet(table, [column], width, key_of(SERIES, width, label_room(table, width))),
        width=width,
    )


def _estimates(tier: TierStanding) -> list[Interval | None]:
    return [
        found.estimate if isinstance(found, CrossFit) else None
        for found in (tier.direct, tier.retrieval, tier.next_direct)
    ]


def _marks(row: int, tier: TierStanding) -> list[Mark]:
    return [
        Mark(
            row=row,
            slot=(FIRST + STEP * place) / ROW,
            dot=Dot(
                x=found.estimate,
                y=0.0,
                low=found.low,
                high=found.high,
                style=entry.style,
                hollow=entry.hollow,
                tip=share_tip(f"{tier.tier} · {entry.text}", found),
            ),
        )
        for place, (entry, found) in enumerate(zip(SERIES, _estimates(tier), strict=True))
        if found is not None
    ]


def _verdict(tier: TierStanding) -> str:
    if isinstance(tier.verdict, Refused):
        return tier.verdict.reason
    found = tier.verdict
    return f"{found.standing}: {signed(found.outer.estimate)} points to {tier.next_tier}{_ratio(tier.compensation)}"


def _ratio(found: Ratio | Refused) -> str:
    return "" if isinstance(found, Refused) or found.estimate is None else f", ratio {found.estimate:.2f}"


def _finding(tiers: Sequence[TierStanding]) -> str:
    told = [
        f"{tier.tier} with retrieval is {tier.verdict.standing} to {tier.next_tier} direct "
        f"({signed(tier.verdict.outer.estimate)} points)"
        for tier in tiers
        if isinstance(tier.verdict, MarginVerdict)
    ]
    best = [(tier.tier, found) for tier in tiers if (found := _estimates(tier)[1]) is not None]
    name, found = best[0]
    alone = f"the best retrieval of the tier {name} gets {whole(found.estimate)} right; no tier above has direct cells"
    shown = "; ".join(told) or alone
    return f"{shown[0].upper()}{shown[1:]}."
