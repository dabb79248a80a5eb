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
        self._tw = SimpleNamespace(fullwidth=80, width_of_current_line=0)

    def get_plugin(self, _: str) -> object:
        return self

    def hasplugin(self, name: str) -> bool:
        return name == "capturemanager"

    @property
    def pluginmanager(self) -> "Terminal":
        return self

    def global_and_fixture_disabled(self):
        return nullcontext()

    def flush(self) -> None:
        sys.stdout.flush()


def screen(text: str) -> str:
    """What stands on a line of a terminal after `text`: of ERASE, SAVE and RESTORE the meanings."""
    line, place, saved = "", 0, 0
    for part in re.split("(\x1b\\[K|\x1b7|\x1b8)", text):
        if part == console.ERASE:
            line = line[:place]
        elif part == console.SAVE:
            saved = place
        elif part == console.RESTORE:
            place = saved
        else:
            line = line[:place] + part + line[place + len(part) :]
            place += len(part)
    return line.rstrip()


@pytest.fixture
def clock(monkeypatch):
    now = [100.0]
    monkeypatch.setattr(console.time, "monotonic", lambda: now[0])
    return now


def test_progress_shows_what_there_is_to_wait_for(clock, capsys):
    line = ProgressLine(Terminal())
    line.show(0, 100, "m:rag")
    told = capsys.readouterr().out
    assert screen(told) == " m:rag: 0/100 answered"
    line.clear()
    clock[0] += 8
    line.show(4, 100, "m:rag")
    assert screen(told + capsys.readouterr().out) == " m:rag: 4/100 answered, 0.5/s, 3:12 left"


def test_progress_leaves_no_letter_lost_and_itself_no_letter(capsys):
    line = ProgressLine(Terminal())
    for letters in ("t.py cw", "bb"):
        sys.stdout.write(letters)
        line.show(1, 2, "m:rag")
        line.clear()
    assert screen(capsys.readouterr().out) == "t.py cwbb"


def test_progress_never_wraps(capsys):
    terminal = Terminal()
    terminal._tw.width_of_current_line = 70
    ProgressLine(terminal).show(1, 2, "a-long-name-of-a-model:rag")
    assert len(screen(capsys.readouterr().out)) <= 9


def test_a_cell_answered_again_begins_anew(clock, capsys):
    line = ProgressLine(Terminal())
    line.show(0, 2, "m:rag")
    clock[0] += 5
    capsys.readouterr()
    line.show(1, 5, "m:oracle")
    assert screen(capsys.readouterr().out) == " m:oracle: 1/5 answered"


def test_last_words_go_to_standard_error(capfd):
    cleanups = []
    console.speaker(SimpleNamespace(add_cleanup=cleanups.append))("no answer within 5 s")
    cleanups.pop()()
    assert capfd.readouterr().err == (
        "\npytest-scaling: no answer within 5 s: this process ends, what was answered is kept\n"
    )


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
