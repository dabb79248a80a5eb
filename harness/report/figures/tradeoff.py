"""Right answers against their cost, and the cells that no other beats in both."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from harness.analysis.refusals import Refused
from harness.report.figures.axes import log_axis, share_axis
from harness.report.figures.clouds import (
    Cloud,
    Reading,
    cloud,
    condition_key,
    ends_of,
    family_key,
    shape_key,
    topmost_first,
)
from harness.report.figures.costs import DOLLARS, PAID, Cell, cell_of, cost_readings, free_words
from harness.report.figures.figure import ROOMY, Figure, FigureData, Spec
from harness.report.figures.look import Look, look_of
from harness.report.figures.marks import line
from harness.report.figures.panel import LEFT, Frame, panel, path_boxes
from harness.report.figures.parts import overall
from harness.report.figures.sheet import key_of, sheet
from harness.report.figures.theme import Style, light
from harness.report.figures.words import interval_words, n_words, name_words, sentence, whole

Priced = tuple[list[Reading], Mapping[Cell, float]]
FREE = "every cost is 0"


def cost_vs_performance(data: FigureData, width: int) -> Figure | Refused:
    """Right answers against the cost of 1000 answers, and the cells that none is both cheaper and better than."""
    costs = cost_readings(data)
    if isinstance(costs, Refused):
        return costs
    known, priced = _priced(data, costs)
    if not known:
        return Refused(reason=FREE)
    look = look_of(data)
    best = front(known, priced)
    how = Cloud(named=[one for one in known if one in best], unit="US dollars per 1000 answers, log scale")
    return Figure(
        stem="cost_vs_performance",
        title="Cost against right answers",
        alt=_front_finding(look, best, known, priced),
        caption=sentence(
            _caption(look, known, costs),
            "Line and names: cells that no other beats in both; it takes the estimates as exact.",
        ),
        spec=_spec(look, (known, priced), how, width),
        width=width,
    )


def cost_vs_score(data: FigureData, width: int) -> Figure | Refused:
    """Right answers against what the whole cell cost, in the colours of the families."""
    costs = cost_readings(data, total=True)
    if isinstance(costs, Refused):
        return costs
    known, priced = _priced(data, costs)
    if not known:
        return Refused(reason=FREE)
    look = look_of(data)
    how = Cloud(style=lambda one: look.by_family[one.model], unit="US dollars for the whole cell, log scale")
    top, dear = topmost_first(known)[0], max(known, key=lambda one: priced[cell_of(one)])
    return Figure(
        stem="cost_vs_score",
        title="What each cell cost and got right",
        alt=(
            f"{_name(look, top)} gets most right, {_told(top, priced)}; the dearest cell is {_name(look, dear)}, "
            f"{_told(dear, priced)}."
        ),
        caption=_caption(look, known, costs),
        spec=_spec(look, (known, priced), how, width),
        width=width,
    )


def front(known: Sequence[Reading], priced: Mapping[Cell, float]) -> list[Reading]:
    """The readings that none is both cheaper (or as cheap) and better than, cheapest first."""
    best: list[Reading] = []
    for one in sorted(topmost_first(known), key=lambda one: priced[cell_of(one)]):
        if not best or one.value > best[-1].value:
            best.append(one)
    return best


def _priced(data: FigureData, costs: Sequence[Reading]) -> Priced:
    """The shares right of the cells that cost something, and those costs."""
    priced = {cell_of(one): one.value for one in costs if one.value > 0}
    known = [one for one in overall(data) if cell_of(one) in priced]
    return [replace(one, tip=f"{one.tip}; ${priced[cell_of(one)]:.3g}") for one in known], priced


def _spec(look: Look, found: Priced, how: Cloud, width: int) -> Spec:
    known, priced = found
    x = log_axis(list(priced.values()), how.unit, label=DOLLARS, most=6 if width >= ROOMY else 4)
    y = share_axis(ends_of(known), "right answers, %")
    frame = Frame(x=x, y=y, width=width - LEFT - 24, height=330 if width >= ROOMY else 260)
    whole_cells = how.style is not None
    steps = [] if whole_cells else _steps(front(known, priced), priced, frame.x.high)
    layers = [line(steps, Style(colour=light("axis"), shape="circle", dash=(4, 3)))] if steps else []
    drawn = replace(how, at=lambda one: priced[cell_of(one)], taken=path_boxes(frame, steps))
    layers += cloud(frame, look, known, drawn)
    key = [*family_key(look, known), *shape_key(look, known)] if whole_cells else condition_key(look, known)
    return sheet([panel(frame, layers)], key=key_of(key, width))


def _steps(best: Sequence[Reading], priced: Mapping[Cell, float], last: float) -> list[tuple[float, float]]:
    """The stairs from one reading of the front to the next, and on to the end of the axis."""
    steps: list[tuple[float, float]] = []
    for one in best:
        cost = priced[cell_of(one)]
        steps += [*([(cost, steps[-1][1])] if steps else []), (cost, one.value)]
    return [*steps, (last, steps[-1][1])]


def _caption(look: Look, known: Sequence[Reading], costs: Sequence[Reading]) -> str:
    return sentence(
        n_words(one.n for one in known),
        interval_words(one.interval for one in known if one.interval is not None),
        PAID,
        free_words(costs),
        name_words(look, look.models),
    )


def _front_finding(look: Look, best: Sequence[Reading], known: Sequence[Reading], priced: Mapping[Cell, float]) -> str:
    cheapest, best_of_all = (f"{_name(look, one)} ({_told(one, priced)})" for one in (best[0], best[-1]))
    counted = f"{len(best)} of {len(known)} cells are beaten by none in both cost and right answers"
    return f"{counted}, from {cheapest} to {best_of_all}."


def _told(one: Reading, priced: Mapping[Cell, float]) -> str:
    return f"{whole(one.value)} for ${priced[cell_of(one)]:.3g}"


def _name(look: Look, one: Reading) -> str:
    return f"{look.names[one.model]} {look.condition_names[one.condition]}"
