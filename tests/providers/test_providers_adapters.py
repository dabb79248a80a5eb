"""Low-rank adapters: laid into the weights as written by hand, identified, and refused where they do not fit."""

import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from math import sqrt
from pathlib import Path
from typing import Any

import pytest

torch = pytest.importorskip("torch")

from safetensors.torch import save_file  # noqa: E402 - torch is optional

from harness.errors import HarnessError, WeightsMissing  # noqa: E402
from harness.providers import transformers as door  # noqa: E402
from harness.providers.adapters import CONFIG, WEIGHTS, find_adapter  # noqa: E402
from harness.providers.base import source  # noqa: E402
from harness.providers.lora import matched, merge, refuse_unfit  # noqa: E402
from harness.providers.precision import Precision  # noqa: E402
from harness.records import Decoding, ModelSpec, Prompt, Runtime  # noqa: E402

FP32 = Runtime(dtype="fp32", device="cpu")
FT = replace(FP32, adapter="ft")
RANK, ALPHA = 3, 12
SIZES = {"self_attn.q_proj": (32, 32), "self_attn.v_proj": (16, 32), "mlp.down_proj": (32, 48)}
LAYERS = {f"model.layers.{number}.{name}": size for number in (0, 1) for name, size in SIZES.items()}
PLAIN = {
    "peft_type": "LORA",
    "task_type": "CAUSAL_LM",
    "base_model_name_or_path": "the/base",
    "r": RANK,
    "lora_alpha": ALPHA,
    "lora_dropout": 0.1,
    "bias": "none",
    "fan_in_fan_out": False,
    "modules_to_save": None,
    "rank_pattern": {},
    "target_modules": ["q_proj", "v_proj", "down_proj"],
    "inference_mode": True,
}


def pairs(seed: int = 1, layers: Mapping[str, tuple[int, int]] = LAYERS) -> dict[str, Any]:
    """Random halves by the names that peft writes."""
    drawn = torch.Generator().manual_seed(seed)
    tensors = {}
    for layer, (out, into) in layers.items():
        tensors[f"base_model.model.{layer}.lora_A.weight"] = torch.randn(RANK, into, generator=drawn)
        tensors[f"base_model.model.{layer}.lora_B.weight"] = torch.randn(out, RANK, generator=drawn) * 0.2
    return tensors


def written(folder: Path, tensors: Mapping[str, Any] | None = None, **config: object) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / CONFIG).write_text(json.dumps(PLAIN | config))
    save_file(dict(pairs() if tensors is None else tensors), folder / WEIGHTS)
    return folder


@pytest.fixture
def adapted(spec: ModelSpec, tmp_path: Path) -> ModelSpec:
    return replace(spec, adapters={"ft": str(written(tmp_path / "ft"))})


def by_hand(network: Any, scale: float, tensors: Mapping[str, Any]) -> Any:
    for layer in LAYERS:
        down, up = (tensors[f"base_model.model.{layer}.lora_{half}.weight"] for half in "AB")
        network.get_submodule(layer).weight.data += scale * (up @ down)
    return network


def logits(network: Any) -> Any:
    with torch.no_grad():
        return network(torch.arange(5, 45).reshape(2, 20)).logits


@pytest.mark.parametrize(("config", "scale"), [({}, ALPHA / RANK), ({"use_rslora": True}, ALPHA / sqrt(RANK))])
def test_an_adapted_model_is_one_merged_by_hand(
    config: dict[str, Any], scale: float, network_of: Callable[..., Any], adapted: ModelSpec
) -> None:
    written(Path(adapted.adapters["ft"]), **config)
    network = network_of()
    before = logits(network)
    merge(network, find_adapter(adapted, "ft"))
    torch.testing.assert_close(logits(network), logits(by_hand(network_of(), scale, pairs())))
    assert not torch.allclose(logits(network), before, atol=0.1)


def test_weights_in_bf16_are_rounded_once(network_of: Callable[..., Any], adapted: ModelSpec) -> None:
    network = network_of().bfloat16()
    expected = by_hand(network_of().bfloat16().float(), ALPHA / RANK, pairs()).bfloat16()
    merge(network, find_adapter(adapted, "ft"))
    assert all(map(torch.equal, network.parameters(), expected.parameters()))


def test_an_adapted_model_answers_otherwise_than_its_base(adapted: ModelSpec, prompts: list[Prompt]) -> None:
    answers = []
    for runtime in (FP32, FT):
        provider = source(adapted, runtime).load()
        answers.append([answer.logprobs for answer in provider.generate(prompts, Decoding(max_new_tokens=8))])
        provider.close()
    assert answers[0] != answers[1]


def test_a_model_with_adapters_and_without_one_asked_for_is_the_base(adapted: ModelSpec, spec: ModelSpec) -> None:
    assert source(adapted, FP32).fingerprint == source(spec, FP32).fingerprint


