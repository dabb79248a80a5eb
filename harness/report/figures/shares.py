"""Shares of every cell in rows of models: overall, by type of question, by part of the score, and abstentions."""

from collections.abc import Mapping, Sequence
from statistics import mean

from harness.analysis.refusals import Refused
from harness.report.figures.axes import SHARE_LEAST, share_axis
from harness.report.figures.clouds import Reading, ends_of, topmost_first
from harness.report.figures.figure import About, Figure, FigureData
from harness.report.figures.look import Look, look_of
from harness.report.figures.names import short_names
from harness.report.figures.parts import OVERALL, Part, abstentions, by_kind, overall, score_parts
from harness.report.figures.rows import Column, Table, label_room, marks_of, row_height, row_sheet
from harness.report.figures.sheet import Entry, key_of
from harness.report.figures.words import interval_words, n_words, name_words, reasons, sentence, whole

SHORT = 0.06  # of an axis of rare events
HEADING = 34  # characters of a panel's heading
KINDS_LEAST = 2


def overall_scores(data: FigureData, width: int) -> Figure | Refused:
    """The share right of every model under every condition."""
    found = overall(data)
    if not found:
        return Refused(reason="needs 1 cell, has 0")
    best, worst = topmost_first(found)[0], topmost_first(found)[-1]
    about = About(
        stem="overall_scores",
        title="Right answers of every cell",
        alt=(
            f"Right answers of {len(found)} cells range from {whole(worst.value)} ({reading_name(worst)}) "
            f"to {whole(best.value)} ({reading_name(best)})."
        ),
        unit="right answers, %",
    )
    return rows_figure(data, width, {"": found}, about)


def accuracy_by_type(data: FigureData, width: int) -> Figure | Refused:
    """The share right by task type, or by type of answer where there is one task."""
    found = by_kind(data)
    if len(found) < KINDS_LEAST:
        return Refused(reason=f"needs {KINDS_LEAST} types of question, has {len(found)}")
    means = {kind: mean(one.value for one in part) for kind, part in found.items()}
    easy, hard = max(means, key=lambda kind: means[kind]), min(means, key=lambda kind: means[kind])
    names = short_names(means)
    about = About(
        stem="accuracy_by_type",
        title="Right answers by type of question",
        alt=(
            f"Over all cells, {whole(means[easy])} of the {names[easy]} questions are right "
            f"and {whole(means[hard])} of the {names[hard]} ones."
        ),
        unit="%",
    )
    return rows_figure(data, width, found, about)


def refusal_rates(data: FigureData, width: int) -> Figure | Refused:
    """How often each cell abstained, where there was an answer and where there was none."""
    found = abstentions(data)
    kept = {heading: part for heading, part in found.items() if not isinstance(part, Refused)}
    if not kept:
        return Refused(reason="no question was answered")
    heading, part = next(iter(kept.items()))
    most = topmost_first(part)[0]
    about = About(
        stem="refusal_rates",
        title="How often models give no answer",
        alt=f"{heading}: {reading_name(most)} abstains most often, on {whole(most.value)} of {most.n}.",
        unit="% of answered questions",
        notes="Of the answered questions; on unanswerable ones an abstention is right.",
    )
    return rows_figure(data, width, found, about, least=SHORT)


def score_breakdown(data: FigureData, width: int) -> Figure | Refused:
    """Value, reference and abstention scores of every cell beside each other."""
    found = {heading: part for heading, part in score_parts(data).items() if heading != OVERALL}
    best = {heading: topmost_first(part)[0] for heading, part in found.items() if not isinstance(part, Refused)}
    if not best:
        return Refused(reason="; ".join(part.reason for part in found.values() if isinstance(part, Refused)))
    told = ", ".join(
        f"{heading.partition(':')[0].lower()} {whole(one.value)} ({reading_name(one)})" for heading, one in best.items()
    )
    about = About(
        stem="score_breakdown",
        title="What the scores are made of",
        alt=f"The highest part scores: {told}.",
        unit="%",
    )
    return rows_figure(data, width, found, about)


def rows_figure(
    data: FigureData, width: int, parts: Mapping[str, Part], about: About, *, least: float = SHARE_LEAST
) -> Figure:
    """Shares of every cell, a panel per part, a row per model; axes reach over at least `least`."""
    look = look_of(data)
    kept = {heading: part for heading, part in parts.items() if not isinstance(part, Refused)}
    known = [one for part in kept.values() for one in part]
    models = [name for name in look.models if any(one.model == name for one in known)]
    conditions = [name for name in look.conditions if any(one.condition == name for one in known)]
    table = Table(names=[look.names[model] for model in models], row=row_height(len(conditions)))
    headings = short_names(kept, HEADING) if len(kept) > 1 else dict.fromkeys(kept, "")
    columns = [
        Column(
            heading=headings[heading],
            # rare events have an axis of their own in each panel
            axis=share_axis(ends_of(known if least == SHARE_LEAST else part), about.unit, least=least),
            marks=marks_of(look, models, conditions, part),
        )
        for heading, part in kept.items()
    ]
    told = [one.interval for one in known if one.interval is not None]
    key = key_of(_key(look, conditions), width, label_room(table, width))
    return Figure(
        stem=about.stem,
        title=about.title,
        alt=about.alt,
        caption=sentence(
            n_words(one.n for one in known),
            interval_words(told) if told else "",
            about.notes,
            reasons(dict(parts)),
            name_words(look, models),
        ),
        spec=row_sheet(table, columns, width, key),
        width=width,
    )


def reading_name(one: Reading) -> str:
    """A reading's model and condition, shortened."""
    names = short_names([one.model, one.condition])
    return f"{names[one.model]} {names[one.condition]}"


def _key(look: Look, conditions: Sequence[str]) -> list[Entry]:
    entries = [Entry(text=look.condition_names[name], style=look.styles[name]) for name in conditions]
    return entries if len(entries) > 1 else []
