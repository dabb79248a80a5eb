"""Stored runs side by side, from their summary.json: what was right in each cell, and what their audits found."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from harness.report.escape import plain
from harness.report.wording import size

Json = Mapping[str, Any]
Row = list[str]
NOTHING = "-"
POINTS = 100
NAME_CHARACTERS = 60
MESSAGE_CHARACTERS = 300
MATRIX_HEAD = ["run", "model", "params"]
AUDIT_HEAD = ["run", "cell", "flag", "what it says"]


def matrix(summaries: Sequence[Json]) -> list[dict[str, Any]]:
    """One row per run, model and repeat: its size, and the share of right answers of each condition as stored.

    Shares count every planned question, missing ones as not right ("intent_to_test").
    """
    rows: dict[tuple[str, str, int], dict[str, Any]] = {}
    for summary in summaries:
        for cell in summary["cells"]:
            place = (str(summary["run"]), str(cell["model"]), int(cell["repeat"]))
            row = rows.setdefault(
                place,
                {
                    "run": place[0],
                    "model": place[1],
                    "repeat": place[2],
                    "params_b": cell["params_b"],
                    "conditions": {},
                },
            )
            row["conditions"][str(cell["condition"])] = cell["share_correct"]["intent_to_test"]
    return list(rows.values())


def matrix_table(summaries: Sequence[Json]) -> tuple[Row, list[Row]]:
    """Head and rows of text: right answers in percent, their 95 % interval, and n."""
    found = matrix(summaries)
    conditions = list(dict.fromkeys(str(cell["condition"]) for summary in summaries for cell in summary["cells"]))
    rows = [
        [_name(row["run"]), _model(row), size(row["params_b"])]
        + [_share(row["conditions"].get(condition)) for condition in conditions]
        for row in found
    ]
    return [*MATRIX_HEAD, *map(_name, conditions)], rows


def audit(summaries: Sequence[Json]) -> list[dict[str, Any]]:
    """One entry per run: its flags, and the audit of each cell's prompts, as stored."""
    return [{"run": found["run"], "flags": found["flags"], "audit": found["audit"]} for found in summaries]


def audit_table(summaries: Sequence[Json]) -> tuple[Row, list[Row]]:
    """Head and rows of text: one per flag; a run without flags has one that says so."""
    return AUDIT_HEAD, [row for summary in summaries for row in _flags(summary)]


def _flags(summary: Json) -> Iterator[Row]:
    run = _name(summary["run"])
    if not summary["flags"]:
        yield [run, NOTHING, NOTHING, "no flag was raised"]
    for flag in summary["flags"]:
        cell = NOTHING if flag["cell"] is None else _name(flag["cell"])
        yield [run, cell, _name(flag["code"]), plain(str(flag["message"]), MESSAGE_CHARACTERS)]


def _model(row: Json) -> str:
    return _name(row["model"]) if row["repeat"] == 0 else f"{_name(row['model'])} #{row['repeat']}"


def _share(share: Json | None) -> str:
    if share is None or share["estimate"] is None:
        return NOTHING
    told = f"{POINTS * share['estimate']:.1f}"
    if share["low"] is not None and share["high"] is not None:
        told += f" [{POINTS * share['low']:.1f}, {POINTS * share['high']:.1f}]"
    return f"{told} n {share['denominator']}"


def _name(value: object) -> str:
    return plain(str(value), NAME_CHARACTERS)
