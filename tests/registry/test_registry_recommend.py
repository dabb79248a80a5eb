"""What fits which machine, and how models compare."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.errors import HarnessError, UnknownName
from harness.records import Hardware
from harness.registry.catalog import find_hardware, load_catalog
from harness.registry.memory import estimate_memory
from harness.registry.recommend import compare, list_models, memory_gb, recommend

USER: dict[str, dict[str, object]] = {
    "unsized": {"hub_id": "someone/something"},
    "planted": {"provider": "planted", "params_b": 0.1},
}
CATALOG = load_catalog(USER)
T4 = find_hardware(CATALOG, "colab_free_t4")
machines = st.sampled_from(CATALOG.hardware)
memories = st.floats(0, 200)


def _reason(name: str, hardware: Hardware, context_tokens: int = 4096) -> str | None:
    return dict(recommend(CATALOG, hardware, context_tokens=context_tokens).left_out).get(name)


@given(machines, memories)
def test_every_model_fits_or_has_a_reason(hardware: Hardware, memory: float) -> None:
    found = recommend(CATALOG, replace(hardware, memory_gb=memory))
    names = [model.name for model in found.fits] + [name for name, _ in found.left_out]
    assert sorted(names) == sorted(model.name for model in CATALOG.models)


@given(machines, memories, st.integers(1, 8192))
def test_what_fits_takes_no_more_than_there_is(hardware: Hardware, memory: float, context_tokens: int) -> None:
    machine = replace(hardware, memory_gb=memory)
    for model in recommend(CATALOG, machine, context_tokens=context_tokens).fits:
        batch = min(machine.batch_size, model.batch_size or machine.batch_size)
        need = estimate_memory(model, machine.quantisation, context_tokens=context_tokens, batch_size=batch)
        assert need.total_gb <= memory


@given(machines, memories, memories)
def test_more_memory_fits_no_fewer(hardware: Hardware, first: float, second: float) -> None:
    less, more = sorted([first, second])
    fits = [{model.name for model in recommend(CATALOG, replace(hardware, memory_gb=m)).fits} for m in (less, more)]
    assert fits[0] <= fits[1]


@given(machines, memories)
def test_the_first_that_fits_is_chosen(hardware: Hardware, memory: float) -> None:
    found = recommend(CATALOG, replace(hardware, memory_gb=memory))
    assert found.chosen == (found.fits[0] if found.fits else None)


def test_without_suggestions_the_largest_comes_first() -> None:
    chosen = recommend(CATALOG, replace(T4, suggested=())).chosen
    assert chosen is not None
    assert chosen.name == "qwen2.5-14b"


def test_nothing_fits_nothing() -> None:
    assert recommend(CATALOG, replace(T4, memory_gb=0)).chosen is None


def test_too_little_memory_is_told_with_both_figures() -> None:
    machine = find_hardware(CATALOG, "local_4090")
    assert str(_reason("qwen2.5-14b", machine)).startswith("needs 30.4 GB in fp16 with batches of 2, there are 24.0 GB")


def test_too_short_a_context_is_told() -> None:
    assert _reason("gemma-2-2b", T4, 10_000) == "its context of 8192 tokens is shorter than 10000"


def test_an_unknown_size_is_told() -> None:
    assert _reason("unsized", T4) == "its size is unknown"


def test_a_model_that_is_loaded_elsewhere_is_told() -> None:
    assert _reason("planted", T4) == "its weights are not loaded here (provider planted)"


@given(st.sampled_from(["fp32", "bf16", "fp16", "8bit", "4bit"]), memories, st.integers(1, 200_000))
def test_the_list_keeps_both_bounds(quantisation: str, memory: float, context: int) -> None:
    for model in list_models(CATALOG, max_memory_gb=memory, quantisation=quantisation, min_context=context):
        need = memory_gb(model, quantisation)  # type: ignore[arg-type]
        assert need is not None
        assert need <= memory
        assert model.context_length >= context


def test_no_bounds_list_everything() -> None:
    assert list_models(CATALOG) == CATALOG.models


def test_an_unknown_size_is_not_below_a_bound() -> None:
    assert "unsized" not in {model.name for model in list_models(CATALOG, max_memory_gb=1000)}


def test_an_unknown_precision_lists_nothing() -> None:
    with pytest.raises(UnknownName, match="unknown quantisation '8-bit': did you mean '8bit'"):
        list_models(CATALOG, quantisation="8-bit")


def test_rows_come_in_the_given_order() -> None:
    rows = compare(CATALOG, ["mistral7b", "qwen7b", "mistral-7b"])
    assert [row.name for row in rows] == ["mistral-7b", "qwen2.5-7b"]


def test_a_row_tells_the_model() -> None:
    row = compare(CATALOG, ["qwen7b", "unsized"])[0]
    assert (row.params_b, row.tier, row.context_length, row.licence) == (7.61, "medium", 131072, "Apache-2.0")
    assert (row.weights, row.aliases) == ("Qwen/Qwen2.5-7B-Instruct", ("qwen7b",))


def test_a_row_leaves_unknown_memory_unknown() -> None:
    assert set(compare(CATALOG, ["qwen7b", "unsized"])[1].memory_gb.values()) == {None}


def test_a_row_without_weights_names_the_provider() -> None:
    assert compare(CATALOG, ["qwen7b", "planted"])[1].weights == "planted"


@pytest.mark.parametrize("names", [[], ["qwen7b"], ["qwen7b", "qwen2.5-7b"]])
def test_a_comparison_takes_two(names: list[str]) -> None:
    with pytest.raises(HarnessError, match="two different models"):
        compare(CATALOG, names)
