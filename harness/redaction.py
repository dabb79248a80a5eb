"""Hooks that take secrets out of all that pytest tells: reports, warnings, internal errors, logs, the JUnit file.

Reports are cleaned where they are made, in the process of the test, so that whoever reads them - the terminal, the
JUnit file, another plugin, xdist's controller - reads clean ones. Beyond reach: what a test prints under `-s`, names of
tests and of their parameters, and what a conftest raises while it is imported, before any plugin is asked.
"""

import dataclasses
import linecache
import logging
import os
import warnings
from collections.abc import Generator
from pathlib import Path
from typing import Any, TypeVar

import pytest
from _pytest._code.code import TerminalRepr

from harness.secret_names import SHORTEST
from harness.secrets import clean, clean_message, known

Report = TypeVar("Report", pytest.TestReport, pytest.CollectReport)
# Stands between the lines of a traceback while they are cleaned together: a key may go over several.
BETWEEN = "\0"


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Clean a test's report, last of all who write into it."""
    return clean_report((yield))


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_make_collect_report() -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    """Clean what went wrong in collection, and what was printed there."""
    return clean_report((yield))


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    """Clean reports of other kinds, such as a subtest's, which get their output after they are made."""
    if type(report) is not pytest.TestReport:
        clean_report(report)
        context = getattr(report, "context", None)
        if dataclasses.is_dataclass(context) and not isinstance(context, type):
            report.__dict__["context"] = dataclasses.replace(context, **_cleaned(dataclasses.asdict(context)))


@pytest.hookimpl(tryfirst=True)
def pytest_internalerror(excrepr: object) -> None:
    """Clean an internal error before it is shown or sent."""
    _cleaned(excrepr)


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_keyboard_interrupt(excinfo: pytest.ExceptionInfo[BaseException]) -> Generator[None, object, object]:
    """Clean the reason that a test gave to `pytest.exit`, before anybody formats it."""
    error = excinfo.value
    error.args = _cleaned(error.args)
    if isinstance(error, pytest.exit.Exception):
        error.msg = clean_message(error.msg)
    return (yield)


@pytest.hookimpl(tryfirst=True)
def pytest_warning_recorded(warning_message: warnings.WarningMessage) -> None:
    """Clean a warning's text, its arguments, its line of source, before it is counted or sent to the controller."""
    told = warning_message.message
    text, args = str(told), repr(getattr(told, "args", ()))
    if (shown := clean_message(text)) != text or clean_message(args) != args:
        warning_message.message = shown
    line = warning_message.line or linecache.getline(warning_message.filename, warning_message.lineno)
    if (shown := clean_message(line)) != line:
        warning_message.line = shown


@pytest.hookimpl(tryfirst=True)
def pytest_sessionstart(session: pytest.Session) -> None:
    """Clean what is logged to the terminal while tests run, and to a log file; `caplog` sees all as it was."""
    plugin = session.config.pluginmanager.get_plugin("logging-plugin")
    for handler in (getattr(plugin, "log_cli_handler", None), getattr(plugin, "log_file_handler", None)):
        if isinstance(handler, logging.Handler) and handler.formatter is not None:
            handler.setFormatter(CleanFormatter(handler.formatter))


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_sessionfinish(session: pytest.Session) -> Generator[None, object, object]:
    """Clean why the run stops, and what went into the JUnit file past all reports, as properties of the suite do."""
    if isinstance(session.shouldstop, str):
        session.shouldstop = clean_message(session.shouldstop)
    if isinstance(session.shouldfail, str):
        session.shouldfail = clean_message(session.shouldfail)
    try:
        return (yield)
    finally:
        if known().masks and not hasattr(session.config, "workerinput"):
            _clean_junit(session.config)


def _clean_junit(config: pytest.Config) -> None:
    given = getattr(config.option, "xmlpath", None)
    path = config.invocation_params.dir / Path(os.path.expandvars(given)).expanduser() if given else None
    if path is not None and path.is_file():
        text = path.read_text(encoding="utf-8")
        if (shown := clean(text)) != text:
            path.write_text(shown, encoding="utf-8")


class CleanFormatter(logging.Formatter):
    """Another formatter's lines, cleaned."""

    def __init__(self, inner: logging.Formatter) -> None:
        """Clean the lines of `inner`."""
        super().__init__()
        self._inner = inner

    def format(self, record: logging.LogRecord) -> str:
        """The record's line, without secrets."""
        return clean_message(self._inner.format(record))


def clean_report(report: Report) -> Report:
    """The report, cleaned in place: its failure, captured output, properties and reason of an expected failure."""
    if report.longrepr is not None:
        report.longrepr = _cleaned(report.longrepr)
    if report.sections:
        report.sections = [(name, clean_message(text)) for name, text in report.sections]
    if isinstance(report, pytest.TestReport):
        if report.user_properties:
            report.user_properties = [(name, _cleaned(value)) for name, value in report.user_properties]
        if getattr(report, "wasxfail", None):
            report.wasxfail = clean_message(report.wasxfail)
    return report


def _cleaned(value: Any) -> Any:  # noqa: ANN401 - tracebacks have many kinds
    """The value with every text in it cleaned; what pytest shows of an exception is cleaned in place."""
    if isinstance(value, str):
        return clean_message(value) if len(value) >= SHORTEST else value
    if type(value) is list:
        return _lines(value) if all(isinstance(part, str) for part in value) else [_cleaned(part) for part in value]
    if type(value) is tuple:
        return tuple(_cleaned(part) for part in value)
    if type(value) is dict:
        return {_cleaned(key): _cleaned(part) for key, part in value.items()}
    if isinstance(value, TerminalRepr):
        for name, part in vars(value).items():
            setattr(value, name, _cleaned(part))
        return value
    return _shown(value) if hasattr(value, "toterminal") or isinstance(value, pytest.ExceptionInfo) else value


def _lines(lines: list[str]) -> list[str]:
    """Lines of one text, cleaned together; fewer when a secret went over several."""
    text = BETWEEN.join(lines)
    return lines if (shown := clean_message(text)) == text else shown.split(BETWEEN)


def _shown(value: object) -> object:
    """Another plugin's way to show a failure: as it is when it holds no secret, else as clean text."""
    text = str(value)
    return value if (shown := clean_message(text)) == text else shown
