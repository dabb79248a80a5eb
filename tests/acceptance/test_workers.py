"""Runs with workers, as a user starts them: every count and kind, other tests beside, workers that die."""

import re
import sqlite3
from collections import Counter

import pytest

CELLS, QUESTIONS = 6, 12
pytestmark = pytest.mark.slow
ONE_CELL = ("benchmarks", "--model", "tiny", "--condition", "direct")


def counts(run) -> dict[str, int]:
    return {word: int(number) for number, word in re.findall(r"(\d+) (\w+)", run.last.split(" in ")[0])}


def scored(run) -> int:
    return sum(number for word, number in counts(run).items() if word in {"correct", "wrong", "blank", "unparsed"})


def stored(project) -> list[str]:
    connection = sqlite3.connect(project.root / ".harness/answers.sqlite")
    return [key for (key,) in connection.execute("SELECT key FROM answers")]


def ran(run) -> list[tuple[str, str]]:
    """Who ran what, in order: worker and id, from the lines of -v."""
    return re.findall(r"^\[(gw\d+)\].* [A-Z]+ \S*?::(\S+)", run.out, flags=re.MULTILINE)


def plant(project, fault: str, *, questions: int = 0) -> None:
    """Give the small model a fault, and the study more questions."""
    study = (project.root / "benchmarks/study.toml").read_text()
    project.write("benchmarks/study.toml", study.replace("options = {", f"options = {{ {fault},", 1))
    if questions:
        lines = (f'{{"id": "q{n}", "question": "What is number {n}?", "answers": ["{n}"]}}' for n in range(questions))
        project.write("benchmarks/questions.jsonl", "\n".join(lines))


@pytest.mark.parametrize(
    "args", [("-n", "0"), ("-n", "1"), ("-n", "2"), ("-n", "8"), ("--tx", "2*popen", "--dist", "load")], ids=" ".join
)
def test_any_number_of_workers_answers_everything_once(project, args):
    run = project.pytest("benchmarks", *args)
    assert run.rc == 0, run.out + run.err
    assert scored(run) == CELLS * QUESTIONS == len(set(stored(project))) == len(stored(project))


def test_more_workers_than_cases(project):
    run = project.pytest(*ONE_CELL, "--limit", "2", "-n", "4")
    assert run.rc == 0, run.out
    assert scored(run) == 2


def test_no_case_left_is_no_error_of_the_workers(project):
    assert project.pytest("benchmarks", "-n", "2", "-k", "nothing").rc == pytest.ExitCode.NO_TESTS_COLLECTED


def test_models_are_loaded_once_each_and_one_twice_at_most(project):
    study = (project.root / "benchmarks/study.toml").read_text()
    model = study[study.index("[models.tiny]") : study.index("[models.big]")]
    more = [model.replace("tiny", f"m{n}") for n in range(3)]
    listed = study.replace('["tiny", "big"]', '["tiny", "big", "m0", "m1", "m2"]')
    project.write("benchmarks/study.toml", listed + "\n" + "\n".join(more))
    run = project.pytest("benchmarks", "-n", "2", "-v")
    assert run.rc == 0, run.out
    by_worker: dict[str, list[str]] = {}
    for worker, name in ran(run):
        by_worker.setdefault(worker, []).append(name.partition("[")[2].partition("-")[0])
    assert sum(map(len, by_worker.values())) == 5 * 3 * QUESTIONS
    switches = [sum(n == 0 or names[n - 1] != name for n, name in enumerate(names)) for names in by_worker.values()]
    assert sum(switches) <= 6


def test_the_first_failure_ends_a_run_that_can_be_taken_up_again(project):
    plant(project, 'raise_on = "tower 10", sleep = true, latency_s = 0.05')
    run = project.pytest("benchmarks", "-n", "2", "-x", "--batch-size", "1")
    assert run.rc == pytest.ExitCode.INTERRUPTED, run.out
    assert "stopping after 1 failures" in run.out
    assert scored(run) < CELLS * QUESTIONS - 3
    again = project.pytest("benchmarks", "-n", "2")
    assert scored(again) == CELLS * QUESTIONS - 3 == len(stored(project))


def test_the_first_failure_takes_the_other_workers_unit_back(project):
    plant(project, 'raise_on = "number"', questions=60)
    study = (project.root / "benchmarks/study.toml").read_text()
    slow = study.replace(
        "options = { accuracy = { direct = 0.6", "options = { sleep = true, latency_s = 0.3, accuracy = { direct = 0.6"
    )
    project.write("benchmarks/study.toml", slow)
    run = project.pytest("benchmarks", "--condition", "direct", "-n", "2", "-x", "--batch-size", "1")
    assert run.rc == pytest.ExitCode.INTERRUPTED, run.out
    assert "INTERNALERROR" not in run.out
    assert len(stored(project)) <= 4, "what the other worker had begun, and the next"


def test_so_many_failures_end_a_run(project):
    plant(project, 'raise_on = "tower"')
    run = project.pytest("benchmarks", "-n", "2", "--maxfail", "3")
    assert run.rc == pytest.ExitCode.INTERRUPTED, run.out
    assert re.search(r"stopping after [34] failures", run.out)


