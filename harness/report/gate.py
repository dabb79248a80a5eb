"""The gate's word in the terminal, as Markdown for a pull request, and as JSON for programs."""

import json
from collections.abc import Sequence
from dataclasses import asdict
from itertools import zip_longest
from math import isfinite
from textwrap import wrap

from harness.analysis.gate import Gate, GateCell, exit_code
from harness.analysis.power import NonInferiorityPower
from harness.analysis.yardstick import Yardstick
from harness.report import markdown
from harness.report.escape import plain
from harness.report.sections import Report, Section, Table
from harness.report.wording import LEAST_P, NOTHING

FORMAT = "pytest-scaling gate"
VERSION = 1
LINE_CHARACTERS = 400
NAMED_MOST = 3
NOTES_MOST = 20
NAME_LEAST = 8
GAP = "  "
METHOD = (
    "p: Holm over the cells, one-sided. REGRESSION: B loses more than the margin (p of d >= -margin is at most .05). "
    "ok: it loses less (p of d <= -margin is). Neither: underpowered, with the p of ok."
)
SHOWN = {"regression": "REGRESSION", "no regression": "ok", "underpowered": "underpowered"}


def gate_text(found: Gate, *, width: int = 80) -> list[str]:
    """The lines for a terminal of at least 60 columns: the table, what needs a word, and one sentence at the end."""
    lines = _rows(lead(found), width)
    if found.cells:
        lines += [*_table(gate_table(found), width), *_rows(METHOD, width)]
    notes = gate_notes(found)
    lines += [row for note in notes[:NOTES_MOST] for row in _rows(f"* {note}", width)]
    if len(notes) > NOTES_MOST:
        lines.append(f"  {len(notes) - NOTES_MOST} more with --json or --markdown")
    return [*lines, *_rows(sentence(found), width)]


def gate_markdown(found: Gate) -> str:
    """The same for a pull request: the sentence, the table, the notes."""
    sections = (
        Section(title="Cells", lines=(METHOD,), table=gate_table(found) if found.cells else None),
        Section(title="Notes", lines=gate_notes(found)),
    )
    shown = tuple(section for section in sections if section.table is not None or section.title == "Notes")
    kept = tuple(section for section in shown if section.lines)
    title = f"Gate: {found.b} against {found.a}"
    return markdown.render(Report(title=title, lead=f"{sentence(found)} {lead(found)}", sections=kept))


def gate_json(found: Gate) -> str:
    """Every number unrounded, ASCII, without NaN; a bound that does not exist is null."""
    rule = asdict(found.rule) | {"higher_is_better": found.yardstick.higher_is_better}
    document = {
        "format": FORMAT,
        "version": VERSION,
        "a": found.a,
        "b": found.b,
        "rule": rule,
        "exit_code": exit_code(found),
        "sentence": sentence(found),
        "cells": [asdict(cell) for cell in found.cells],
        "refused": [asdict(cell) for cell in found.refused],
        "changed": list(found.changed),
    }
    return json.dumps(document, indent=2, ensure_ascii=True, allow_nan=False) + "\n"


def lead(found: Gate) -> str:
    """Which runs, what is compared, and at which margin."""
    stick = found.yardstick
    better = "" if stick.higher_is_better else ", lower is better: a loss is below 0"
    unit = " points" if _is_share(stick) else ""
    margin = f"{100 * found.rule.margin if unit else found.rule.margin:.4g}{unit}"
    names = f"A {found.a} (baseline), B {found.b}"
    return f"{names}: {stick.name}{' in %' if unit else ''}, margin {margin}{better}."


def gate_table(found: Gate) -> Table:
    """One row per compared cell."""
    head = "B-A [90 %]" if found.yardstick.higher_is_better else "gain [90 %]"
    columns = ("model", "condition", "n", "A", "B", head, "p", "verdict")
    return Table(columns=columns, rows=tuple(_row(cell, found.yardstick) for cell in found.cells), names=2)


def gate_notes(found: Gate) -> tuple[str, ...]:
    """What cells need beside their rows, the cells that are not compared, and what changed between the runs."""
    cells: dict[str, list[GateCell]] = {}
    for cell in found.cells:
        for note in (*_reasons(cell), *cell.notes):
            cells.setdefault(note, []).append(cell)
    told = [f"{_named(concerned)}: {note}" for note, concerned in cells.items()]
    refused = [f"not compared: {cell.model} {cell.condition}: {cell.reason}" for cell in found.refused]
    return (*told, *refused, *found.changed)


