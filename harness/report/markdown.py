"""The report as Markdown, small enough for a pull request."""

from harness.report.escape import markdown
from harness.report.sections import Report, Section, Table

BYTES_MOST = 60_000
ROWS = (10_000, 300, 100, 40, 15, 5)
LINES = (400, 200, 100, 40, 10, 5)
LINE_CHARACTERS = 600
CELL_CHARACTERS = 200


def render(report: Report) -> str:
    """The report as Markdown of at most 60 kB: long tables are cut, details first, to as many rows as fit.

    What was cut is counted in its place.
    """
    details_cut = [(ROWS[0], detail_rows, LINES[0]) for detail_rows in ROWS]
    all_cut = [(rows, ROWS[-1], lines) for rows, lines in zip(ROWS, LINES, strict=True)]
    for rows, detail_rows, lines in (*details_cut, *all_cut):
        text = _render(report, (rows, detail_rows), lines)
        if len(text.encode()) <= BYTES_MOST:
            return text
    return text.encode()[:BYTES_MOST].decode("utf-8", "ignore")


def _render(report: Report, rows: tuple[int, int], lines: int) -> str:
    head = [f"# {markdown(report.title)}", "", markdown(report.lead, LINE_CHARACTERS), ""]
    parts = [line for section in report.sections for line in _section(section, rows[section.detail], lines)]
    return "\n".join([*head, *parts]).rstrip() + "\n"


def _section(section: Section, rows: int, lines: int) -> list[str]:
    shown = [f"- {markdown(line, LINE_CHARACTERS)}" for line in section.lines[:lines]]
    if left := len(section.lines) - len(shown):
        shown.append(f"- {left} more in summary.json")
    table = [] if section.table is None else [*_table(section.table, rows), ""]
    return [f"## {markdown(section.title)}", "", *shown, *([""] if shown else []), *table]


def _table(table: Table, rows: int) -> list[str]:
    marks = ["---" if place < table.names else "---:" for place in range(len(table.columns))]
    shown = [_row(row) for row in table.rows[:rows]]
    left = len(table.rows) - len(shown)
    more = ["", f"{left} more rows in summary.json"] if left else []
    return [_row(table.columns), _row(tuple(marks)), *shown, *more]


def _row(cells: tuple[str, ...]) -> str:
    return f"| {' | '.join(markdown(cell, CELL_CHARACTERS) for cell in cells)} |"
