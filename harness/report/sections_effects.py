"""Sections 8 and 9: the six conditions with their interaction by size, and every paired comparison."""

from collections.abc import Sequence

from harness.analysis.grid_effects import Effects
from harness.analysis.grid_spread import RepeatSpread
from harness.analysis.interaction import Effect, SizeRow
from harness.analysis.refusals import Refused
from harness.analysis.six_conditions import CONDITIONS
from harness.analysis.substitutes import Substitute, WithinModel
from harness.analysis.summary import RunSummary, task_verdicts
from harness.analysis.uplift_line import UpliftLine
from harness.analysis.whole import Analysis, ShareAnalysis
from harness.report import sections_published as published
from harness.report.sections import COMPARISON_NOTES, Section, Table, comparison_section
from harness.report.sections_numbers import (
    POINTS,
    Row,
    count,
    details,
    listed,
    optional,
    points,
    probability,
    reasons,
    refusals,
    share,
    table,
)
from harness.report.sections_verdicts import margin_points
from harness.report.sections_within import SINGLY_MOST, within_kind, within_sentence
from harness.report.wording import NOTHING, adjusted_p, size

NUMBERS = ", ".join(f"{number} {name}" for name, number in CONDITIONS.items())
EFFECT_NOTES = (
    (
        f"Conditions by number: {NUMBERS}. 2-1 is what retrieval adds, 3-1 what fine-tuning adds, (4-3)-(2-1) what "
        f"retrieval adds more to the fine-tuned model (synergy, above 0) or less (below 0). All are paired by "
        f"question; the p of all effects together is adjusted by Benjamini-Hochberg, and they are exploratory."
    ),
)
WITHIN_NOTES = (
    (
        "Within a model, paired by question, a case without an answer counting as not right. Retrieval with the "
        "model's own weights is the declared family (Holm), all else is exploratory (Benjamini-Hochberg). Detectable: "
        "the least true difference that such a test finds with a chance of 0.80. Needs n: questions that show that "
        "nothing is lost beyond the margin, with that chance, if both are equal."
    ),
    "Pairs: p from joint sign flips of clusters, adjusted over all pairs of the table (Westfall-Young max-T).",
)


def effect_section(analysis: Analysis) -> Section:
    """8. The six conditions: their table by size, every contrast, and each contrast against size."""
    shares = analysis.headline
    found = shares if isinstance(shares, Refused) else shares.effects
    title, key, figures = "Six conditions", "six-conditions", ("six_condition_effects",)
    tables = () if isinstance(analysis.published, Refused) else published.condition_tables(analysis.published)
    if isinstance(found, Refused):
        lines = refusals([("effects of the conditions", found)])
        return Section(title=title, key=key, lines=lines, tables=tables, figures=figures)
    told = [row for row in found.effects if row.difference is not None]
    made = (
        *table("Conditions and effects by model, in points", SIZE_COLUMNS, map(_size_row, found.rows)),
        *table("Effects against size, per tenfold size", LINE_COLUMNS, _contrast_rows(found), 2),
        *details("Every effect, exploratory", EFFECT_COLUMNS, map(_effect_row, told), 3),
    )
    return Section(
        title=title,
        key=key,
        lines=(*_effect_lines(found), *_effect_refusals(found)),
        tables=(*made, *tables),
        notes=EFFECT_NOTES,
        figures=figures,
    )


def comparison_part(summary: RunSummary, analysis: Analysis) -> Section:
    """9. Paired tests within models and between them, with what they could detect, and their multiplicity."""
    shares = analysis.headline
    tasks = _by_task(summary)
    notes = (*WITHIN_NOTES, *(COMPARISON_NOTES if tasks else ()))
    title, key, figures = "Comparisons", "comparisons", ("overall_scores",)
    if isinstance(shares, Refused):
        lines = refusals([("comparisons", shares)])
        return Section(title=title, key=key, lines=lines, tables=tasks, notes=notes, figures=figures)
    within = () if isinstance(shares.within, Refused) else shares.within
    pairs = () if isinstance(shares.substitutes, Refused) else shares.substitutes
    tables = (
        *table("Against direct answering, within each model", WITHIN_COLUMNS, map(_within_row, within), 2),
        *_noise_table(analysis),
        *details(PAIR_CAPTION, PAIR_COLUMNS, map(_pair_row, pairs), 2),
        *tasks,
    )
    lines = (
        *_others(within),
        *_task_lines(summary),
        *_complete_lines(analysis.complete_case, within),
        *refusals([("comparisons within models", shares.within), ("pairs of models", shares.substitutes)]),
        *refusals([("the noise of a rerun", analysis.repeats)]),
    )
    return Section(title=title, key=key, lines=lines, tables=tables, notes=notes, figures=figures)


