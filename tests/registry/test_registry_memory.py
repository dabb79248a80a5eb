"""Laws of the memory estimate, and the sizes read from configs."""

import itertools
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.errors import DataError, UnknownName
from harness.records import ModelSpec, Quantisation, Shape
from harness.registry.catalog import find_model, load_catalog
from harness.registry.memory import (
    GB,
    RUNTIME_GB,
    SizeUnknown,
    count_params,
    estimate_memory,
    shape_from_config,
)

PRECISIONS: tuple[Quantisation, ...] = ("4bit", "8bit", "bf16", "fp32")
QWEN7B = find_model(load_catalog(), "qwen7b")
SIZES = st.integers(1, 300)
shapes = st.builds(
    Shape,
    layers=SIZES,
    hidden_size=SIZES,
    attention_heads=SIZES,
    kv_heads=SIZES,
    head_dim=SIZES,
    intermediate_size=SIZES,
    vocab_size=SIZES,
    tied_embeddings=st.booleans(),
)
precisions = st.sampled_from(PRECISIONS)
counts = st.integers(1, 10_000)


def _model(shape: Shape | None = None, params_b: float | None = None, **memory_gb: float) -> ModelSpec:
    memory = {name.removeprefix("q"): figure for name, figure in memory_gb.items()}
    return ModelSpec(name="m", family="f", params_b=params_b, context_length=1, shape=shape, memory_gb=memory)


models = st.builds(_model, shapes) | st.builds(_model, st.none(), st.floats(0.001, 1000))


def _total(model: ModelSpec, precision: Quantisation, tokens: int = 1000, batch: int = 1) -> float:
    return estimate_memory(model, precision, context_tokens=tokens, batch_size=batch).total_gb


@given(models, precisions, counts, counts)
def test_memory_grows_with_the_context(model: ModelSpec, precision: Quantisation, tokens: int, batch: int) -> None:
    assert _total(model, precision, tokens, batch) < _total(model, precision, tokens + 1, batch)


@given(models, precisions, counts, counts)
def test_memory_grows_with_the_batch(model: ModelSpec, precision: Quantisation, tokens: int, batch: int) -> None:
    assert _total(model, precision, tokens, batch) < _total(model, precision, tokens, batch + 1)


@given(st.floats(0.001, 1000), st.floats(1.01, 10), precisions)
def test_memory_grows_with_the_parameters(params_b: float, factor: float, precision: Quantisation) -> None:
    assert _total(_model(params_b=params_b), precision) < _total(_model(params_b=params_b * factor), precision)


@given(shapes, precisions, st.sampled_from(["layers", "hidden_size", "intermediate_size", "kv_heads", "vocab_size"]))
def test_memory_grows_with_every_size(shape: Shape, precision: Quantisation, field: str) -> None:
    larger = replace(shape, **{field: getattr(shape, field) + 1})
    assert _total(_model(shape), precision) < _total(_model(larger), precision)


@given(models, counts, counts)
def test_memory_grows_with_the_precision(model: ModelSpec, tokens: int, batch: int) -> None:
    totals = [_total(model, precision, tokens, batch) for precision in PRECISIONS]
    assert all(less < more for less, more in itertools.pairwise(totals))


@given(models, counts, counts)
def test_both_half_precisions_take_the_same(model: ModelSpec, tokens: int, batch: int) -> None:
    assert _total(model, "bf16", tokens, batch) == _total(model, "fp16", tokens, batch)


def test_the_weights_in_16_bits_are_two_bytes_each() -> None:
    assert QWEN7B.shape is not None
    estimate = estimate_memory(QWEN7B, "fp16", context_tokens=1, batch_size=1)
    assert estimate.weights_gb == 2 * count_params(QWEN7B.shape) / GB
    assert estimate.source == "shape"


def test_the_tables_stay_in_16_bits() -> None:
    shape = Shape(
        layers=1,
        hidden_size=1024,
        attention_heads=1,
        kv_heads=1,
        head_dim=1,
        intermediate_size=1,
        vocab_size=2**20,
    )
    weights = [
        estimate_memory(_model(shape), precision, context_tokens=1, batch_size=1).weights_gb
        for precision in ("4bit", "fp16")
    ]
    assert weights[0] == pytest.approx(weights[1], rel=1e-3)


def test_the_cache_is_the_published_formula() -> None:
    estimate = estimate_memory(QWEN7B, "fp16", context_tokens=4096, batch_size=3)
    assert estimate.kv_cache_gb == 2 * 28 * 4 * 128 * 4096 * 3 * 2 / GB


