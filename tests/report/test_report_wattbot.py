"""Submissions, the matrix and the errors table, as the WattBot scorer reads them."""

import csv
from pathlib import Path

import pytest

from harness.records import CaseResult, Passage, Score
from harness.report.wattbot import SUBMISSION, write_errors, write_matrix, write_submission
from tests.report.made_up_runs import make_cell, make_cell_results, make_question, make_result, make_unanswerable


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "out.csv"


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def submitted(result: CaseResult, path: Path) -> dict[str, str]:
    write_submission([result], path)
    (row,) = rows(path)
    return row


def test_an_answer_fills_the_nine_columns(path: Path) -> None:
    passage = Passage(id="p3", text="Line 3 is\n3 km long.", metadata={"url": "https://example.org/3"})
    cell, question = make_cell(condition="oracle"), make_question(3)
    row = submitted(make_result(cell, question, "correct", passages=(passage,), explanation="as given"), path)
    assert row == {
        "id": "q0003",
        "question": "How long is ferry line 3?",
        "answer": "3",
        "answer_value": "3",
        "answer_unit": "km",
        "ref_id": "['p3']",
        "ref_url": "['https://example.org/3']",
        "supporting_materials": "Line 3 is 3 km long.",
        "explanation": "as given",
    }


def test_every_value_is_quoted(path: Path) -> None:
    write_submission([make_result(make_cell(), make_question(1), "correct")], path)
    assert path.read_text(encoding="utf-8").splitlines() == [
        ",".join(f'"{name}"' for name in SUBMISSION),
        '"q0001","How long is ferry line 1?","1","1","km","is_blank","is_blank","is_blank","is_blank"',
    ]


def test_a_blank_is_blank_in_every_column(path: Path) -> None:
    row = submitted(make_result(make_cell(), make_question(1), "blank"), path)
    assert [row[name] for name in SUBMISSION[3:]] == ["is_blank"] * 6


def test_a_negative_number_is_not_disfigured(path: Path) -> None:
    assert submitted(make_result(make_cell(), make_question(1), "wrong", text="-5"), path)["answer_value"] == "-5"


def test_a_formula_is_guarded(path: Path) -> None:
    assert submitted(make_result(make_cell(), make_question(1), "wrong", text="=1+1"), path)["answer_value"] == "'=1+1"


def test_an_unreadable_answer_stands_as_it_came(path: Path) -> None:
    row = submitted(make_result(make_cell(), make_question(1), "unparsed", text="{oh\nno"), path)
    assert row["answer_value"] == "{oh no"


@pytest.mark.parametrize("outcome", ["error", None])
def test_a_case_without_an_answer_is_no_abstention(path: Path, outcome: str | None) -> None:
    write_submission(make_cell_results(["correct", outcome]), path)
    assert [row["id"] for row in rows(path)] == ["q0000"]


def test_the_matrix_has_five_columns_per_cell(path: Path) -> None:
    write_matrix([*make_cell_results(["correct"], "oracle"), *make_cell_results(["wrong"])], path)
    assert rows(path) == [
        {
            "id": "q0000",
            "question": "How long is ferry line 0?",
            "gold_value": "0",
            "gold_refs": "['p0']",
            "tiny-oracle_Value": "0",
            "tiny-oracle_Ref": "['p0']",
            "tiny-oracle_ValCorrect": "1",
            "tiny-oracle_RefScore": "1.0",
            "tiny-oracle_NACorrect": "1",
            "tiny-direct_Value": "none of it",
            "tiny-direct_Ref": "is_blank",
            "tiny-direct_ValCorrect": "0",
            "tiny-direct_RefScore": "0.0",
            "tiny-direct_NACorrect": "1",
        }
    ]


@pytest.mark.parametrize(("outcome", "expected"), [("correct", "1"), ("wrong", "0")])
def test_an_unanswerable_question_wants_a_blank(path: Path, outcome: str, expected: str) -> None:
    write_matrix([make_result(make_cell(), make_unanswerable(1), outcome)], path)
    (row,) = rows(path)
    assert (row["gold_value"], row["tiny-direct_NACorrect"]) == ("is_blank", expected)


def test_the_matrix_leaves_missing_answers_empty(path: Path) -> None:
    write_matrix([*make_cell_results(["correct", "error"]), *make_cell_results(["correct"], "rag")], path)
    row = rows(path)[1]
    assert [row[name] for name in row if name.startswith("tiny-")] == [""] * 10


def test_a_stored_reference_score_is_used(path: Path) -> None:
    scores = (Score(metric="ref_overlap", version=1, value=0.25),)
    write_matrix([make_result(make_cell(), make_question(1), "correct", scores=scores)], path)
    assert rows(path)[0]["tiny-direct_RefScore"] == "0.25"


def test_errors_count_answered_questions_only(path: Path) -> None:
    write_errors(make_cell_results(["correct", "wrong", "blank", "error", None, "correct"]), path)
    (row,) = rows(path)
    assert row == {
        "model": "tiny-direct",
        "correct": "2",
        "wrong": "2",
        "total": "4",
        "accuracy": "0.5",
        "wrong_ids": "q0001;q0002",
    }


def test_a_cell_without_answers_has_no_accuracy(path: Path) -> None:
    write_errors(make_cell_results(["error"]), path)
    assert rows(path)[0]["accuracy"] == ""


def two_data_sets() -> list[CaseResult]:
    asked = [make_question(1, dataset="a"), make_question(1, dataset="b"), make_question(2, dataset="b")]
    return [make_result(make_cell(), question, "wrong") for question in asked]


def test_equal_ids_of_two_data_sets_are_told_apart_in_every_file(path: Path) -> None:
    names = ["a/q0001", "b/q0001", "q0002"]
    write_submission(two_data_sets(), path)
    assert [row["id"] for row in rows(path)] == names
    write_matrix(two_data_sets(), path)
    assert [row["id"] for row in rows(path)] == names
    write_errors(two_data_sets(), path)
    assert rows(path)[0]["wrong_ids"] == ";".join(names)
