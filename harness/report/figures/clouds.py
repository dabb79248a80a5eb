"""Every cell as a point over the size of its model: conditions side by side, each model named once."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from harness.analysis.cells import CellSummary
from harness.analysis.intervals import Interval
from harness.analysis.refusals import Refused, needs
from harness.report.figures.axes import moved, pixel
from harness.report.figures.figure import Spec
from harness.report.figures.labels import Box, spread
from harness.report.figures.look import Look
from harness.report.figures.marks import Dot, Text, dots, rules, texts
from harness.report.figures.names import short_names, text_width
from harness.report.figures.panel import Frame, labelled
from harness.report.figures.sheet import Entry
from harness.report.figures.theme import HOSTED_SHAPE, LOCAL_SHAPE, SMALL, Style, light

STEP = 5.0  # pixels between two conditions of a model
SPAN = 26.0  # pixels that all conditions of a model may take
SIZES_LEAST = 2
RAIL_STEP = 13.0  # pixels between upright names
RAIL_FOOT = 10.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """One number of one cell, with its interval where it has one, and in full as a tooltip."""

    model: str
    condition: str
    value: float
    tip: str
    n: int
    params_b: float | None = None
    low: float | None = None
    high: float | None = None
    repeat: int = 0
    interval: Interval | None = None


def reading_of(cell: CellSummary, found: Interval, tip: str) -> Reading:
    """The reading of a cell that an interval is."""
    return Reading(
        model=cell.model,
        condition=cell.condition,
        repeat=cell.repeat,
        params_b=cell.params_b,
        value=found.estimate,
        low=found.low,
        high=found.high,
        n=found.n,
        tip=tip,
        interval=found,
    )


def ends_of(readings: Iterable[Reading]) -> list[float]:
    """All values and ends of intervals."""
    return [end for one in readings for end in (one.value, one.low, one.high) if end is not None]


def sized(readings: Iterable[Reading]) -> list[Reading]:
    """The readings of models with a known size."""
    return [one for one in readings if one.params_b is not None]


def too_few_sizes(readings: Iterable[Reading]) -> Refused | None:
    """Why there is no figure over sizes; None where there are at least two of them."""
    sizes = {one.params_b for one in readings if one.params_b is not None}
    return needs(SIZES_LEAST, "size of models", len(sizes)) if len(sizes) < SIZES_LEAST else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Cloud:
    """How readings are drawn.

    `style` is by default the condition's colour in the shape of where the model runs, `at` (the value on x) the size of
    its model. `named` readings have their model's name beside them, by default the topmost of each model. `unit` is
    what several panels measure, on `alike` axes or on their own. Names keep off the `taken` boxes.
    """

    style: Callable[[Reading], Style] | None = None
    at: Callable[[Reading], float] | None = None
    named: Sequence[Reading] | None = None
    unit: str = ""
    alike: bool = False
    taken: Sequence[Box] = ()


def cloud(frame: Frame, look: Look, readings: Sequence[Reading], how: Cloud = Cloud()) -> list[Spec]:
    """Points with their intervals, conditions side by side, and the names of models where there is room."""
    shown = how.style or (lambda one: look.cell_style(one.model, one.condition))
    across = how.at or (lambda one: one.params_b or 0.0)
    shifts = _shifts(look, readings)
    made = [
        Dot(
            x=moved(frame.x, across(one), shifts[one.condition], frame.width),
            y=one.value,
            low=one.low,
            high=one.high,
            style=shown(one),
            tip=one.tip,
        )
        for one in readings
    ]
    layers = dots(made)
    told = list(_topmost(readings).values()) if how.named is None else list(how.named)
    names = [look.names[one.model] if any(one is other for other in told) else None for one in readings]
    return [*layers, *labelled(frame, made, names, (), how.taken)] if told else layers


def model_sizes(readings: Iterable[Reading]) -> dict[str, float]:
    """The sizes of the readings' models that have one."""
    return {one.model: one.params_b for one in readings if one.params_b is not None}


def rail_room(look: Look, models: Iterable[str]) -> float:
    """The pixels that upright names above a panel take."""
    return RAIL_FOOT + max((text_width(look.names[model], SMALL) for model in models), default=0.0)