def test_base_and_adapters_share_no_fingerprint(adapted: ModelSpec, tmp_path: Path) -> None:
    other = written(tmp_path / "other", pairs(seed=2))
    both = replace(adapted, adapters={**adapted.adapters, "rag-ft": str(other)})
    runtimes = (FP32, FT, replace(FP32, adapter="rag-ft"))
    assert len({source(both, runtime).fingerprint for runtime in runtimes}) == 3


@pytest.mark.parametrize("change", [{"lora_alpha": 13}, {"use_rslora": True}])
def test_the_config_is_in_the_fingerprint(change: dict[str, Any], adapted: ModelSpec) -> None:
    before = source(adapted, FT).fingerprint
    written(Path(adapted.adapters["ft"]), **change)
    assert source(adapted, FT).fingerprint != before


def test_the_folder_s_name_is_not_in_the_fingerprint(adapted: ModelSpec, tmp_path: Path) -> None:
    moved = replace(adapted, adapters={"ft": str(written(tmp_path / "elsewhere"))})
    assert source(moved, FT).fingerprint == source(adapted, FT).fingerprint


def test_an_adapter_of_another_model_is_refused_in_one_line(network_of: Callable[..., Any], adapted: ModelSpec) -> None:
    network = network_of(hidden_size=64)
    before = logits(network)
    with pytest.raises(
        HarnessError, match=r"whose model\.layers\.0\.mlp\.down_proj is 64x48 and not 32x48: .*the/base"
    ):
        merge(network, find_adapter(adapted, "ft"))
    assert torch.equal(logits(network), before)


@pytest.mark.parametrize("changes", [{"num_hidden_layers": 1}, {"family": "gpt2"}])
def test_layers_that_are_not_there_are_refused(
    changes: dict[str, Any], network_of: Callable[..., Any], adapted: ModelSpec
) -> None:
    with pytest.raises(HarnessError, match=r"has no linear layer model\.layers\."):
        merge(network_of(**changes), find_adapter(adapted, "ft"))


def test_a_head_that_is_also_the_embedding_is_refused(
    network_of: Callable[..., Any], spec: ModelSpec, tmp_path: Path
) -> None:
    folder = written(tmp_path / "head", pairs(layers={"lm_head": (420, 32)}))
    adapter = find_adapter(replace(spec, adapters={"ft": str(folder)}), "ft")
    merge(network_of(), adapter)
    with pytest.raises(HarnessError, match="also the embedding: not supported"):
        merge(network_of(tie_word_embeddings=True), adapter)


def test_each_layer_is_matched_with_its_pair(network_of: Callable[..., Any], adapted: ModelSpec) -> None:
    network = network_of()
    found = matched(network, find_adapter(adapted, "ft"))
    assert [pair.layer for _, pair in found] == sorted(LAYERS)
    assert all(layer is network.get_submodule(pair.layer) for layer, pair in found)


def test_a_config_is_enough_to_refuse_an_adapter(model_folder: Path, adapted: ModelSpec, tmp_path: Path) -> None:
    (tmp_path / "config.json").write_bytes((model_folder / "config.json").read_bytes())
    refuse_unfit(tmp_path, find_adapter(adapted, "ft"))
    written(Path(adapted.adapters["ft"]), pairs(layers={"language_model.layers.0.self_attn.q_proj": (32, 32)}))
    with pytest.raises(
        HarnessError, match=r"has no linear layer language_model\.layers\.0\.self_attn\.q_proj: .*the/base"
    ):
        refuse_unfit(tmp_path, find_adapter(adapted, "ft"))


def test_a_tied_head_is_refused_by_its_config(network_of: Callable[..., Any], spec: ModelSpec, tmp_path: Path) -> None:
    folder = written(tmp_path / "head", pairs(layers={"lm_head": (420, 32)}))
    adapter = find_adapter(replace(spec, adapters={"ft": str(folder)}), "ft")
    for tied in (False, True):
        network_of(tie_word_embeddings=tied).config.save_pretrained(tmp_path / str(tied))
    refuse_unfit(tmp_path / "False", adapter)
    with pytest.raises(HarnessError, match="also the embedding: not supported"):
        refuse_unfit(tmp_path / "True", adapter)


