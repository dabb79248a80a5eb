"""What GitHub shows: the first screen, and one harmless line per failed claim."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.claims.results import ClaimResult
from harness.report.github import annotations, step_summary
from harness.report.sections import Report, Section


def claim(message: str, verdict: str = "fails") -> ClaimResult:
    return ClaimResult(name="a beats b", verdict=verdict, message=message)  # type: ignore[arg-type]


def test_the_step_summary_is_the_first_screen_with_claims_and_cells() -> None:
    sections = (
        Section(title="Verdicts", lines=("so it is",), opening=True),
        Section(title="Claims", lines=("one",)),
        Section(title="Cells", lines=("two",)),
        Section(title="1. Direct scaling", lines=("three",)),
    )
    text = step_summary(Report(title="t", lead="l", sections=sections))
    assert [line for line in text.splitlines() if line.startswith("## ")] == ["## Verdicts", "## Claims", "## Cells"]


def test_only_failed_claims_are_annotated() -> None:
    claims = [claim("held", "holds"), claim("a is worse than b"), claim("who knows", "inconclusive")]
    assert annotations(claims) == ["::error title=claim fails::a is worse than b"]


@given(st.text())
def test_an_annotation_is_one_command(message: str) -> None:
    (line,) = annotations([claim(message)])
    text = line.removeprefix("::error title=claim fails::")
    assert len(line.splitlines()) == 1
    assert "%" not in text.replace("%25", "")


@pytest.mark.parametrize(
    ("message", "shown"), [("50 %\n::error::forged", "50 %25 ::error::forged"), ("\x1b[31mred\x1b[0m", "red")]
)
def test_hostile_messages_forge_nothing(message: str, shown: str) -> None:
    assert annotations([claim(message)]) == [f"::error title=claim fails::{shown}"]


def test_more_failures_than_are_shown_are_counted() -> None:
    lines = annotations([claim(f"claim {place}") for place in range(12)])
    assert len(lines) == 10
    assert lines[-1] == "::error title=claim fails::3 more claims fail: see the log"
    assert len(annotations([claim("x")] * 10)) == 10
