"""What the terminal shows of cases: letters, reasons, progress."""

import re
import sys
from contextlib import nullcontext
from pathlib import Path
from types import SimpleNamespace

import pytest

from harness import console
from harness.console import STATUS, ProgressLine, RateLines, unparsed_lines, wants_progress
from harness.options import OUTCOME


def report(outcome: str | None, *, failed: bool = False, when: str = "call", text: str = "") -> pytest.TestReport:
    properties = [] if outcome is None else [(OUTCOME, outcome)]
    return pytest.TestReport(
        nodeid="t.py::test[a]",
        location=("t.py", 1, "test"),
        keywords={},
        outcome="failed" if failed else "passed",
        longrepr=text or None,
        when=when,
        user_properties=properties,
    )


@pytest.mark.parametrize("outcome", STATUS)
def test_a_scored_case_has_its_own_letter(outcome):
    category, letter, _ = console.test_status(report(outcome, failed=outcome == "unparsed"))
    assert (category, letter) == (outcome, outcome[0])


@pytest.mark.parametrize(
    "other",
    [
        report(None),
        report("error", failed=True),
        report("correct", when="teardown"),
        report("correct", failed=True),
        report("unparsed"),
    ],
)
def test_all_else_keeps_pytests_own_letter(other):
    assert console.test_status(other) is None


def test_reasons_are_counted_and_the_most_frequent_stand_first():
    texts = ["unparsed: a", "unparsed: b\nmore", "unparsed: b", "", "unparsed: c", "unparsed: d"]
    lines = unparsed_lines(report("unparsed", failed=True, text=text) for text in texts)
    assert lines[0] == "2 x unparsed: b (first: t.py::test[a])"
    assert lines[-1] == "... 2 more reasons"
    assert len(lines) == 4


class Terminal:
    """The parts of pytest's terminal reporter and capture that progress needs."""

    def __init__(self, place: object = Path("t.py")) -> None:
        self.currentfspath = place
        self.isatty = True

    def get_plugin(self, _: str) -> object:
        return self

    def hasplugin(self, name: str) -> bool:
        return name == "capturemanager"

    @property
    def pluginmanager(self) -> "Terminal":
        return self

    def global_and_fixture_disabled(self):
        return nullcontext()

    def ensure_newline(self) -> None:
        if self.currentfspath:
            sys.stdout.write("\n")
            self.currentfspath = None

    def flush(self) -> None:
        sys.stdout.flush()

    def write(self, text: str, *, flush: bool = False) -> None:
        sys.stdout.write(text)
        assert flush, "the label must stand before the next letter"


def screen(text: str) -> list[str]:
    """What stands on a terminal after `text`."""
    return [re.split(r"\r\x1b\[K", line)[-1] for line in text.split("\n")]


@pytest.fixture
def clock(monkeypatch):
    now = [100.0]
    monkeypatch.setattr(console.time, "monotonic", lambda: now[0])
    return now


def test_progress_shows_the_rate_from_the_end_of_the_first_batch(clock, capsys):
    show = ProgressLine(Terminal())
    show(4, 100, "m:rag")
    assert screen(capsys.readouterr().out)[-1] == "m:rag: 4/100 answered"
    clock[0] += 8
    show(8, 100, "m:rag")
    assert screen(capsys.readouterr().out)[-1] == "m:rag: 8/100 answered, 0.5/s, 3:04 left"


def test_progress_leaves_no_letter_lost(capsys):
    sys.stdout.write("t.py cw")
    show = ProgressLine(Terminal())
    show(1, 2, "m:rag")
    show(2, 2, "m:rag")
    sys.stdout.write("bb")
    assert screen(capsys.readouterr().out) == ["t.py cw", "m:rag bb"]


def test_progress_in_a_verbose_run_leaves_the_line_to_pytest(capsys):
    terminal = Terminal("t.py::test[a] ")
    show = ProgressLine(terminal)
    show(2, 2, "m:rag")
    assert screen(capsys.readouterr().out) == ["", ""]
    assert terminal.currentfspath is None


def test_a_cell_answered_again_begins_anew(capsys):
    show = ProgressLine(Terminal())
    show(2, 2, "m:rag")
    capsys.readouterr()
    show(1, 5, "m:rag")
    assert screen(capsys.readouterr().out)[-1] == "m:rag: 1/5 answered"


def test_progress_is_for_terminals():
    terminal = Terminal()
    assert wants_progress(terminal)
    terminal.isatty = False
    assert not wants_progress(terminal)


def rate_lines(monkeypatch, capsys, reports, *, wanted: int, step_s: float) -> list[str]:
    """What is told while the reports come in, one every `step_s` seconds."""
    now = [100.0]
    monkeypatch.setattr(console.time, "monotonic", lambda: now[0])
    terminal = Terminal(None)
    terminal.line = print
    terminal._tw = SimpleNamespace(width_of_current_line=0)
    lines = RateLines(SimpleNamespace(config=terminal, testscollected=wanted))
    for each in reports:
        now[0] += step_s
        lines.pytest_runtest_logreport(each)
    return capsys.readouterr().out.splitlines()


def test_rate_and_time_left_are_told_every_half_minute(monkeypatch, capsys):
    told = rate_lines(monkeypatch, capsys, [report("correct")] * 10, wanted=10, step_s=10)
    assert told == ["3/10 items, 0.1/s, 1:10 left", "6/10 items, 0.1/s, 0:40 left", "9/10 items, 0.1/s, 0:10 left"]


def test_a_short_run_tells_no_rate(monkeypatch, capsys):
    assert rate_lines(monkeypatch, capsys, [report("correct")] * 10, wanted=10, step_s=1) == []


def test_an_item_counts_once_whether_it_ran_or_could_not_start(monkeypatch, capsys):
    ran = [report(None, when="setup"), report("wrong"), report(None, when="teardown")]
    broken = [report(None, when="setup", failed=True), report(None, when="teardown")]
    told = rate_lines(monkeypatch, capsys, ran + broken + broken, wanted=9, step_s=30)
    assert [line.split(" ")[0] for line in told] == ["1/9", "2/9", "3/9"]