SIZE_COLUMNS = (
    *("model", "params", "n", "direct %", "rag %", "ft+rag %", "retrieval benefit", "fine-tuning benefit", "synergy"),
)
LINE_COLUMNS = ("effect", "kind", "models", "n", "at the middle size", "slope")
EFFECT_COLUMNS = ("model", "effect", "kind", "n", "dropped", "points [95 %]", "p", "adjusted p")
WITHIN_COLUMNS = (
    *("model", "condition", "against", "n", "dropped", "points [95 %]", "only", "p", "adjusted p", "detectable"),
    *("needs n", "reading"),
)
PAIR_CAPTION = "Every retrieval cell of a smaller model against every direct cell of a larger one (exploratory)"
PAIR_COLUMNS = ("smaller", "larger", "n", "dropped", "points", "[95 %] and verdict", "p", "adjusted p")


def _size_row(row: SizeRow) -> Row:
    levels = (row.base, row.rag, row.ft_rag)
    n = max((level.n for level in levels if level is not None), default=0)
    effects = (row.rag_benefit, row.ft_benefit, row.synergy)
    return (
        *(row.model, size(row.params_b), str(n), *(share(level) for level in levels)),
        *(points(effect.difference) for effect in effects),
    )


def _contrast_rows(found: Effects) -> list[Row]:
    return [
        (
            *(row.contrast.name, row.contrast.kind, str(len(row.line.models)), str(row.line.n)),
            *(points(row.line.at_centre, " points"), points(row.line.slope, " points")),
        )
        for row in found.lines
        if not isinstance(row.line, Refused)
    ]


def _effect_row(row: Effect) -> Row:
    return (
        *(row.model or NOTHING, row.contrast.name, row.contrast.kind, str(row.n), str(row.dropped)),
        *(points(row.difference), probability(row.p), adjusted_p(row.adjusted)),
    )


def _effect_lines(found: Effects) -> Row:
    made = []
    for row in found.lines:
        line = row.line
        if isinstance(line, UpliftLine) and line.slope is not None and line.spans_zero is False:
            trend = "grows" if line.slope.estimate > 0 else "falls"
            on = f"{count(len(line.models), 'model')}, n {line.n}"
            slope = points(line.slope, " points")
            made.append(
                f"{row.contrast.name} ({row.contrast.kind}) {trend} with size: {slope} per tenfold size ({on})."
            )
    return tuple(made) or ("No effect is shown to change with size.",)


def _effect_refusals(found: Effects) -> Row:
    lines = [(f"{row.contrast.name} by size", row.line) for row in found.lines]
    return (
        *refusals(lines),
        *reasons((f"{row.contrast.name} of {row.model}", row.refused) for row in found.effects),
    )


def _task_lines(summary: RunSummary) -> Row:
    """How many comparisons by task are clear, and which, if they are few."""
    found = task_verdicts(summary)
    shown = found if len(found) <= SINGLY_MOST + 1 else found[:1]
    return tuple(f"{line[:1].upper()}{line[1:]}." for line in shown)


def _within_row(row: WithinModel) -> Row:
    names = (row.model, row.condition, row.baseline, str(row.n), str(row.dropped))
    if isinstance(row.paired, Refused):
        return (*names, *([NOTHING] * 6), row.paired.reason)
    pair = row.paired
    only = NOTHING if pair.only_a is None else f"{pair.only_a} / {pair.only_b}"
    effect = None if isinstance(row.detectable, Refused) else row.detectable.effect
    power = row.power
    n_needed = None if isinstance(power, Refused) else power.n_needed
    return (
        *(*names, points(pair.difference), only, probability(pair.p), adjusted_p(row.adjusted)),
        *(NOTHING if effect is None else f"{POINTS * effect:.1f}", optional(n_needed, ",")),
        _reading(row),
    )


