"""A stored run as the gate's baseline: reading its folder, and holding a run of pytest against it."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from importlib.util import find_spec
from math import inf, nan
from pathlib import Path
from typing import TYPE_CHECKING, Any

from harness.analysis.extras import require
from harness.analysis.frame import case_frame, metric_columns
from harness.analysis.gate import Rule, exit_code, gate, margin_of
from harness.analysis.gate_cells import refusals
from harness.analysis.run import RunInfo
from harness.analysis.yardstick import RunCases, yardstick
from harness.errors import DataError, HarnessError
from harness.metrics.table import metric as find_metric
from harness.records import CaseResult
from harness.report.document import FORMAT, VERSION
from harness.report.door import PRIMARY_AUTO
from harness.report.escape import csv_text
from harness.report.gate import gate_text
from harness.report.manifest import without_paths
from harness.retrieval.base import build_retriever
from harness.scoring import PRIMARY_BY_TYPE, PRIMARY_OTHERWISE
from harness.study import Study

if TYPE_CHECKING:
    from pandas import DataFrame

SUMMARY = "summary.json"
TABLES = ("results.parquet", "results.csv")
TEXTS = ("model", "condition", "dataset", "question_id", "cluster", "outcome", "key")
NEEDED = (*TEXTS, "repeat")
PARTS = ("prompts", "weights", "retriever")
NAMED_MOST = 10
Json = Mapping[str, Any]


def read_run(place: str | Path, root: Path) -> RunCases:
    """A run as a report left it: `place` is its folder, or a name under reports/ of the project in `root`.

    Reads summary.json and results.parquet, or results.csv where pyarrow is not installed or the other is not there.

    Raises:
        HarnessError: there is no such run, its files are damaged or incomplete, or a newer version wrote them.
        MissingExtra: pandas or scipy is not installed.
    """
    require("pandas", "scipy")
    folder = run_folder(place, root)
    summary = _summary(folder / SUMMARY)
    manifest = summary.get("manifest") or {}
    try:
        return RunCases(
            name=str(place),
            cases=_cases(folder),
            primary=str(summary["primary"]),
            correct_at=float(summary["correct_at"]),
            margin=float(summary["margin"]),
            data=_texts(manifest.get("data")),
            parts=_parts(manifest),
        )
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise DataError(f"{folder / SUMMARY} is no summary of a run ({error!r}): report the run again") from error


def read_margin(text: str) -> float:
    """The number that `--margin` was given, at least 0; whether it fits the metric is seen when the runs are known.

    Raises:
        HarnessError: it is no such number.
    """
    try:
        margin = float(text)
    except ValueError:
        margin = nan
    if not 0 <= margin < inf:
        raise HarnessError(f"--margin {text!r} is not a number of at least 0: give the loss that is borne, as 0.03")
    return margin


def check_baseline(study: Study, place: str | Path, root: Path, rule: Rule) -> RunCases:
    """The baseline, read, and everything checked that can be before a question is asked.

    Raises:
        HarnessError: it cannot be read, it or the study lacks the metric or has another version of it, the margin does
            not fit, or no cell can be compared, for which the first reason is told.
    """
    baseline = read_run(place, root)
    planned = study_run(study, [CaseResult(case=case, key="", outcome=None) for case in study.cases])
    columns = [find_metric(name).column for name in dict.fromkeys((*study.metrics, *_primary_metrics(study)))]
    planned = replace(planned, cases=planned.cases.assign(**dict.fromkeys(columns, float("nan"))))
    margin_of(rule, yardstick(baseline, planned, rule.metric))
    refused = refusals(baseline, planned, common=rule.common)
    names = set(zip(planned.cases["model"], planned.cases["condition"], strict=True))
    if names <= set(refused):
        model, condition = next(name for name in refused if name in names)
        raise HarnessError(
            f"nothing can be compared with baseline {baseline.name}: {model} {condition}: "
            f"{refused[model, condition].replace('only in B', 'not in the baseline')}"
        )
    return baseline


def gate_lines(run: RunCases, baseline: RunCases, rule: Rule, *, width: int = 80) -> tuple[list[str], int]:
    """The gate over what a run of pytest has (see study_run): the lines for a terminal, and the exit code.

    0 says no regression, 1 a regression, 6 underpowered, 4 that nothing could be compared.

    Raises:
        HarnessError: the metric or its version is not in both runs, or the margin does not fit.
    """
    found = gate(baseline, run, rule)
    return gate_text(found, width=width), exit_code(found)


def study_run(study: Study, results: Sequence[CaseResult], *, weights: Mapping[str, str] | None = None) -> RunCases:
    """A study and its results as the gate reads a run.

    `weights` maps models to the fingerprints of what answered; without it weights are not compared.
    """
    primary = PRIMARY_AUTO if study.primary == "auto" else study.primary
    info = RunInfo(run=study.name, study=study.name, primary=primary, planned=len(study.cases))
    manifest = {
        "prompts": {f"{name}: {template.name}": template.hash for name, template in study.templates.items()},
        "retriever": {study.retriever.kind: build_retriever(study.retriever, ()).hash},
        "settings": {"decoding": asdict(study.decoding), "retrieval": asdict(study.retriever)},
        **({} if weights is None else {"weights": dict(weights)}),
    }
    return RunCases(
        name=study.name,
        cases=case_frame(results, run=info),
        primary=primary,
        correct_at=study.correct_at,
        margin=study.margin,
        data={str(without_paths(name)): data.hash for name, data in study.datasets.items()},
        # a stored manifest went through JSON and lost its paths
        parts=_parts(json.loads(json.dumps(without_paths(manifest), default=str))),
    )


def _primary_metrics(study: Study) -> tuple[str, ...]:
    return (*PRIMARY_BY_TYPE.values(), PRIMARY_OTHERWISE) if study.primary == "auto" else (study.primary,)


def read_summary(place: str | Path, root: Path) -> Json:
    """The summary of a run as a report left it; `place` as for `read_run`.

    Raises:
        HarnessError: there is no such run, its summary is damaged, or a newer version wrote it.
    """
    return _summary(run_folder(place, root) / SUMMARY)


def run_folder(place: str | Path, root: Path) -> Path:
    """The folder of a run as a report left it; `place` as for `read_run`.

    Raises:
        DataError: there is no such run.
    """
    place = Path(place)
    named = root / "reports" / place
    found = next((folder for folder in (place, named) if (folder / SUMMARY).is_file()), None)
    if found is not None:
        return found
    if place.is_file():
        raise DataError(f"{place} is a file: name the folder of a run, as --scaling-report wrote it")
    if place.is_dir() or named.is_dir():
        raise DataError(f"{place if place.is_dir() else named} holds no {SUMMARY}: name the folder of a report")
    there = sorted(path.parent.name for path in (root / "reports").glob(f"*/{SUMMARY}"))
    known = ", ".join(there[:NAMED_MOST]) or "none"
    raise DataError(f"there is no run {str(place)!r}: name a report's folder, or one under reports/: {known}")


def _summary(path: Path) -> Json:
    try:
        summary = json.loads(path.read_bytes())
    except ValueError as error:
        raise DataError(f"{path} is damaged ({error}): report the run again") from error
    if not isinstance(summary, dict) or summary.get("format") != FORMAT:
        raise DataError(f"{path} is no summary of a run: its format is not {FORMAT!r}")
    version = summary.get("version")
    if not isinstance(version, int) or version > VERSION:
        raise DataError(f"{path} has format version {version}, known is {VERSION}: upgrade pytest-scaling to read it")
    return summary


def _cases(folder: Path) -> "DataFrame":
    parquet, csv = (folder / name for name in TABLES)
    readable = parquet.is_file() and find_spec("pyarrow") is not None
    path = parquet if readable or not csv.is_file() else csv
    if not path.is_file():
        raise DataError(f"{folder} holds neither {' nor '.join(TABLES)}: report the run again")
    if path == parquet:
        require("pyarrow")
    try:
        table = _read_parquet(path) if path == parquet else _read_csv(path)
    except (ValueError, OSError) as error:
        reason = " ".join(str(error).split())[:200]
        raise DataError(f"{path} is damaged ({reason}): report the run again") from error
    return _typed(table, path)


def _read_parquet(path: Path) -> "DataFrame":
    import pandas as pd
    from pyarrow import parquet

    names = _wanted(parquet.read_schema(path).names)
    return pd.read_parquet(path, engine="pyarrow", columns=names)


def _read_csv(path: Path) -> "DataFrame":
    import pandas as pd

    head = pd.read_csv(path, nrows=0).columns
    return pd.read_csv(
        path,
        usecols=_wanted(list(head)),
        dtype=dict.fromkeys(TEXTS, "string"),
        # "NA" is a name here; an empty field is missing
        keep_default_na=False,
        na_values=[""],
        encoding="utf-8",
    )


def _wanted(names: Sequence[str]) -> list[str]:
    return [name for name in names if name in NEEDED or "@" in name]


def _typed(table: "DataFrame", path: Path) -> "DataFrame":
    missing = [name for name in NEEDED if name not in table.columns]
    if missing:
        raise DataError(f"{path} lacks the column {missing[0]}: report the run again")
    metrics = list(metric_columns(table))
    try:
        typed = table.astype(dict.fromkeys(TEXTS, "string") | dict.fromkeys(metrics, "float64") | {"repeat": "Int64"})
    except (ValueError, TypeError) as error:
        raise DataError(f"{path} holds something else than numbers among its scores: report the run again") from error
    if path.suffix == ".csv":
        typed = typed.assign(**{name: typed[name].map(_unescaped, na_action="ignore") for name in TEXTS})
    return typed.astype(dict.fromkeys(TEXTS, "string"))


def _unescaped(text: str) -> str:
    """A text as it was before it was made safe for spreadsheets."""
    return text[1:] if text.startswith("'") and csv_text(text[1:]) == text else text


def _parts(manifest: Json) -> dict[str, dict[str, str]]:
    parts = {kind: _texts(manifest[kind]) for kind in PARTS if manifest.get(kind)}
    settings = manifest.get("settings") or {}
    for kind in ("decoding", "retrieval"):
        if settings.get(kind):
            parts[kind] = {name: json.dumps(value, sort_keys=True) for name, value in settings[kind].items()}
    return parts


def _texts(values: Mapping[str, object] | None) -> dict[str, str]:
    return {str(name): str(value) for name, value in (values or {}).items()}
