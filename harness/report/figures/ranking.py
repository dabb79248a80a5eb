"""Bars of every cell from the highest value down, votes of several models among them."""

from collections.abc import Sequence
from dataclasses import replace

from harness.analysis.grid_answers import ConditionVote
from harness.analysis.refusals import Refused
from harness.report.figures.axes import Axis, rows_axis, share_axis, value_axis
from harness.report.figures.clouds import Reading, ends_of, topmost_first
from harness.report.figures.figure import About, Figure, FigureData, Spec
from harness.report.figures.look import Look, look_of
from harness.report.figures.marks import TIP_MOST, Dot, Text, bars, dots, texts
from harness.report.figures.names import clean, text_width
from harness.report.figures.panel import Frame, panel
from harness.report.figures.parts import overall
from harness.report.figures.rows import EDGE, LABEL_MOST
from harness.report.figures.sheet import Entry, key_of, sheet
from harness.report.figures.theme import SMALL, Style, light
from harness.report.figures.words import interval_words, n_words, name_words, sentence, whole

ROW, BAR = 17.0, 11.0
VOTE = "vote"
SHARES = "right answers, %"


def overall_ranking(data: FigureData, width: int) -> Figure | Refused:
    """The share right of every cell from the top, and of the votes of the models under a condition, hatched."""
    found = overall(data)
    if not found:
        return Refused(reason="needs 1 cell, has 0")
    votes = vote_readings(data)
    ordered = topmost_first([*found, *votes])
    top, last = ordered[0], ordered[-1]
    look = look_of(data)
    counted = f"{len(found)} cells" + (f" and {len(votes)} votes" if votes else "")
    about = About(
        stem="overall_ranking",
        title="All cells from the top",
        unit=SHARES,
        alt=(
            f"Of {counted}, {bar_name(look, top)} gets most right, {whole(top.value)}; {bar_name(look, last)} least, "
            f"{whole(last.value)}."
        ),
        notes=(
            "Hatched: votes of several models, chosen and judged out of fold; their intervals are those of the "
            "difference to the best single model."
            if votes
            else ""
        ),
    )
    return bar_figure(data, width, ordered, about)


def vote_readings(data: FigureData) -> list[Reading]:
    """The held-out accuracy of each condition's vote, its interval being that of its difference to the best model."""
    if isinstance(data.analysis.votes, Refused):
        return []
    return [made for one in data.analysis.votes if (made := _vote(one)) is not None]


def bar_figure(data: FigureData, width: int, ordered: Sequence[Reading], about: About) -> Figure:
    """Bars from 0 with intervals, in the order given."""
    look = look_of(data)
    told = [one.interval for one in ordered if one.interval is not None]
    return Figure(
        stem=about.stem,
        title=about.title,
        alt=about.alt,
        caption=sentence(
            n_words((one.n for one in ordered), "question" if about.unit == SHARES else "answer", "per bar"),
            interval_words(told, "Lines"),
            about.notes,
            name_words(look, [one.model for one in ordered if one.model in look.names]),
        ),
        spec=_spec(look, ordered, about, width),
        width=width,
    )


def bar_name(look: Look, one: Reading) -> str:
    """What a bar is called: its model, condition and repeat, shortened."""
    condition = look.condition_names.get(one.condition, one.condition)
    again = f" #{one.repeat + 1}" if one.repeat else ""
    return f"{look.names.get(one.model, one.model)} · {condition}{again}"


def _spec(look: Look, ordered: Sequence[Reading], about: About, width: int) -> Spec:
    names = [bar_name(look, one) for one in ordered]
    left = min(LABEL_MOST * width, 10 + max(text_width(name, SMALL) for name in names))
    axis, height = _axis(ordered, about), ROW * len(ordered)
    frame = Frame(x=axis, y=rows_axis(height), width=width - left - EDGE, height=height, grid=True, indent=0)
    middles = [ROW * (place + 0.5) for place in range(len(ordered))]
    rows = [_bar(look, one, y) for one, y in zip(ordered, middles, strict=True)]
    thin = Style(colour=light("ink"), shape="stroke")
    marks = [
        Dot(x=one.value, y=y, low=one.low, high=one.high, style=thin, tip="", area=1.0)
        for one, y in zip(ordered, middles, strict=True)
    ]
    words = [Text(x=-8, y=y, text=name, align="right") for name, y in zip(names, middles, strict=True)]
    layers = [bars(rows, BAR), *dots(marks, flat=True), *texts(words)]
    return sheet([panel(frame, layers)], key=key_of(_key(look, ordered), width, left))


def _axis(ordered: Sequence[Reading], about: About) -> Axis:
    if about.unit != SHARES:
        return value_axis(ends_of(ordered), about.unit, zero=True)
    return replace(share_axis([0.0, *ends_of(ordered)], about.unit), low=0.0)


def _bar(look: Look, one: Reading, y: float) -> Spec:
    known = one.model in look.names
    colour = look.styles[one.condition].colour if known else light("muted")
    return {
        "start": 0.0,
        "x": one.value,
        "y": y,
        "fill": colour if known else light("hatch"),
        "colour": colour,
        "tip": clean(one.tip, TIP_MOST),
    }


def _key(look: Look, ordered: Sequence[Reading]) -> list[Entry]:
    conditions = [name for name in look.conditions if any(one.condition == name for one in ordered)]
    entries = [
        Entry(text=look.condition_names[name], style=Style(colour=look.styles[name].colour, shape="square"))
        for name in conditions
    ]
    return entries if len(entries) > 1 else []


def _vote(one: ConditionVote) -> Reading | None:
    found = one.vote.comparison
    if found is None:
        return None
    low, high = found.difference.low, found.difference.high
    return Reading(
        model=VOTE,
        condition=one.condition,
        value=found.mean_a,
        low=None if low is None else found.mean_b + low,
        high=None if high is None else found.mean_b + high,
        n=one.vote.n,
        tip=(
            f"vote of up to {one.vote.members} models, {one.condition}: {whole(found.mean_a)}, "
            f"{100 * found.difference.estimate:+.1f} points to the best single model, n = {one.vote.n}"
        ),
    )
