"""What answers cost, by model size, and beside how many of them are right."""

from collections.abc import Mapping, Sequence

from harness.analysis.refusals import Refused
from harness.report import wording
from harness.report.figures.axes import share_axis, size_axis
from harness.report.figures.clouds import (
    Reading,
    condition_key,
    ends_of,
    first_and_last,
    sized,
    sizes_of,
    too_few_sizes,
)
from harness.report.figures.figure import ROOMY, About, Figure, FigureData, Spec
from harness.report.figures.look import Look, look_of
from harness.report.figures.marks import Dot, dots
from harness.report.figures.panel import LEFT, Frame, labelled, panel
from harness.report.figures.parts import overall
from harness.report.figures.sheet import Entry, key_of, sheet
from harness.report.figures.sizes import quantity_figure
from harness.report.figures.theme import Style, light
from harness.report.figures.words import cell_name, interval_words, n_words, name_words, sentence, unsized_words, whole

THOUSAND = 1000.0
DOLLARS = "'$' + format(datum.value, '~g')"
PAID = "A cost is what was paid, not an estimate, and has no interval."
BUBBLE_LEAST, BUBBLE_MOST = 40.0, 900.0  # square pixels
Cell = tuple[str, str, int]


def size_vs_cost(data: FigureData, width: int) -> Figure | Refused:
    """US dollars per 1000 answers against size."""
    costs = cost_readings(data)
    free = "" if isinstance(costs, Refused) else free_words(costs)
    about = About(
        stem="size_vs_cost",
        title="Cost by model size",
        unit="US dollars per 1000 answers, log scale",
        label=DOLLARS,
        notes=sentence(PAID, free),
    )
    return quantity_figure(data, width, costs, about)


def size_score_cost_bubble(data: FigureData, width: int) -> Figure | Refused:
    """Right answers against size, the area of a point being its cost per 1000 answers."""
    costs = cost_readings(data)
    if isinstance(costs, Refused):
        return costs
    priced = {cell_of(one): one.value for one in costs}
    known = [one for one in sized(overall(data)) if cell_of(one) in priced]
    most = max(priced.values())
    if (why := too_few_sizes(known)) is not None or most <= 0:
        return why or Refused(reason="every cost is 0")
    look = look_of(data)
    return Figure(
        stem="size_score_cost_bubble",
        title="Size, right answers and cost",
        alt=_finding(look, known, priced),
        caption=sentence(
            n_words(one.n for one in known),
            interval_words(one.interval for one in known if one.interval is not None),
            f"The largest point is ${most:.3g} per 1000 answers; the smallest area stands for anything below.",
            PAID,
            unsized_words(look, look.models),
            name_words(look, look.models),
        ),
        spec=_bubbles(look, known, priced, width),
        width=width,
    )


def cost_readings(data: FigureData, *, total: bool = False) -> list[Reading] | Refused:
    """What each cell cost per 1000 answers, or in all, over the answers whose cost is known."""
    found = []
    for cell in data.summary.cells:
        if cell.cost_usd is None:
            continue
        value = cell.cost_usd.total if total else THOUSAND * cell.cost_usd.mean
        unit = "US dollars in all" if total else "US dollars per 1000 answers"
        name = cell_name(cell.model, cell.condition, cell.repeat)
        found.append(
            Reading(
                model=cell.model,
                condition=cell.condition,
                repeat=cell.repeat,
                params_b=cell.params_b,
                value=value,
                n=cell.cost_usd.n,
                tip=f"{name}: {value:.3g} {unit}, n = {cell.cost_usd.n}",
            )
        )
    return found or Refused(reason="no answer reports a cost")


def cell_of(one: Reading) -> Cell:
    """What tells the cell of a reading."""
    return one.model, one.condition, one.repeat


def free_words(costs: Sequence[Reading]) -> str:
    """How many cells have no place on a logarithmic axis of costs."""
    free = sum(one.value <= 0 for one in costs)
    return f"Not shown: {free} cells that cost nothing, which a log scale has no place for." if free else ""


def _bubbles(look: Look, known: Sequence[Reading], priced: Mapping[Cell, float], width: int) -> Spec:
    x = size_axis(sizes_of(known), most=7 if width >= ROOMY else 4)
    y = share_axis(ends_of(known), "right answers, %")
    frame = Frame(x=x, y=y, width=width - LEFT - 24, height=340 if width >= ROOMY else 260)
    # large points first, so that small ones lie on top
    ordered = sorted(known, key=lambda one: -priced[cell_of(one)])
    most = priced[cell_of(ordered[0])]
    made = [_bubble(look, one, priced[cell_of(one)], most) for one in ordered]
    first = {one.model: place for place, one in reversed(list(enumerate(ordered)))}
    names = [look.names[one.model] if first[one.model] == place else None for place, one in enumerate(ordered)]
    grey = Style(colour=light("muted"), shape="circle")
    key = [*condition_key(look, known), Entry(text="area: cost per 1000 answers", style=grey, hollow=True)]
    return sheet([panel(frame, [*dots(made), *labelled(frame, made, names)])], key=key_of(key, width))


def _bubble(look: Look, one: Reading, cost: float, most: float) -> Dot:
    return Dot(
        x=one.params_b or 1.0,
        y=one.value,
        low=one.low,
        high=one.high,
        style=look.cell_style(one.model, one.condition),
        hollow=True,
        area=max(BUBBLE_LEAST, BUBBLE_MOST * cost / most),
        tip=f"{one.tip}; ${cost:.3g} per 1000 answers",
    )


def _finding(look: Look, known: Sequence[Reading], priced: Mapping[Cell, float]) -> str:
    first, last = first_and_last(known)
    return (
        f"From {wording.size(first.params_b)} to {wording.size(last.params_b)} "
        f"({look.condition_names[first.condition]}), right answers go "
        f"from {whole(first.value)} to {whole(last.value)} and the cost of 1000 answers from "
        f"${priced[cell_of(first)]:.3g} to ${priced[cell_of(last)]:.3g}."
    )
