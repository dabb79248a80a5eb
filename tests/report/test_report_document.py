"""summary.json with the whole analysis: every part, every number or its reason, and readers of the first version."""

import json
from collections.abc import Iterator
from dataclasses import dataclass, fields, replace
from math import inf, nan

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.analysis.refusals import Refused
from harness.analysis.simulate import PlantedModel, Truth
from harness.analysis.whole import Analysis, ShareAnalysis
from harness.report import document_analysis
from harness.report.document import VERSION, document, summary_json
from harness.report.document_analysis import analysis_document, plain_value
from tests.report.planted_runs import Told, told


@pytest.fixture(scope="module")
def run() -> Told:
    models = tuple(
        PlantedModel(name=name, params_b=size, accuracy={"direct": base, "rag": base + 0.2})
        for name, size, base in (("s", 0.5, 0.2), ("m", 3.0, 0.35), ("l", 9.0, 0.5))
    )
    return told(Truth(models=models, questions=30, clusters=10, icc=0.1, shared=0.4))


def leaves(value: object) -> Iterator[object]:
    if isinstance(value, dict):
        for part in value.values():
            yield from leaves(part)
    elif isinstance(value, list):
        for part in value:
            yield from leaves(part)
    else:
        yield value


@dataclass(frozen=True, kw_only=True)
class Made:
    value: object
    numbers: object = ()


def test_the_text_is_the_document(run: Told) -> None:
    text = summary_json(run.summary, run.analysis)
    assert json.loads(text) == json.loads(json.dumps(document(run.summary, run.analysis)))
    assert text.isascii()


def test_without_an_analysis_there_is_no_part_of_it(run: Told) -> None:
    found = json.loads(summary_json(run.summary))
    assert "analysis" not in found
    assert found == {name: part for name, part in document(run.summary, run.analysis).items() if name != "analysis"}


def test_every_part_of_the_analysis_stands_under_its_name_in_order(run: Told) -> None:
    found = json.loads(summary_json(run.summary, run.analysis))["analysis"]
    assert list(found) == [field.name for field in fields(Analysis)]
    assert list(found["headline"]) == [field.name for field in fields(ShareAnalysis)]


def test_the_format_tells_that_it_has_an_analysis(run: Told) -> None:
    assert document(run.summary)["version"] == VERSION == 2


def test_a_refusal_is_its_reason(run: Told) -> None:
    assert analysis_document(run.analysis)["complete_case"] == {"refused": run.analysis.complete_case.reason}


def test_a_number_is_unrounded(run: Told) -> None:
    found = analysis_document(run.analysis)["headline"]["direct"]["fit"]["slope"]["estimate"]
    assert found == run.analysis.headline.direct.fit.slope.estimate


def test_all_values_are_plain(run: Told) -> None:
    assert {type(leaf) for leaf in leaves(analysis_document(run.analysis))} <= {str, int, float, bool, type(None)}


@pytest.mark.parametrize(
    ("value", "reason"), [(nan, "not a number"), (inf, "above every number"), (-inf, "below every number")]
)
def test_a_number_that_is_none_is_null_with_its_reason(value: float, reason: str) -> None:
    assert plain_value(Made(value=value)) == {"value": None, "value_reason": reason, "numbers": []}


@pytest.mark.parametrize("numbers", [np.array([1.0, nan, inf]), (1.0, nan, inf), [1.0, nan, inf]])
def test_numbers_that_are_none_are_counted(numbers: object) -> None:
    found = plain_value(Made(value=1, numbers=numbers))
    assert found == {"value": 1, "numbers": [1.0, None, None], "numbers_reason": "2 of 3 numbers are not finite"}


@given(st.recursive(st.floats() | st.integers() | st.text() | st.none() | st.booleans(), st.lists, max_leaves=20))
def test_whatever_is_plain_can_be_written(value: object) -> None:
    json.dumps(plain_value(Made(value=value, numbers={"a": value})), allow_nan=False)


def test_arrays_and_scalars_of_numpy_become_pythons_own() -> None:
    found = plain_value({"a": np.float64(0.5), "b": np.array([[1, 2]]), "c": np.bool_(True)})
    assert found == {"a": 0.5, "b": [[1, 2]], "c": True}


def test_what_json_cannot_hold_is_a_programmers_error() -> None:
    with pytest.raises(TypeError, match=r"object cannot stand in summary.json"):
        plain_value([object()])


def test_rows_of_many_questions_are_left_out_and_said_so(run: Told, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(document_analysis, "QUESTIONS_MOST", 29)
    found = analysis_document(run.analysis)["questions"]
    assert found["questions"] == {
        "left_out": "30 rows, one per question, of which at most 29 stand here; results.parquet holds every case"
    }
    assert len(found["wins"]) == len(run.analysis.questions.wins)
    monkeypatch.setattr(document_analysis, "QUESTIONS_MOST", 30)
    assert len(analysis_document(run.analysis)["questions"]["questions"]) == 30


def test_refused_questions_have_their_reason(run: Told) -> None:
    analysis = replace(run.analysis, questions=Refused(reason="gone"))
    assert analysis_document(analysis)["questions"] == {"refused": "gone"}