def sentence(found: Gate) -> str:
    """The whole comparison in one sentence, which begins with its outcome."""
    total = len(found.cells)
    by_verdict = {verdict: [cell for cell in found.cells if cell.verdict == verdict] for verdict in SHOWN}
    worse, short = by_verdict["regression"], by_verdict["underpowered"]
    left = f"; {len(found.refused)} not compared" if found.refused else ""
    if not total:
        return f"NOTHING COMPARED: none of {len(found.refused)} cells can be."
    cells = f"{total} cell{'' if total == 1 else 's'}"
    if worse:
        rest = f"{len(by_verdict['no regression'])} ok, {len(short)} underpowered"
        return f"REGRESSION in {len(worse)} of {cells}: {_named(worse)} ({rest}){left}."
    if short:
        return f"UNDERPOWERED in {len(short)} of {cells}: neither a regression nor its absence shown{left}."
    return f"NO REGRESSION in {cells}{left}."


def _named(cells: Sequence[GateCell]) -> str:
    names = [f"{cell.model} {cell.condition}" for cell in cells]
    more = [f"{len(names) - NAMED_MOST} more"] if len(names) > NAMED_MOST else []
    return ", ".join([*names[:NAMED_MOST], *more])


def _row(cell: GateCell, stick: Yardstick) -> tuple[str, ...]:
    scale = 100.0 if _is_share(stick) else 1.0
    places = 1 if scale > 1 else 3
    ends = [end for end in (cell.gain.low, cell.gain.high) if end is not None]
    shown = [f"{scale * min(stick.span, max(-stick.span, end)):.{places}f}" for end in ends]
    interval = f" [{', '.join(shown)}]" if shown else ""
    return (
        cell.model,
        cell.condition,
        str(cell.n),
        f"{scale * cell.mean_a:.{places}f}",
        f"{scale * cell.mean_b:.{places}f}",
        f"{scale * cell.gain.estimate + 0.0:+.{places}f}{interval}",
        _p(cell),
        SHOWN[cell.verdict],
    )


def _p(cell: GateCell) -> str:
    deciding = cell.worse if cell.verdict == "regression" else cell.held
    if deciding is None:
        return NOTHING
    return f"<{LEAST_P}" if deciding.p < LEAST_P else f"{deciding.p:.3f}"


def _reasons(cell: GateCell) -> list[str]:
    if cell.verdict == "no regression":
        worse = ["measurably worse, by less than the margin"] if cell.measurably_worse else []
        return [*([cell.reason] if cell.reason else []), *worse]
    if cell.verdict == "regression":
        return []
    told = [cell.reason] if cell.reason else []
    if cell.measurably_worse:
        told.append("measurably worse than A, but not shown to be so by more than the margin")
    return [*told, _power_words(cell.power)]


def _power_words(power: NonInferiorityPower) -> str:
    chance = "" if power.power is None else f"power {power.power:.2f} with {power.n} questions, "
    if power.n_needed is None:
        return f"{chance}{power.n_reason}"
    return f"{chance}needs about {power.n_needed} questions if nothing changed"


def _is_share(stick: Yardstick) -> bool:
    return isfinite(stick.span) and (stick.low, stick.high) == (0.0, 1.0)


def _table(table: Table, width: int) -> list[str]:
    """Columns side by side within `width`; long names are folded, numbers never."""
    rows = [[plain(text) for text in row] for row in (table.columns, *table.rows)]
    widths = _widths([max(len(row[at]) for row in rows) for at in range(len(table.columns))], table.names, width)
    lines = []
    for row in rows:
        cells = [wrap(text, size) or [""] for text, size in zip(row, widths, strict=True)]
        parts = zip_longest(*cells, fillvalue="")
        lines += [GAP.join(_aligned(part, widths, table.names)).rstrip() for part in parts]
    return lines


def _widths(widths: Sequence[int], names: int, width: int) -> list[int]:
    """The columns' widths, the widest names cut down until all fit; no name below NAME_LEAST."""
    fitted = list(widths)
    while sum(fitted) + len(GAP) * (len(fitted) - 1) > width and max(fitted[:names]) > NAME_LEAST:
        widest = max(range(names), key=lambda at: fitted[at])
        fitted[widest] -= 1
    return fitted


def _aligned(parts: Sequence[str], widths: Sequence[int], names: int) -> list[str]:
    last = len(parts) - 1
    left = [at < names or at == last for at in range(len(parts))]
    return [
        part.ljust(size) if is_left else part.rjust(size)
        for part, size, is_left in zip(parts, widths, left, strict=True)
    ]


def _rows(text: str, width: int) -> list[str]:
    return wrap(plain(text, LINE_CHARACTERS), width, subsequent_indent="  ", break_long_words=False)