def _reading(row: WithinModel) -> str:
    exploratory = "" if row.declared else ", exploratory"
    return f"{within_kind(row).replace('none', 'no interval')}{exploratory}"


def _others(within: Sequence[WithinModel]) -> Row:
    """The exploratory comparisons that are sure, each in a sentence."""
    sure = [row for row in within if not row.declared and within_kind(row) in {"ahead", "behind"}]
    if len(sure) <= SINGLY_MOST:
        return tuple(f"Exploratory: {within_sentence(row)}." for row in sure)
    ahead = sum(within_kind(row) == "ahead" for row in sure)
    others = sum(not row.declared for row in within)
    told = f"{ahead} beat direct answering, {len(sure) - ahead} fall behind it"
    return (f"Exploratory: of {count(others, 'comparison')} of other conditions within a model, {told}.",)


def _pair_row(row: Substitute) -> Row:
    found, test = row.verdict, row.test
    names = (f"{row.small} + {row.condition}", f"{row.large} {row.baseline}", str(test.n), str(row.dropped))
    if isinstance(found, Refused):
        return (*names, NOTHING, found.reason, probability(test.p), adjusted_p(test.adjusted))
    shown, _, interval = points(found.outer).partition(" ")
    verdict = f"{interval} {found.standing} (margin {margin_points(found.margin)})".strip()
    return (*names, shown, verdict, probability(test.p), adjusted_p(test.adjusted))


def _noise_table(analysis: Analysis) -> tuple[Table, ...]:
    if isinstance(analysis.repeats, Refused):
        return ()
    columns = ("model", "condition", "n", "repeats", "flips % [95 %]", "floor, points", "SE", "SE, questions x 2")
    return table(
        "Noise of a rerun: a difference within the floor may be chance",
        (*columns, "SE, repeats x 2", "advice"),
        map(_noise_row, analysis.repeats),
        2,
    )


def _noise_row(row: RepeatSpread) -> Row:
    noise, design = row.noise, row.design
    errors = () if isinstance(design, Refused) else (design.se, design.se_twice_questions, design.se_twice_repeats)
    shown = [f"{POINTS * error:.2f}" for error in errors] or [NOTHING] * 3
    return (
        *(row.model, row.condition, str(noise.n), str(noise.repeats), share(noise.flip_rate)),
        *(NOTHING if noise.floor is None else f"{POINTS * noise.floor:.1f}", *shown),
        design.reason if isinstance(design, Refused) else design.advice,
    )


def _complete_lines(complete: ShareAnalysis | Refused, within: Sequence[WithinModel]) -> Row:
    """The comparisons that read otherwise when cases without an answer are left out."""
    if isinstance(complete, Refused):
        return (f"Leaving out cases without an answer: {complete.reason}.",)
    if isinstance(complete.within, Refused):
        return ()
    other = {(row.model, row.condition): row for row in complete.within}
    changed = [
        f"{row.model} {row.condition} ({within_kind(row)} becomes {within_kind(told_so)}, n {told_so.n})"
        for row in within
        if (told_so := other.get((row.model, row.condition))) is not None and within_kind(told_so) != within_kind(row)
    ]
    if not changed:
        return ("Leaving out cases without an answer changes no reading of the comparisons within models.",)
    return (f"Leaving out cases without an answer changes a reading: {listed(changed)}.",)


def _by_task(summary: RunSummary) -> tuple[Table, ...]:
    """The comparisons by task, else those over all questions where some were dropped: otherwise they are told above."""
    tasks = tuple(found for found in summary.comparisons if found.task is not None)
    torn = any(found.dropped for found in summary.comparisons)
    found = comparison_section(tasks or (summary.comparisons if torn else ())).table
    if found is None:
        return ()
    caption = f"Over the questions that both answered{', by task (exploratory)' if tasks else ''}"
    return (Table(columns=found.columns, rows=found.rows, names=found.names, caption=caption, detail=True),)
