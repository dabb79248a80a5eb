"""The command `harness`: models, hardware, weights, data files, studies and reports, outside pytest."""

import os
import sys
import textwrap
from collections.abc import Callable
from dataclasses import asdict
from importlib.resources import files
from itertools import zip_longest
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from harness import cli_runs
from harness.cli_shared import AsJson, ModelNames, StudyName, print_json, print_table, this_project
from harness.errors import HarnessError, StudyError
from harness.options import DEFAULT_CASES
from harness.secrets import clean_message

if TYPE_CHECKING:
    from harness.registry.recommend import ModelRow

USAGE_ERROR = 4
CELL_WIDTH = 30
PROBE_HELP = (
    "Say of each model of the study whether it can run here and now, and why not: weights, memory, packages, key. A "
    "service is asked for its list of models, and no question. Ends with 1 when one cannot run."
)
# what all mistakes on the command line are to typer, which gives the class no name of its own
CommandLineError: type[typer.BadParameter] = typer.BadParameter.__mro__[2]

app = typer.Typer(
    name="harness",
    help="What model size buys on your questions, and what retrieval buys instead.",
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)


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


@app.command()
def models(
    compare: Annotated[tuple[str, str] | None, typer.Option("--compare", help="Two models, side by side.")] = None,
    study: StudyName = None,
    model: ModelNames = None,
    *,
    probe: Annotated[bool, typer.Option("--probe", help=PROBE_HELP)] = False,
    as_json: AsJson = False,
) -> None:
    """List the models that have a name. Example: harness models --compare qwen7b mistral7b."""
    from harness.registry.catalog import load_catalog
    from harness.registry.recommend import compare as compare_models
    from harness.registry.recommend import model_row

    if probe:
        if compare is not None:
            raise StudyError("--probe looks at the study's models and --compare at two others: leave one of them out")
        cli_runs.probe(study, model, as_json=as_json)
        return
    if study is not None or model:
        raise StudyError("--study and --model say which models to probe: add --probe, or leave them out")
    catalog = load_catalog(this_project().models)
    rows = [model_row(each) for each in catalog.models] if compare is None else compare_models(catalog, compare)
    if as_json:
        print_json([asdict(row) for row in rows])
    elif compare is None:
        head = ["model", "aliases", "params", "tier", "context", "licence"]
        print_table(head, [_model_line(row) for row in rows])
    else:
        tables = [asdict(row) for row in rows]
        print_table(["", *(str(row["name"]) for row in tables)], _side_by_side(tables))


def _model_line(row: "ModelRow") -> list[str]:
    from harness.report.wording import size

    shown = (row.name, row.aliases, size(row.params_b), row.tier, row.context_length, row.licence)
    return [_shown(each) for each in shown]


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

    catalog = load_catalog(this_project().models)
    machine = this_machine() if name is None else find_hardware(catalog, name)
    advice = recommend(catalog, machine)
    if as_json:
        profiles = [profile.name for profile in catalog.hardware]
        fitting = [model.name for model in advice.fits]
        print_json({"hardware": asdict(machine), "fits": fitting, "left_out": advice.left_out, "profiles": profiles})
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

    project = this_project()
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
        print_json([asdict(problem) for problem in problems])
    for problem in () if as_json else problems:
        typer.echo(f"{problem.place}: {problem.message}")
    if problems:
        raise typer.Exit(1)
    if not as_json:
        typer.echo(f"{path}: nothing wrong")


@app.command()
def init(folder: Annotated[Path, typer.Argument(help="Where to write them.")] = Path("benchmarks")) -> None:
    """Write a study file and the test files over it, to be changed. Example: harness init."""
    texts = {
        folder / "study.toml": files("harness.studies").joinpath("embedded.toml").read_text(encoding="utf-8"),
        folder / "test_answers.py": files("harness.studies").joinpath("test_answers.txt").read_text(encoding="utf-8"),
        folder / "test_claims.py": files("harness.studies").joinpath("test_claims.txt").read_text(encoding="utf-8"),
    }
    for path in texts:
        if path.exists():
            raise StudyError(f"{path} exists already: move it away, or name another folder, as in harness init mine")
    folder.mkdir(parents=True, exist_ok=True)
    for path, text in texts.items():
        path.write_text(text, encoding="utf-8")
        typer.echo(f"wrote {path}")
    if folder != Path(DEFAULT_CASES) and this_project().cases != str(folder):
        typer.echo(f'add to pyproject.toml: [tool.harness] cases = "{folder}" and study = "{folder}/study.toml"')
    typer.echo(f"next: harness fetch smollm2-135m && pytest {folder} --scaling-report")


RUN_COMMANDS: dict[str, Callable[..., None]] = {
    "rescore": cli_runs.rescore,
    "report": cli_runs.report,
    "plot": cli_runs.plot,
    "audit": cli_runs.audit,
    "matrix": cli_runs.matrix,
    "compare": cli_runs.compare,
}
for name, command in RUN_COMMANDS.items():
    app.command(name=name)(command)
