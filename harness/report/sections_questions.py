"""Sections 12 to 14: the questions themselves, the audit, and how all of this was made."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

from harness.analysis.grid_answers import Agreement, QuestionRow, UniqueWins
from harness.analysis.refusals import Refused
from harness.analysis.summary import RunSummary
from harness.analysis.whole import Analysis
from harness.report.method import analysis_notes, method_notes
from harness.report.sections import Section, Table, audit_section, manifest_lines, slice_table
from harness.report.sections_judges import judge_lines, judge_tables
from harness.report.sections_numbers import POINTS, Row, count, details, refusals, share, table
from harness.report.wording import NOTHING

HARDEST_MOST = 20
BINS = ((0.0, "by no arm"), (0.25, "by up to a quarter"), (0.5, "by up to half"), (0.75, "by up to three quarters"))
NOTES = (
    (
        "An arm is a model under a condition, its repeats taken together. Agreement: on how many questions two models "
        "were right or wrong together. Unique wins: questions that one model alone got right among those of its "
        "condition."
    ),
)


def question_section(summary: RunSummary, analysis: Analysis) -> Section:
    """12. Difficulty, agreement, unique wins, and shares by task and data set."""
    views = analysis.questions
    slices = tuple(
        _captioned(found, caption)
        for found, caption in (
            (slice_table(summary.tasks), "By task"),
            (slice_table(summary.datasets), "By data set"),
        )
        if found is not None
    )
    title, key, figures = "Questions", "questions", ("accuracy_by_type", "agreement_heatmap", "unique_wins")
    if isinstance(views, Refused):
        lines = refusals([("views of the questions", views)])
        return Section(title=title, key=key, lines=lines, tables=slices, figures=figures)
    tables = (
        *table(
            "Difficulty: questions by how many arms got them right", ("right", "questions", "%"), _bins(views.questions)
        ),
        *details("Hardest questions", HARD_COLUMNS, _hardest(views.questions), 3),
        *details("Unique wins", ("condition", "model", "of models", "n", "wins"), map(_win_row, views.wins), 2),
        *details("Agreement", ("condition", "model", "and", "n", "agree %"), map(_agreement_row, views.agreements), 3),
        *slices,
    )
    return Section(
        title=title, key=key, lines=_question_lines(views.questions), tables=tables, notes=NOTES, figures=figures
    )


def audit_part(summary: RunSummary, analysis: Analysis) -> Section:
    """13. What prompts and answers were like, how often a prompt got another text, and what judges said."""
    found = audit_section(summary)
    flips = () if isinstance(analysis.flips, Refused) else analysis.flips
    rows = ((row.cell, str(row.rate.n), share(row.rate)) for row in flips)
    return Section(
        title="Audit",
        key="audit",
        lines=(*refusals([("flips at batch size 1", analysis.flips)]), *judge_lines(analysis)),
        tables=(
            *(_captioned(each, "Prompts and answers by cell") for each in found.tables),
            *details("Every flag", ("flag", "cell", "what"), _flag_rows(summary), 3),
            *details("Flips at batch size 1", ("cell", "n", "flips % [95 %]"), rows, 1),
            *judge_tables(analysis),
        ),
        notes=found.lines,
        figures=("refusal_rates",),
    )


def method_section(summary: RunSummary, analysis: Analysis) -> Section:
    """14. How the numbers were made, and what the run was made with."""
    return Section(
        title="Method and manifest",
        key="method",
        lines=(*method_notes(summary), *analysis_notes(analysis)),
        tables=table("Manifest", ("what", "value"), _manifest_rows(summary), 2),
    )


HARD_COLUMNS = ("data set", "question", "task", "arms", "right %", "only right by")


def _question_lines(rows: Sequence[QuestionRow]) -> Row:
    if not rows:
        return ()
    none, lone = sum(row.right == 0 for row in rows), sum(row.alone is not None for row in rows)
    every = sum(row.right == 1 for row in rows)
    return (
        (
            f"Of {count(len(rows), 'question')}: {none:,} that no arm got right, {every:,} that every arm got right in "
            f"all its repeats, {lone:,} that one arm alone got right."
        ),
    )


def _bins(rows: Sequence[QuestionRow]) -> list[Row]:
    names = [next((name for most, name in BINS if row.right <= most), "by more") for row in rows]
    counts = Counter(names)
    return [
        (name, str(counts[name]), f"{POINTS * counts[name] / len(rows):.1f}")
        for name in (*(name for _, name in BINS), "by more")
        if rows
    ]


def _hardest(rows: Sequence[QuestionRow]) -> list[Row]:
    """The questions that the fewest arms got right, by data set and id among equals."""
    order = sorted(rows, key=lambda row: row.right)[:HARDEST_MOST]
    return [
        (
            *(row.dataset, row.question, row.task or NOTHING, str(row.arms), f"{POINTS * row.right:.1f}"),
            row.alone or NOTHING,
        )
        for row in order
    ]


def _flag_rows(summary: RunSummary) -> list[Row]:
    return [(flag.code, flag.cell or "the run", flag.message) for flag in summary.flags]


def _win_row(row: UniqueWins) -> Row:
    return (row.condition, row.model, str(row.models), str(row.n), str(row.wins))


def _agreement_row(row: Agreement) -> Row:
    return (row.condition, row.a, row.b, str(row.n), f"{POINTS * row.share:.1f}")


def _manifest_rows(summary: RunSummary) -> list[Row]:
    return [
        (name, value) for name, _, value in (line.partition(": ") for line in manifest_lines(summary.info.manifest))
    ]


def _captioned(found: Table, caption: str) -> Table:
    return replace(found, caption=caption, detail=True)
