"""Exported graphs behind the provider's protocol; imports torch and transformers, of version 4.57 or 5.

A graph takes the network's place under the transformers provider: reading, writing and measuring are the same code.
"""

import inspect
import json
import logging
import os
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, cast

import torch
import transformers
from transformers import (
    AutoConfig,
    AutoTokenizer,
    DynamicCache,
    GenerationConfig,
    PretrainedConfig,
    PreTrainedModel,
    PreTrainedTokenizerBase,
    PreTrainedTokenizerFast,
)

from harness.cache import cache_dir, publish
from harness.errors import HarnessError
from harness.providers.causal_lm import DTYPES, TransformersProvider
from harness.providers.convert import convert
from harness.providers.decoding import REFERENCE_CHUNK_TOKENS
from harness.providers.encoding import encoder
from harness.providers.lora import merge
from harness.providers.quiet import quiet
from harness.providers.quoting import first_line
from harness.providers.reading import read_weights
from harness.providers.transformers import TransformersSource

TASK = "text-generation-with-past"
Pairs = Sequence[tuple[torch.Tensor, torch.Tensor]]
"""Keys and values of each layer, each of shape (rows, heads, tokens, head_dim)."""


class Graph(Protocol):
    """What runs a graph: optimum's model, of either engine."""

    config: PretrainedConfig
    generation_config: GenerationConfig | None
    device: torch.device


@dataclass(frozen=True, slots=True, kw_only=True)
class Output:
    """Logits of the last columns, of shape (rows, columns, vocabulary)."""

    logits: torch.Tensor


Run = Callable[[dict[str, Any], Pairs], tuple[torch.Tensor, Pairs]]
"""Takes the inputs and the cache, empty before the first token; gives all logits, and the cache as it is now."""


class GraphNetwork:
    """A graph, called as `decoding` calls a network of transformers: the cache goes in and comes out whole."""

    def __init__(self, graph: Graph, run: Run) -> None:
        self._run = run
        self.config = graph.config
        self.generation_config = graph.generation_config
        self.device = graph.device

    def __call__(self, **inputs: Any) -> Output:  # noqa: ANN401 - those of `forward`
        """See `forward`."""
        return self.forward(**inputs)

    def forward(  # noqa: PLR0913, PLR0917 - the signature is that of transformers' networks
        self,
        input_ids: torch.Tensor,
        attention_mask: torch.Tensor,
        past_key_values: DynamicCache,
        position_ids: torch.Tensor,
        logits_to_keep: int,
        use_cache: bool,
    ) -> Output:
        """Read `input_ids` on top of the cache, which holds them afterwards.

        Only the last REFERENCE_CHUNK_TOKENS columns have logits, of which the last `logits_to_keep` are given.
        """
        given = {"input_ids": input_ids, "attention_mask": attention_mask, "position_ids": position_ids}
        logits, pairs = self._run({**given, "use_cache": use_cache}, _held(past_key_values))
        _hold(past_key_values, pairs)
        return Output(logits=logits[:, -logits_to_keep:].clone())


def load(weights: TransformersSource, key: str) -> TransformersProvider:
    """The graph of these weights, from the cache under `key` or exported into it, on its engine.

    Raises:
        HarnessError: the weights cannot be read or exported, or the engine has no such device.
    """
    provider = weights.model.provider
    folder = cache_dir("graphs", f"{provider}-{key[:24]}")
    tokenizer = read_tokenizer(_weights_folder(weights), trust_remote_code=weights.runtime.trust_remote_code)
    opened: Callable[[TransformersSource, Path], GraphNetwork] = OPENERS[provider]
    try:
        with silenced():
            if not folder.is_dir():
                publish(folder, lambda fresh: EXPORTERS[provider](weights, fresh))
            network = opened(weights, folder)
    except (HarnessError, MemoryError):
        raise
    except Exception as error:  # exporters raise whatever they stumble over
        raise HarnessError(
            f"cannot run model {weights.model.name!r} through {provider}: {first_line(error)}; "
            "use provider transformers"
        ) from error
    return TransformersProvider(cast(PreTrainedModel, network), encoder(tokenizer), weights.model)