def rail(frame: Frame, look: Look, sizes_b: Mapping[str, float], *, named: bool) -> list[Spec]:
    """A faint line at the size of every model and, where `named`, its name upright at the top of it.

    Names move apart; where there are more than fit, names of every second or third model are left out.
    """
    models = sorted(sizes_b, key=look.models.index)
    wanted = [pixel(frame.x, sizes_b[model], frame.width) for model in models]
    lines = rules([(x, 0, x, frame.height) for x in wanted], light("grid"))
    if not named:
        return lines
    most = int(frame.width // RAIL_STEP)
    kept = models if len(models) <= most else models[:: -(-len(models) // most)]
    at = [wanted[models.index(model)] for model in kept]
    places = spread(at, RAIL_STEP, (0, frame.width))
    elbows = [(x, 0.0, place, -RAIL_FOOT + 2) for x, place in zip(at, places, strict=True)]
    words = [
        Text(x=place, y=-RAIL_FOOT, text=look.names[model], angle=270, colour=light("muted"))
        for model, place in zip(kept, places, strict=True)
    ]
    return [*lines, *rules(elbows, light("grid")), *texts(words)]


def condition_key(look: Look, readings: Iterable[Reading]) -> list[Entry]:
    """The conditions that readings have, if there are several, and the shapes if both are there."""
    known = list(readings)
    conditions = [name for name in look.conditions if any(one.condition == name for one in known)]
    entries = []
    if len(conditions) > 1:
        entries = [
            Entry(text=look.condition_names[name], style=Style(colour=look.styles[name].colour, shape=LOCAL_SHAPE))
            for name in conditions
        ]
    return [*entries, *shape_key(look, known)]


def shape_key(look: Look, readings: Iterable[Reading]) -> list[Entry]:
    """What squares and circles are, where both are there."""
    shapes = {look.by_family[one.model].shape for one in readings}
    if shapes != {LOCAL_SHAPE, HOSTED_SHAPE}:
        return []
    told = {LOCAL_SHAPE: "runs locally", HOSTED_SHAPE: "behind an API"}
    return [
        Entry(text=text, style=Style(colour=light("muted"), shape=shape), hollow=True) for shape, text in told.items()
    ]


def family_key(look: Look, readings: Iterable[Reading]) -> list[Entry]:
    """The families of models, if there are several."""
    colours: dict[str, str] = {}
    for model in dict.fromkeys(one.model for one in readings):
        family = look.families[model]
        if family:
            colours[family] = look.by_family[model].colour
    if len(colours) < SIZES_LEAST:
        return []
    short = short_names(colours)
    return [
        Entry(text=short[family], style=Style(colour=colours[family], shape=LOCAL_SHAPE)) for family in sorted(colours)
    ]


def topmost_first(readings: Sequence[Reading]) -> list[Reading]:
    """From the highest value down, equal ones by name."""
    return sorted(readings, key=lambda one: (-one.value, one.model, one.condition, one.repeat))


def sizes_of(readings: Iterable[Reading]) -> list[float]:
    """The sizes of the readings' models."""
    return [one.params_b for one in readings if one.params_b is not None]


def first_and_last(readings: Sequence[Reading]) -> tuple[Reading, Reading]:
    """The reading of the smallest and of the largest model, both under the first condition that is there."""
    first = min(sized(readings), key=lambda one: (one.params_b or 0.0, one.repeat))
    same = [one for one in sized(readings) if one.condition == first.condition]
    return first, max(same, key=lambda one: (one.params_b or 0.0, -one.repeat))


def _shifts(look: Look, readings: Sequence[Reading]) -> Mapping[str, float]:
    conditions = [name for name in look.conditions if any(one.condition == name for one in readings)]
    step = min(STEP, SPAN / max(1, len(conditions)))
    return {name: step * (place - (len(conditions) - 1) / 2) for place, name in enumerate(conditions)}


def _topmost(readings: Sequence[Reading]) -> Mapping[str, Reading]:
    top: dict[str, Reading] = {}
    for one in readings:
        if one.model not in top or one.value > top[one.model].value:
            top[one.model] = one
    return top
