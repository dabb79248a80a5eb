from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.errors import StudyError, UnknownName
from harness.records import Question, Selection
from harness.study import build_study, find_condition, sample
from harness.studyfile import builtin_text, parse_study

PLANTED = parse_study(builtin_text("planted"), "planted")


def questions(tasks: list[str]) -> tuple[Question, ...]:
    return tuple(
        Question(id=f"q{number}", text="?", answers=("a",), task=task, dataset="d") for number, task in enumerate(tasks)
    )


def ids(asked) -> set[str]:
    return {question.id for question in asked}


def planted(**fields):
    return build_study(PLANTED, Selection(**fields), Path())


def test_cells_are_models_times_conditions():
    study = planted(models=("planted-7b", "planted-0.5b"), conditions=("rag", "direct"))
    assert [cell.label for cell in study.cells] == [
        "planted-7b:rag",
        "planted-7b:direct",
        "planted-0.5b:rag",
        "planted-0.5b:direct",
    ]


def test_every_cell_has_the_same_questions_and_every_label_is_its_own():
    study = planted(limit=7)
    asked = {cell.label: [case.question.id for case in study.cases if case.cell == cell] for cell in study.cells}
    assert len(set(map(tuple, asked.values()))) == 1
    assert len({case.label for case in study.cases}) == len(study.cases) == 7 * len(study.cells)


def test_labels_are_safe_as_pytest_ids():
    study = planted(limit=5)
    assert all(case.label.isascii() and not set(case.label) & set("[]: \n") for case in study.cases)


def test_questions_of_one_id_in_two_data_sets_keep_apart(tmp_path):
    row = (
        '{"id": "q[1]", "question": "Who?", "answers": ["me"]}\n{"id": "q 1", "question": "What?", "answers": ["it"]}\n'
    )
    for name in ("a.jsonl", "b.jsonl"):
        (tmp_path / name).write_text(row)
    file = parse_study(
        '[study]\nmodels = ["planted-7b"]\n[[datasets]]\npath = "a.jsonl"\n[[datasets]]\npath = "b.jsonl"\n', "x"
    )
    study = build_study(file, Selection(extra_models=PLANTED.models), tmp_path)
    labels = [case.label for case in study.cases]
    assert len(set(labels)) == 4
    assert all("[" not in label and " " not in label for label in labels)


def test_repeats_are_cells_of_their_own():
    file = PLANTED.model_copy(update={"study": PLANTED.study.model_copy(update={"repeats": 2})})
    study = build_study(file, Selection(models=("planted-7b",), conditions=("rag",)), Path())
    assert [cell.label for cell in study.cells] == ["planted-7b:rag", "planted-7b:rag#2"]


@given(st.lists(st.sampled_from("abc"), min_size=1, max_size=40), st.integers(1, 45), st.integers(0, 5))
def test_a_smaller_sample_is_a_part_of_a_larger_one(tasks, limit, seed):
    asked = questions(tasks)
    small, large = sample(asked, limit, seed), sample(asked, limit + 3, seed)
    assert len(small) == min(limit, len(asked))
    assert ids(small) <= ids(large) <= ids(asked)


@given(st.integers(1, 9), st.integers(1, 9), st.integers(0, 5))
def test_a_sample_keeps_the_shares_of_the_tasks(a, b, seed):
    asked = questions(["a"] * 10 * a + ["b"] * 10 * b)
    drawn = sample(asked, a + b, seed)
    assert abs(sum(question.task == "a" for question in drawn) - a) <= 1


@given(st.permutations(questions(list("aabbbccccc"))), st.integers(1, 9))
def test_a_sample_does_not_depend_on_the_order(asked, limit):
    assert ids(sample(asked, limit, 1)) == ids(sample(questions(list("aabbbccccc")), limit, 1))


def test_another_seed_draws_other_questions():
    asked = questions(["a"] * 50)
    assert sample(asked, 10, 1) != sample(asked, 10, 2)


@pytest.mark.parametrize(("name", "context"), [("direct", "none"), ("rag", "retrieved"), ("oracle", "gold")])
def test_conditions_have_their_context(name, context):
    assert find_condition(name).context == context


