"""The commands of `harness` about what was answered: scores, reports, figures, audits and comparisons."""

from collections.abc import Mapping
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from harness.cli_shared import AsJson, ModelNames, StoreFile, StudyName, print_json, print_table, this_project
from harness.errors import StoreError, StudyError
from harness.options import DEFAULT_STORE, Settings
from harness.records import Selection

if TYPE_CHECKING:
    from harness.session import Session


def _settings(
    study: str | None,
    store: str | None,
    model: list[str] | None,
    *,
    reports: bool = False,
    report_dir: Path | None = None,
) -> Settings:
    project = this_project()
    names = tuple(name for text in model or () for name in text.split(","))
    return Settings(
        project=project,
        study=study or project.study or "embedded",
        selection=Selection(models=names, extra_models=project.models),
        hardware=None,
        rerun=False,
        answer_timeout_s=None,
        flip_check=0,
        share_gpu=False,
        run_name=None,
        store=project.root / (store or DEFAULT_STORE),
        scaling_report=reports,
        report_dir=report_dir,
        chosen=True,
    )


def probe(study: str | None, model: list[str] | None, *, as_json: bool) -> None:
    """Say of each model of the study, in each of its precisions and with each adapter, whether it can run here and now.

    Raises:
        Exit: with 1, when one cannot.
    """
    from harness.planning import runtime_of
    from harness.providers.probe import probe as look
    from harness.session import Session

    session = Session(_settings(study, None, model))
    wanted = {(cell.model.name, runtime_of(session.study, cell)): cell.model for cell in session.study.cells}
    found = [(look(spec, runtime, session.hardware), runtime) for (_, runtime), spec in wanted.items()]
    rows = [
        {**asdict(each), "quantisation": runtime.quantisation, "adapter": runtime.adapter, "ready": each.is_ready}
        for each, runtime in found
    ]
    if as_json:
        print_json(rows)
    else:
        names = ("model", "provider", "quantisation", "adapter")
        lines = [[*(str(row[name] or "-") for name in names), str(row["reason"] or "ready")] for row in rows]
        print_table(["model", "provider", "precision", "adapter", "here and now"], lines)
    if not all(each.is_ready for each, _ in found):
        raise typer.Exit(1)


def rescore(
    study: StudyName = None, store: StoreFile = None, model: ModelNames = None, *, as_json: AsJson = False
) -> None:
    """Compute the scores of stored answers again, without asking a model. Example: harness rescore --study embedded."""
    from harness.session import Session

    session = Session(_settings(study, store, model))
    _need_store(session)
    scored = session.rescore()
    if as_json:
        print_json({"answers_scored": scored})
    else:
        typer.echo(f"{scored} stored answers scored")


def _need_store(session: "Session") -> None:
    """A store that was only named wrongly must not become an empty report in the place of a good one."""
    path = session.settings.store
    session.check(weights=False)
    if not path.exists():
        raise StoreError(f"there is no store {path}: run pytest first, or name the file with --store")


def report(  # noqa: PLR0913, PLR0917 - typer makes one option of each
    run: Annotated[str | None, typer.Argument(help="A report's folder, or its name under reports/.")] = None,
    study: StudyName = None,
    store: StoreFile = None,
    model: ModelNames = None,
    report_dir: Annotated[Path | None, typer.Option("--report-dir", help="Folder of the report.")] = None,
    formats: Annotated[str, typer.Option("--format", help="Of html and md, with commas; json always.")] = "html,md",
    *,
    as_json: Annotated[bool, typer.Option("--json", help="Print summary.json instead of the verdicts.")] = False,
) -> None:
    """Write the report of what is stored, without asking a model. Example: harness report main --format md.

    RUN is a report that there is: it is written again, its folder replaced, with the models, conditions and questions
    that the options chose for it. Without RUN it is the report of the whole study. Other commands read summary.json,
    which is written whatever the formats.
    """
    session = _stored_session(study, store, model, report_dir=report_dir, run=run)
    lines = session.write_report(formats=tuple(dict.fromkeys((*_named(formats), "json"))))
    if as_json:
        lines = [(session.report_folder / "summary.json").read_text(encoding="utf-8").rstrip()]
    for line in lines:
        typer.echo(line)


