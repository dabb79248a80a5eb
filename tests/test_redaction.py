"""What pytest tells of a run without the secrets in it: reports of every kind, warnings, logs, files, messages."""

import json
import logging
import subprocess
import sys
import warnings
from dataclasses import dataclass
from types import SimpleNamespace

import pytest
from _pytest._code.code import ReprEntryNative

from harness import redaction
from harness.secrets import Secrets, clean_message

KEY = "c4n4ryQk9xZv3LmTt7Wp2"
MASK = "[secret MY_TOKEN]"
PLUGIN = ("-p", "harness.redaction", "-p", "no:randomly", "-p", "no:smoke", "-p", "no:cacheprovider")
FAILING = """
import os, pytest, unittest
KEY = os.environ["MY_TOKEN"]

def ask(key):
    held = {"headers": ["Bearer " + key]}
    raise RuntimeError(f"401 for {key}")

def test_raises():
    ask(KEY)
def test_compares():
    assert [KEY] == ["another"]
def test_chains():
    try:
        ask(KEY)
    except RuntimeError as error:
        raise ValueError(f"again {KEY}") from error
def test_groups():
    raise ExceptionGroup(f"some of {KEY}", [ValueError(KEY)])
def test_fails():
    pytest.fail(f"told {KEY}")
def test_fails_in_one_line():
    pytest.fail(f"told {KEY}", pytrace=False)
def test_skips():
    pytest.skip(f"without {KEY}")
@pytest.mark.xfail(reason=f"known of {KEY}")
def test_expected():
    assert False
@pytest.fixture
def broken():
    raise OSError(f"no {KEY}")
def test_set_up(broken):
    pass
@pytest.fixture
def ends_badly():
    yield
    raise OSError(f"no end {KEY}")
def test_torn_down(ends_badly):
    pass
def test_exits():
    raise SystemExit(f"gone {KEY}")
def test_misses_a_fixture(fixture_that_is_none):
    pass
def test_recurses(n=KEY):
    test_recurses(n)
class TestUnit(unittest.TestCase):
    def test_unit(self):
        self.assertEqual(KEY, "another")
"""
PASSING = """
import logging, os, sys, warnings
KEY = os.environ["MY_TOKEN"]

def test_passes(record_property, record_testsuite_property, caplog, capsys):
    logging.getLogger("x").warning("logged %s", KEY)
    warnings.warn(f"warned {KEY}")
    warnings.warn(UserWarning("two", KEY))
    record_property("held", KEY)
    record_testsuite_property("suite", KEY)
    assert KEY in caplog.text
def test_prints():
    print("printed", KEY)
    print("printed", KEY, file=sys.stderr)
"""


@dataclass(frozen=True, kw_only=True)
class Run:
    """What a user sees of one run."""

    stdout: str
    stderr: str


def run(pytester, *args: str) -> Run:
    """A run with the key in its environment: in this process, and with workers in one of its own."""
    if "2" not in args:
        done = pytester.runpytest_inprocess(*PLUGIN, *args)
        return Run(stdout="\n".join(done.outlines), stderr="\n".join(done.errlines))
    command = [sys.executable, "-m", "pytest", *PLUGIN, *args]
    told = subprocess.run(command, cwd=pytester.path, capture_output=True, text=True, check=False, timeout=120)
    return Run(stdout=told.stdout, stderr=told.stderr)


@pytest.fixture(autouse=True)
def _key(monkeypatch):
    monkeypatch.setenv("MY_TOKEN", KEY)
    monkeypatch.setenv("COLUMNS", "200")


@pytest.mark.parametrize(
    ("style", "detail"),
    [("auto", "-vv"), ("long", "-q"), ("short", "-vv"), ("line", "-q"), ("native", "-vv"), ("no", "-q")],
)
def test_no_kind_of_failure_tells_it(pytester, style, detail):
    pytester.makepyfile(FAILING)
    done = run(pytester, "-rA", "--showlocals", f"--tb={style}", detail, "--junit-xml=junit.xml")
    assert KEY not in done.stdout + done.stderr
    assert KEY not in (pytester.path / "junit.xml").read_text()
    assert "9 failed, 1 passed, 1 skipped, 1 xfailed, " in done.stdout
    assert "3 errors in" in done.stdout
    assert MASK in done.stdout


