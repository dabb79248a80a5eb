"""The plugin as its users run it: outcomes, selection, resuming, workers."""

import json
import re
import sqlite3
from xml.etree import ElementTree as ET

import pytest


def counts(run) -> dict[str, int]:
    return {word: int(number) for number, word in re.findall(r"(\d+) (\w+)", run.last.split(" in ")[0])}


def stored(project) -> int:
    return (
        sqlite3.connect(project.root / ".harness/answers.sqlite").execute("SELECT count(*) FROM answers").fetchone()[0]
    )


def test_every_case_gets_its_own_outcome(project):
    run = project.pytest("benchmarks")
    found = counts(run)
    assert run.rc == 0, run.out
    assert found.keys() <= {"correct", "wrong", "blank"}
    assert sum(found.values()) == 72 == stored(project)


def test_ids_name_model_condition_and_question(project):
    run = project.pytest("benchmarks", "--co", "-q")
    assert "benchmarks/test_answers.py::test_answer[tiny-rag-q17]" in run.out
    assert run.out.count("::") == 72


def test_collecting_writes_nothing(project):
    before = project.files()
    project.pytest("benchmarks", "--co", "-q", "-p", "no:cacheprovider", PYTHONDONTWRITEBYTECODE="1")
    assert project.files() == before


def test_a_second_run_answers_nothing_again(project):
    first = project.pytest("benchmarks")
    second = project.pytest("benchmarks")
    assert "answers: 72 generated" in first.out
    assert "answers: 0 generated" in second.out
    assert counts(first) == counts(second)
    assert stored(project) == 72


def test_rerun_answers_again_and_keeps_the_old(project):
    project.pytest("benchmarks", "--model", "tiny", "--condition", "direct")
    run = project.pytest("benchmarks", "--model", "tiny", "--condition", "direct", "--rerun")
    assert "answers: 12 generated" in run.out
    assert stored(project) == 24


def test_selection_by_model_condition_and_limit(project):
    run = project.pytest("benchmarks", "--model", "t*", "--condition", "rag,oracle", "--limit", "3", "-v")
    ids = re.findall(r"\[(\w\S+)\]", run.out.replace("%]", ""))
    assert len(ids) == 6
    assert {tuple(label.split("-")[:2]) for label in ids} == {("tiny", "rag"), ("tiny", "oracle")}


def test_smoke_asks_one_question_per_cell(project):
    run = project.pytest("benchmarks", "--smoke")
    assert sum(counts(run).values()) == 6


def test_only_selected_cases_are_answered(project):
    run = project.pytest("benchmarks", "-k", "tiny-rag and (q12 or q13)")
    assert "answers: 2 generated" in run.out
    assert stored(project) == 2


def test_workers_answer_everything_once(project):
    alone = counts(project.pytest("benchmarks", "--store", "alone.sqlite"))
    run = project.pytest("benchmarks", "-n", "2")
    assert run.rc == 0, run.out
    assert counts(run) == alone
    assert stored(project) == 72
    assert "answers: 72 generated" in run.out


@pytest.mark.parametrize("extra", [("-p", "no:cacheprovider"), ("-p", "no:terminal"), ("--tb=no", "-q")])
def test_other_plugins_may_come_and_go(project, extra):
    run = project.pytest("benchmarks", "--model", "tiny", *extra)
    assert run.rc == 0, run.out + run.err
    assert stored(project) == 36


def test_a_shuffled_order_answers_the_same(project):
    pytest.importorskip("pytest_randomly", reason="pytest-randomly is not installed")
    run = project.run("-m", "pytest", "benchmarks", "--model", "tiny", "-p", "no:cacheprovider")
    assert run.rc == 0, run.out + run.err
    assert counts(run) == counts(project.pytest("benchmarks", "--model", "tiny"))


def test_junit_has_the_outcome_and_the_primary_score(project):
    project.pytest("benchmarks", "--model", "big", "--condition", "oracle", "--junit-xml", "junit.xml")
    cases = ET.parse(project.root / "junit.xml").getroot().findall(".//testcase")  # noqa: S314 - pytest wrote it
    found = [{entry.get("name"): entry.get("value") for entry in case.iter("property")} for case in cases]
    assert len(found) == 12
    assert {entry["harness_outcome"] for entry in found} <= {"correct", "wrong", "blank"}
    assert all(entry["exact_match@1"] in {"0.0", "1.0"} for entry in found)