def test_a_condition_may_name_a_precision():
    condition = find_condition("rag@4bit")
    assert (condition.name, condition.context, condition.quantisation) == ("rag@4bit", "retrieved", "4bit")


@pytest.mark.parametrize(
    ("name", "context", "adapter"),
    [
        ("ft", "none", "ft"),
        ("ft+rag", "retrieved", "ft"),
        ("rag-ft", "none", "rag-ft"),
        ("rag-ft+rag", "retrieved", "rag-ft"),
        ("ft+oracle", "gold", "ft"),
        ("rag-ft+distractor@bf16", "distractor", "rag-ft"),
        ("rag", "retrieved", None),
    ],
)
def test_a_condition_may_name_an_adapter(name, context, adapter):
    condition = find_condition(name)
    assert (condition.name, condition.context, condition.adapter) == (name, context, adapter)


ADAPTED = """
[study]
models = ["plain", "tuned"]
conditions = ["direct", "ft", "ft+rag"]
[models.plain]
path = "w"
[models.tuned]
path = "w"
adapters = { ft = "a" }
"""


def test_a_model_without_the_adapter_has_no_cell_of_its_conditions():
    study = build_study(parse_study(ADAPTED, "x"), Selection(), Path())
    assert [cell.label for cell in study.cells] == ["plain:direct", "tuned:direct", "tuned:ft", "tuned:ft+rag"]


def test_a_model_of_the_options_is_not_asked_what_it_has_no_adapter_for():
    study = build_study(parse_study(ADAPTED, "x"), Selection(models=("plain",)), Path())
    assert [cell.label for cell in study.cells] == ["plain:direct"]


@pytest.mark.parametrize(
    "selection",
    [
        {"conditions": ("direct", "rag-ft")},
        {"models": ("plain",), "conditions": ("direct", "ft")},
    ],
)
def test_an_adapter_that_no_model_has_is_refused(selection):
    with pytest.raises(StudyError, match=r"needs an adapter '(rag-)?ft', and none of the chosen models has one: write"):
        build_study(parse_study(ADAPTED, "x"), Selection(**selection), Path())


@pytest.mark.parametrize(
    ("conditions", "selection"), [('["direct", "rag-ft"]', {}), ('["ft", "ft+rag"]', {"models": ("plain",)})]
)
def test_a_file_whose_condition_can_be_asked_of_no_model_is_refused(conditions, selection):
    text = ADAPTED.replace('["direct", "ft", "ft+rag"]', conditions)
    with pytest.raises(StudyError, match="and none of the chosen models has one"):
        build_study(parse_study(text, "x"), Selection(**selection), Path())


def test_planted_models_answer_as_adapted_ones():
    study = planted(models=("planted-7b",), conditions=("ft", "rag-ft+rag"))
    assert [cell.label for cell in study.cells] == ["planted-7b:ft", "planted-7b:rag-ft+rag"]


@pytest.mark.parametrize("name", ["rga", "rag@", "rag@5bit", "", "ft+direct", "rag+ft", "ft+", "lora"])
def test_an_unknown_condition_is_refused(name):
    with pytest.raises(UnknownName):
        find_condition(name)


def test_the_provider_can_be_replaced():
    study = planted(models=("planted-7b",), provider="transformers")
    assert {cell.model.provider for cell in study.cells} == {"transformers"}


@pytest.mark.parametrize("table", ["path = 'a'\nbuiltin = 'embedded'", "name = 'x'"])
def test_a_data_set_is_one_of_file_and_built_in(table):
    file = parse_study(f"[study]\nmodels = ['qwen7b']\n[[datasets]]\n{table}", "x")
    with pytest.raises(StudyError, match="either path = FILE or builtin = NAME"):
        build_study(file, Selection(), Path())


def test_no_condition_is_refused():
    file = parse_study("[study]\nmodels = ['qwen7b']\nconditions = []\n[[datasets]]\nbuiltin = 'planted'", "x")
    with pytest.raises(StudyError, match="names no condition"):
        build_study(file, Selection(), Path())