def test_layers_that_are_not_known_refuse_an_adapter(adapted: ModelSpec, tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text('{"model_type": "of tomorrow"}')
    with pytest.raises(
        HarnessError, match=r"cannot be held against the layers of .*; merge it into the model's weights"
    ):
        refuse_unfit(tmp_path, find_adapter(adapted, "ft"))


UNSUPPORTED = {
    "peft_type": "IA3",
    "fan_in_fan_out": True,
    "bias": "lora_only",
    "modules_to_save": ["lm_head"],
    "rank_pattern": {"q_proj": 8},
    "alpha_pattern": {"q_proj": 8},
    "use_dora": True,
    "layer_replication": [[0, 2]],
    "trainable_token_indices": [1],
    "init_lora_weights": "pissa",
    "a_setting_of_tomorrow": 1,
}


@pytest.mark.parametrize("name", UNSUPPORTED)
def test_what_is_not_supported_is_named(name: str, adapted: ModelSpec) -> None:
    written(Path(adapted.adapters["ft"]), **{name: UNSUPPORTED[name]})
    with pytest.raises(HarnessError, match=rf"{name} .*support.*; merge it into the model's weights yourself"):
        source(adapted, FT)


@pytest.mark.parametrize(
    ("name", "value"),
    [("r", 0), ("r", "8"), ("r", True), ("lora_alpha", None), ("lora_alpha", float("nan")), ("use_rslora", "yes")],
)
def test_numbers_that_are_none_are_refused(name: str, value: object, adapted: ModelSpec) -> None:
    written(Path(adapted.adapters["ft"]), **{name: value})
    with pytest.raises(HarnessError, match=rf"{name} is {value!r}, it must be"):
        source(adapted, FT)


@pytest.mark.parametrize(("text", "problem"), [("{", "cannot be read"), ("[]", "holds no table")])
def test_a_damaged_config_is_refused(text: str, problem: str, adapted: ModelSpec) -> None:
    (Path(adapted.adapters["ft"]) / CONFIG).write_text(text)
    with pytest.raises(HarnessError, match=rf"adapter_config\.json {problem}"):
        source(adapted, FT)


def with_extra() -> dict[str, Any]:
    return pairs() | {"base_model.model.model.embed_tokens.lora_embedding_A": torch.zeros(3, 420)}


def without_half() -> dict[str, Any]:
    tensors = pairs()
    del tensors["base_model.model.model.layers.0.mlp.down_proj.lora_B.weight"]
    return tensors


TENSORS = {
    "embed_tokens.lora_embedding_A is not supported": with_extra,
    "has no partner": without_half,
    "lora_A.weight is not supported": lambda: {"model.layers.0.q_proj.lora_A.weight": torch.zeros(3, 32)},
    "is empty": dict,
}


@pytest.mark.parametrize("problem", TENSORS)
def test_tensors_that_are_not_understood_are_refused(
    problem: str, network_of: Callable[..., Any], adapted: ModelSpec
) -> None:
    written(Path(adapted.adapters["ft"]), TENSORS[problem]())
    with pytest.raises(HarnessError, match=problem):
        merge(network_of(), find_adapter(adapted, "ft"))


def test_tensors_of_another_rank_are_refused(network_of: Callable[..., Any], adapted: ModelSpec) -> None:
    written(Path(adapted.adapters["ft"]), r=4)
    with pytest.raises(HarnessError, match=r"is 32x3 by 3x48, r is 4: weights and config belong"):
        merge(network_of(), find_adapter(adapted, "ft"))


def test_a_damaged_file_of_tensors_fails_the_loading_in_one_line(adapted: ModelSpec) -> None:
    (Path(adapted.adapters["ft"]) / WEIGHTS).write_bytes(b"damaged")
    with pytest.raises(HarnessError, match=r"adapter_model\.safetensors cannot be read"):
        source(adapted, FT).load()


def test_an_adapter_that_the_model_does_not_have_is_missing(spec: ModelSpec) -> None:
    with pytest.raises(WeightsMissing, match=r"has no adapter 'ft': write adapters = \{ft = 'FOLDER'\}"):
        source(spec, FT)


@pytest.mark.parametrize("name", [CONFIG, WEIGHTS])
def test_an_adapter_without_its_files_is_missing(name: str, adapted: ModelSpec) -> None:
    (Path(adapted.adapters["ft"]) / name).unlink()
    with pytest.raises(WeightsMissing, match=f"has no {name}: put there"):
        source(adapted, FT)


def test_pickled_tensors_are_not_loaded(adapted: ModelSpec) -> None:
    folder = Path(adapted.adapters["ft"])
    (folder / WEIGHTS).rename(folder / "adapter_model.bin")
    with pytest.raises(WeightsMissing, match="pickled weights are not loaded"):
        source(adapted, FT)


def test_packed_weights_take_no_adapter(adapted: ModelSpec, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(door, "precision", lambda _: Precision(device="cuda", dtype="bf16", bits=4))
    with pytest.raises(HarnessError, match="cannot be laid into weights of 4 bits"):
        source(adapted, FT)


def test_a_service_applies_no_adapters(adapted: ModelSpec) -> None:
    with pytest.raises(HarnessError, match="provider 'openai' applies no adapters, and 'ft' is asked for"):
        source(replace(adapted, provider="openai"), FT)


def test_a_planted_model_answers_as_one_that_was_adapted() -> None:
    planted = ModelSpec(
        name="p", family="p", params_b=1.0, context_length=512, provider="planted", options={"accuracy": 0.5}
    )
    assert source(planted, FT).load()