def read_tokenizer(folder: Path, *, trust_remote_code: bool) -> PreTrainedTokenizerBase:
    """The folder's tokenizer; transformers 4 does not know the name that 5 gives to a plain `tokenizer.json`."""
    config = folder / "tokenizer_config.json"
    told = json.loads(config.read_text(encoding="utf-8")) if config.is_file() else {}
    plain = told.get("tokenizer_class") == "TokenizersBackend" and not has_version_5()
    read: Any = PreTrainedTokenizerFast if plain else AutoTokenizer
    with quiet():
        found: PreTrainedTokenizerBase = read.from_pretrained(
            str(folder), local_files_only=True, trust_remote_code=trust_remote_code
        )
    return found


def read_config(folder: Path, *, trust_remote_code: bool) -> PretrainedConfig:
    """The folder's config, with the frequencies of its rotary embedding also where transformers 4 reads one of 5.

    Version 5 writes them as `rope_parameters`, which 4 does not look at: it would take the default without a word.

    Raises:
        HarnessError: they differ from layer to layer, which 4 has no place for.
    """
    config = AutoConfig.from_pretrained(str(folder), local_files_only=True, trust_remote_code=trust_remote_code)
    told = json.loads((folder / "config.json").read_text(encoding="utf-8")).get("rope_parameters")
    if told is None or has_version_5():
        return cast(PretrainedConfig, config)
    if not isinstance(told, dict) or any(isinstance(value, dict) for value in told.values()):
        raise HarnessError(
            f"{folder}: rope_parameters are given by kind of layer, which transformers {transformers.__version__} "
            "cannot read: use provider transformers"
        )
    config.rope_theta = told.get("rope_theta", getattr(config, "rope_theta", None))
    if "partial_rotary_factor" in told:
        config.partial_rotary_factor = told["partial_rotary_factor"]
    kind = told.get("rope_type", "default")
    if kind == "longrope" and "original_max_position_embeddings" in told:
        config.original_max_position_embeddings = told["original_max_position_embeddings"]
    scaling = {key: told[key] for key in told if key not in {"rope_theta", "partial_rotary_factor"}}
    config.rope_scaling = None if kind == "default" else scaling
    return cast(PretrainedConfig, config)


def has_version_5() -> bool:
    """Whether transformers is 5 or later, which reads GGUF files, `rope_parameters` and its own tokenizers' names."""
    return int(transformers.__version__.partition(".")[0]) >= 5  # noqa: PLR2004 - the version itself


def _weights_folder(weights: TransformersSource) -> Path:
    """The folder of safetensors; a GGUF is converted first, where this version of transformers can."""
    located = weights.located
    if not located.ready and not has_version_5():
        raise HarnessError(
            f"model {weights.model.name!r} is still a GGUF file, which transformers {transformers.__version__} does "
            f"not convert: run harness fetch {weights.model.name} where pytest-scaling[hf] is installed"
        )
    return convert(located, weights.model.package)


def _read_network(weights: TransformersSource) -> PreTrainedModel:
    folder, trusted = _weights_folder(weights), weights.runtime.trust_remote_code
    network = read_weights(
        folder,
        config=read_config(folder, trust_remote_code=trusted),
        trust_remote_code=trusted,
        dtype=DTYPES[weights.precision.dtype],
    )
    if weights.adapter is not None:
        merge(network, weights.adapter)
    return network


def _export_onnx(weights: TransformersSource, folder: Path) -> None:
    from optimum.exporters.onnx import onnx_export_from_model

    network = _read_network(weights)
    keep_last_logits(network)
    onnx_export_from_model(network, folder, task=TASK, do_validation=False)


def keep_last_logits(network: PreTrainedModel) -> None:
    """Make the network give logits of the last REFERENCE_CHUNK_TOKENS columns alone, if it can.

    The exporter asks for all of them, and a graph has no say afterwards: a batch of prompts would fill memory with its
    tokens times the vocabulary.
    """
    forward, signature = network.forward, inspect.signature(network.forward)
    if "logits_to_keep" not in signature.parameters:
        return

    def last(*args: object, **kwargs: object) -> object:
        bound = signature.bind_partial(*args, **kwargs)
        bound.arguments["logits_to_keep"] = REFERENCE_CHUNK_TOKENS
        return forward(*bound.args, **bound.kwargs)

    last.__signature__ = signature  # type: ignore[attr-defined] # the exporter looks at it
    network.forward = last