def test_what_a_passed_test_left_behind(pytester):
    pytester.makepyfile(PASSING)
    done = run(
        pytester, "-rA", "--junit-xml=junit.xml", "-o", "junit_logging=all", "--log-cli-level=INFO", "--log-file=log"
    )
    told = (done.stdout, done.stderr, (pytester.path / "junit.xml").read_text(), (pytester.path / "log").read_text())
    assert not [text for text in told if KEY in text]
    assert f"printed {MASK}" in done.stdout
    assert f"warned {MASK}" in done.stdout
    assert f"logged {MASK}" in told[3]
    assert f'name="held" value="{MASK}"' in told[2]
    assert f'name="suite" value="{MASK}"' in told[2]
    assert "2 passed" in done.stdout


@pytest.mark.parametrize("text", [FAILING, PASSING], ids=["failing", "passing"])
def test_what_workers_send_is_clean(pytester, text):
    pytester.makepyfile(text)
    pytester.makeconftest(
        """
        import pytest
        @pytest.hookimpl(optionalhook=True, tryfirst=True)
        def pytest_configure_node(node):
            received = node.process_from_remote
            def written(told):
                with open("messages", "a") as file:
                    file.write(repr(told))
                received(told)
            node.process_from_remote = written
        """
    )
    done = run(pytester, "-n", "2", "-rA", "--showlocals")
    messages = (pytester.path / "messages").read_text()
    assert "testreport" in messages
    assert MASK in messages
    assert KEY not in messages + done.stdout + done.stderr


def test_a_module_that_cannot_be_collected(pytester):
    pytester.makepyfile(f"import os\nprint('{KEY}')\nraise RuntimeError(os.environ['MY_TOKEN'])")
    done = run(pytester, "--showlocals")
    assert KEY not in done.stdout + done.stderr
    assert done.stdout.count(MASK) >= 2


def test_a_subtest(pytester):
    if not hasattr(pytest, "Subtests"):
        pytest.skip("this pytest has no subtests")
    pytester.makepyfile(
        """
        import os
        KEY = os.environ["MY_TOKEN"]
        def test_parts(subtests):
            with subtests.test(msg=f"part {KEY}", key=KEY):
                print("printed", KEY)
                assert not KEY
        """
    )
    done = run(pytester, "-rA")
    assert KEY not in done.stdout + done.stderr
    assert f"part {MASK}" in done.stdout
    assert f"printed {MASK}" in done.stdout


@pytest.mark.parametrize("workers", ["0", "2"])
def test_an_internal_error(pytester, workers):
    pytester.makepyfile("def test_one():\n    pass")
    pytester.makeconftest(
        """
        import os
        def pytest_runtest_logstart():
            raise RuntimeError("inside " + os.environ["MY_TOKEN"])
        """
    )
    done = run(pytester, "-n", workers)
    assert KEY not in done.stdout + done.stderr
    assert f"inside {MASK}" in done.stdout + done.stderr


@pytest.mark.parametrize(
    "stop",
    [
        "pytest.exit('because ' + KEY)",
        "request.session.shouldstop = 'because ' + KEY",
        "request.session.shouldfail = 'because ' + KEY",
    ],
)
def test_a_run_that_stops_itself(pytester, stop):
    pytester.makepyfile(f"import os, pytest\nKEY = os.environ['MY_TOKEN']\ndef test_one(request):\n    {stop}")
    done = run(pytester, "--full-trace")
    assert KEY not in done.stdout + done.stderr
    assert f"because {MASK}" in done.stdout


def test_a_key_that_the_run_itself_sets(pytester):
    pytester.makepyfile(
        """
        def test_late(monkeypatch):
            monkeypatch.setenv("LATE_PASSWORD", "l4te" * 3)
            print("l4te" * 3)
        """
    )
    done = run(pytester, "-rA")
    assert "[secret LATE_PASSWORD]" in done.stdout
    assert "l4te" * 3 not in done.stdout


