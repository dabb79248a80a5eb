"""The report in the terminal: verdicts, one line per cell, and what is wrong with the data."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from io import StringIO
from textwrap import wrap
from typing import TYPE_CHECKING

from harness.analysis.cells import CellSummary
from harness.analysis.flags import Flag
from harness.analysis.summary import RunSummary, task_verdicts, verdict_key, verdicts
from harness.analysis.verdicts import percent
from harness.analysis.whole import Analysis
from harness.report.escape import plain
from harness.report.sections_verdicts import Claimed, verdict_lines
from harness.report.wording import correct_rule, flip_line, latency, repeat_name, size, tokens

if TYPE_CHECKING:
    from rich.table import Table
    from rich.text import Text

VERDICTS_MOST = 12
FLAGS_MOST = 8
LINE_CHARACTERS = 400
COLUMNS = ("model", "params", "condition", "n", "right % [95 %]", "blank", "err", "tokens", "latency")
NAMES = ("model", "condition")
LEGEND = (
    "right %: of n planned questions, missing ones count as not right. err: failed calls. tokens: mean prompt/answer. "
    "latency: median @ prompts answered together."
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Wider:
    """What stands behind a summary, where it is known: the whole analysis, and the study's claims after the run."""

    analysis: Analysis
    claims: Sequence[Claimed] = ()


def render(
    summary: RunSummary,
    *,
    width: int = 80,
    colour: bool = False,
    places: Sequence[str] = (),
    wider: Wider | None = None,
) -> str:
    """The report as text of at most `width` columns, with ANSI styles only when `colour` is on.

    Args:
        summary: what the analysis found.
        width: of the terminal, at least 60; tables fold long names.
        colour: whether the text goes to a terminal that shows styles.
        places: the files or folders where more is written, one line each.
        wider: the whole analysis, whose verdicts then stand in the place of the summary's.
    """
    from rich.console import Console

    out = StringIO()
    console = Console(
        file=out,
        width=width,
        force_terminal=colour,
        color_system="standard" if colour else None,
        legacy_windows=False,
        highlight=False,
        soft_wrap=False,
        _environ={},
    )
    for part in _parts(summary, width, places, wider):
        console.print(part)
    return "\n".join(line.rstrip() for line in out.getvalue().splitlines()) + "\n"


def _parts(summary: RunSummary, width: int, places: Sequence[str], wider: Wider | None) -> "Iterator[Text | Table]":
    info = summary.info
    answered = sum(cell.coverage.answered for cell in summary.cells)
    yield _line(f"{info.run} (study {info.study}): {answered} of {info.planned} planned cases answered", width, "bold")
    yield _line(f"Correct means {correct_rule(info)}.", width)
    yield _line("", width)
    yield from _verdicts(summary, width) if wider is None else _wider_verdicts(summary, wider, width)
    yield _line("", width)
    yield _table(summary.cells)
    yield _line(LEGEND, width, "dim")
    yield from (_line(text, width, "yellow") for text in _flags(summary.flags))
    if summary.flips is not None:
        yield _line(flip_line(summary.flips), width)
    yield from (_line(place, width) for place in places)


def _flags(flags: Sequence[Flag]) -> Iterator[str]:
    """One line per code, with the first cell that has it and how many more do."""
    by_code: dict[str, list[Flag]] = {}
    for flag in flags:
        by_code.setdefault(flag.code, []).append(flag)
    for found in list(by_code.values())[:FLAGS_MOST]:
        more = f" (and {len(found) - 1} more in report.md)" if len(found) > 1 else ""
        yield f"{found[0].code} {found[0].cell or 'run'}: {found[0].message}{more}"
    if len(by_code) > FLAGS_MOST:
        yield f"{sum(map(len, list(by_code.values())[FLAGS_MOST:]))} more flags in report.md"


def _verdicts(summary: RunSummary, width: int) -> "Iterator[Text]":
    told = verdicts(summary)
    yield from (_line(f"* {line}", width) for line in told[:VERDICTS_MOST])
    if len(told) > VERDICTS_MOST:
        yield _line(f"  {len(told) - VERDICTS_MOST} more verdicts in report.md", width, "dim")
    yield from (_line(line, width, "dim") for line in verdict_key(summary))
    yield from (_line(f"{line}: see report.md", width, "dim") for line in task_verdicts(summary)[:1])


def _wider_verdicts(summary: RunSummary, wider: Wider, width: int) -> "Iterator[Text]":
    told = verdict_lines(wider.analysis, wider.claims, summary.comparisons)
    failed = {f"Claim: {claim.sentence}".rstrip(". ") for claim in wider.claims if claim.verdict == "fails"}
    for line in told[:VERDICTS_MOST]:
        yield _line(f"* {line}", width, "red" if line.rstrip(". ") in failed else "")
    if len(told) > VERDICTS_MOST:
        yield _line(f"  {len(told) - VERDICTS_MOST} more verdicts in report.md", width, "dim")


def _line(text: str, width: int, style: str = "") -> "Text":
    """One wrapped line whose later rows are indented; a long word such as a path stays whole."""
    from rich.text import Text

    rows = wrap(plain(text, LINE_CHARACTERS), width, subsequent_indent="  ", break_long_words=False)
    return Text("\n".join(rows), style=style, no_wrap=True, overflow="ignore")


def _table(cells: Sequence[CellSummary]) -> "Table":
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, pad_edge=False, padding=(0, 1, 0, 0), header_style="bold")
    for name in COLUMNS:
        is_name = name in NAMES
        table.add_column(Text(name), justify="left" if is_name else "right", no_wrap=not is_name, overflow="fold")
    for cell in cells:
        table.add_row(*(Text(plain(part), style=style) for part, style in _row(cell)))
    return table


def _row(cell: CellSummary) -> tuple[tuple[str, str], ...]:
    return (
        (cell.model, ""),
        (size(cell.params_b), ""),
        (repeat_name(cell.condition, cell.repeat), ""),
        (str(cell.coverage.planned), ""),
        (percent(cell.share.intent_to_test, 1), "bold"),
        (str(cell.coverage.blank), ""),
        (str(cell.coverage.errored), "red" if cell.coverage.errored else ""),
        (tokens(cell), ""),
        (latency(cell), ""),
    )
