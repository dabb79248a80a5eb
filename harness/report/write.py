"""A run's folder: summary, tables, submissions and the report, written as a whole."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from harness.analysis.extras import require
from harness.analysis.flags import Scores
from harness.analysis.frame import CaseTables, gather
from harness.analysis.order import cells_of
from harness.analysis.run import RunInfo
from harness.analysis.summary import RunSummary, summarise
from harness.errors import HarnessError
from harness.records import CaseResult
from harness.report import markdown, wattbot
from harness.report.document import summary_json
from harness.report.sections import first_report
from harness.report.swap import replaced
from harness.report.tables import result_table, write_csv, write_parquet

UNSAFE = re.compile(r"[^A-Za-z0-9._@+-]+")
NAME_MOST = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class Written:
    """A report on disk: its folder, its files relative to it, sorted, and the summary they were made from."""

    folder: Path
    files: tuple[str, ...]
    summary: RunSummary


def summarise_run(results: Iterable[CaseResult], info: RunInfo) -> RunSummary:
    """The summary of a run, without writing anything.

    Raises:
        MissingExtra: pandas or scipy is not installed.
        HarnessError: there are no results, or one case comes with two different ones.
    """
    return summarise(_gathered(results, info), info)


def write_run(results: Iterable[CaseResult], info: RunInfo, folder: Path, *, again: Scores | None = None) -> Written:
    """Write the report of a run into `folder`, which is replaced as a whole.

    `again` are scores of cases, by label, computed again from the stored answers, to check the stored ones.

    The bytes depend on results and info alone: not on the order of the results, nor on time or place.

    Raises:
        MissingExtra: pandas, pyarrow or scipy is not installed.
        HarnessError: there are no results, one case comes with two different ones, or the folder holds something that
            is no report or cannot be written.
    """
    require("pandas", "pyarrow", "scipy")
    tables = _gathered(results, info)
    summary = summarise(tables, info, again)
    with replaced(folder) as partial:
        _write(tables, summary, partial)
        files = sorted(path.relative_to(partial).as_posix() for path in partial.rglob("*") if path.is_file())
    return Written(folder=folder, files=tuple(files), summary=summary)


def _gathered(results: Iterable[CaseResult], info: RunInfo) -> CaseTables:
    tables = gather(results, run=info)
    if not tables.results:
        raise HarnessError(f"run {info.run!r} has no cases to report: choose at least one model and one question")
    return tables


def _write(tables: CaseTables, summary: RunSummary, folder: Path) -> None:
    table = result_table(tables)
    write_parquet(table, folder / "results.parquet")
    write_csv(table, folder / "results.csv")
    (folder / "summary.json").write_text(summary_json(summary), encoding="utf-8", newline="\n")
    (folder / "report.md").write_text(markdown.render(first_report(summary)), encoding="utf-8", newline="\n")
    wattbot.write_matrix(tables.results, folder / "results_matrix.csv")
    wattbot.write_errors(tables.results, folder / "errors.csv")
    _write_submissions(tables.results, folder / "submissions")


def _write_submissions(results: Sequence[CaseResult], folder: Path) -> None:
    folder.mkdir()
    names = file_names([cell.label for cell in cells_of(results)])
    by_cell: dict[str, list[CaseResult]] = {}
    for result in results:
        by_cell.setdefault(result.case.cell.label, []).append(result)
    for label, found in by_cell.items():
        wattbot.write_submission(found, folder / f"{names[label]}.csv")


def file_names(labels: Sequence[str]) -> dict[str, str]:
    """A file name for each cell label, safe on every system and apart even where case is not told apart."""
    names: dict[str, str] = {}
    taken: set[str] = set()
    for label in sorted(labels):
        stem = UNSAFE.sub("-", label).strip(".-")[:NAME_MOST] or "cell"
        name, count = stem, 1
        while name.lower() in taken:
            count += 1
            name = f"{stem}-{count}"
        taken.add(name.lower())
        names[label] = name
    return names
