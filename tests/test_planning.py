"""The key of an answer: it changes with everything that can change the answer, and with nothing else."""

from dataclasses import replace
from pathlib import Path

import pytest

from harness.planning import Planner, Sources, runtime_of
from harness.records import Decoding, Selection
from harness.study import Study, build_study
from harness.studyfile import builtin_text, parse_study

TEXT = builtin_text("planted")


def study(text: str = TEXT, **fields) -> Study:
    chosen = {"models": ("planted-3b",), "conditions": ("rag",), "limit": 3} | fields
    return build_study(parse_study(text, "planted"), Selection(**chosen), Path())


def keys(changed: Study) -> list[str]:
    planner = Planner(changed, Sources(changed))
    return [planner.plan(case).key for case in changed.cases]


BASE = study()


@pytest.mark.parametrize(
    "decoding",
    [
        Decoding(max_new_tokens=65),
        Decoding(temperature=0.5),
        Decoding(top_p=0.9),
        Decoding(seed=1),
        Decoding(stop=("\n",)),
    ],
)
def test_a_decoding_setting_changes_the_key(decoding):
    assert not set(keys(replace(BASE, decoding=decoding))) & set(keys(BASE))


def test_the_template_changes_the_key():
    assert not set(keys(study(TEXT.replace('"concise"', '"extractive"')))) & set(keys(BASE))


def test_the_passages_change_the_key():
    fewer = study(TEXT.replace("[decoding]", "[retrieval]\ntop_k = 1\n[decoding]"))
    assert not set(keys(fewer)) & set(keys(BASE))


def test_the_text_of_one_passage_changes_the_keys_of_the_prompts_that_show_it():
    data = BASE.datasets["planted"]
    gold = BASE.cases[0].question.gold_passages
    edited = tuple(replace(one, text=one.text + " Amended.") if one.id in gold else one for one in data.passages)
    changed = replace(BASE, datasets={"planted": replace(data, passages=edited)})
    assert keys(changed)[0] != keys(BASE)[0]


def test_the_question_changes_the_key():
    first = BASE.cases[0]
    reworded = replace(first, question=replace(first.question, text=first.question.text + " Please."))
    planner = Planner(BASE, Sources(BASE))
    assert planner.plan(reworded).key != planner.plan(first).key


def test_the_weights_change_the_key():
    assert not set(keys(study(TEXT.replace("blank_rate = 0.05", "blank_rate = 0.06")))) & set(keys(BASE))


def test_the_context_length_changes_the_key():
    assert not set(keys(study(TEXT.replace("context_length = 4096", "context_length = 512")))) & set(keys(BASE))


def test_an_adapter_changes_how_the_weights_are_loaded():
    cells = study(conditions=("direct", "ft", "ft+rag", "rag-ft")).cells
    assert [runtime_of(BASE, cell).adapter for cell in cells] == [None, "ft", "ft", "rag-ft"]


def test_cells_share_a_source_exactly_where_they_share_an_adapter():
    changed = study(conditions=("direct", "rag", "ft", "ft+rag", "rag-ft"))
    sources = Sources(changed)
    found = [sources.of(cell) for cell in changed.cells]
    assert found[0] is found[1]
    assert found[2] is found[3]
    assert len({id(one) for one in found}) == 3


def test_a_repeat_changes_the_key():
    file = parse_study(TEXT.replace("seed = 7", "seed = 7\nrepeats = 2"), "planted")
    twice = build_study(file, Selection(models=("planted-3b",), conditions=("rag",), limit=3), Path())
    assert len(set(keys(twice))) == 6


def test_nothing_else_changes_the_key():
    told = study(TEXT.replace("seed = 7", "seed = 7\nmargin = 0.2\ncorrect_at = 0.5"), metrics=("f1",), limit=None)
    assert set(keys(BASE)) <= set(keys(told))


def test_passages_follow_the_condition():
    planned = {
        condition: Planner(made, Sources(made)).plan(made.cases[0])
        for condition in ("direct", "rag", "oracle", "distractor")
        if (made := study(conditions=(condition,)))
    }
    gold = set(BASE.cases[0].question.gold_passages)
    shown = {condition: {passage.id for passage in plan.prompt.passages} for condition, plan in planned.items()}
    assert shown["direct"] == set()
    assert len(shown["rag"]) == BASE.retriever.top_k
    assert shown["oracle"] == gold
    assert not shown["distractor"] & gold
