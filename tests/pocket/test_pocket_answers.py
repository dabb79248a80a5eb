"""The shipped models, asked through the ordinary provider and as a study."""

import pytest

from harness.pocket.measure import exams, measure
from harness.pocket.recipe import SIZES
from harness.pocket.world import make_world
from harness.prompts.catalog import find_template
from harness.providers.base import source
from harness.providers.weights import locate
from harness.records import Decoding, Prompt, Runtime, Selection
from harness.registry.catalog import find_model, load_catalog
from harness.study import build_study
from harness.studyfile import builtin_text, parse_study

WORLD = make_world()


@pytest.fixture(scope="module")
def small():
    loaded = source(find_model(load_catalog(), "pocket-s"), Runtime(dtype="fp32", device="cpu")).load()
    yield loaded
    loaded.close()


@pytest.mark.parametrize("size", SIZES)
def test_the_weights_are_found_without_a_network(size: str) -> None:
    assert locate(find_model(load_catalog(), f"pocket-{size}")).ready


def test_an_answer_ends_by_itself_and_has_probabilities(small) -> None:
    item = exams(WORLD, "chosen_on", 1)["held out, gold passage"][0]
    prompt = Prompt(
        template=find_template("bare"),
        question=item.question.text,
        passages=item.passages,
        reference=item.question.answers[0],
    )
    (answer,) = small.generate([prompt], Decoding(max_new_tokens=12))
    assert answer.finish_reason == "stop"
    assert answer.error is None
    assert len(answer.logprobs) == answer.output_tokens > 0
    assert answer.reference_nll >= 0


def test_neighbours_in_a_batch_change_no_answer(small) -> None:
    items = exams(WORLD, "chosen_on", 1)["taught, closed"][:6]
    items += exams(WORLD, "chosen_on", 1)["taught, gold passage"][:6]
    template = find_template("bare")
    prompts = [Prompt(template=template, question=item.question.text, passages=item.passages) for item in items]
    together = [answer.text for answer in small.generate(prompts, Decoding(max_new_tokens=12))]
    alone = [next(iter(small.generate([prompt], Decoding(max_new_tokens=12)))).text for prompt in prompts]
    assert together == alone


def test_reading_is_easier_than_remembering(small) -> None:
    del small
    chosen = exams(WORLD, "chosen_on", 1)
    sat = {name: chosen[name][:60] for name in ("held out, closed", "held out, gold passage")}
    model = find_model(load_catalog(), "pocket-s")
    found = measure(locate(model).folder, sat)
    closed, opened = (sum(found[name].right) for name in sat)
    assert opened > closed + 20


def test_the_embedded_study_asks_each_model_its_own_questions(tmp_path) -> None:
    study = build_study(parse_study(builtin_text("embedded"), "embedded"), Selection(), tmp_path)
    asked = {(case.model, case.question.dataset) for case in study.cases}
    assert asked == {*((f"pocket-{size}", "pocket") for size in SIZES), ("smollm2-135m", "embedded")}


def test_the_group_alone_is_asked_enough_under_four_conditions(tmp_path) -> None:
    study = build_study(parse_study(builtin_text("embedded"), "embedded"), Selection(models=("pocket",)), tmp_path)
    assert {cell.condition.name for cell in study.cells} == {"direct", "rag", "oracle", "distractor"}
    assert len(study.cells) == 20
    assert len(study.cases) / len(study.cells) >= 200