def _open_onnx(weights: TransformersSource, folder: Path) -> GraphNetwork:
    import onnxruntime
    from optimum.onnxruntime import ORTModelForCausalLM

    kind = weights.precision.kind
    place = "CUDAExecutionProvider" if kind == "cuda" else "CPUExecutionProvider"
    if place not in onnxruntime.get_available_providers():
        raise HarnessError(
            f"device {weights.precision.device!r} is not there for this onnxruntime: use device cpu, or install "
            "onnxruntime-gpu"
        )
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = torch.get_num_threads()
    options.log_severity_level = 3
    if os.environ.get("OMP_WAIT_POLICY", "").casefold() == "passive":
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    numbered = weights.precision.device.partition(":")[2]
    graph = ORTModelForCausalLM.from_pretrained(
        folder,
        local_files_only=True,
        provider=place,
        provider_options={"device_id": int(numbered)} if numbered else None,
        session_options=options,
    )
    shapes = [graph.input_shapes[name] for name in graph.key_value_input_names]

    def run(inputs: dict[str, Any], held: Pairs) -> tuple[torch.Tensor, Pairs]:
        past = held or _no_tokens(shapes, len(inputs["input_ids"]), graph.dtype, graph.device)
        output = graph(**inputs, past_key_values=tuple(past))
        return output.logits, output.past_key_values

    return GraphNetwork(graph, run)


def _export_openvino(weights: TransformersSource, folder: Path) -> None:
    from optimum.exporters.openvino.convert import export_from_model
    from optimum.intel.openvino import OVConfig

    network = _read_network(weights)
    keep_last_logits(network)
    with _nothing_sent():
        export_from_model(network, folder, task=TASK, ov_config=OVConfig(dtype="fp32"), stateful=False)
    network.config.save_pretrained(folder)
    if network.generation_config is not None:
        network.generation_config.save_pretrained(folder)


@contextmanager
def _nothing_sent() -> Iterator[None]:
    """Keep OpenVINO's conversion from reporting its use over the network, as it does not under CI."""
    before = os.environ.get("CI")
    os.environ["CI"] = "true"
    try:
        yield
    finally:
        if before is None:
            del os.environ["CI"]
        else:
            os.environ["CI"] = before


def _open_openvino(weights: TransformersSource, folder: Path) -> GraphNetwork:
    from optimum.intel.openvino import OVModelForCausalLM

    settings = {"INFERENCE_PRECISION_HINT": "f32", "INFERENCE_NUM_THREADS": torch.get_num_threads()}
    trusted = weights.runtime.trust_remote_code
    graph = OVModelForCausalLM.from_pretrained(
        folder, local_files_only=True, trust_remote_code=trusted, stateful=False, ov_config=settings
    )

    def run(inputs: dict[str, Any], held: Pairs) -> tuple[torch.Tensor, Pairs]:
        past = tuple((keys.contiguous().numpy(), values.contiguous().numpy()) for keys, values in held)
        output = graph(**inputs, past_key_values=past or None)
        pairs = [(torch.from_numpy(keys), torch.from_numpy(values)) for keys, values in output.past_key_values]
        return output.logits, pairs

    return GraphNetwork(graph, run)


def _no_tokens(shapes: Sequence[Sequence[int | str]], rows: int, dtype: torch.dtype, device: torch.device) -> Pairs:
    """Empty keys and values: of each input's sizes the first is the rows, and what else the graph leaves open is 0."""
    sizes = [(rows, *(size if isinstance(size, int) and size > 0 else 0 for size in shape[1:])) for shape in shapes]
    tensors = [torch.zeros(size, dtype=dtype, device=device) for size in sizes]
    return list(zip(tensors[::2], tensors[1::2], strict=True))


def _held(cache: DynamicCache) -> tuple[tuple[torch.Tensor, torch.Tensor], ...]:
    layers: Sequence[Any] = cache.layers
    return tuple((layer.keys, layer.values) for layer in layers)


def _hold(cache: DynamicCache, pairs: Pairs) -> None:
    for number, (keys, values) in enumerate(pairs):
        if number == len(cache.layers):
            cache.layers.append(cache.layer_class_to_replicate())  # type: ignore[misc]
        layer: Any = cache.layers[number]
        layer.keys, layer.values, layer.is_initialized = keys, values, True


@contextmanager
def silenced() -> Iterator[None]:
    """Silence what an export and a load say on a terminal that belongs to someone else."""
    logger = logging.getLogger("optimum")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        with quiet(), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logger.setLevel(level)


OPENERS: Mapping[str, Callable[[TransformersSource, Path], GraphNetwork]] = {
    "optimum": _open_onnx,
    "openvino": _open_openvino,
}
EXPORTERS: Mapping[str, Callable[[TransformersSource, Path], None]] = {
    "optimum": _export_onnx,
    "openvino": _export_openvino,
}
