"""What a run on GitHub's machines leaves beside its log; nothing anywhere else."""

import os
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

from harness.report.github import annotations, step_summary
from harness.report.sections import Report
from harness.report.sections_verdicts import Claimed

SUMMARY = "GITHUB_STEP_SUMMARY"
ACTIONS = "GITHUB_ACTIONS"


def tell_github(report: Report, claims: Iterable[Claimed]) -> list[str]:
    """Add the report to the step's summary where GITHUB_STEP_SUMMARY names one; returns the lines to print.

    The lines mark failed claims, where GITHUB_ACTIONS is "true". A summary that cannot be written is none.
    """
    if path := os.environ.get(SUMMARY):
        with suppress(OSError), Path(path).open("a", encoding="utf-8", newline="\n") as file:
            file.write(step_summary(report) + "\n")
    return annotations(claims) if os.environ.get(ACTIONS) == "true" else []