def test_the_total_is_the_sum() -> None:
    estimate = estimate_memory(QWEN7B, "4bit", context_tokens=4096, batch_size=3)
    assert estimate.total_gb == estimate.weights_gb + estimate.kv_cache_gb + estimate.activations_gb
    assert estimate.activations_gb > RUNTIME_GB


@pytest.mark.parametrize(
    ("figures", "precision", "expected"),
    [
        ({"fp16": 15.0}, "fp16", 15.0),
        ({"fp16": 15.0}, "bf16", 15.0),
        ({"bf16": 15.0}, "fp16", 15.0),
        ({"fp16": 15.0}, "fp32", 30.0),
        ({"fp16": 15.0, "q4bit": 4.5}, "4bit", 4.5),
    ],
)
def test_measured_figures_stand_in_for_a_shape(
    figures: dict[str, float], precision: Quantisation, expected: float
) -> None:
    estimate = estimate_memory(_model(**figures), precision, context_tokens=1, batch_size=1)
    assert (estimate.weights_gb, estimate.source) == (expected, "measured")


def test_a_precision_that_was_not_measured_follows_from_the_parameters() -> None:
    estimate = estimate_memory(_model(params_b=7, fp16=15.0), "8bit", context_tokens=1, batch_size=1)
    assert (estimate.source, 7e9 / GB < estimate.weights_gb < 8e9 / GB) == ("parameters", True)


def test_parameters_alone_come_near_the_shape() -> None:
    by_shape = _total(QWEN7B, "fp16")
    assert _total(_model(params_b=7.61), "fp16") == pytest.approx(by_shape, rel=0.1)


@pytest.mark.parametrize("precision", ["4bit", "fp16"])
def test_a_model_of_unknown_size_is_refused(precision: Quantisation) -> None:
    with pytest.raises(SizeUnknown, match="'m' cannot be estimated: give it params_b"):
        _total(_model(), precision)


def test_an_unknown_precision_is_refused() -> None:
    with pytest.raises(UnknownName, match="unknown quantisation 'int3'"):
        _total(QWEN7B, "int3")  # type: ignore[arg-type]


@pytest.mark.parametrize(("tokens", "batch"), [(0, 1), (1, 0)])
def test_nothing_asked_is_refused(tokens: int, batch: int) -> None:
    with pytest.raises(ValueError, match="at least 1"):
        _total(QWEN7B, "fp16", tokens, batch)


CONFIG: dict[str, object] = {
    "model_type": "qwen2",
    "num_hidden_layers": 28,
    "hidden_size": 3584,
    "num_attention_heads": 28,
    "num_key_value_heads": 4,
    "intermediate_size": 18944,
    "vocab_size": 152064,
    "tie_word_embeddings": False,
}


def test_a_config_gives_the_presets_shape() -> None:
    assert shape_from_config(CONFIG) == QWEN7B.shape


def test_a_config_of_parts_is_read_at_its_text() -> None:
    assert shape_from_config({"model_type": "mistral3", "text_config": CONFIG}) == QWEN7B.shape


def test_every_head_has_its_own_keys_unless_said() -> None:
    config = {key: value for key, value in CONFIG.items() if key != "num_key_value_heads"}
    assert shape_from_config(config).kv_heads == 28


@pytest.mark.parametrize(("kind", "tied"), [("gemma2", True), ("llama", False), ("phi3", False), ("mistral", False)])
def test_an_architecture_ties_its_tables_unless_said(kind: str, tied: bool) -> None:
    config = {key: value for key, value in CONFIG.items() if key != "tie_word_embeddings"}
    assert shape_from_config({**config, "model_type": kind}).tied_embeddings is tied


def test_gemmas_heads_have_their_own_width() -> None:
    assert shape_from_config({**CONFIG, "model_type": "gemma2"}).head_dim == 256


def test_a_stated_width_of_heads_is_kept() -> None:
    assert shape_from_config({**CONFIG, "head_dim": 96}).head_dim == 96


@pytest.mark.parametrize(
    "change",
    [
        {"model_type": "gpt2"},
        {"model_type": None},
        {"num_local_experts": 8},
        {"num_experts": 64},
        {"hidden_size": None},
        {"hidden_size": "3584"},
        {"num_hidden_layers": 0},
        {"vocab_size": True},
    ],
)
def test_a_config_that_cannot_be_counted_is_refused(change: dict[str, object]) -> None:
    with pytest.raises(DataError):
        shape_from_config({**CONFIG, **change})
