"""The options: their names, where their values come from, and the frozen Settings they become.

Each option is written once, in OPTIONS. Its long form `--harness-NAME` and its ini twin `harness_NAME` always exist;
the short form `--NAME` only in a project that uses the plugin, and only while no other plugin or conftest has it.
"""

import math
import os
import re
import threading
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import pytest

from harness.errors import StudyError
from harness.records import Selection

DEFAULT_STORE = ".harness/answers.sqlite"
DEFAULT_CASES = "benchmarks"
STUDY_PLACES = ("study.toml", "benchmarks/study.toml")
MODEL_VARIABLE = "HARNESS_MODEL"
OUTCOME = "harness_outcome"
USER_VERSION = 0
PROJECT_KEYS = {"cases": str, "study": str, "models": dict}


@dataclass(frozen=True, slots=True, kw_only=True)
class Option:
    """One option; `metavar` is None for a flag. A `many` option repeats and takes comma lists."""

    name: str
    help: str
    metavar: str | None = None
    many: bool = False

    @property
    def dest(self) -> str:
        """The attribute of `config.option`, and the name of the ini twin."""
        return "harness_" + self.name.replace("-", "_")


OPTIONS = (
    Option(name="model", metavar="NAME", many=True, help="models to ask: names, aliases, globs, comma lists"),
    Option(name="condition", metavar="NAME", many=True, help="conditions: direct, rag, oracle, distractor; rag@4bit"),
    Option(name="dataset", metavar="NAME", many=True, help="data sets of the study to ask"),
    Option(name="study", metavar="FILE", help="study file, or a built-in study: embedded, planted"),
    Option(name="limit", metavar="N", help="questions per data set, the same for every cell, stratified by task"),
    Option(name="smoke", help="one question per cell and data set"),
    Option(name="provider", metavar="NAME", help="what runs the models, instead of each model's own provider"),
    Option(name="hardware", metavar="NAME", help="hardware profile to check memory against, instead of this machine"),
    Option(name="metric", metavar="NAME", many=True, help="metrics to compute, instead of the study's"),
    Option(name="batch-size", metavar="N", help="prompts answered together, or auto: as many as fit the memory"),
    Option(name="answer-timeout", metavar="S", help="end a worker that takes longer than S seconds for a question"),
    Option(name="flip-check", metavar="K", help="ask K prompts of each cell again by themselves, and report flips"),
    Option(name="share-gpu", help="let several workers use one GPU"),
    Option(name="max-cost-usd", metavar="X", help="ask services no question that may bring the run's cost above X"),
    Option(name="batch-api", help="ask services through their batch APIs: cheaper, and answered within a day"),
    Option(name="rerun", help="answer again what is stored already; older answers are kept"),
    Option(name="download", help="let a model's weights be downloaded; without it nothing is"),
    Option(name="run-name", metavar="NAME", help="folder of the report under reports/, default the study's name"),
    Option(name="store", metavar="FILE", help=f"the file that keeps the answers, default {DEFAULT_STORE}"),
    Option(name="scaling-report", help="answer what is missing and write the report"),
    Option(name="baseline", metavar="RUN", help="fail when the run is worse than this one: a report's folder or name"),
    Option(name="margin", metavar="X", help="the loss against the baseline that is borne, default the baseline's own"),
    Option(name="gate-metric", metavar="NAME", help="what is compared with the baseline, default the share of correct"),
    Option(name="strict-claims", help="fail claims that the questions are too few to tell, instead of skipping them"),
    Option(name="report-dir", metavar="DIR", help="folder of the report, default reports/RUN-NAME"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Project:
    """What a project says of itself: `[tool.harness]`, and the study file it has, if any."""

    root: Path
    uses: bool = False
    cases: str | None = None
    study: str | None = None
    models: Mapping[str, Mapping[str, object]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """Every option as the plugin uses it."""

    project: Project
    study: str
    selection: Selection
    hardware: str | None
    rerun: bool
    answer_timeout_s: float | None
    flip_check: int
    share_gpu: bool
    run_name: str | None
    store: Path
    scaling_report: bool
    report_dir: Path | None
    chosen: bool
    baseline: str | None = None
    margin: str | None = None
    gate_metric: str | None = None
    strict_claims: bool = False
    max_cost_usd: float | None = None
    batch_api: bool = False


def read_project(root: Path) -> Project:
    """How the project in `root` uses the plugin; a file that cannot be read is nobody's project here."""
    table = _tool_table(root / "pyproject.toml")
    place = next((place for place in STUDY_PLACES if (root / place).is_file()), None)
    if table is None:
        return Project(root=root, uses=place is not None, study=place, cases=_cases(root, None))
    for key, value in table.items():
        _check_key(key, value)
    return Project(
        root=root,
        uses=True,
        cases=_cases(root, table.get("cases")),
        study=table.get("study", place),
        models={name: _placed(model, root) for name, model in table.get("models", {}).items()},
    )


def _placed(model: object, root: Path) -> Any:  # noqa: ANN401 - the catalogue says what is wrong with it
    """A model's table with its path, which is relative to the project, made absolute."""
    if isinstance(model, dict) and isinstance(model.get("path"), str):
        return {**model, "path": str(root / model["path"])}
    return model


def _check_key(key: str, value: object) -> None:
    if key not in PROJECT_KEYS:
        raise StudyError(f"[tool.harness] has an unknown key {key!r}: allowed: {', '.join(PROJECT_KEYS)}")
    if not isinstance(value, PROJECT_KEYS[key]):
        raise StudyError(f"[tool.harness] {key} = {value!r} is not a {PROJECT_KEYS[key].__name__}: see the README")


def _tool_table(path: Path) -> dict[str, Any] | None:
    try:
        text = path.read_bytes()
    except OSError:
        return None
    try:
        table = tomllib.loads(text.decode()).get("tool", {}).get("harness")
    except ValueError as error:
        if b"[tool.harness" not in text:
            return None
        raise StudyError(f"{path.name} has [tool.harness] and is not TOML: {error}") from error
    if table is not None and not isinstance(table, dict):
        raise StudyError(f"[tool] harness = {table!r} is not a table: write [tool.harness], see the README")
    return table


def _cases(root: Path, declared: str | None) -> str | None:
    if declared is not None:
        return declared
    return DEFAULT_CASES if (root / DEFAULT_CASES).is_dir() else None


def add_ini(parser: pytest.Parser) -> None:
    """Register the ini twins."""
    for option in OPTIONS:
        kind: Literal["linelist", "bool", "string"] = (
            "linelist" if option.many else "bool" if option.metavar is None else "string"
        )
        parser.addini(option.dest, option.help, type=kind, default=None)


def add_options(parser: pytest.Parser, project: Project) -> None:
    """Register the options, short names only where the project uses the plugin and nobody else has them.

    Called when all other plugins and the first conftests have registered theirs.
    """
    taken = _taken(parser)
    group = parser.getgroup("harness", "pytest-scaling: models x conditions x questions as cases")
    for option in OPTIONS:
        names = [f"--harness-{option.name}"]
        if project.uses and f"--{option.name}" not in taken:
            names.insert(0, f"--{option.name}")
        if option.metavar is None:
            group.addoption(*names, dest=option.dest, action="store_true", default=None, help=option.help)
        else:
            action = "append" if option.many else "store"
            group.addoption(
                *names, dest=option.dest, action=action, default=None, metavar=option.metavar, help=option.help
            )


def _taken(parser: pytest.Parser) -> set[str]:
    """The option names that exist; pytest has no public way to ask."""
    groups = {id(group): group for group in (*parser._groups, parser._anonymous)}  # noqa: SLF001
    return {name for group in groups.values() for option in group.options for name in option.names()}


def read_settings(config: pytest.Config, project: Project) -> Settings:
    """The settings of a run: command line, then ini, then `HARNESS_MODEL`, then the study file.

    Raises:
        HarnessError: a value that cannot be used.
    """
    values = {option.name: _value(config, option) for option in OPTIONS}
    limit = _limit(config, values)
    chosen = any(values.values())
    models = _names(values["model"]) or _names(os.environ.get(MODEL_VARIABLE))
    selection = Selection(
        models=models,
        conditions=_names(values["condition"]),
        datasets=_names(values["dataset"]),
        metrics=_names(values["metric"]),
        limit=limit,
        provider=_text(values["provider"]),
        download=bool(values["download"]),
        batch_size="auto" if values["batch-size"] == "auto" else _positive("batch-size", values["batch-size"]),
        extra_models=project.models,
    )
    folder = _text(values["report-dir"])
    return Settings(
        project=project,
        study=_text(values["study"]) or project.study or "embedded",
        selection=selection,
        hardware=_text(values["hardware"]),
        rerun=bool(values["rerun"]),
        answer_timeout_s=_seconds("answer-timeout", values["answer-timeout"]),
        flip_check=_positive("flip-check", values["flip-check"]) or 0,
        share_gpu=bool(values["share-gpu"]),
        run_name=_run_name(_text(values["run-name"])),
        store=project.root / (_text(values["store"]) or DEFAULT_STORE),
        scaling_report=bool(values["scaling-report"]),
        report_dir=None if folder is None else config.invocation_params.dir / folder,
        chosen=chosen,
        baseline=_text(values["baseline"]),
        margin=_text(values["margin"]),
        gate_metric=_text(values["gate-metric"]),
        strict_claims=bool(values["strict-claims"]),
        max_cost_usd=_dollars("max-cost-usd", values["max-cost-usd"]),
        batch_api=bool(values["batch-api"]),
    )


def _value(config: pytest.Config, option: Option) -> object:
    given = getattr(config.option, option.dest, None)
    if given is None:
        return _ini_value(config, option)
    if option.metavar is not None and not (_names(given) if option.many else str(given).strip()):
        raise StudyError(f"--{option.name} is empty: give it a {option.metavar}, or leave it out")
    return given


def _ini_value(config: pytest.Config, option: Option) -> object:
    try:
        return config.getini(option.dest)
    except (TypeError, ValueError, pytest.UsageError) as error:
        raise StudyError(f"{option.dest} in the ini file cannot be used: {error}") from error


def _limit(config: pytest.Config, values: Mapping[str, object]) -> int | None:
    """`--smoke` is a limit of one question; on the command line the two exclude each other, else it wins over ini."""
    smoke, limit = config.option.harness_smoke, config.option.harness_limit
    if smoke and limit is not None:
        raise StudyError(f"--smoke asks one question and --limit {limit} another number: give one of the two")
    return 1 if smoke or (values["smoke"] and limit is None) else _positive("limit", values["limit"])


def _text(value: object) -> str | None:
    return str(value) if value else None


def _names(value: object) -> tuple[str, ...]:
    if not value:
        return ()
    texts: Iterable[object] = value if isinstance(value, list) else [value]
    parts = (part.strip() for text in texts for part in str(text).split(","))
    return tuple(dict.fromkeys(part for part in parts if part))


def _positive(name: str, value: object) -> int | None:
    if value is None or value == "":
        return None
    text = str(value)
    if not (text.isascii() and text.isdigit() and int(text) > 0):
        raise StudyError(f"--{name} {text!r} is not a whole number above 0: give --{name} 1 or more, or leave it out")
    return int(text)


def _seconds(name: str, value: object) -> float | None:
    if value is None or value == "":
        return None
    try:
        seconds = float(str(value))
    except ValueError:
        seconds = math.nan
    if not 0 < seconds <= threading.TIMEOUT_MAX:
        raise StudyError(f"--{name} {value!r} is no number of seconds above 0: give --{name} 60, or leave it out")
    return seconds


def _dollars(name: str, value: object) -> float | None:
    if value is None or value == "":
        return None
    try:
        dollars = float(str(value))
    except ValueError:
        dollars = math.nan
    if not 0 < dollars < math.inf:
        raise StudyError(f"--{name} {value!r} is no number of dollars above 0: give --{name} 2.50, or leave it out")
    return dollars


def _run_name(name: str | None) -> str | None:
    if name is not None and not re.fullmatch(r"\w[\w.+-]{0,99}", name):
        raise StudyError(f"--run-name {name!r} cannot be a folder's name: use letters, digits, . _ and -")
    return name
