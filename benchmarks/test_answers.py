"""The cases: every model x condition x question of the study is asked, answered once, and scored."""

from harness.fixtures import Scorer
from harness.records import Answer, Case


def test_answer(case: Case, answer: Answer, score: Scorer) -> None:
    scores = score()
    assert scores, f"{case.label}: {answer.text!r} has no score"
