"""Tiny models; a new cache folder for every test; no network."""

import json
import socket
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from harness.records import ModelSpec, Passage, Prompt, Shot, Template
from tests.providers.tiny_models import CHATML, SPECIAL, make_network, make_tokenizer, write_model


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """No test sees the weights or caches of the machine it runs on."""
    for name in ("HF_HUB_CACHE", "HUGGINGFACE_HUB_CACHE", "XDG_CACHE_HOME", "CUDA_VISIBLE_DEVICES"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HF_HOME", str(tmp_path / "hf"))
    monkeypatch.setenv("HARNESS_CACHE_DIR", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture(autouse=True)
def no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_args: object, **_kwargs: object) -> None:
        raise AssertionError("a test reached for the network")

    monkeypatch.setattr(socket.socket, "connect", refuse)


@pytest.fixture(scope="session")
def tokenizer_of() -> Callable[..., Any]:
    return make_tokenizer


@pytest.fixture(scope="session")
def network_of() -> Callable[..., Any]:
    return make_network


@pytest.fixture(scope="session")
def model_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a tiny model. Not to be changed: copy it."""
    return write_model(tmp_path_factory.mktemp("weights") / "tiny")


@pytest.fixture
def spec(model_folder: Path) -> ModelSpec:
    return ModelSpec(name="tiny", family="tiny", params_b=0.00001, context_length=512, path=str(model_folder))


@pytest.fixture(scope="session")
def provider_of(network_of: Callable[..., Any], tokenizer_of: Callable[..., Any]) -> Callable[..., Any]:
    """Makes providers around tiny models, without any file."""

    def build(family: str = "llama", *, context: int = 512, tokenizer: Any = None, **changes: Any) -> Any:
        from harness.providers.causal_lm import TransformersProvider
        from harness.providers.encoding import encoder

        model = ModelSpec(name=family, family=family, params_b=None, context_length=context)
        coder = encoder(tokenizer_of() if tokenizer is None else tokenizer)
        return TransformersProvider(network_of(family, **changes), coder, model)

    return build


@pytest.fixture(scope="session")
def template() -> Template:
    return Template(
        name="plain",
        system="You answer questions with only the value.",
        user="Question: {question}\nAnswer:",
        user_with_passages="{passages}\n\nQuestion: {question}\nAnswer:",
        reader="line",
        hash="plain",
    )


@pytest.fixture(scope="session")
def shots_template(template: Template) -> Template:
    shots = tuple(Shot(question=f"how many boats on day {day}?", answer=str(day * 3)) for day in range(3))
    return replace(template, shots=shots)


@pytest.fixture(scope="session")
def prompts(template: Template) -> Sequence[Prompt]:
    """Four prompts of different lengths, three of them with a reference."""
    passages = tuple(Passage(id=str(n), text=f"The bridge {n} has {n * 9} arches.") for n in range(3))
    return (
        Prompt(template=template, question="how many arches?", reference="27"),
        Prompt(template=template, question="who keeps the book of boats in the morning?", reference="the keeper"),
        Prompt(template=template, question="which?", passages=passages[:1]),
        Prompt(template=template, question="how many arches has bridge 2?", passages=passages, reference="18 arches"),
    )


@pytest.fixture
def fake_package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Path]:
    """Installs a distribution that holds one file; returns the file."""

    def install(version: str = "1.0", *, content: bytes = b"GGUF") -> Path:
        site = tmp_path / "site"
        info = site / f"tiny_gguf-{version}.dist-info"
        info.mkdir(parents=True)
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: tiny-gguf\nVersion: {version}\n")
        file = site / "tiny_gguf" / "tiny.gguf"
        file.parent.mkdir()
        file.write_bytes(content)
        monkeypatch.syspath_prepend(str(site))
        return file

    return install


@pytest.fixture
def hub_snapshot(tmp_path: Path, model_folder: Path) -> Callable[..., Path]:
    """Lays the tiny model into the hub's cache as its client does; returns the snapshot's folder."""

    def lay(commit: str = "a" * 40, *, ref: str = "main", without: Sequence[str] = ()) -> Path:
        root = tmp_path / "hf" / "hub" / "models--org--tiny"
        snapshot = root / "snapshots" / commit
        snapshot.mkdir(parents=True)
        for file in model_folder.iterdir():
            if file.name not in without:
                (snapshot / file.name).write_bytes(file.read_bytes())
        (root / "refs").mkdir(exist_ok=True)
        (root / "refs" / ref).write_text(commit)
        return snapshot

    return lay


def read_json(path: Path) -> Any:
    return json.loads(path.read_text(encoding="utf-8"))


@pytest.fixture(scope="session")
def gguf_of(network_of: Callable[..., Any], tokenizer_of: Callable[..., Any]) -> Callable[..., Path]:
    """Writes a tiny Llama as a GGUF file, with a single-digit vocabulary unless told otherwise."""

    def write(path: Path, *, pre: str = "smollm", file_type: int | None = 0) -> Path:
        from gguf import GGUFWriter

        network, tokenizer = network_of(), tokenizer_of()
        config, state = network.config, network.state_dict()
        path.parent.mkdir(parents=True, exist_ok=True)
        writer = GGUFWriter(path, "llama")
        if file_type is not None:
            writer.add_file_type(file_type)
        writer.add_context_length(512)
        writer.add_embedding_length(config.hidden_size)
        writer.add_block_count(config.num_hidden_layers)
        writer.add_feed_forward_length(config.intermediate_size)
        writer.add_head_count(config.num_attention_heads)
        writer.add_head_count_kv(config.num_key_value_heads)
        writer.add_layer_norm_rms_eps(config.rms_norm_eps)
        writer.add_rope_freq_base(config.rope_parameters["rope_theta"])
        writer.add_vocab_size(config.vocab_size)
        vocabulary = sorted(tokenizer.get_vocab().items(), key=lambda item: item[1])
        merges = json.loads(tokenizer.backend_tokenizer.to_str())["model"]["merges"]
        writer.add_tokenizer_model("gpt2")
        writer.add_tokenizer_pre(pre)
        writer.add_token_list([token for token, _ in vocabulary] + ["x"] * (config.vocab_size - len(vocabulary)))
        writer.add_token_types([3 if token in SPECIAL else 1 for token, _ in vocabulary])
        writer.add_token_merges([" ".join(pair) for pair in merges])
        writer.add_bos_token_id(3)
        writer.add_eos_token_id(2)
        writer.add_add_bos_token(False)
        writer.add_chat_template(CHATML)
        names = {
            "model.embed_tokens.weight": "token_embd.weight",
            "model.norm.weight": "output_norm.weight",
            "lm_head.weight": "output.weight",
        }
        parts = {
            "input_layernorm": "attn_norm",
            "self_attn.q_proj": "attn_q",
            "self_attn.k_proj": "attn_k",
            "self_attn.v_proj": "attn_v",
            "self_attn.o_proj": "attn_output",
            "post_attention_layernorm": "ffn_norm",
            "mlp.gate_proj": "ffn_gate",
            "mlp.up_proj": "ffn_up",
            "mlp.down_proj": "ffn_down",
        }
        for layer in range(config.num_hidden_layers):
            names |= {f"model.layers.{layer}.{hf}.weight": f"blk.{layer}.{gg}.weight" for hf, gg in parts.items()}
        for hf, gg in names.items():
            tensor = state[hf].detach().numpy().copy()
            heads = {"attn_q": config.num_attention_heads, "attn_k": config.num_key_value_heads}.get(gg.split(".")[-2])
            if heads:  # the format interleaves the two halves of each head
                tensor = tensor.reshape(heads, 2, -1, tensor.shape[1]).swapaxes(1, 2).reshape(tensor.shape).copy()
            writer.add_tensor(gg, tensor)
        writer.write_header_to_file()
        writer.write_kv_data_to_file()
        writer.write_tensors_to_file()
        writer.close()
        return path

    return write
