"""What matters within each tier of size: how much of the spread of scores each factor explains."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from harness.analysis.importance import FactorShare
from harness.analysis.refusals import Refused
from harness.analysis.whole import ShareAnalysis
from harness.report.figures.axes import value_axis
from harness.report.figures.figure import Figure, FigureData
from harness.report.figures.marks import Dot
from harness.report.figures.names import short_names
from harness.report.figures.rows import AREA, Column, Mark, Table, label_room, row_height, row_sheet
from harness.report.figures.sheet import Entry, key_of
from harness.report.figures.theme import Style, condition_styles, light
from harness.report.figures.words import n_words, sentence, whole

if TYPE_CHECKING:
    from harness.analysis.published import Published

ALL_SIZES = "all sizes"
PERCENT = "format(100 * datum.value, '~g')"
OMEGA = Entry(text="omega squared", style=condition_styles(("direct",))["direct"])
PUBLISHED = Entry(text="published share (compatible)", style=Style(colour=light("flat"), shape="diamond"), hollow=True)
Shares = Mapping[str, Sequence[tuple[str, FactorShare]]]


def variance_by_tier(data: FigureData, width: int) -> Figure | Refused:
    """What moves the mean score of an experiment within each tier: omega squared, and the published share."""
    share = data.analysis.headline
    if isinstance(share, Refused):
        return share
    found = _shares(share)
    if isinstance(found, Refused):
        return found
    published = _published(data.analysis.published)
    factors = list(dict.fromkeys(name for shares in found.values() for name, _ in shares))
    axis = value_axis([0.0, *_reach(found, published)], "share of the variance, %", label=PERCENT)
    columns = [
        Column(heading=tier, axis=axis, marks=_marks(factors, shares, published.get(tier, {})), zero=0.0)
        for tier, shares in found.items()
    ]
    table = Table(names=list(short_names(factors).values()), row=row_height(2))
    compatible = any(published.get(tier) for tier in found)
    key = [OMEGA, PUBLISHED] if compatible else []
    return Figure(
        stem="variance_by_tier",
        title="What matters within each tier of size",
        alt=_finding(found),
        caption=sentence(
            n_words((one.n for shares in found.values() for _, one in shares), "experiment", "per panel"),
            "Bars: 95 % bootstrap intervals of omega squared; below 0 chance explains more.",
            "The published share is marginal and has no interval; such shares can add up to more than 100 %."
            if compatible
            else "",
            _left_out(share),
        ),
        spec=row_sheet(table, columns, width, key_of(key, width, label_room(table, width))),
        width=width,
    )


def _shares(share: ShareAnalysis) -> Shares | Refused:
    """The factors and pairs of each tier that has an importance."""
    if isinstance(share.importance, Refused):
        return share.importance
    found: dict[str, list[tuple[str, FactorShare]]] = {}
    for tier in share.importance:
        if not isinstance(tier.importance, Refused):
            known = [(" by ".join(one.factors), one) for one in tier.importance.shares if one.omega_squared is not None]
            found |= {tier.tier or ALL_SIZES: known} if known else {}
    if found:
        return found
    reasons = [one.importance.reason for one in share.importance if isinstance(one.importance, Refused)]
    return Refused(reason=reasons[0] if reasons else "no factor could be told from the others")


def _published(found: "Published | Refused") -> Mapping[str, Mapping[str, float]]:
    if isinstance(found, Refused):
        return {}
    return {
        tier.tier or ALL_SIZES: {one.factor: one.percent / 100 for one in tier.shares}
        for tier in (*found.variance_by_tier, found.variance)
    }


def _reach(found: Shares, published: Mapping[str, Mapping[str, float]]) -> list[float]:
    ours = [end for shares in found.values() for _, one in shares for end in (one.omega_squared, one.low, one.high)]
    theirs = [value for tier in found for value in published.get(tier, {}).values()]
    return [end for end in (*ours, *theirs) if end is not None]


def _marks(
    factors: Sequence[str], shares: Sequence[tuple[str, FactorShare]], published: Mapping[str, float]
) -> list[Mark]:
    ours = [Mark(row=factors.index(name), slot=1 / 3, dot=_dot(name, one)) for name, one in shares]
    theirs = [
        Mark(
            row=factors.index(name),
            slot=2 / 3,
            dot=Dot(
                x=value,
                y=0.0,
                style=PUBLISHED.style,
                hollow=True,
                area=AREA,
                tip=f"{name}: {100 * value:.1f} % (published formula)",
            ),
        )
        for name, value in published.items()
        if name in factors
    ]
    return [*ours, *theirs]


def _dot(name: str, one: FactorShare) -> Dot:
    omega = one.omega_squared or 0.0
    ends = "" if one.low is None or one.high is None else f" [{100 * one.low:.0f}, {100 * one.high:.0f}]"
    null = "" if one.null_high is None else f"; chance alone reaches {100 * one.null_high:.0f} % once in twenty"
    tip = f"{name}: {100 * omega:.1f}{ends} %, n = {one.n} experiments{null}"
    return Dot(x=omega, y=0.0, low=one.low, high=one.high, style=OMEGA.style, tip=tip, area=AREA)


def _left_out(share: ShareAnalysis) -> str:
    if isinstance(share.importance, Refused):
        return ""
    told = [
        f"{one.tier or ALL_SIZES}: {one.importance.reason}"
        for one in share.importance
        if isinstance(one.importance, Refused)
    ]
    return f"Not shown: {'; '.join(told)}." if told else ""


def _finding(found: Shares) -> str:
    told = [(one.omega_squared or 0.0, name, tier) for tier, shares in found.items() for name, one in shares]
    omega, name, tier = max(told)
    return f"The largest share of the variance between experiments is that of {name}, {whole(omega)} ({tier})."
