"""Scores, seconds and energy of every cell against the size of its model."""

from collections.abc import Mapping, Sequence

from harness.analysis.arms import Arm
from harness.analysis.latency import Latency
from harness.analysis.refusals import Refused
from harness.report import wording
from harness.report.figures.axes import log_axis, share_axis, size_axis
from harness.report.figures.clouds import (
    Cloud,
    Reading,
    cloud,
    condition_key,
    ends_of,
    family_key,
    first_and_last,
    model_sizes,
    rail,
    rail_room,
    shape_key,
    sized,
    sizes_of,
    too_few_sizes,
)
from harness.report.figures.energy import energy_readings
from harness.report.figures.figure import ROOMY, About, Figure, FigureData, Spec
from harness.report.figures.look import Look, look_of
from harness.report.figures.panel import LEFT, Frame, panel
from harness.report.figures.parts import overall, score_parts
from harness.report.figures.sheet import Entry, grid_width, key_of, sheet
from harness.report.figures.words import (
    cell_name,
    interval_words,
    n_words,
    name_words,
    reasons,
    sentence,
    unsized_words,
    whole,
)

PANEL = 200
DURATION = "datum.value < 1 ? format(datum.value * 1000, '~g') + ' ms' : format(datum.value, '~g') + ' s'"
MEDIAN = 0.5
BESIDE = "Within a model, left to right in the order of the key."
Parts = Mapping[str, list[Reading]]


def size_vs_overall(data: FigureData, width: int) -> Figure | Refused:
    """The share right of every cell against size, a panel per condition, in the colours of the families."""
    found = sized(overall(data))
    if (why := too_few_sizes(found)) is not None:
        return why
    look = look_of(data)
    conditions = [name for name in look.conditions if any(one.condition == name for one in found)]
    parts = {look.condition_names[name]: [one for one in found if one.condition == name] for name in conditions}
    how = Cloud(style=lambda one: look.by_family[one.model], named=(), unit="right answers, %", alike=True)
    return Figure(
        stem="size_vs_overall",
        title="Right answers by model size, every condition",
        alt=_rise(parts),
        caption=cloud_words(look, found),
        spec=cloud_sheet(look, parts, how, width, [*family_key(look, found), *shape_key(look, found)]),
        width=width,
    )


def size_vs_scores(data: FigureData, width: int) -> Figure | Refused:
    """Overall, value, reference and abstention scores against size, one panel each."""
    parts = score_parts(data)
    kept = {heading: sized(part) for heading, part in parts.items() if not isinstance(part, Refused)}
    everything = [one for part in kept.values() for one in part]
    if (why := too_few_sizes(everything)) is not None:
        return why
    look = look_of(data)
    key = condition_key(look, everything)
    first, last = first_and_last(next(iter(kept.values())))
    return Figure(
        stem="size_vs_scores",
        title="The parts of the score by model size",
        alt=(
            f"Scores by model size in {len(kept)} parts: overall, {look.condition_names[first.condition]} goes from "
            f"{whole(first.value)} ({wording.size(first.params_b)}) to {whole(last.value)} "
            f"({wording.size(last.params_b)})."
        ),
        caption=sentence(cloud_words(look, everything), BESIDE if len(key) > 1 else "", reasons(dict(parts))),
        spec=cloud_sheet(look, kept, Cloud(named=(), unit="%"), width, key),
        width=width,
    )


def size_vs_latency(data: FigureData, width: int) -> Figure | Refused:
    """The median seconds of an answer that ran alone, against size."""
    about = About(
        stem="size_vs_latency",
        title="Seconds per answer by model size",
        unit="median time of one answer, log scale",
        label=DURATION,
        notes="Only answers that ran alone; bars: order-statistic intervals of the median at 95 %.",
    )
    return quantity_figure(data, width, latency_readings(data), about)


def size_vs_energy(data: FigureData, width: int) -> Figure | Refused:
    """The watt-hours of an answer against size, where they were measured."""
    found = energy_readings(data)
    told = [] if isinstance(found, Refused) else [one.interval for one in found if one.interval is not None]
    about = About(
        stem="size_vs_energy",
        title="Energy per answer by model size",
        unit="mean Wh per answer, log scale",
        label="format(datum.value, '~g')",
        notes=interval_words(told),
    )
    return quantity_figure(data, width, found, about)


