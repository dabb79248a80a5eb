"""The fixtures in a user's own tests: what goes wrong is one harmless line, and is counted."""

import unicodedata
from xml.etree import ElementTree as ET

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.errors import HarnessError, StoreError
from harness.fixtures import SHOWN_MOST, _checked, shown
from harness.providers import planted
from harness.store import Store

# packages that cannot be loaded twice, as runs of pytest inside one process would load them
LOADED_ONCE = [pytest.importorskip(name, reason="needs the extra [report]") for name in ("pandas", "pyarrow", "scipy")]

STUDY = """
[study]
models = ["tiny"]
conditions = ["direct"]
metrics = ["f1"]

[[datasets]]
path = "questions.jsonl"

[models.tiny]
provider = "planted"
family = "made-up"
params_b = 0.1
context_length = 1000
options = { accuracy = 0.5, raise_on = "third" }
"""
QUESTIONS = "\n".join(
    f'{{"id": "q{number}", "question": "Who is the {word}?", "answers": ["nobody"]}}'
    for number, word in enumerate(("first", "second", "third"), start=1)
)
HOSTILE = "red \x1b[31malert\x1b[0m\x07\nand \x00 more \u202e]]>"


@pytest.fixture
def project(pytester):
    """A project with one planted model and three questions, the third of which it fails at."""
    pytester.makeini("[pytest]\n")
    (pytester.path / "study.toml").write_text(STUDY)
    (pytester.path / "questions.jsonl").write_text(QUESTIONS)
    pytester.makepyfile(test_answers="def test_answer(case, answer, score):\n    score()\n")
    return pytester


def raising(error: Exception):
    def fail(*_, **__):
        raise error

    return fail


def run(project: pytest.Pytester, *args: str) -> pytest.RunResult:
    return project.runpytest_inprocess("-p", "no:randomly", "-p", "no:smoke", *args)


@given(st.text(max_size=2 * SHOWN_MOST))
def test_shown_text_is_one_harmless_line(text):
    found = shown(text)
    assert len(found) <= SHOWN_MOST
    assert not {unicodedata.category(char) for char in found} & {"Cc", "Cf", "Cs", "Zl", "Zp"}


@given(st.text(st.characters(categories=["L", "N", "P"]), max_size=50))
def test_plain_text_is_shown_as_it_is(text):
    assert shown(text) == text


@pytest.mark.parametrize("value", [float("nan"), float("inf"), "7", None])
def test_a_value_of_ones_own_is_a_finite_number(value):
    with pytest.raises(HarnessError, match="no finite number"):
        _checked({"mine": value})


def test_a_value_of_ones_own_may_not_hide_a_metric():
    with pytest.raises(HarnessError, match="would hide the metric 'f1'"):
        _checked({"f1": 0.5})


def test_values_of_ones_own_become_numbers():
    assert _checked({"a": True, "b": 2}) == {"a": 1.0, "b": 2.0}


def test_a_failure_of_the_model_is_an_error_of_its_case_alone(project):
    result = run(project)
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(["*no answer: *"])


def test_a_hostile_reason_is_harmless_on_the_terminal_and_in_junit(project, monkeypatch):
    monkeypatch.setattr(planted, "written", raising(RuntimeError(HOSTILE)))
    result = run(project, "--junit-xml=junit.xml")
    told = result.stdout.str()
    assert "\x1b" not in told
    assert "\x00" not in told
    assert "\\x1b[31malert" in told
    cases = ET.parse(project.path / "junit.xml").getroot().findall(".//testcase")  # noqa: S314 - pytest wrote it
    assert len(cases) == 3


def test_a_store_that_cannot_be_written_ends_the_run(project, monkeypatch):
    full = StoreError("store s cannot be used (database or disk is full)")
    monkeypatch.setattr(Store, "add_answers", raising(full))
    result = run(project)
    assert result.ret == pytest.ExitCode.INTERRUPTED
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(["*database or disk is full*"])


def test_a_case_cannot_be_requested_while_running(project):
    project.makepyfile(test_answers="def test_late(request):\n    request.getfixturevalue('case')\n")
    run(project).stdout.fnmatch_lines(["*parametrised by the plugin*"])


def test_the_model_is_asked_with_its_own_decoding(project):
    project.makepyfile(
        test_answers="def test_ask(case, model, study):\n"
        "    assert model.ask('Who?', study.decoding).error is None\n"
        "    assert model.spec.name == 'tiny'\n"
    )
    run(project).assert_outcomes(passed=3)


def test_own_scores_are_returned_beside_the_studys(project):
    project.makepyfile(
        test_answers="def test_two(case, answer, score):\n"
        "    assert set(score('contains', mine=2)) == {'f1', 'exact_match', 'contains', 'mine'}\n"
        "    assert score(mine=3)['mine'] == 3.0\n"
    )
    found = run(project, "-k", "not q3")
    assert found.ret == 0


@pytest.mark.parametrize("option", ["--fixtures", "--fixtures-per-test", "--markers", "--help"])
def test_what_only_lists_neither_checks_nor_answers(project, option):
    text = (project.path / "study.toml").read_text().replace('provider = "planted"', 'path = "missing"')
    (project.path / "study.toml").write_text(text.replace(", raise_on", "").replace("options", "#"))
    result = run(project, option)
    assert result.ret == 0
    assert not (project.path / ".harness").exists()
    assert "answers:" not in result.stdout.str()


def test_help_is_given_whatever_the_ini_file_says(project):
    project.makeini("[pytest]\nharness_limit = x\n")
    assert run(project, "--help").ret == 0


def test_a_report_folder_of_somebody_else_is_refused_before_the_run(project):
    project.mkdir("own")
    (project.path / "own/notes.txt").write_text("mine")
    result = run(project, "--scaling-report", "--report-dir=own")
    assert (result.ret, (project.path / ".harness").exists()) == (4, False)
    result.stderr.fnmatch_lines(["ERROR: the report folder*own*"])


def test_a_store_in_the_report_folder_is_refused(project):
    result = run(project, "--scaling-report", "--report-dir=out", "--store=out/s.sqlite")
    assert result.ret == 4
    result.stderr.fnmatch_lines(["ERROR: store *lies in the report folder*"])


def test_no_report_of_a_run_that_did_not_begin(project):
    assert run(project, "--scaling-report", "missing").ret == 4
    assert not (project.path / "reports").exists()


def test_a_report_that_cannot_be_written_is_told(project):
    project.makeconftest(
        "import pathlib\n"
        "def pytest_runtest_teardown():\n"
        "    folder = pathlib.Path('out')\n    folder.mkdir(exist_ok=True)\n    (folder / 'notes').touch()\n"
    )
    result = run(project, "--scaling-report", "--report-dir=out", "-k", "q1")
    assert result.ret == pytest.ExitCode.INTERNAL_ERROR
    result.stdout.fnmatch_lines(["no report: the report folder*"])