def test_a_value_that_pytest_cut(pytester):
    pytester.makepyfile(
        """
        import os
        def test_cut():
            held = "x" * 100 + os.environ["MY_TOKEN"] + "y" * 200
            assert not held
        """
    )
    done = run(pytester, "--showlocals")
    assert "xx[secret]..." in done.stdout
    assert KEY[:8] not in done.stdout


def test_what_looks_like_a_secret_needs_no_variable(pytester):
    pytester.makepyfile('def test_shape():\n    raise RuntimeError("401 for sk-ant-" + "api03-abcdefgh12345")')
    assert "401 for [secret Anthropic key]" in run(pytester).stdout


def test_a_run_without_secrets_is_told_as_ever(pytester, monkeypatch):
    monkeypatch.delenv("MY_TOKEN")
    pytester.makepyfile(FAILING.replace('os.environ["MY_TOKEN"]', repr(KEY[::-1])).replace("Bearer", "Key"))
    args = ("-rA", "--showlocals", "-p", "no:terminalprogress", "-o", "console_output_style=classic")
    shown = [run(pytester, *args), run(pytester, *args, "-p", "no:harness.redaction")]
    lines = [[line for line in done.stdout.splitlines() if " in 0." not in line] for done in shown]
    assert [line for line in lines[0] if "at 0x" not in line] == [line for line in lines[1] if "at 0x" not in line]
    assert f"401 for {KEY[::-1]}" in shown[0].stdout


class TestReports:
    """Reports by hand."""

    def report(self, **held):
        usual = {"nodeid": "a", "location": ("a", 0, "a"), "keywords": {}, "outcome": "failed", "longrepr": None}
        return pytest.TestReport(**{**usual, "when": "call", **held})

    def test_a_passed_report_stays(self, monkeypatch):
        monkeypatch.setattr(redaction, "clean_message", lambda _: pytest.fail("looked at"))
        properties = [("harness_outcome", "correct"), ("f1", 0.5)]
        report = self.report(outcome="passed", user_properties=properties)
        assert redaction.clean_report(report).user_properties == properties

    def test_a_failure_that_another_plugin_shows(self):
        other = SimpleNamespace(toterminal=None, told=KEY)
        assert MASK in redaction.clean_report(self.report(longrepr=other)).longrepr

    def test_a_failure_that_another_plugin_shows_without_secrets(self):
        other = SimpleNamespace(toterminal=None)
        assert redaction.clean_report(self.report(longrepr=other)).longrepr is other

    def test_nested_properties(self):
        report = self.report(user_properties=[("held", {"key": [KEY, 1, (KEY, None)]})])
        assert redaction.clean_report(report).user_properties == [("held", {"key": [MASK, 1, (MASK, None)]})]

    def test_a_key_over_several_lines_of_a_traceback(self):
        body = [
            "    -----BEGIN PRIVATE KEY-----\n",
            "    MIIEvQIBADANBgkqhkiG9w0\n",
            "    -----END PRIVATE KEY-----\n",
            "end\n",
        ]
        entry = redaction.clean_report(self.report(longrepr=ReprEntryNative(body))).longrepr
        assert "".join(entry.lines) == "    [secret private key]\n\0end\n".replace("\0", "")


class TestWarnings:
    def recorded(self, message, **held):
        told = warnings.WarningMessage(message, UserWarning, "nowhere.py", 1, **held)
        redaction.pytest_warning_recorded(told)
        return told

    def test_a_warning_without_secrets_stays(self):
        message = UserWarning("nothing")
        assert self.recorded(message).message is message

    def test_arguments_that_are_not_shown(self):
        class Silent(UserWarning):
            def __str__(self):
                return "silent"

        assert self.recorded(Silent(KEY)).message == "silent"

    def test_its_line_of_source(self):
        assert self.recorded("text", line=f"warn('{KEY}')").line == f"warn('{MASK}')"


def test_a_formatter_cleans_what_another_formats():
    record = logging.LogRecord("x", logging.INFO, "x.py", 1, "got %s", (KEY,), None)
    assert redaction.CleanFormatter(logging.Formatter("%(levelname)s %(message)s")).format(record) == f"INFO got {MASK}"


def test_no_secrets_is_no_pattern():
    assert Secrets().pattern is None
    assert json.loads(clean_message('{"a": 1}')) == {"a": 1}