def test_other_tests_run_before_and_behind_the_cases(project):
    project.write("a/test_before.py", "def test_one():\n    pass\n\ndef test_two():\n    pass\n")
    project.write(
        "z/test_behind.py", "import pytest\n@pytest.mark.parametrize('n', range(9))\ndef test_n(n):\n    pass\n"
    )
    run = project.pytest("a", "benchmarks", "z", "-n", "2", "-v")
    assert run.rc == 0, run.out
    assert (scored(run), counts(run)["passed"]) == (CELLS * QUESTIONS, 11)
    for worker in ("gw0", "gw1"):
        kinds = [name.partition("[")[0] for who, name in ran(run) if who == worker]
        order = ["test_one", "test_two", "test_answer", "test_n"]
        assert kinds == sorted(kinds, key=order.index)


def test_other_tests_alone_in_a_project_that_uses_the_plugin(project):
    project.write(
        "a/test_own.py", "import pytest\n@pytest.mark.parametrize('n', range(50))\ndef test_n(n):\n    pass\n"
    )
    run = project.pytest("a", "-n", "3")
    assert run.rc == 0, run.out
    assert counts(run) == {"passed": 50}


def test_poison_among_forty_fails_alone(project):
    plant(project, 'crash_on = "number 17?"', questions=40)
    run = project.pytest(*ONE_CELL, "-n", "2")
    assert run.rc == 1, run.out
    assert scored(run) == 39 == len(stored(project))
    assert sum(counts(run).get(word, 0) for word in ("failed", "error", "errors")) == 1
    assert set(re.findall(r"^(?:FAILED|ERROR) \S+\[(\S+)\]", run.out, flags=re.MULTILINE)) == {"tiny-direct-q17"}
    assert run.out.count("replacing crashed worker") <= 2


def test_poison_under_one_worker_fails_alone(project):
    plant(project, 'crash_on = "number 17?"', questions=40)
    run = project.pytest(*ONE_CELL, "-n", "1")
    assert (run.rc, scored(run)) == (1, 39), run.out


def test_a_run_out_of_workers_ends_and_is_no_success(project):
    plant(project, 'crash_on = "number 17?"', questions=40)
    run = project.pytest(*ONE_CELL, "-n", "2", "--max-worker-restart", "0")
    assert run.rc == 1, run.out
    assert "worker restarting disabled" in run.out
    again = project.pytest(*ONE_CELL, "-n", "2")
    assert scored(again) == 39 == len(stored(project))


DIES = """
import os

def test_answer(case, answer, score):
    score()
    if case.label == "tiny-direct-q15":
        os._exit(1)
"""


def test_a_test_that_ends_its_worker_itself_is_blamed_at_the_second_time(project):
    project.write("benchmarks/test_answers.py", DIES)
    run = project.pytest("benchmarks", "--model", "tiny", "-n", "2")
    assert run.rc == 1, run.out
    assert (scored(run), counts(run)["failed"]) == (3 * QUESTIONS - 1, 1)
    assert "crashed while running 'benchmarks/test_answers.py::test_answer[tiny-direct-q15]'" in run.out
    assert run.out.count("replacing crashed worker") == 2


def test_another_test_that_ends_its_worker_is_blamed_at_once(project):
    project.write("a/test_own.py", "import os\ndef test_fine():\n    pass\n\ndef test_dies():\n    os._exit(1)\n")
    run = project.pytest("a", "benchmarks", "-n", "2")
    assert run.rc == 1, run.out
    assert (scored(run), counts(run)["failed"], counts(run)["passed"]) == (CELLS * QUESTIONS, 1, 1)
    assert "crashed while running 'a/test_own.py::test_dies'" in run.out
    assert run.out.count("replacing crashed worker") == 1


DIFFERS = """
import os

def pytest_collection_modifyitems(items):
    if os.environ.get("PYTEST_XDIST_WORKER") {which}:
        del items[3]
"""


def test_workers_that_collect_other_cases_end_the_run_at_the_start(project):
    project.write("conftest.py", DIFFERS.format(which="== 'gw1'"))
    run = project.pytest("benchmarks", "-n", "2")
    assert run.rc == 1, run.out
    assert "Different tests were collected between" in run.out
    assert scored(run) == 0


def test_a_replacement_that_collects_other_cases_runs_nothing(project):
    project.write("conftest.py", DIFFERS.format(which="not in (None, 'gw0')"))
    project.write("benchmarks/test_answers.py", DIES)
    run = project.pytest(*ONE_CELL, "-n", "1", "-v")
    assert run.rc == 1, run.out
    assert "Different tests were collected between gw0 and gw1" in run.out
    assert {worker for worker, _ in ran(run)} == {"gw0"}


@pytest.mark.parametrize("dist", ["loadfile", "loadscope", "worksteal", "loadgroup"])
def test_a_distribution_of_the_users_own_is_kept_with_one_warning(project, dist):
    run = project.pytest("benchmarks", "--model", "tiny", "-n", "2", "--dist", dist)
    assert run.rc == 0, run.out
    assert scored(run) == 3 * QUESTIONS
    assert counts(run)["warning"] == 1
    assert set(Counter(stored(project)).values()) == {1}


def test_every_worker_may_run_every_case(project):
    run = project.pytest("benchmarks", "--model", "tiny", "--tx", "2*popen", "--dist", "each")
    assert run.rc == 0, run.out
    assert scored(run) == 2 * 3 * QUESTIONS
    assert len(stored(project)) == 3 * QUESTIONS


def test_the_usual_distribution_is_taken_without_a_warning(project):
    run = project.pytest("benchmarks", "--model", "tiny", "-n", "2", "-v")
    assert "scheduling tests via CellScheduling" in run.out
    assert "warning" not in run.last