def plot(  # noqa: PLR0913, PLR0917 - typer makes one option of each
    names: Annotated[list[str] | None, typer.Argument(help="Figures; none lists those that there are.")] = None,
    study: StudyName = None,
    store: StoreFile = None,
    model: ModelNames = None,
    folder: Annotated[Path, typer.Option("--folder", help="Where to write them.")] = Path("figures"),
    formats: Annotated[str, typer.Option("--format", help="Of svg, png and pdf, with commas.")] = "svg",
) -> None:
    """Draw figures of what is stored. Example: harness plot direct_scaling reliability --format png."""
    from harness.report.figures.catalog import FIGURES

    if not names:
        for name in FIGURES:
            typer.echo(name)
        return
    for line in _stored_session(study, store, model).plot(names, folder, _named(formats)):
        typer.echo(line)


def _named(text: str) -> tuple[str, ...]:
    return tuple(dict.fromkeys(name for part in text.split(",") if (name := part.strip())))


def _stored_session(
    study: str | None,
    store: str | None,
    model: list[str] | None,
    *,
    report_dir: Path | None = None,
    run: str | None = None,
) -> "Session":
    from harness.session import Session

    settings = _settings(study, store, model, reports=True, report_dir=report_dir)
    session = Session(settings if run is None else _as_reported(settings, run))
    _need_store(session)
    return session


def _as_reported(settings: Settings, run: str) -> Settings:
    """The settings under which the report of that name was written, to write it again in its place.

    Raises:
        HarnessError: there is no such report, or it is of another study.
    """
    from harness.reported import read_reported
    from harness.studyfile import read_study

    root = settings.project.root
    reported = read_reported(run, root)
    name = read_study(settings.study, root)[0].study.name
    if name != reported.study:
        raise StudyError(
            f"report {run!r} is of the study {reported.study!r}, and {settings.study} is {name!r}: give its file with "
            "--study"
        )
    chosen = replace(reported.selection, extra_models=settings.selection.extra_models)
    if settings.selection.models:
        chosen = replace(chosen, models=settings.selection.models)
    folder = settings.report_dir or reported.folder
    return replace(settings, selection=chosen, run_name=reported.run, report_dir=folder)


Runs = Annotated[list[str], typer.Argument(help="Reports' folders, or their names under reports/.")]


def audit(runs: Runs, *, as_json: AsJson = False) -> None:
    """Show what is wrong with the data of reports. Example: harness audit embedded nightly."""
    from harness.report import overview

    summaries = _summaries(runs)
    if as_json:
        print_json(overview.audit(summaries))
    else:
        print_table(*overview.audit_table(summaries))


def matrix(runs: Runs, *, as_json: AsJson = False) -> None:
    """Show models by conditions of reports, right answers in percent. Example: harness matrix embedded nightly."""
    from harness.report import overview

    summaries = _summaries(runs)
    if as_json:
        print_json(overview.matrix(summaries))
    else:
        print_table(*overview.matrix_table(summaries))


def _summaries(runs: list[str]) -> list[Mapping[str, Any]]:
    from harness.baseline import read_summary

    root = this_project().root
    return [{**read_summary(run, root), "run": run} for run in runs]


def compare(  # noqa: PLR0913 - typer makes one option of each
    run_a: Annotated[str, typer.Argument(help="The baseline: a report's folder, or its name under reports/.")],
    run_b: Annotated[str, typer.Argument(help="The run that is held against it.")],
    margin: Annotated[str | None, typer.Option("--margin", help="The loss that is borne [the baseline's].")] = None,
    metric: Annotated[str, typer.Option("--metric", help="What is compared.")] = "correct",
    *,
    common: Annotated[bool, typer.Option("--common", help="Compare the questions that both were asked.")] = False,
    json_file: Annotated[Path | None, typer.Option("--json", help="Write the result as JSON.")] = None,
    markdown_file: Annotated[Path | None, typer.Option("--markdown", help="Write it for a pull request.")] = None,
) -> None:
    """Fail when run B is worse than run A. Example: harness compare main change --margin 0.03 --metric f1.

    Ends with 0 when B loses less than the margin in every cell, with 1 when it loses more in one, and with 6 when the
    questions are too few to tell.
    """
    from harness.analysis.gate import Rule, exit_code, gate
    from harness.baseline import read_margin, read_run
    from harness.report.gate import gate_json, gate_markdown, gate_text

    borne = None if margin is None else read_margin(margin)
    root = this_project().root
    first, second = read_run(run_a, root), read_run(run_b, root)
    found = gate(first, second, Rule(margin=first.margin if borne is None else borne, metric=metric, common=common))
    for line in gate_text(found):
        typer.echo(line)
    for path, written in ((json_file, gate_json), (markdown_file, gate_markdown)):
        if path is not None:
            path.write_text(written(found), encoding="utf-8", newline="\n")
    if code := exit_code(found):
        raise typer.Exit(code)
