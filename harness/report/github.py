"""What GitHub shows of a run beside its log: the step summary, and annotations of failed claims."""

from collections.abc import Iterable
from dataclasses import replace

from harness.report.escape import plain
from harness.report.markdown import render
from harness.report.sections import Report
from harness.report.sections_verdicts import Claimed

FAILS = "fails"
TITLE = "claim fails"
ANNOTATIONS_MOST = 10  # as many as GitHub shows of one step
MESSAGE_CHARACTERS = 1_000


def step_summary(report: Report) -> str:
    """The first screen and the cells as Markdown, for the file that GITHUB_STEP_SUMMARY names; at most 60 kB."""
    shown = tuple(
        replace(section, tables=tuple(table for table in section.tables if not table.compatible))
        for section in report.sections
        if section.opening or section.key in {"claims", "cells"}
    )
    return render(replace(report, sections=shown))


def annotations(claims: Iterable[Claimed]) -> list[str]:
    """One `::error::` line per claim that fails, at most 10, the last of which then counts the others."""
    failed = [claim.message for claim in claims if claim.verdict == FAILS]
    shown = failed if len(failed) <= ANNOTATIONS_MOST else failed[: ANNOTATIONS_MOST - 1]
    lines = [_annotation(message) for message in shown]
    if left := len(failed) - len(shown):
        lines.append(_annotation(f"{left} more claims fail: see the log"))
    return lines


def _annotation(message: str) -> str:
    """One workflow command; percent signs and line ends would end or forge it."""
    text = plain(message, MESSAGE_CHARACTERS).replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")
    return f"::error title={TITLE}::{text}"
