"""Training: a row's questions do not see one another, the loss falls, and the same seed gives the same model."""

from dataclasses import replace

import pytest
import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

from harness.pocket.adapters import LowRank, adapter_weights, add_adapter, load_base, save_adapter, tune, tuning
from harness.pocket.lessons import Row, Teacher
from harness.pocket.recipe import RECIPE, SIZES, TUNING_PART
from harness.pocket.tokenizer import Coder, make_tokenizer
from harness.pocket.train import Course, collate, loss_of, make_model, optimisers_of, save, train
from harness.pocket.world import make_world
from harness.providers.adapters import find_adapter
from harness.providers.lora import merge
from harness.records import ModelSpec

WORLD = make_world()
TOKENIZER = make_tokenizer(WORLD)
CODER = Coder(TOKENIZER)
SIZE = SIZES["xs"]
SHORT = replace(RECIPE, steps=12, closed_rows=2, open_rows=2, row_tokens=96)


def trained(seed: int) -> tuple[torch.nn.Module, list[float]]:
    model, losses = make_model(SIZE, TOKENIZER, seed), []
    course = Course(
        recipe=SHORT, optimisers=optimisers_of(model, SHORT, SIZE), told=lambda _step, loss: losses.append(loss)
    )
    train(model, Teacher(WORLD, CODER, seed), course)
    return model, losses


def test_the_loss_falls() -> None:
    _, losses = trained(0)
    assert len(losses) == SHORT.steps
    assert losses[-1] < losses[0] - 0.5


def test_a_seed_gives_one_model_and_another_seed_another() -> None:
    first, second, other = (trained(seed)[0].state_dict()["model.embed_tokens.weight"] for seed in (0, 0, 1))
    assert torch.equal(first, second)
    assert not torch.equal(first, other)


def test_a_question_is_answered_as_if_it_stood_alone() -> None:
    model = make_model(SIZE, TOKENIZER, 0).eval()
    row = Teacher(WORLD, CODER, 3).open_row(160)
    last = max(row.segment)
    kept = [place for place, segment in enumerate(row.segment) if segment in {0, last}]
    alone = Row(
        ids=tuple(row.ids[place] for place in kept),
        segment=tuple(min(row.segment[place], 1) for place in kept),
        place=tuple(range(len(kept))),
        answers=(),
    )
    assert last > 1
    with torch.no_grad():
        whole, single = (
            model.model(input_ids=batch.ids, attention_mask=batch.mask, position_ids=batch.place).last_hidden_state
            for batch in (collate([row], 0), collate([alone], 0))
        )
    assert torch.allclose(whole[0, kept], single[0], atol=1e-5)


def test_rows_of_two_lengths_share_a_batch() -> None:
    teacher = Teacher(WORLD, CODER, 3)
    short, long = teacher.closed_row(60), teacher.open_row(120)
    batch = collate([short, long], CODER.pad)
    model = make_model(SIZE, TOKENIZER, 0)
    wanted = [row.ids[place + 1] for row in (short, long) for place in row.answers]
    assert batch.wanted.tolist() == wanted
    assert loss_of(model, batch).isfinite()


def test_a_saved_model_loads_as_any_other(tmp_path) -> None:
    model = make_model(SIZE, TOKENIZER, 0)
    save(model, TOKENIZER, tmp_path)
    found = AutoModelForCausalLM.from_pretrained(str(tmp_path), local_files_only=True)
    assert type(found).__name__ == "LlamaForCausalLM"
    assert found.dtype == torch.bfloat16
    assert found.config.eos_token_id == AutoTokenizer.from_pretrained(str(tmp_path)).eos_token_id
    assert torch.equal(found.model.embed_tokens.weight, model.model.embed_tokens.weight)


@pytest.mark.parametrize("mode", ["ft", "rag-ft"])
def test_an_adapter_is_taught_one_kind_of_rows(mode) -> None:
    recipe = tuning(mode, RECIPE)
    assert (recipe.steps, recipe.closed_rows + recipe.open_rows) == (
        RECIPE.steps // TUNING_PART,
        RECIPE.closed_rows + RECIPE.open_rows,
    )
    assert (recipe.closed_rows == 0) == (mode == "rag-ft")
    assert (recipe.open_rows == 0) == (mode == "ft")


def test_a_fresh_adapter_changes_nothing() -> None:
    model = make_model(SIZE, TOKENIZER, 0).eval()
    ids = torch.tensor([CODER("Who is the mayor of Pundale?")])
    before = model(input_ids=ids).logits
    add_adapter(model, 0)
    assert torch.allclose(model(input_ids=ids).logits, before, atol=1e-6)


def test_tuning_changes_the_adapter_alone(tmp_path) -> None:
    model = make_model(SIZE, TOKENIZER, 0)
    add_adapter(model, 0)
    frozen = {name: value.clone() for name, value in model.named_parameters() if "lora_" not in name}
    before = adapter_weights(model)
    tune(model, Teacher(WORLD, CODER, 0), replace(SHORT, steps=2))
    after = dict(model.named_parameters())
    assert all(torch.equal(value, after[name]) for name, value in frozen.items())
    assert not all(torch.equal(value, before[name]) for name, value in adapter_weights(model).items())
    save_adapter(model, SIZE, tmp_path / "ft")
    assert sorted(path.name for path in (tmp_path / "ft").iterdir()) == [
        "adapter_config.json",
        "adapter_model.safetensors",
    ]


def test_what_was_trained_is_what_is_loaded(tmp_path) -> None:
    save(make_model(SIZE, TOKENIZER, 0), TOKENIZER, tmp_path / "base")
    model = load_base(tmp_path / "base")
    add_adapter(model, 0)
    for name, value in model.named_parameters():
        if "lora_" in name:
            torch.nn.init.normal_(value, std=0.2).data.copy_(value.bfloat16())  # as it is saved
    save_adapter(model, SIZE, tmp_path / "ft")
    loaded = load_base(tmp_path / "base")
    ids = torch.tensor([CODER("Who is the mayor of Pundale?")])
    before = loaded(input_ids=ids).logits
    spec = ModelSpec(name="m", family="m", params_b=None, context_length=64, adapters={"ft": str(tmp_path / "ft")})
    merge(loaded, find_adapter(spec, "ft"))
    after = loaded(input_ids=ids).logits
    assert torch.allclose(after, model(input_ids=ids).logits, atol=1e-4)
    assert not torch.allclose(after, before, atol=1e-2)


def test_adapters_lie_beside_every_linear_layer() -> None:
    model = make_model(SIZE, TOKENIZER, 0)
    add_adapter(model, 0)
    assert sum(isinstance(part, LowRank) for part in model.modules()) == 7 * SIZE.layers
    assert set(adapter_weights(model)) >= {"base_model.model.model.layers.0.self_attn.q_proj.lora_A.weight"}
