"""What the terminal shows of cases while they run: letters, counts, reasons, and how long it will take."""

import os
import sys
import time
from collections.abc import Callable, Iterable
from typing import Any

import pytest

from harness.options import OUTCOME

RATE_EVERY_S = 30.0
STATUS = {
    "correct": ("c", "CORRECT", "green"),
    "wrong": ("w", "WRONG", "yellow"),
    "blank": ("b", "BLANK", "yellow"),
    "unparsed": ("u", "UNPARSED", "red"),
}
REASONS_SHOWN = 3
# DEC private sequences that every terminal knows: https://vt100.net/docs/vt510-rm/DECSC.html, EL, DECRC
ERASE, SAVE, RESTORE = "\x1b[K", "\x1b7", "\x1b8"


def outcome_of(report: pytest.TestReport) -> str | None:
    """The outcome that the case's score gave it; None for a report that is no scored case."""
    return dict(report.user_properties).get(OUTCOME)  # type: ignore[return-value]


def test_status(report: pytest.TestReport) -> tuple[str, str, tuple[str, dict[str, bool]]] | None:
    """Category, letter and word of a scored case; None leaves pytest's own, as for a failed assertion."""
    outcome = outcome_of(report) if report.when == "call" else None
    if outcome not in STATUS or report.failed != (outcome == "unparsed"):
        return None
    letter, word, colour = STATUS[outcome]
    return outcome, letter, (word, {colour: True})


def unparsed_lines(reports: Iterable[pytest.TestReport]) -> list[str]:
    """What could not be read, by reason, the most frequent first."""
    counts: dict[str, list[str]] = {}
    for report in reports:
        counts.setdefault(_reason(report), []).append(report.nodeid)
    ordered = sorted(counts.items(), key=lambda entry: -len(entry[1]))
    lines = [f"{len(nodes)} x {reason} (first: {nodes[0]})" for reason, nodes in ordered[:REASONS_SHOWN]]
    return lines + ([f"... {len(ordered) - REASONS_SHOWN} more reasons"] if len(ordered) > REASONS_SHOWN else [])


def _reason(report: pytest.TestReport) -> str:
    text = report.longreprtext.strip()
    return text.splitlines()[0] if text else "unparsed"


class ProgressLine:
    """While a batch is made, behind the letters so far: answers made, rate, time left. Only for a terminal."""

    def __init__(self, config: pytest.Config) -> None:
        """Progress on the terminal of `config`."""
        self._capture: Any = config.pluginmanager.get_plugin("capturemanager")
        self._terminal: Any = config.pluginmanager.get_plugin("terminalreporter")
        self._label = ""
        self._started = 0.0
        self._first = 0

    def show(self, done: int, wanted: int, label: str) -> None:
        """So many of the wanted answers of the cell are there; the rate counts from the cell's first batch."""
        if label != self._label:
            self._label, self._started, self._first = label, time.monotonic(), done
        self._write(f" {label}: {done}/{wanted} answered{self._pace(done, wanted)}")

    def clear(self) -> None:
        """Take it away before the next letter."""
        self._write("")

    def _pace(self, done: int, wanted: int) -> str:
        made, spent = done - self._first, time.monotonic() - self._started
        return f", {made / spent:.1f}/s, {_clock((wanted - done) * spent / made)} left" if made and spent > 0 else ""

    def _write(self, text: str) -> None:
        """Beside pytest's own writer, which would count the text as letters; the cursor stays where it was."""
        room = self._terminal._tw.fullwidth - self._terminal._tw.width_of_current_line - 1  # noqa: SLF001 - no public way
        with self._capture.global_and_fixture_disabled():
            self._terminal.flush()
            sys.stdout.write(f"{ERASE}{SAVE}{text[: max(0, room)]}{RESTORE}" if text else ERASE)
            sys.stdout.flush()


def _clock(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes}:{rest:02d}"


class RateLines:
    """With workers: every half minute a line of cases done, rate and time left. Only for a terminal.

    A plugin of its own, since its hook is not told the config. The controller sees cases when their unit is answered.
    """

    def __init__(self, session: pytest.Session) -> None:
        """Lines on the terminal of the session's config; the clock starts now."""
        self._session = session
        self._terminal: Any = session.config.pluginmanager.get_plugin("terminalreporter")
        self._started = self._told = time.monotonic()
        self._done = 0

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Count an item that ran or could not start; tell when it is time."""
        if report.when == "teardown" or (report.when == "setup" and report.passed):
            return
        self._done += 1
        now, wanted = time.monotonic(), self._session.testscollected
        if now - self._told < RATE_EVERY_S or self._done >= wanted:
            return
        self._told = now
        rate = self._done / (now - self._started)
        if self._terminal._tw.width_of_current_line:  # noqa: SLF001 - no public way
            self._terminal.line("")
        self._terminal.line(f"{self._done}/{wanted} items, {rate:.1f}/s, {_clock((wanted - self._done) / rate)} left")


def wants_progress(config: pytest.Config) -> bool:
    """Whether there is a terminal to show progress on, and not one that shows items in full."""
    terminal = config.pluginmanager.get_plugin("terminalreporter")
    return terminal is not None and terminal.isatty and config.pluginmanager.hasplugin("capturemanager")


def speaker(config: pytest.Config) -> Callable[[str], None]:
    """Tells the user from any thread why this process ends at once, on what is standard error at this moment."""
    try:
        place = os.dup(2)
    except OSError:
        return lambda _: None
    config.add_cleanup(lambda: os.close(place))

    def say(reason: str) -> None:
        os.write(place, f"\npytest-scaling: {reason}: this process ends, what was answered is kept\n".encode())

    return say
