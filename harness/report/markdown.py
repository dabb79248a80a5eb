"""The report as Markdown, small enough for a pull request."""

import re
from bisect import bisect_left
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache

from harness.report import escape
from harness.report.sections import Report, Section, Table

BYTES_MOST = 60_000
ROWS = (10_000, 300, 100, 40, 15, 5)
DETAILS = (*ROWS, 0)
LINES = (400, 200, 100, 40, 10, 5)
LINE_CHARACTERS = 1_000
CELL_CHARACTERS = 200
KEPT = 1 << 16  # texts made quiet: the same ones come again at every cut
# what a forge turns into a link or a notice by itself: names, issues, and addresses without markup
LIVE = re.compile(
    r"(?i)(?<![a-z0-9_])@(?=[a-z0-9])|(?<=[a-z0-9_])@(?=[\w-]+\.\w)|#(?=\d)|(?<=gh)-(?=\d)|(?<=www)\.|:(?=//)|"
    r"(?<=mailto):|(?<=xmpp):"
)
BREAK = "&#8203;"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Limits:
    """How much is shown: rows by kind of table, lines of sections and of the opening ones, and which figures."""

    rows: int
    details: int
    compatible: int
    lines: int
    opening: int
    figures: Mapping[str, str]


def render(report: Report, *, figures: Mapping[str, str] | None = None) -> str:
    """The report as Markdown of at most 60 kB: what does not fit is cut, and counted in its place.

    Tables of compatible numbers are cut first, then details, other tables, lines, and the opening sections' lines last.

    Args:
        report: what is told.
        figures: the alternative text of each drawn figure by its file stem; each is shown from figures/STEM.svg where
            its section stands. Without them no picture is.
    """
    cuts = tuple(_cuts(figures or {}))
    whole = _render(report, cuts[0])
    if _fits(whole):
        return whole
    # halving: every cut shortens, and to render a large report takes a second
    place = bisect_left(cuts, True, lo=1, hi=len(cuts) - 1, key=lambda limits: _fits(_render(report, limits)))
    return _render(report, cuts[place]).encode()[:BYTES_MOST].decode("utf-8", "ignore")


def _fits(text: str) -> bool:
    return len(text.encode()) <= BYTES_MOST


@lru_cache(maxsize=KEPT)
def quiet(text: str, most: int = LINE_CHARACTERS) -> str:
    """Text that shows as it is: no markup begins in it, and no name, issue or address in it becomes a link."""
    return LIVE.sub(lambda found: found[0] + BREAK, escape.markdown(text, most))


def _cuts(figures: Mapping[str, str]) -> Iterator[_Limits]:
    """Ever narrower limits, the first without any that matters."""
    all_rows, all_lines, few_rows, few_lines = ROWS[0], LINES[0], ROWS[-1], LINES[-1]
    cuts = (
        *((all_rows, all_rows, rows, all_lines, all_lines) for rows in DETAILS),
        *((all_rows, rows, 0, all_lines, all_lines) for rows in DETAILS),
        *((rows, 0, 0, all_lines, all_lines) for rows in ROWS),
        *((few_rows, 0, 0, lines, all_lines) for lines in LINES),
        *((few_rows, 0, 0, few_lines, lines) for lines in LINES),
    )
    for rows, details, compatible, lines, opening in cuts:
        yield _Limits(rows=rows, details=details, compatible=compatible, lines=lines, opening=opening, figures=figures)


def _render(report: Report, limits: _Limits) -> str:
    head = [f"# {quiet(report.title)}", "", quiet(report.lead), ""]
    parts = [line for section in report.sections for line in _section(section, limits)]
    return "\n".join([*head, *parts, *_small(report.notes)]).rstrip() + "\n"


def _section(section: Section, limits: _Limits) -> list[str]:
    most = limits.opening if section.opening else limits.lines
    shown = [f"- {quiet(line)}" for line in section.lines[:most]]
    if left := len(section.lines) - len(shown):
        shown.append(f"- {left} more in summary.json")
    known = limits.figures
    pictures = [f"![{quiet(known[stem])}](figures/{stem}.svg)" for stem in section.figures if stem in known]
    return [
        *(f"## {quiet(section.title)}", ""),
        *((*shown, "") if shown else ()),
        *(line for picture in pictures for line in (picture, "")),
        *_tables(section, limits),
        *_small(section.notes),
    ]


def _small(notes: tuple[str, ...]) -> list[str]:
    return [line for note in notes for line in (f"<sub>{quiet(note)}</sub>", "")]


def _tables(section: Section, limits: _Limits) -> list[str]:
    """The section's tables, each with an empty line behind it; those that are left out are named at the end."""
    made: list[str] = []
    left_out: list[str] = []
    for table in section.tables:
        most = _most(table, section, limits)
        if most:
            made += [*([f"**{quiet(table.caption)}**", ""] if table.caption else []), *_table(table, most), ""]
        else:
            left_out.append(_counted(table))
    return [*made, quiet(f"In summary.json: {', '.join(left_out)}."), ""] if left_out else made


def _most(table: Table, section: Section, limits: _Limits) -> int:
    """How many rows of a table are shown."""
    if table.compatible:
        return limits.compatible
    return limits.details if section.detail or table.detail else limits.rows


def _counted(table: Table) -> str:
    """A table that is left out: its caption without explanations, and its rows."""
    caption = table.caption.partition(". ")[0] or "a table"
    return f"{caption[:1].lower()}{caption[1:]} ({len(table.rows)} row{'' if len(table.rows) == 1 else 's'})"


def _table(table: Table, rows: int) -> list[str]:
    marks = ["---" if place < table.names else "---:" for place in range(len(table.columns))]
    shown = [_row(row) for row in table.rows[:rows]]
    left = len(table.rows) - len(shown)
    more = ["", f"{left} more rows in summary.json"] if left else []
    return [_row(table.columns), f"| {' | '.join(marks)} |", *shown, *more]


def _row(cells: tuple[str, ...]) -> str:
    return f"| {' | '.join(quiet(cell, CELL_CHARACTERS) for cell in cells)} |"
