"""The shipped models, asked through the ordinary provider and as a study."""

import pytest

from harness.pocket.build import ADAPTED, FOLDER
from harness.pocket.measure import exams, measure
from harness.pocket.recipe import MODES, SIZES
from harness.pocket.world import make_world
from harness.prompts.catalog import find_template
from harness.providers.adapters import find_adapter
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


def test_an_adapter_answers_otherwise_than_its_model(small) -> None:
    adapted = source(
        find_model(load_catalog(), "pocket-s"), Runtime(dtype="fp32", device="cpu", adapter="rag-ft")
    ).load()
    items = exams(WORLD, "chosen_on", 1)["taught, closed"][:8]
    prompts = [Prompt(template=find_template("bare"), question=item.question.text) for item in items]
    found = [[each.logprobs for each in loaded.generate(prompts, Decoding())] for loaded in (small, adapted)]
    adapted.close()
    assert found[0] != found[1]


def embedded(base, **selection):
    return build_study(parse_study(builtin_text("embedded"), "embedded"), Selection(**selection), base)


def test_the_embedded_study_asks_each_model_its_own_questions(tmp_path) -> None:
    asked = {(case.model, case.question.dataset) for case in embedded(tmp_path).cases}
    assert asked == {*((f"pocket-{size}", "pocket") for size in SIZES), ("smollm2-135m", "embedded")}


def test_the_group_alone_is_asked_enough_under_four_conditions(tmp_path) -> None:
    study = embedded(tmp_path, models=("pocket",))
    asked = {size: [] for size in SIZES}
    for cell in study.cells:
        asked[cell.model.name.removeprefix("pocket-")].append(cell.condition.name)
    base, tuned = ["direct", "rag", "oracle", "distractor"], ["ft", "ft+rag", "rag-ft", "rag-ft+rag"]
    assert asked == {size: base + tuned * (size in ADAPTED) for size in SIZES}
    assert len(study.cases) / len(study.cells) >= 200


def test_the_other_model_is_not_missed_where_the_group_runs_alone(tmp_path) -> None:
    study = embedded(tmp_path, models=("pocket",))
    assert study.unlike == set(study.elsewhere) == {f"smollm2-135m:{name}" for name in ("direct", "rag", "oracle")}


@pytest.mark.parametrize("model", ["smollm2-135m", "pocket-l", "qwen7b"])
def test_a_model_without_adapters_can_be_asked_by_name(model: str, tmp_path) -> None:
    assert {cell.condition.adapter for cell in embedded(tmp_path, models=(model,)).cells} == {None}


@pytest.mark.parametrize("size", ADAPTED)
def test_the_presets_lead_to_the_shipped_adapters(size: str) -> None:
    model = find_model(load_catalog(), f"pocket-{size}")
    assert model.adapters == {mode: str(FOLDER / "adapters" / f"{size}-{mode}") for mode in MODES}
    assert {find_adapter(model, mode).base for mode in MODES} == {model.name}
