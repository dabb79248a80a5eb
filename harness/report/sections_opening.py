"""The first screen: verdicts, key numbers, the ledger of coverage, and what is wrong with the data."""

from collections.abc import Sequence
from dataclasses import replace

from harness.analysis.cells import CellSummary, Coverage
from harness.analysis.flags import Flag
from harness.analysis.refusals import Refused
from harness.analysis.size_worth import RetrievalWorth
from harness.analysis.summary import RunSummary
from harness.analysis.uplift_line import UpliftLine
from harness.analysis.whole import Analysis, ShareAnalysis
from harness.report.sections import CELL_NOTES, COVERAGE_NOTES, Section, Table, cell_table, coverage_table
from harness.report.sections_numbers import POINTS, Row, count, listed, points, ratio, refusals, signed, table
from harness.report.sections_verdicts import Claimed, direct_accuracy, margin_points, verdict_lines
from harness.report.wording import NOTHING, repeat_name, size

VERDICT_NOTES = (
    "Brackets are 95 % intervals, and where it says so 90 % ones. A verdict reads the intervals of its own pair: beats "
    "(95 % above 0), matches (90 % within the margin on both sides), holds its own (90 % above minus the margin), is "
    "worse (95 % below 0, or below minus the margin), else inconclusive. Of many pairs some will be wrong by chance; "
    "the comparisons tell the p-values adjusted for that. Retrieval beats direct answering only where its interval "
    "excludes 0 and its p, adjusted by Holm, is below 0.05; may beat it where only the interval does."
)
MISSING_NOTE = "A case without an answer counts as not right here; the comparisons tell what leaving it out changes."


def opening_sections(summary: RunSummary, analysis: Analysis, claims: Sequence[Claimed]) -> tuple[Section, ...]:
    """What fits on the first screen, then the claims with their numbers, and the table of cells."""
    return (
        Section(
            title="Verdicts",
            key="verdicts",
            lines=verdict_lines(analysis, claims, summary.comparisons),
            notes=(VERDICT_NOTES, MISSING_NOTE),
            figures=("key_figure",),
            opening=True,
        ),
        _key_numbers(analysis),
        _ledger(summary, analysis),
        _flags(summary),
        _claims(claims),
        Section(title="Cells", key="cells", tables=_cells(summary), notes=CELL_NOTES),
    )


def _cells(summary: RunSummary) -> tuple[Table, ...]:
    found = cell_table(summary)
    return () if found is None else (found,)


def _claims(claims: Sequence[Claimed]) -> Section:
    """The numbers behind every claim; nothing to tell where none was made."""
    columns = ("claim", "verdict", "n", "needs n", "numbers")
    rows = (
        (
            claim.name,
            claim.verdict,
            *(NOTHING if n is None else f"{n:,}" for n in (claim.n, claim.needed)),
            claim.message,
        )
        for claim in claims
    )
    return Section(title="Claims", key="claims", tables=table("", columns, rows, 2))


def _key_numbers(analysis: Analysis) -> Section:
    shares = analysis.headline
    if isinstance(shares, Refused):
        return Section(title="Key numbers", key="key-numbers", lines=refusals([("key numbers", shares)]), opening=True)
    rows = [*_line_rows(analysis, shares), *_worth_rows(shares)]
    missing = refusals(
        [
            ("the best uplift against size", shares.best_uplift_by_size),
            ("what retrieval is worth in parameters", shares.worths),
            ("calibration", analysis.confidences),
        ]
    )
    return Section(
        title="Key numbers",
        key="key-numbers",
        lines=() if rows else missing,
        tables=table("", ("what", "value [95 %]", "models", "n"), rows),
        notes=missing if rows else (),
        opening=True,
    )


