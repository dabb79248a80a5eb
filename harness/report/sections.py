"""The report as values: titled sections of lines and tables, which each format renders in its own way."""

import re
from collections.abc import Mapping
from dataclasses import dataclass

from harness.analysis.cells import MetricMean, Slice
from harness.analysis.comparisons import Comparison
from harness.analysis.summary import RunSummary
from harness.analysis.verdicts import percent, points
from harness.report.wording import (
    NOTHING,
    adjusted_p,
    bos_counts,
    decimal_mean,
    direction,
    flip_line,
    latency,
    p_value,
    rate,
    repeat_name,
    size,
    template_names,
    tokens,
)

NO_SLUG = re.compile(r"[^a-z0-9]+")


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """Rows of text as they are read; unescaped. The first `names` columns hold names, the others numbers.

    `compatible` marks the numbers of published formulas, which never stand beside the others in one table; the caption
    says so too. A `detail` is cut before the others, as that of a section.
    """

    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    names: int = 1
    caption: str = ""
    compatible: bool = False
    detail: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Section:
    """One titled part: lines (what was found), tables, then notes (how to read them), all unescaped; any may be absent.

    `key` names the part in links, once per report: without one it is made from the title. `table` is short for `tables`
    of one, and always the first of them. `figures` are the file stems of the figures that belong here. A `detail` is
    cut before the other sections where the whole is too long. An `opening` part belongs on the first screen.
    """

    title: str
    key: str = ""
    lines: tuple[str, ...] = ()
    table: Table | None = None
    tables: tuple[Table, ...] = ()
    notes: tuple[str, ...] = ()
    figures: tuple[str, ...] = ()
    detail: bool = False
    opening: bool = False

    def __post_init__(self) -> None:
        """Fill the key from the title, and `table` and `tables` from each other."""
        tables = self.tables or (() if self.table is None else (self.table,))
        object.__setattr__(self, "key", self.key or slug(self.title))
        object.__setattr__(self, "tables", tables)
        object.__setattr__(self, "table", tables[0] if tables else None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """A whole report: what it is called, what leads it, and its sections in order; the opening ones come first.

    `notes` are said once for the whole, at its end.
    """

    title: str
    lead: str
    sections: tuple[Section, ...]
    notes: tuple[str, ...] = ()


def slug(title: str) -> str:
    """A title as it stands in links: small letters, digits and hyphens; "section" where none are left."""
    return NO_SLUG.sub("-", title.lower()).strip("-") or "section"


CELL_NOTES = (
    (
        "right: share of all n planned questions, with its 95 % interval; a question without an answer counts as not "
        "right. tokens: mean per prompt/answer. latency: median s, and how many prompts were answered together. "
        "loss: mean nats per token of the gold answer."
    ),
)
COMPARISON_NOTES = (
    (
        "Differences are paired, over the n questions that both answered. only: questions that this condition alone, "
        "and direct alone, got right. dropped: planned questions that not both answered. adjusted p: over its family "
        "of so many comparisons, by Holm over all questions, by Benjamini-Hochberg (BH) by task, which is exploratory."
    ),
)
COVERAGE_NOTES = (
    (
        "planned = answered + errored + missing (not asked yet, or skipped); answered = correct + wrong + blank + "
        "unparsed. Of the answered: truncated lost passages to the context window, cut ended at the token limit, "
        "refused were refusals."
    ),
)
AUDIT_NOTES = (
    (
        "BOS: prompts by how many BOS tokens lead them. template: with the start of its hash. truncated: prompts that "
        "lost passages to the context window, and how many they lost. cut: answers that ended at the token limit. "
        "unread: answers whose text could not be read. flips: answers that differ when their prompt is asked by itself."
    ),
)


def cell_table(summary: RunSummary) -> Table | None:
    """One row per cell: who, of what size, how often right, and what it took."""
    columns = ("model", "params", "condition", "n", "right % [95 %]", "blank", "err", "tokens", "latency", "loss (n)")
    rows = tuple(
        (
            cell.model,
            size(cell.params_b),
            repeat_name(cell.condition, cell.repeat),
            str(cell.coverage.planned),
            percent(cell.share.intent_to_test, 1),
            str(cell.coverage.blank),
            str(cell.coverage.errored),
            tokens(cell),
            latency(cell),
            f"{decimal_mean(cell.loss_nll)} ({_scored(cell.loss_nll)})",
        )
        for cell in summary.cells
    )
    return Table(columns=columns, rows=rows, names=3) if rows else None


def slice_table(slices: tuple[Slice, ...]) -> Table | None:
    """One row per cell and slice; None without slices."""
    columns = ("model", "condition", slices[0].kind if slices else "", "n", "right", "right % [95 %]", "blank", "err")
    rows = tuple(
        (
            part.model,
            part.condition,
            part.name,
            str(part.coverage.planned),
            str(part.coverage.correct),
            percent(part.share.intent_to_test, 1),
            str(part.coverage.blank),
            str(part.coverage.errored),
        )
        for part in slices
    )
    return Table(columns=columns, rows=rows, names=3) if rows else None


def comparison_section(comparisons: tuple[Comparison, ...]) -> Section:
    """One row per comparison, those over all questions first; empty without any."""
    columns = (
        "model",
        "condition",
        "task",
        "n",
        "dropped",
        "points [95 %]",
        "only",
        "p",
        "adjusted p",
        "interval",
        "test",
    )
    whole_first = sorted(comparisons, key=lambda found: found.task is not None)
    rows = tuple(_comparison_row(found) for found in whole_first)
    title = "Against direct"
    if not rows:
        return Section(title=title)
    return Section(title=title, lines=COMPARISON_NOTES, table=Table(columns=columns, rows=rows, names=3), detail=True)


def coverage_table(summary: RunSummary) -> Table | None:
    """Where each cell's planned questions went, and the share correct both ways."""
    ledger = ("planned", "answered", "correct", "wrong", "blank", "unparsed", "errored", "missing")
    within = ("truncated", "cut", "refused")
    columns = ("model", "condition", *ledger, *within, "right % of planned", "right % of answered")
    rows = tuple(
        (
            cell.model,
            repeat_name(cell.condition, cell.repeat),
            *(str(getattr(cell.coverage, name)) for name in (*ledger, *within)),
            percent(cell.share.intent_to_test, 1),
            NOTHING if cell.share.complete_case is None else percent(cell.share.complete_case, 1),
        )
        for cell in summary.cells
    )
    return Table(columns=columns, rows=rows, names=2) if rows else None


def metric_table(summary: RunSummary) -> Table | None:
    """Every metric's mean per cell, over the cases it scored."""
    columns = ("model", "condition", "metric", "better", "mean [95 %]", "SE", "n", "unscored", "most frequent reason")
    directions = summary.info.higher_is_better
    rows = tuple(
        (
            cell.model,
            repeat_name(cell.condition, cell.repeat),
            found.metric,
            direction(found.metric, directions),
            decimal_mean(found, interval=True),
            NOTHING if found.mean is None or found.mean.se is None else f"{found.mean.se:.3f}",
            _scored(found),
            str(found.unscored),
            f"{found.reasons[0][0]} ({found.reasons[0][1]})" if found.reasons else NOTHING,
        )
        for cell in summary.cells
        for found in cell.metrics
    )
    return Table(columns=columns, rows=rows, names=3) if rows else None


def flag_section(summary: RunSummary) -> Section:
    """What is wrong with the data, or that nothing is."""
    rows = tuple((flag.code, flag.cell or "the run", flag.message) for flag in summary.flags)
    if not rows:
        return Section(title="Flags", lines=("No flag was raised.",))
    return Section(title="Flags", table=Table(columns=("flag", "cell", "what"), rows=rows, names=3))


def audit_section(summary: RunSummary) -> Section:
    """One row per cell: what its prompts were like and how its answers ended."""
    columns = ("model", "condition", "template", "BOS", "answered", "truncated", "cut", "unread", "flips")
    rows = tuple(
        (
            found.model,
            repeat_name(found.condition, found.repeat),
            template_names(found.templates),
            bos_counts(found.bos),
            str(found.answered),
            f"{found.truncated_cases} ({found.truncated_passages} lost)" if found.truncated_cases else "0",
            rate(found.cut),
            str(found.unread),
            rate(found.flips),
        )
        for found in summary.audits
    )
    flips = () if summary.flips is None else (flip_line(summary.flips),)
    table = Table(columns=columns, rows=rows, names=4) if rows else None
    return Section(title="Audit", lines=(*flips, *AUDIT_NOTES) if rows else (), table=table, detail=True)


def manifest_lines(manifest: Mapping[str, object]) -> tuple[str, ...]:
    """One line per entry of the manifest; nested ones on one line."""
    return tuple(f"{name}: {_flat(value)}" for name, value in sorted(manifest.items()))


def _flat(value: object) -> str:
    if isinstance(value, Mapping):
        return ", ".join(f"{name} {_flat(part)}" for name, part in sorted(value.items()))
    if isinstance(value, (list, tuple)):
        return ", ".join(_flat(part) for part in value)
    return str(value)


def _comparison_row(found: Comparison) -> tuple[str, ...]:
    pair = found.answered
    names = (found.model, f"{found.condition} - {found.baseline}", found.task or "all")
    if found.refused is not None:
        return (*names, *([NOTHING] * 6), f"not compared: {found.refused}", NOTHING)
    if pair is None:
        return (*names, "0", str(found.dropped), *([NOTHING] * 6))
    only = NOTHING if pair.only_a is None else f"{pair.only_a} / {pair.only_b}"
    interval = pair.difference.refused or pair.difference.method
    return (
        *names,
        str(pair.difference.n),
        str(found.dropped),
        points(pair),
        only,
        p_value(pair),
        adjusted_p(found.adjusted),
        interval,
        pair.p_refused or pair.p_method,
    )


def _scored(found: MetricMean) -> str:
    return "0" if found.mean is None else str(found.mean.n)
