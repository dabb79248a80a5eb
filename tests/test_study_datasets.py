"""Which data sets a cell is asked: `models`, `conditions` and `prompt` of `[[datasets]]`."""

import pytest

from harness.errors import StudyError, UnknownName
from harness.records import Selection
from harness.study import build_study
from harness.studyfile import parse_study

STUDY = """
[study]
models = ["a", "b", "c"]
conditions = ["direct", "oracle"]
[models.a]
provider = "planted"
[models.b]
provider = "planted"
[models.c]
provider = "planted"
[[datasets]]
path = "one.jsonl"
{one}
[[datasets]]
path = "two.jsonl"
{two}
"""


@pytest.fixture
def asked(tmp_path):
    for name in ("one", "two"):
        (tmp_path / f"{name}.jsonl").write_text(f'{{"id": "{name}", "question": "{name}?", "answers": ["x"]}}\n')

    def ask(one: str = "", two: str = "", **selection):
        text = STUDY.format(one=one, two=two)
        return build_study(parse_study(text, "study"), Selection(**selection), tmp_path)

    return ask


def pairs(study) -> set[tuple[str, str]]:
    return {(case.model, case.question.id) for case in study.cases}


def test_without_names_every_model_is_asked_every_set(asked) -> None:
    assert pairs(asked()) == {(model, name) for model in "abc" for name in ("one", "two")}


def test_a_named_model_is_asked_the_sets_that_name_it_and_no_other(asked) -> None:
    assert pairs(asked(one='models = ["a"]')) == {("a", "one"), ("b", "two"), ("c", "two")}


def test_a_cell_left_out_is_unlike_where_it_shares_no_set(asked) -> None:
    tables = {"one": 'models = ["a"]'}
    study = asked(**tables, models=("b",))
    assert set(study.elsewhere) == {"a:direct", "a:oracle", "c:direct", "c:oracle"}
    assert study.unlike == {"a:direct", "a:oracle"}
    assert asked(**tables).unlike == frozenset()


def test_two_sets_may_name_one_model(asked) -> None:
    found = pairs(asked(one='models = ["a", "b"]', two='models = ["b", "c"]'))
    assert found == {("a", "one"), ("b", "one"), ("b", "two"), ("c", "two")}


def test_a_set_is_asked_under_its_own_conditions(asked) -> None:
    study = asked(one='conditions = ["direct"]')
    found = {(case.condition, case.question.id) for case in study.cases}
    assert found == {("direct", "one"), ("direct", "two"), ("oracle", "two")}


def test_a_cell_that_is_asked_nothing_is_left_out(asked) -> None:
    study = asked(one='models = ["a"]\nconditions = ["direct"]')
    assert [cell.label for cell in study.cells if cell.model.name == "a"] == ["a:direct"]


def test_a_set_has_its_own_prompt(asked) -> None:
    study = asked(one='prompt = "bare"')
    assert {name: template.name for name, template in study.templates.items()} == {"one": "bare", "two": "concise"}


def test_a_selection_that_leaves_nothing_to_ask_is_told(asked) -> None:
    with pytest.raises(StudyError, match="no data set is asked of the chosen models"):
        asked(one='models = ["a"]', models=("b",), datasets=("one",))


def test_an_unknown_model_of_a_set_is_told(asked) -> None:
    with pytest.raises(UnknownName, match="unknown model 'd'"):
        asked(one='models = ["d"]')


def test_an_unknown_condition_of_a_set_is_told(asked) -> None:
    with pytest.raises(UnknownName, match="did you mean 'oracle'"):
        asked(one='conditions = ["orcale"]')
