"""Models against each other on the same questions: how far they agree, and who alone is right."""

from collections.abc import Mapping, Sequence
from itertools import pairwise

from harness.analysis.distributions import normal_quantile
from harness.analysis.grid_answers import Agreement, UniqueWins
from harness.analysis.intervals import wilson
from harness.analysis.refusals import Refused
from harness.report.figures.axes import Axis, rows_axis
from harness.report.figures.clouds import Reading, topmost_first
from harness.report.figures.figure import About, Figure, FigureData, Spec
from harness.report.figures.look import Look, look_of
from harness.report.figures.marks import Text, texts, tiles
from harness.report.figures.names import text_width
from harness.report.figures.panel import Frame, panel
from harness.report.figures.rows import Table, label_room
from harness.report.figures.shares import SHORT, reading_name, rows_figure
from harness.report.figures.sheet import BELOW, Entry, key_of, sheet
from harness.report.figures.theme import SMALL, STEPS, Style, light, step_colours
from harness.report.figures.words import cell_name, n_words, name_words, sentence, whole

TILE_MOST, TILE_LEAST, TILE_NUMBERS = 40.0, 11.0, 22.0
BESIDE = 30  # pixels between two matrices
NAME = 16
LEVEL = 0.95
FEW = "needs 2 models in one condition"


def unique_wins(data: FigureData, width: int) -> Figure | Refused:
    """The questions that one model alone got right, within each condition."""
    views = data.analysis.questions
    if isinstance(views, Refused):
        return views
    if not views.wins:
        return Refused(reason=FEW)
    found = [_win(one) for one in views.wins]
    most = topmost_first(found)[0]
    about = About(
        stem="unique_wins",
        title="Questions that one model alone gets right",
        alt=f"{reading_name(most)} is alone right on {round(most.value * most.n)} of {most.n} questions, the most.",
        unit="% of questions",
        notes=(
            "Bars: 95 % intervals (Wilson, questions taken as independent). Alone: among the models under the same "
            "condition."
        ),
    )
    return rows_figure(data, width, {"": found}, about, least=SHORT)


def agreement_heatmap(data: FigureData, width: int) -> Figure | Refused:
    """On how many questions two models are right or wrong together, a matrix per condition."""
    views = data.analysis.questions
    if isinstance(views, Refused):
        return views
    if not views.agreements:
        return Refused(reason=FEW)
    look = look_of(data, most=NAME)
    models = [name for name in look.models if any(name in {one.a, one.b} for one in views.agreements)]
    matrices = {
        name: found for name in look.conditions if (found := [one for one in views.agreements if one.condition == name])
    }
    closest = max(views.agreements, key=lambda one: (one.share, one.a, one.b))
    spec, numbered = _spec(look, models, matrices, width)
    return Figure(
        stem="agreement_heatmap",
        title="How far models are right and wrong together",
        alt=(
            f"{look.names[closest.a]} and {look.names[closest.b]} agree most, on {whole(closest.share)} "
            f"of {closest.n} questions ({look.condition_names[closest.condition]})."
        ),
        caption=sentence(
            n_words((one.n for one in views.agreements), "question", "per pair"),
            f"The 95 % intervals (Wilson, questions taken as independent) reach at most "
            f"{100 * max(_half(one) for one in views.agreements):.0f} points to either side.",
            "Agreement: both right or both wrong, in percent.",
            "" if numbered else "The numbers are in the tooltips.",
            name_words(look, models),
        ),
        spec=spec,
        width=width,
    )


def _spec(
    look: Look, models: Sequence[str], matrices: Mapping[str, Sequence[Agreement]], width: int
) -> tuple[Spec, bool]:
    """The matrices, and whether there is room for numbers in their tiles."""
    names = [look.names[model] for model in models]
    left = label_room(Table(names=names, row=0), width)
    tile, across = _tiling(len(models), len(matrices), width - left - 4)
    panels = [
        _matrix(look, models, found, (tile, place % across == 0)) for place, found in enumerate(matrices.values())
    ]
    numbered = tile >= TILE_NUMBERS
    key = [] if numbered else key_of(_step_key(), width, left)
    over = max(0.0, text_width(names[0], SMALL) - tile)
    return sheet(panels, columns=across, gap=BESIDE, key=key, head=(over, over - BELOW)), numbered