def cloud_sheet(look: Look, parts: Parts, how: Cloud, width: int, key: Sequence[Entry]) -> Spec:
    """Shares over size, a panel per part; the names of models stand upright above the first row of panels."""
    everything = [one for part in parts.values() for one in part]
    sizes = model_sizes(everything)
    columns = min(len(parts), 2 if width >= ROOMY else 1)
    x = size_axis(sizes_of(everything), most=5)
    panels: list[Spec] = []
    for heading, found in parts.items():
        frame = Frame(
            x=x,
            y=share_axis(ends_of(everything if how.alike else found), how.unit),
            width=grid_width(width, columns),
            height=PANEL,
            heading=heading if len(parts) > 1 else "",
        )
        rails = rail(frame, look, sizes, named=len(panels) < columns)
        panels.append(panel(frame, [*rails, *cloud(frame, look, found, how)]))
    head = (rail_room(look, sizes), 0.0)
    return sheet(panels, columns=columns, key=key_of(key, width), head=head)


def cloud_words(look: Look, found: Sequence[Reading]) -> str:
    """The caption of readings over size."""
    return sentence(
        n_words(one.n for one in found),
        interval_words(one.interval for one in found if one.interval is not None),
        unsized_words(look, look.models),
        name_words(look, look.models),
    )


def quantity_figure(data: FigureData, width: int, found: list[Reading] | Refused, about: About) -> Figure | Refused:
    """A quantity above 0 of every cell against size, on a logarithmic axis."""
    if isinstance(found, Refused):
        return found
    known = sized(found)
    shown = [one for one in known if one.value > 0]
    if (why := too_few_sizes(known)) is not None or not shown:
        return why or Refused(reason="every value is 0")
    look = look_of(data)
    y = log_axis([end for end in ends_of(shown) if end > 0], about.unit, label=about.label, most=6)
    x = size_axis(sizes_of(shown), most=7 if width >= ROOMY else 4)
    frame = Frame(x=x, y=y, width=width - LEFT - 20, height=300 if width >= ROOMY else 250)
    key = condition_key(look, shown)
    return Figure(
        stem=about.stem,
        title=about.title,
        alt=_span(look, shown, about),
        caption=sentence(
            n_words((one.n for one in shown), "answer"),
            about.notes,
            BESIDE if len(key) > 1 else "",
            unsized_words(look, look.models),
            name_words(look, look.models),
        ),
        spec=sheet([panel(frame, cloud(frame, look, shown))], key=key_of(key, width)),
        width=width,
    )


def latency_readings(data: FigureData) -> list[Reading] | Refused:
    """The median latency of each cell over its uncontended answers, or why no cell has one."""
    latencies = data.analysis.latencies
    if isinstance(latencies, Refused):
        return latencies
    arms = {arm.label: (arm, 0) for arm in data.analysis.compared.arms}
    for cell in data.summary.cells:
        # a cell's latency bears its arm's label, with the repeat where the arm has several cells
        label = f"{cell.model}:{cell.condition}"
        if label in arms:
            arms[f"{label} repeat {cell.repeat}"] = (arms[label][0], cell.repeat)
    found = [one for latency in latencies if (one := _median(latency, arms.get(latency.cell))) is not None]
    why = sorted({latency.refused for latency in latencies if latency.refused})
    return found or Refused(reason=why[0] if why else "no cell has a latency")


def _median(latency: Latency, cell: tuple[Arm, int] | None) -> Reading | None:
    middle = next((one for one in latency.percentiles if one.quantile == MEDIAN), None)
    if middle is None or cell is None:
        return None
    arm, repeat = cell
    ends = "" if middle.low_s is None or middle.high_s is None else f" [{middle.low_s:.3g}, {middle.high_s:.3g}]"
    return Reading(
        model=arm.model,
        condition=arm.condition,
        repeat=repeat,
        params_b=arm.size.params_b,
        value=middle.estimate_s,
        low=middle.low_s,
        high=middle.high_s,
        n=latency.n,
        tip=f"{cell_name(arm.model, arm.condition, repeat)}: {middle.estimate_s:.3g}{ends} s, n = {latency.n}",
    )


def _span(look: Look, shown: Sequence[Reading], about: About) -> str:
    first, last = first_and_last(shown)
    return (
        f"{about.title}: {look.condition_names[first.condition]} goes from {first.value:.3g} "
        f"({wording.size(first.params_b)}) to {last.value:.3g} ({wording.size(last.params_b)}), "
        f"{about.unit.partition(',')[0]}."
    )


def _rise(parts: Parts) -> str:
    told = []
    for name, found in parts.items():
        first, last = first_and_last(found)
        told.append(f"{name} from {whole(first.value)} to {whole(last.value)}")
    sizes = [size for found in parts.values() for size in sizes_of(found)]
    span = f"{wording.size(min(sizes))} to {wording.size(max(sizes))}"
    return f"From {span} parameters, right answers go, with {', '.join(told)}."
