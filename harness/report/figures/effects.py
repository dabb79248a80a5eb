"""What retrieval, fine-tuning and both do within each model, contrast by contrast, and how that changes with size."""

from collections.abc import Mapping, Sequence

from harness.analysis.grid_effects import Effects
from harness.analysis.interaction import Contrast, Effect
from harness.analysis.intervals import Interval
from harness.analysis.refusals import Refused
from harness.analysis.six_conditions import CONDITIONS
from harness.report.figures.axes import points_axis, size_axis
from harness.report.figures.figure import ROOMY, Figure, FigureData, Spec
from harness.report.figures.look import Look, look_of
from harness.report.figures.marks import Dot, dots, ends
from harness.report.figures.panel import Frame, level, panel
from harness.report.figures.rows import AREA, Column, Mark, Table, label_room, row_height, row_sheet
from harness.report.figures.sheet import Entry, grid_width, key_of, sheet
from harness.report.figures.theme import SHAPES, Style, light
from harness.report.figures.uplift import uplift_line
from harness.report.figures.words import (
    cell_name,
    interval_words,
    n_words,
    name_words,
    points_tip,
    sentence,
    signed,
)

KINDS: Mapping[str, Style] = {
    "rag": Style(colour=light("orange"), shape="diamond", dash=(6, 3)),
    "fine-tuning": Style(colour=light("green"), shape="triangle-up", dash=(2, 2)),
    "training mode": Style(colour=light("plum"), shape="square", dash=(8, 3, 2, 3)),
    "interaction": Style(colour=light("violet"), shape="cross"),
}
WORDS = {
    "rag": "retrieval",
    "fine-tuning": "fine-tuning",
    "training mode": "training mode",
    "interaction": "interaction",
}
NAMES = {number: name for name, number in CONDITIONS.items()}
PANEL = 120
SIZES_LEAST = 2
Told = tuple[Effect, Interval]


def six_condition_effects(data: FigureData, width: int) -> Figure | Refused:
    """Every contrast of the six conditions: against size with several sizes, else as rows."""
    share = data.analysis.headline
    if isinstance(share, Refused):
        return share
    if isinstance(share.effects, Refused):
        return share.effects
    look = look_of(data)
    told = [(one, one.difference) for one in share.effects.effects if one.difference is not None]
    if not told:
        return Refused(reason=share.effects.effects[0].refused or "no contrast has an effect")
    sized = [one for one in told if one[0].params_b is not None]
    several = len({one.params_b for one, _ in sized}) >= SIZES_LEAST
    shown = sized if several else told
    spec = _by_size(share.effects, shown, width) if several else _as_rows(look, shown, width)
    models = list(dict.fromkeys(one.model or "" for one, _ in shown))
    missing = [look.names[model] for model in dict.fromkeys(one.model or "" for one, _ in told) if model not in models]
    return Figure(
        stem="six_condition_effects",
        title="What retrieval and fine-tuning do within each model",
        alt=_finding(look, shown),
        caption=sentence(
            n_words((found.n for _, found in shown), "question"),
            interval_words([found for _, found in shown]),
            "Paired differences of right answers, exploratory.",
            "Lines: generalised least squares, grey where the slope's interval spans 0, dotted without one."
            if several
            else "",
            f"Not shown, since their size is not known: {', '.join(missing)}." if missing else "",
            name_words(look, models),
        ),
        spec=spec,
        width=width,
    )


def contrast_name(contrast: Contrast) -> str:
    """The conditions of a contrast: "rag - direct", "(ft+rag - ft) - (rag - direct)"."""
    plus, minus = ([NAMES[number] for number in side] for side in (contrast.plus, contrast.minus))
    if len(plus) == 1:
        return f"{plus[0]} - {minus[0]}"
    # plus holds the joint condition and the base, minus the two single ones
    return f"({plus[0]} - {minus[0]}) - ({minus[1]} - {plus[1]})"


def _by_size(effects: Effects, shown: Sequence[Told], width: int) -> Spec:
    contrasts = list(dict.fromkeys(one.contrast for one, _ in shown))
    columns = min(len(contrasts), 3 if width >= ROOMY else 2)
    plot = grid_width(width, columns)
    sizes = [one.params_b or 1.0 for one, _ in shown]
    x = size_axis(sizes, most=4 if width >= ROOMY else 3)
    y = points_axis(ends(found for _, found in shown), "points")
    lines = {line.contrast.name: line.line for line in effects.lines}
    panels = []
    for contrast in contrasts:
        frame = Frame(x=x, y=y, width=plot, height=PANEL, heading=contrast_name(contrast))
        style = KINDS[contrast.kind]
        layers = level(frame, 0.0, light("axis"), ())
        if (found := lines.get(contrast.name)) is not None:
            layers += uplift_line(frame, found, style)
        mine = [pair for pair in shown if pair[0].contrast == contrast]
        layers += dots([_dot(pair, style, x=pair[0].params_b or 1.0) for pair in mine])
        panels.append(panel(frame, layers))
    return sheet(panels, columns=columns, key=key_of(_key(contrasts), width))


def _as_rows(look: Look, shown: Sequence[Told], width: int) -> Spec:
    contrasts = list(dict.fromkeys(one.contrast for one, _ in shown))
    models = [model for model in look.models if any(one.model == model for one, _ in shown)]
    marks = []
    for pair in shown:
        place = models.index(pair[0].model or "")
        style = KINDS[pair[0].contrast.kind]
        made = _dot(pair, Style(colour=style.colour, shape=SHAPES[place % len(SHAPES)]), y=0.0)
        marks.append(Mark(row=contrasts.index(pair[0].contrast), slot=(place + 1) / (len(models) + 1), dot=made))
    table = Table(names=[contrast_name(contrast) for contrast in contrasts], row=row_height(len(models)))
    column = Column(
        heading="", axis=points_axis(ends(found for _, found in shown), "percentage points"), marks=marks, zero=0.0
    )
    entries = _key(contrasts)
    if len(models) > 1:
        entries += [
            Entry(text=look.names[model], style=Style(colour=light("muted"), shape=SHAPES[place % len(SHAPES)]))
            for place, model in enumerate(models)
        ]
    return row_sheet(table, [column], width, key_of(entries, width, label_room(table, width)))


def _dot(pair: Told, style: Style, *, x: float | None = None, y: float | None = None) -> Dot:
    one, found = pair
    name = cell_name(one.model or "", contrast_name(one.contrast))
    return Dot(
        x=found.estimate if x is None else x,
        y=found.estimate if y is None else y,
        low=found.low,
        high=found.high,
        style=style,
        tip=points_tip(name, found),
        area=AREA,
    )


def _key(contrasts: Sequence[Contrast]) -> list[Entry]:
    kinds = dict.fromkeys(contrast.kind for contrast in contrasts)
    return [Entry(text=WORDS[kind], style=KINDS[kind]) for kind in kinds] if len(kinds) > 1 else []


def _finding(look: Look, shown: Sequence[Told]) -> str:
    first = shown[0][0].contrast
    mine = [pair for pair in shown if pair[0].contrast == first]
    most = max(mine, key=lambda pair: pair[1].estimate)
    apart = sum(
        found.low is not None and found.high is not None and not found.low <= 0 <= found.high for _, found in shown
    )
    return (
        f"{contrast_name(first)} is largest for {look.names[most[0].model or '']}, {signed(most[1].estimate)} points; "
        f"{apart} of {len(shown)} effects have an interval that excludes 0."
    )
