"""`--answer-timeout` as its user meets it: one line says which question hung, and everything else is answered."""

import os

import pytest
from disturbed import CELL, LATENCY, answered_once, asked, count_asked, failures, finish, plant

LIMIT = ("--answer-timeout", "1")
TOLD = "pytest-scaling: no answer to "
STARTS_MOST = 5

pytestmark = [pytest.mark.slow, pytest.mark.skipif(os.name == "nt", reason="runs in process groups of Unix")]


def lines(out: str) -> list[str]:
    return [line for line in out.splitlines() if line.startswith(TOLD)]


def test_a_question_that_hangs_ends_its_worker_and_is_the_only_failure(project):
    count_asked(project)
    plant(project, 'hang_on = "tower 15"')
    code, out = finish(project, "-n", "2", *CELL, *LIMIT)
    assert code == 1, out
    assert "a question of tiny:direct within 1 s: this process ends, what was answered is kept" in lines(out)[-1]
    assert len(lines(out)) <= 2, "once in a batch, once by itself"
    assert answered_once(project, 11)
    assert len(failures(project)) == 1
    assert failures(project)[0].startswith("crashed: no answer to a question of tiny:direct within 1 s")
    assert max(asked(project).values()) <= 2


def test_without_workers_each_run_ends_in_one_line_until_one_is_complete(project):
    plant(project, 'hang_on = "tower 15"')
    codes = []
    while len(codes) < STARTS_MOST and (not codes or codes[-1] == 2):
        code, out = finish(project, *CELL, *LIMIT)
        codes.append(code)
        assert len(lines(out)) == (1 if code == 2 else 0), out
        assert "Traceback" not in out
    assert codes[-1] == 1, codes
    assert answered_once(project, 11)
    assert len(failures(project)) == 1


def test_a_batch_has_the_time_of_all_its_questions(project):
    count_asked(project)
    plant(project, LATENCY.format(0.3))
    code, out = finish(project, "-n", "1", *CELL, *LIMIT)
    assert code == 0, out
    assert lines(out) == []
    assert set(asked(project).values()) == {1}
    assert answered_once(project, 12)


def test_a_model_in_time_is_left_alone(project):
    plant(project, LATENCY.format(0.02))
    code, out = finish(project, *CELL, *LIMIT)
    assert code == 0, out
    assert lines(out) == []
