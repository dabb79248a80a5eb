"""The command `harness`: models, hardware, weights, data files, studies and reports, outside pytest."""

import json
import os
import sys
import textwrap
from dataclasses import asdict
from importlib.resources import files
from itertools import zip_longest
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from harness.errors import HarnessError, StoreError, StudyError
from harness.options import DEFAULT_CASES, DEFAULT_STORE, Project, Settings, read_project
from harness.records import Selection
from harness.secrets import clean_message

if TYPE_CHECKING:
    from harness.session import Session

USAGE_ERROR = 4
CELL_WIDTH = 30
# what all mistakes on the command line are to typer, which gives the class no name of its own
CommandLineError: type[typer.BadParameter] = typer.BadParameter.__mro__[2]

app = typer.Typer(
    name="harness",
    help="What model size buys on your questions, and what retrieval buys instead.",
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")]
StudyName = Annotated[str | None, typer.Option("--study", help="Study file, or a built-in study.")]
StoreFile = Annotated[str | None, typer.Option("--store", help=f"The file that keeps the answers [{DEFAULT_STORE}].")]
ModelNames = Annotated[list[str] | None, typer.Option("--model", help="Models, instead of the study's.")]


def main() -> None:
    """Run the command; a user's mistake is one line on stderr and exit code 4."""
    if len(sys.argv) == 1:
        sys.argv.append("--help")
    try:
        sys.exit(app(standalone_mode=False))
    except HarnessError as error:
        _refuse(str(error))
    except BrokenPipeError:
        # the reader has enough, as in `harness models | head`; nothing may be flushed into the pipe at exit either
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except OSError as error:
        _refuse(f"{error.filename or 'a file'}: {error.strerror or error}")
    except typer.Abort:
        _refuse("stopped")
    except CommandLineError as error:
        _refuse(f"{' '.join(error.format_message().split())} See: harness --help")


def _refuse(text: str) -> None:
    sys.stderr.write(f"ERROR: {clean_message(text)}\n")
    sys.exit(USAGE_ERROR)


def _project() -> Project:
    """The project of the current folder, or of the nearest folder above that has one."""
    here = Path.cwd()
    found = (read_project(folder) for folder in (here, *here.parents))
    return next((project for project in found if project.uses), Project(root=here))


def _print_json(value: object) -> None:
    typer.echo(json.dumps(value, indent=2, default=str, ensure_ascii=False))


def _print_table(head: list[str], rows: list[list[str]]) -> None:
    widths = [max(len(row[column]) for row in [head, *rows]) for column in range(len(head))]
    for row in [head, *rows]:
        typer.echo("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())


@app.command()
def models(
    compare: Annotated[tuple[str, str] | None, typer.Option("--compare", help="Two models, side by side.")] = None,
    *,
    as_json: AsJson = False,
) -> None:
    """List the models that have a name. Example: harness models --compare qwen7b mistral7b."""
    from harness.registry.catalog import load_catalog
    from harness.registry.recommend import compare as compare_models
    from harness.registry.recommend import model_row

    catalog = load_catalog(_project().models)
    rows = [model_row(model) for model in catalog.models] if compare is None else compare_models(catalog, compare)
    if as_json:
        _print_json([asdict(row) for row in rows])
    elif compare is None:
        head = ["model", "aliases", "params B", "tier", "context", "licence"]
        _print_table(head, [_model_line(asdict(row)) for row in rows])
    else:
        tables = [asdict(row) for row in rows]
        _print_table(["", *(str(row["name"]) for row in tables)], _side_by_side(tables))


def _model_line(row: dict[str, object]) -> list[str]:
    return [_shown(row[key]) for key in ("name", "aliases", "params_b", "tier", "context_length", "licence")]


def _side_by_side(rows: list[dict[str, object]]) -> list[list[str]]:
    return [line for key in rows[0] if key != "name" for line in _folded(key, [_shown(row[key]) for row in rows])]


def _folded(key: str, texts: list[str]) -> list[list[str]]:
    """The lines of one row, each cell folded at CELL_WIDTH, so that two models fit 80 columns."""
    columns = [textwrap.wrap(text, CELL_WIDTH) for text in texts]
    return [[key if number == 0 else "", *line] for number, line in enumerate(zip_longest(*columns, fillvalue=""))]


def _shown(value: object) -> str:
    if value is None or value == "":
        return "-"
    if isinstance(value, list | tuple | set | frozenset):
        return ", ".join(sorted(map(str, value))) or "-"
    if isinstance(value, dict):
        return ", ".join(f"{key} {_shown(each)}" for key, each in value.items()) or "-"
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"{value:.4g}" if isinstance(value, float) else str(value)


@app.command()
def hardware(
    name: Annotated[str | None, typer.Argument(help="A profile; this machine without one.")] = None,
    *,
    as_json: AsJson = False,
) -> None:
    """Show a machine and the models that fit it. Example: harness hardware local_4090."""
    from harness.registry.catalog import find_hardware, load_catalog
    from harness.registry.machine import this_machine
    from harness.registry.recommend import recommend

    catalog = load_catalog(_project().models)
    machine = this_machine() if name is None else find_hardware(catalog, name)
    advice = recommend(catalog, machine)
    if as_json:
        profiles = [profile.name for profile in catalog.hardware]
        fitting = [model.name for model in advice.fits]
        _print_json({"hardware": asdict(machine), "fits": fitting, "left_out": advice.left_out, "profiles": profiles})
        return
    typer.echo(f"{machine.title}: {machine.memory_gb:.1f} GB, {machine.quantisation}, batch {machine.batch_size}")
    typer.echo(f"first choice: {advice.chosen.name if advice.chosen else 'no model fits'}")
    typer.echo(f"fits: {', '.join(model.name for model in advice.fits) or 'none'}")
    for left_out, reason in advice.left_out:
        typer.echo(f"left out: {left_out}: {reason}")
    typer.echo(f"profiles: {', '.join(profile.name for profile in catalog.hardware)}")


@app.command()
def fetch(name: Annotated[str, typer.Argument(help="A model's name or alias.")]) -> None:
    """Download or unpack a model's weights, once. Example: harness fetch smollm2-135m."""
    from harness.providers.fetch import fetch as fetch_weights
    from harness.registry.catalog import find_model, load_catalog

    project = _project()
    folder = fetch_weights(find_model(load_catalog(project.models), name), typer.echo)
    typer.echo(f"{name}: ready in {folder}")


@app.command()
def check(
    path: Annotated[Path, typer.Argument(help="A file of questions or of passages.")],
    corpus: Annotated[Path | None, typer.Option("--corpus", help="The corpus that gold passages must be in.")] = None,
    *,
    as_json: AsJson = False,
) -> None:
    """List everything that is wrong with a data file. Example: harness check questions.jsonl."""
    from harness.datasets.check import check_file

    problems = check_file(path, corpus=corpus)
    if as_json:
        _print_json([asdict(problem) for problem in problems])
    for problem in () if as_json else problems:
        typer.echo(f"{problem.place}: {problem.message}")
    if problems:
        raise typer.Exit(1)
    if not as_json:
        typer.echo(f"{path}: nothing wrong")


@app.command()
def init(folder: Annotated[Path, typer.Argument(help="Where to write them.")] = Path("benchmarks")) -> None:
    """Write a study file and the test file over it, to be changed. Example: harness init."""
    texts = {
        folder / "study.toml": files("harness.studies").joinpath("embedded.toml").read_text(encoding="utf-8"),
        folder / "test_answers.py": files("harness.studies").joinpath("test_answers.txt").read_text(encoding="utf-8"),
    }
    for path in texts:
        if path.exists():
            raise StudyError(f"{path} exists already: move it away, or name another folder, as in harness init mine")
    folder.mkdir(parents=True, exist_ok=True)
    for path, text in texts.items():
        path.write_text(text, encoding="utf-8")
        typer.echo(f"wrote {path}")
    if folder != Path(DEFAULT_CASES) and _project().cases != str(folder):
        typer.echo(f'add to pyproject.toml: [tool.harness] cases = "{folder}" and study = "{folder}/study.toml"')
    typer.echo(f"next: harness fetch smollm2-135m && pytest {folder} --scaling-report")


def _settings(
    study: str | None,
    store: str | None,
    model: list[str] | None,
    *,
    reports: bool = False,
    report_dir: Path | None = None,
) -> Settings:
    project = _project()
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


@app.command()
def rescore(study: StudyName = None, store: StoreFile = None, model: ModelNames = None) -> None:
    """Compute the scores of stored answers again, without asking a model. Example: harness rescore --study embedded."""
    from harness.session import Session

    session = Session(_settings(study, store, model))
    _need_store(session)
    typer.echo(f"{session.rescore()} stored answers scored")


def _need_store(session: "Session") -> None:
    """A store that was only named wrongly must not become an empty report in the place of a good one."""
    path = session.settings.store
    session.check(weights=False)
    if not path.exists():
        raise StoreError(f"there is no store {path}: run pytest first, or name the file with --store")


@app.command()
def report(
    study: StudyName = None,
    store: StoreFile = None,
    model: ModelNames = None,
    report_dir: Annotated[Path | None, typer.Option("--report-dir", help="Folder of the report.")] = None,
) -> None:
    """Write the report of what is stored, without asking a model. Example: harness report --study embedded."""
    from harness.session import Session

    session = Session(_settings(study, store, model, reports=True, report_dir=report_dir))
    _need_store(session)
    for line in session.write_report():
        typer.echo(line)


@app.command(name="compare")
def compare_runs(  # noqa: PLR0913 - typer makes one option of each
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
    root = _project().root
    first, second = read_run(run_a, root), read_run(run_b, root)
    found = gate(first, second, Rule(margin=first.margin if borne is None else borne, metric=metric, common=common))
    for line in gate_text(found):
        typer.echo(line)
    for path, written in ((json_file, gate_json), (markdown_file, gate_markdown)):
        if path is not None:
            path.write_text(written(found), encoding="utf-8", newline="\n")
    if code := exit_code(found):
        raise typer.Exit(code)
