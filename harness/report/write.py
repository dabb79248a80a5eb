"""A run's folder: summary, tables, submissions and the report, written as a whole."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from harness.analysis.compatible.clustered import ClusteredMean
from harness.analysis.extras import require
from harness.analysis.flags import Scores
from harness.analysis.frame import CaseTables, gather
from harness.analysis.order import cells_of
from harness.analysis.run import RunInfo
from harness.analysis.summary import RunSummary, summarise
from harness.analysis.whole import Analysis, analyse
from harness.errors import HarnessError, UnknownName
from harness.records import CaseResult, Template
from harness.report import markdown, wattbot
from harness.report.clustered import clustered_means
from harness.report.document import summary_json
from harness.report.sections import Report
from harness.report.sections_full import full_report
from harness.report.sections_verdicts import Claimed
from harness.report.swap import replaced
from harness.report.tables import result_table, write_csv, write_parquet

if TYPE_CHECKING:
    from harness.report.figures.figure import FigureData

UNSAFE = re.compile(r"[^A-Za-z0-9._@+-]+")
NAME_MOST = 100


FORMATS = ("html", "md", "json")
APART_FROM = 2_000  # cases, from which on figures are drawn beside the rest: starting processes takes a second
PACKAGES = ("pandas", "pyarrow", "scipy")
HTML_PACKAGES = ("altair", "vl_convert", "jinja2")


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """What a report tells beside the results of a run.

    `again` are scores of cases, by label, computed again from the stored answers, to check the stored ones;
    `templates` those of the study by data set; `formats` of FORMATS: the tables of results are always written.
    """

    again: Scores | None = None
    claims: Sequence[Claimed] = ()
    templates: Mapping[str, Template] = field(default_factory=dict)
    formats: Sequence[str] = FORMATS


@dataclass(frozen=True, slots=True, kw_only=True)
class Written:
    """A report on disk: its folder, its files relative to it, sorted, and what they tell."""

    folder: Path
    files: tuple[str, ...]
    summary: RunSummary
    analysis: Analysis
    report: Report


@dataclass(frozen=True, slots=True, kw_only=True)
class _Parts:
    """A run as every file of its report reads it."""

    tables: CaseTables
    summary: RunSummary
    analysis: Analysis
    clustered: Mapping[str, ClusteredMean]
    report: Report


def summarise_run(results: Iterable[CaseResult], info: RunInfo) -> RunSummary:
    """The summary of a run, without writing anything.

    Raises:
        MissingExtra: pandas or scipy is not installed.
        HarnessError: there are no results, or one case comes with two different ones.
    """
    return summarise(_gathered(results, info), info)


def write_run(results: Iterable[CaseResult], info: RunInfo, folder: Path, told: Told | None = None) -> Written:
    """Write the report of a run into `folder`, which is replaced as a whole.

    The bytes depend on results, info, what is told and SOURCE_DATE_EPOCH alone: not on the order of the results, nor on
    time or place.

    Raises:
        MissingExtra: packages of the extra [report] are not installed.
        UnknownName: a format is none of FORMATS.
        HarnessError: there are no results, one case comes with two different ones, or the folder holds something that
            is no report or cannot be written.
    """
    told = told or Told()
    for name in told.formats:
        if name not in FORMATS:
            raise UnknownName("format of a report", name, FORMATS)
    require(*PACKAGES, *(HTML_PACKAGES if "html" in told.formats else ()))
    parts = _parts(_gathered(results, info), info, told)
    with replaced(folder) as partial:
        _write(parts, told, partial)
        files = sorted(path.relative_to(partial).as_posix() for path in partial.rglob("*") if path.is_file())
    return Written(
        folder=folder, files=tuple(files), summary=parts.summary, analysis=parts.analysis, report=parts.report
    )


def figure_data(results: Iterable[CaseResult], info: RunInfo) -> "FigureData":
    """What figures of a run are drawn from.

    Raises:
        MissingExtra: as write_run.
        HarnessError: as write_run.
    """
    parts = _parts(_gathered(results, info), info, Told())
    return _data(parts)


def _data(parts: _Parts) -> "FigureData":
    from harness.report.figures.figure import FigureData

    return FigureData(summary=parts.summary, analysis=parts.analysis, tables=parts.tables)


def _gathered(results: Iterable[CaseResult], info: RunInfo) -> CaseTables:
    tables = gather(results, run=info)
    if not tables.results:
        raise HarnessError(f"run {info.run!r} has no cases to report: choose at least one model and one question")
    return tables


def _parts(tables: CaseTables, info: RunInfo, told: Told) -> _Parts:
    summary, analysis = summarise(tables, info, told.again), analyse(tables, info, info.seed)
    clustered = clustered_means(tables)
    return _Parts(
        tables=tables,
        summary=summary,
        analysis=analysis,
        clustered=clustered,
        report=full_report(summary, analysis, told.claims, clustered),
    )


def _write(parts: _Parts, told: Told, folder: Path) -> None:
    alts: Mapping[str, str] = {}
    if "html" in told.formats:
        alts = _write_page(parts, told, folder)
    else:
        _write_data(parts, told, folder)
    if "md" in told.formats:
        _write_text(folder / "report.md", markdown.render(parts.report, figures=alts))


def _write_data(parts: _Parts, told: Told, folder: Path) -> None:
    table = result_table(parts.tables)
    write_parquet(table, folder / "results.parquet")
    write_csv(table, folder / "results.csv")
    wattbot.write_matrix(parts.tables.results, folder / "results_matrix.csv")
    wattbot.write_errors(parts.tables.results, folder / "errors.csv")
    _write_submissions(parts.tables.results, folder / "submissions")
    if "json" in told.formats:
        _write_text(folder / "summary.json", summary_json(parts.summary, parts.analysis, parts.clustered))


def _write_text(path: Path, text: str) -> None:
    path.write_text(text, encoding="utf-8", newline="\n")


def _write_page(parts: _Parts, told: Told, folder: Path) -> Mapping[str, str]:
    """Write page and figures, and the data beside the drawing; returns what each figure says."""
    from harness.report import visual  # needs altair

    data = _data(parts)
    figures = visual.figures_of(data)
    with visual.figures_written(figures, folder, apart=len(parts.tables.results) >= APART_FROM) as drawn:
        _write_data(parts, told, folder)
    visual.write_page(parts.report, visual.pictures_of(figures, drawn), data, told.templates, folder)
    return figures.alts


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