def test_a_model_that_fails_is_an_error_and_is_tried_again(project):
    text = (project.root / "benchmarks/study.toml").read_text()
    broken = text.replace(
        "options = { accuracy = { direct = 0.2", 'options = { raise_on = "tower 15", accuracy = { direct = 0.2'
    )
    project.write("benchmarks/study.toml", broken)
    run = project.pytest("benchmarks", "--model", "tiny", "--condition", "direct")
    assert run.rc == 1
    assert counts(run)["error"] == 1
    assert "no answer" in run.out
    assert stored(project) == 11
    project.write("benchmarks/study.toml", text)
    assert "answers: 1 generated" in project.pytest("benchmarks", "--model", "tiny", "--condition", "direct").out


def test_last_failed_runs_the_failure_alone(project):
    text = (project.root / "benchmarks/study.toml").read_text()
    broken = text.replace(
        "options = { accuracy = { direct = 0.2", 'options = { raise_on = "tower 15", accuracy = { direct = 0.2'
    )
    project.write("benchmarks/study.toml", broken)
    project.pytest("benchmarks", "--model", "tiny", "--condition", "direct")
    run = project.pytest("benchmarks", "--model", "tiny", "--condition", "direct", "--lf")
    assert counts(run) == {"error": 1}


def test_stop_at_the_first_failure(project):
    text = (project.root / "benchmarks/study.toml").read_text()
    broken = text.replace(
        "options = { accuracy = { direct = 0.2", 'options = { raise_on = "tower 1", accuracy = { direct = 0.2'
    )
    project.write("benchmarks/study.toml", broken)
    run = project.pytest("benchmarks", "--model", "tiny", "--condition", "direct", "-x")
    assert run.rc == 1
    assert counts(run)["error"] == 1
    assert "stopping after 1 failures" in run.out


def test_an_answer_that_cannot_be_read_fails_with_the_reason(project):
    text = (project.root / "benchmarks/study.toml").read_text()
    project.write("benchmarks/study.toml", text + '\n[decoding]\nprompt = "concise-json"\n')
    project.write(
        "conftest.py",
        "from harness.providers import planted\nplanted.written = lambda *_, **__: 'I would rather chat.'\n",
    )
    run = project.pytest("benchmarks", "--model", "tiny", "--condition", "direct")
    assert run.rc == 1
    assert counts(run) == {"unparsed": 12}
    assert "unparsed answers" in run.out


def test_a_users_own_metric_and_assertion(project):
    project.write(
        "benchmarks/test_answers.py",
        "def test_short(case, answer, score, model, study):\n"
        "    values = score('contains', words=float(len(answer.text.split())))\n"
        "    assert values['words'] < 10 and values['contains'] in (0.0, 1.0)\n"
        "    assert model.spec.name == 'tiny' and len(study.cells) == 1\n"
        "    assert case.question.id != 'q13', 'unlucky'\n",
    )
    run = project.pytest("benchmarks", "--model", "tiny", "--condition", "direct")
    assert counts(run)["failed"] == 1
    assert "unlucky" in run.out
    rows = sqlite3.connect(project.root / ".harness/answers.sqlite").execute(
        "SELECT count(*) FROM scores WHERE metric = 'words' AND version = 0"
    )
    assert rows.fetchone() == (12,)


def test_the_model_handle_answers_any_text(project):
    project.write(
        "benchmarks/test_answers.py", "def test_ask(case, model):\n    assert model.ask('Who?').error is None\n"
    )
    assert project.pytest("benchmarks", "--smoke").rc == 0


def test_the_report_without_a_path_runs_the_study_and_writes_it(project):
    project.write("tests/test_other.py", "def test_other():\n    raise AssertionError\n")
    project.write("pytest.ini", "[pytest]\ntestpaths = tests\n")
    run = project.pytest("--scaling-report")
    assert run.rc == 0, run.out
    assert sum(counts(run).values()) == 72
    summary = json.loads((project.root / "reports/small/summary.json").read_text())
    assert summary
    written = {path.name for path in (project.root / "reports/small").iterdir()}
    assert {
        "summary.json",
        "results.parquet",
        "results.csv",
        "report.md",
        "errors.csv",
        "results_matrix.csv",
    } <= written
    assert max(len(line) for line in run.out.partition("scaling report")[2].splitlines()) <= 80


def test_the_report_goes_where_it_is_told(project):
    run = project.pytest("benchmarks", "--smoke", "--scaling-report", "--report-dir", "out/here")
    assert run.rc == 0, run.out
    assert (project.root / "out/here/report.md").is_file()


def test_the_environment_names_the_model(project):
    run = project.pytest("benchmarks", "--co", "-q", HARNESS_MODEL="big")
    assert "[big-" in run.out
    assert "[tiny-" not in run.out


def test_ini_twins_hold_and_the_command_line_wins(project):
    project.write("pytest.ini", "[pytest]\nharness_model = big\nharness_limit = 2\n")
    assert project.pytest("benchmarks", "--co", "-q").out.count("::") == 6
    assert project.pytest("benchmarks", "--co", "-q", "--limit", "3").out.count("::") == 9
