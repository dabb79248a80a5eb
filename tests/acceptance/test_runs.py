"""The plugin as its users run it: outcomes, selection, resuming, workers."""

import json
import re
import sqlite3
from dataclasses import dataclass
from xml.etree import ElementTree as ET

import pytest


def counts(run) -> dict[str, int]:
    return {word: int(number) for number, word in re.findall(r"(\d+) (\w+)", run.last.split(" in ")[0])}


def stored(project, store: str = ".harness/answers.sqlite") -> int:
    return sqlite3.connect(project.root / store).execute("SELECT count(*) FROM answers").fetchone()[0]


@dataclass(kw_only=True)
class Finished:
    """One project after a first run, a second one, and one of two workers with a store of their own."""

    project: object
    first: object
    second: object
    workers: object


@pytest.fixture(scope="module")
def finished(make_project):
    project = make_project()
    return Finished(
        project=project,
        first=project.pytest("benchmarks", "-v", "--junit-xml", "junit.xml"),
        second=project.pytest("benchmarks"),
        workers=project.pytest("benchmarks", "-n", "2", "--store", "workers.sqlite"),
    )


def test_every_case_gets_its_own_outcome(finished):
    found = counts(finished.first)
    assert finished.first.rc == 0, finished.first.out
    assert found.keys() <= {"correct", "wrong", "blank"}
    assert sum(found.values()) == 72


def test_ids_name_model_condition_and_question(finished):
    assert re.search(r"test_answers\.py::test_answer\[tiny-rag-q17\] (CORRECT|WRONG|BLANK)", finished.first.out)
    assert finished.first.out.count("::") == 72


def test_a_second_run_answers_nothing_again(finished):
    assert "answers: 72 generated" in finished.first.out
    assert "answers: 0 generated" in finished.second.out
    assert counts(finished.first) == counts(finished.second)
    assert stored(finished.project) == 72


def test_workers_answer_everything_once(finished):
    assert finished.workers.rc == 0, finished.workers.out
    assert counts(finished.workers) == counts(finished.first)
    assert stored(finished.project, "workers.sqlite") == 72
    assert "answers: 72 generated" in finished.workers.out


def test_junit_has_the_outcome_and_the_primary_score(finished):
    cases = ET.parse(finished.project.root / "junit.xml").getroot().findall(".//testcase")  # noqa: S314 - pytest wrote it
    found = [{entry.get("name"): entry.get("value") for entry in case.iter("property")} for case in cases]
    assert len(found) == 72
    assert {entry["harness_outcome"] for entry in found} <= {"correct", "wrong", "blank"}
    assert all(entry["exact_match@1"] in {"0.0", "1.0"} for entry in found)


@pytest.fixture(scope="module")
def failing(make_project):
    """A project whose model fails at one question: a first run, one with --lf, and one with the model mended."""
    project = make_project()
    sound = (project.root / "benchmarks/study.toml").read_text()
    project.write("benchmarks/study.toml", faulty(sound, 'raise_on = "tower 15"'))
    cell = ("benchmarks", "--model", "tiny", "--condition", "direct")
    first, last_failed = project.pytest(*cell), project.pytest(*cell, "--lf")
    project.write("benchmarks/study.toml", sound)
    return first, last_failed, project.pytest(*cell)


def faulty(study: str, fault: str) -> str:
    return study.replace("options = { accuracy = { direct = 0.2", f"options = {{ {fault}, accuracy = {{ direct = 0.2")


def test_a_model_that_fails_is_an_error_of_one_case(failing):
    first, *_ = failing
    assert first.rc == 1
    assert counts(first)["error"] == 1
    assert "no answer" in first.out
    assert "answers: 11 generated" in first.out


def test_last_failed_runs_the_failure_alone(failing):
    assert counts(failing[1]) == {"error": 1}


def test_a_failure_is_tried_again(failing):
    assert "answers: 1 generated" in failing[2].out


def test_a_question_that_kills_its_worker_is_blamed_alone(project):
    text = (project.root / "benchmarks/study.toml").read_text()
    project.write("benchmarks/study.toml", faulty(text, 'crash_on = "tower 15"'))
    run = project.pytest("benchmarks", "-n", "2")
    assert run.rc == 1
    assert counts(run)["errors"] == 3
    assert set(re.findall(r"ERROR .*\[(\S*)\] - ", run.out)) == {
        f"tiny-{kind}-q15" for kind in ("direct", "rag", "oracle")
    }
    assert run.out.count("crashed: the process died while it answered this (2 times, at last by itself)") >= 3
    assert stored(project) == 69
    assert "answers: at least " in run.out
    project.write("benchmarks/study.toml", text)
    assert counts(project.pytest("benchmarks"))["errors"] == 3
    assert "answers: 3 generated" in project.pytest("benchmarks", "-k", "tiny and q15", "--rerun").out
    assert "errors" not in counts(project.pytest("benchmarks"))
    assert stored(project) == 72


def test_a_run_that_lost_its_workers_is_no_success(project):
    text = (project.root / "benchmarks/study.toml").read_text()
    project.write("benchmarks/study.toml", faulty(text, 'crash_on = "tower 1"'))
    run = project.pytest("benchmarks", "-n", "2", "--max-worker-restart", "0")
    assert run.rc == 1


def test_a_distribution_of_the_users_own_choice_is_kept_and_little_is_answered_twice(project):
    run = project.pytest("benchmarks", "-n", "2", "--dist", "loadgroup", "--batch-size", "1")
    assert run.rc == 0, run.out
    assert counts(run).pop("warning") == 1
    assert "leave --dist out to keep them together" in " ".join(run.out.split())
    assert sum(counts(run).values()) == 72 + 1
    # each of two workers may have one batch under way that the other one is at, in each of six cells
    assert 72 <= stored(project) <= 84


def test_collecting_writes_nothing(project):
    before = project.files()
    project.pytest("benchmarks", "--co", "-q", "-p", "no:cacheprovider", PYTHONDONTWRITEBYTECODE="1")
    assert project.files() == before


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


@pytest.mark.parametrize(
    "extra", [("-p", "no:cacheprovider", "--tb=no", "-q"), ("-p", "no:terminal"), ("-p", "no:xdist")]
)
def test_other_plugins_may_come_and_go(project, extra):
    run = project.pytest("benchmarks", "--model", "tiny", *extra)
    assert run.rc == 0, run.out + run.err
    assert stored(project) == 36


def test_a_shuffled_order_answers_the_same(project, finished):
    pytest.importorskip("pytest_randomly", reason="pytest-randomly is not installed")
    run = project.run("-m", "pytest", "benchmarks", "-p", "no:cacheprovider", "-p", "no:smoke")
    assert run.rc == 0, run.out + run.err
    assert counts(run) == counts(finished.first)


def test_stop_at_the_first_failure(project):
    text = (project.root / "benchmarks/study.toml").read_text()
    project.write("benchmarks/study.toml", faulty(text, 'raise_on = "tower 1"'))
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


def test_fixtures_warn_of_nothing(project):
    asked = "def test_all(case, answer, score, model, study):\n    assert case.cell in study.cells\n    score()\n"
    project.write("benchmarks/test_answers.py", asked)
    run = project.pytest("benchmarks", "--smoke", "-W", "error")
    assert run.rc == 0, run.out


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