def _line_rows(analysis: Analysis, shares: ShareAnalysis) -> list[Row]:
    rows: list[Row] = []
    uplift, gap = shares.best_uplift_by_size, direct_accuracy(analysis, "gap")
    direct = direct_accuracy(analysis)
    if direct is not None and direct.slope is not None:
        rows.append(_row("tenfold size, direct answering", direct, points(direct.slope, " points")))
    if isinstance(uplift, UpliftLine) and uplift.centre is not None:
        at = size(10**uplift.centre)
        rows.append(_row(f"best retrieval, at {at}", uplift, points(uplift.at_centre, " points")))
        rows.append(_row("how that changes per tenfold size", uplift, points(uplift.slope, " points")))
    if gap is not None and gap.slope is not None:
        told = points(gap.slope, " points")
        rows.append(_row("overconfidence of direct answers, change per tenfold size", gap, told))
    return rows


def _worth_rows(shares: ShareAnalysis) -> list[Row]:
    if isinstance(shares.worths, Refused):
        return []
    return [
        (
            f"{row.model}: its retrieval is worth this factor of size",
            ratio(row.worth.multiplier.estimate, row.worth.multiplier.confidence),
            str(len(row.worth.fit.models)),
            str(row.worth.n),
        )
        for row in shares.worths[:1]
        if isinstance(row.worth, RetrievalWorth) and row.worth.multiplier.estimate is not None
    ]


def _row(what: str, line: UpliftLine, value: str) -> Row:
    return (what, value, str(len(line.models)), str(line.n))


def _ledger(summary: RunSummary, analysis: Analysis) -> Section:
    compared = analysis.compared
    grouped = f" in {count(compared.clusters, 'cluster')}" if compared.clusters < compared.questions else ""
    left = tuple(f"{cell} is not compared with the others: {why}." for cell, why in compared.left_out)
    unsized = tuple(f"{model} stands on no axis of sizes: {why}." for model, why in compared.unsized)
    lines = (
        _total([cell.coverage for cell in summary.cells], summary.info.planned),
        (
            f"Compared: {count(compared.cells, 'cell')} on {count(compared.questions, 'question')}{grouped}; declared "
            f"margin {margin_points(analysis.margin)} points."
        ),
        *left,
        *unsized,
        *_torn(summary.cells),
    )
    found = coverage_table(summary)
    tables = () if found is None else (replace(found, caption="Coverage by cell"),)
    return Section(
        title="Ledger", key="ledger", lines=lines, tables=tables, notes=COVERAGE_NOTES, detail=True, opening=True
    )


def _total(parts: Sequence[Coverage], planned: int) -> str:
    total = {name: sum(getattr(part, name) for part in parts) for name in Coverage.__slots__}
    missing = planned - total["answered"] - total["errored"]
    return (
        f"{count(planned, 'case')} planned = {total['answered']:,} answered + {total['errored']:,} errored + "
        f"{missing:,} missing; answered = {total['correct']:,} correct + {total['wrong']:,} wrong + "
        f"{total['blank']:,} blank + {total['unparsed']:,} unparsed."
    )


def _torn(cells: Sequence[CellSummary]) -> Row:
    """The cells whose share hangs on how missing answers count: both ways differ by more than the standard error."""
    torn = []
    for cell in cells:
        both, told = cell.share.intent_to_test, cell.share.complete_case
        if told is not None and both.se is not None and abs(told.estimate - both.estimate) > both.se:
            gain = signed(POINTS * (told.estimate - both.estimate))
            torn.append(f"{cell.model} {repeat_name(cell.condition, cell.repeat)} ({gain} points, n {both.n})")
    if not torn:
        return ()
    return (f"The share right hangs on how missing answers count, by more than its standard error: {listed(torn)}.",)


def _flags(summary: RunSummary) -> Section:
    """One row per code; the audit lists every flag."""
    by_code: dict[str, list[Flag]] = {}
    for flag in summary.flags:
        by_code.setdefault(flag.code, []).append(flag)
    rows = ((code, found[0].cell or "the run", found[0].message, str(len(found))) for code, found in by_code.items())
    lines = () if by_code else ("No flag was raised.",)
    tables = table("", ("flag", "first cell", "what it says there", "times"), rows, 3)
    return Section(title="Flags", key="flags", lines=lines, tables=tables, opening=True)