def _matrix(look: Look, models: Sequence[str], found: Sequence[Agreement], how: tuple[float, bool]) -> Spec:
    """The lower half of a matrix of models; `how` is the side of a tile, and whether rows are named."""
    (tile, named), side = how, how[0] * len(models)
    frame = Frame(
        x=Axis(kind="linear", low=0, high=side, open=True),
        y=rows_axis(side),
        width=side,
        height=side,
        heading=look.condition_names[found[0].condition],
        indent=0,
    )
    boxes: list[Spec] = []
    words: list[Text] = []
    for one in found:
        row, column = sorted((models.index(one.a), models.index(one.b)), reverse=True)
        fill, ink = step_colours(one.share)
        box = {
            "left": column * tile,
            "right": (column + 1) * tile - 1,
            "top": row * tile,
            "bottom": (row + 1) * tile - 1,
        }
        boxes.append({**box, "fill": fill, "tip": _tip(look, one)})
        if tile >= TILE_NUMBERS:
            at = ((column + 0.5) * tile - 0.5, (row + 0.5) * tile - 0.5)
            words.append(Text(x=at[0], y=at[1], text=f"{100 * one.share:.0f}", align="center", colour=ink))
    return panel(frame, [tiles(boxes), *texts([*words, *_names(look, models, tile, named=named)])])


def _names(look: Look, models: Sequence[str], tile: float, *, named: bool) -> list[Text]:
    """The names of columns, upright over their first tile, and of rows at the left."""
    columns = [
        Text(x=(place + 0.5) * tile, y=(place + 1) * tile - 5, text=look.names[model], angle=270)
        for place, model in enumerate(models[:-1])
    ]
    rows = [
        Text(x=-6, y=(place + 0.5) * tile, text=look.names[model], align="right")
        for place, model in enumerate(models)
        if place
    ]
    return [*columns, *(rows if named else [])]


def _tiling(models: int, matrices: int, room: float) -> tuple[float, int]:
    """The side of a tile, and how many matrices stand beside each other.

    Two where numbers still fit, one where they only then fit, else two while tiles can be told apart.
    """
    alone, half = room / models, (room - BESIDE) / 2 / models
    if matrices > 1 and (half >= TILE_NUMBERS or (alone < TILE_NUMBERS and half >= TILE_LEAST)):
        return min(TILE_MOST, half), 2
    return max(TILE_LEAST, min(TILE_MOST, alone)), 1


def _step_key() -> list[Entry]:
    """What the colours of tiles stand for."""
    ends = [round(100 * step / len(STEPS)) for step in range(len(STEPS) + 1)]
    return [
        Entry(text=f"{low}-{high} %", style=Style(colour=light(f"step-{step}"), shape="square"))
        for step, (low, high) in enumerate(pairwise(ends))
    ]


def _win(one: UniqueWins) -> Reading:
    low, high = _wilson(one.wins / one.n, one.n)
    name = cell_name(one.model, one.condition)
    return Reading(
        model=one.model,
        condition=one.condition,
        value=one.wins / one.n,
        low=low,
        high=high,
        n=one.n,
        tip=f"{name}: alone right on {one.wins} of {one.n} questions, among {one.models} models",
    )


def _tip(look: Look, one: Agreement) -> str:
    low, high = _wilson(one.share, one.n)
    pair = f"{look.names[one.a]}, {look.names[one.b]}"
    return f"{pair}: {whole(one.share)} [{100 * low:.0f}, {100 * high:.0f}] of {one.n}"


def _half(one: Agreement) -> float:
    low, high = _wilson(one.share, one.n)
    return max(high - one.share, one.share - low)


def _wilson(share: float, n: int) -> tuple[float, float]:
    return wilson(share, n, normal_quantile((1 + LEVEL) / 2))
