"""How much memory a model takes, from the sizes in its config; 1 GB here is 2^30 bytes, as drivers count."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from harness.errors import DataError, HarnessError, UnknownName
from harness.records import ModelSpec, Quantisation, Shape

GB = 2**30
# 4 bits as NF4 in blocks of 64 with one fp32 maximum each: 1/2 + 4/64 (Dettmers et al. 2023, QLoRA, without double
# quantisation). 8 bits: one byte, the row maxima are below a thousandth (Dettmers et al. 2022, LLM.int8()).
WEIGHT_BYTES: Mapping[str, float] = {"fp32": 4.0, "bf16": 2.0, "fp16": 2.0, "8bit": 1.0, "4bit": 0.5625}
# A CUDA context with its libraries; about as much as an interpreter with torch on a CPU.
RUNTIME_GB = 0.5

# Decoders of dense gated blocks, and whether their embeddings are tied where the config does not say.
TIED_BY_DEFAULT: Mapping[str, bool] = {
    "gemma": True,
    "gemma2": True,
    "gemma3_text": True,
    "granite": False,
    "llama": False,
    "mistral": False,
    "olmo2": False,
    "phi3": False,
    "qwen2": False,
    "qwen3": False,
    "smollm3": True,
}
# Gemma's heads are wider than hidden_size / heads, and a config may leave the width to the architecture's default.
DEFAULT_HEAD_DIM: Mapping[str, int] = {"gemma": 256, "gemma2": 256, "gemma3_text": 256, "qwen3": 128}
EXPERT_KEYS = ("num_local_experts", "num_experts", "n_routed_experts")


class SizeUnknown(HarnessError):
    """A model of which neither the sizes, nor measured memory, nor the number of parameters are known."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MemoryEstimate:
    """Memory in GB (2^30 bytes) by what takes it; `source` says what the weights were estimated from."""

    weights_gb: float
    kv_cache_gb: float
    activations_gb: float
    source: Literal["shape", "measured", "parameters"]

    @property
    def total_gb(self) -> float:
        """All of it."""
        return self.weights_gb + self.kv_cache_gb + self.activations_gb


@dataclass(frozen=True, slots=True, kw_only=True)
class MemoryRates:
    """What a model takes once loaded, and what each token and each row of a batch add to it.

    `weights_gb` and `source` are those of MemoryEstimate; the rest is in bytes. A token counts in every row, padding
    too.
    """

    weights_gb: float
    cache_bytes_per_token: int
    activation_bytes_per_token: int
    logit_bytes_per_row: int
    source: Literal["shape", "measured", "parameters"]


def estimate_memory(
    model: ModelSpec, quantisation: Quantisation, *, context_tokens: int, batch_size: int
) -> MemoryEstimate:
    """What `model` takes while it answers `batch_size` prompts of `context_tokens` tokens each, output included.

    - weights: parameters x bytes of the precision; in 8 and 4 bits the embedding table and the output head stay in 16.
    - cache: 2 x layers x kv_heads x head_dim x context x batch x bytes (keys and values, Pope et al. 2022; sliding
      windows are not taken off, so it is an upper bound for Gemma 2).
    - activations: one layer's live rows, (4 hidden + 2 intermediate + 2 heads x head_dim) x context x batch x bytes,
      the last position's logits in fp32, and half a GB for the runtime itself.

    Bytes of cache and activations are 4 in fp32, else 2. Without a shape the weights are the figure once measured for
    this precision, or follow from `params_b` (at most half of them taken for tables), and the rest from a typical
    decoder of that many parameters.

    Raises:
        UnknownName: no such quantisation.
        SizeUnknown: nothing is known to estimate from.
        ValueError: `context_tokens` or `batch_size` is below 1.
    """
    if context_tokens < 1 or batch_size < 1:
        raise ValueError(f"context_tokens {context_tokens} and batch_size {batch_size} must be at least 1")
    rates, tokens = memory_rates(model, quantisation), context_tokens * batch_size
    activations = rates.activation_bytes_per_token * tokens + rates.logit_bytes_per_row * batch_size
    return MemoryEstimate(
        weights_gb=rates.weights_gb,
        kv_cache_gb=rates.cache_bytes_per_token * tokens / GB,
        activations_gb=activations / GB + RUNTIME_GB,
        source=rates.source,
    )


def memory_rates(model: ModelSpec, quantisation: Quantisation) -> MemoryRates:
    """The terms of `estimate_memory`, which says where they come from.

    Raises:
        UnknownName: no such quantisation.
        SizeUnknown: nothing is known to estimate from.
    """
    if quantisation not in WEIGHT_BYTES:
        raise UnknownName("quantisation", quantisation, WEIGHT_BYTES)
    weights_gb, shape, source = _weights(model, quantisation)
    width = 4 if quantisation == "fp32" else 2
    rows = 4 * shape.hidden_size + 2 * shape.intermediate_size + 2 * shape.attention_heads * shape.head_dim
    return MemoryRates(
        weights_gb=weights_gb,
        cache_bytes_per_token=2 * shape.layers * shape.kv_heads * shape.head_dim * width,
        activation_bytes_per_token=rows * width,
        logit_bytes_per_row=4 * shape.vocab_size,
        source=source,
    )


def count_params(shape: Shape) -> int:
    """Parameters of a dense decoder with gated feed-forward blocks: tables, projections and two norms a layer.

    Biases are left out (below a tenth of a percent in every preset).
    """
    heads = 2 * (shape.attention_heads + shape.kv_heads) * shape.head_dim * shape.hidden_size
    layer = heads + 3 * shape.hidden_size * shape.intermediate_size + 2 * shape.hidden_size
    return _table_params(shape) + shape.layers * layer + shape.hidden_size


def shape_from_config(config: Mapping[str, object]) -> Shape:
    """The sizes in a Hugging Face config.json of Llama's, Qwen's, Mistral's, Gemma's or Phi-3's kind.

    A config of several parts is read at its `text_config`.

    Raises:
        DataError: another kind of network (mixtures of experts, feed-forward blocks without a gate), or a size that is
            missing or no positive whole number.
    """
    part = config.get("text_config")
    config = part if isinstance(part, Mapping) else config
    kind = config.get("model_type")
    if not isinstance(kind, str) or kind not in TIED_BY_DEFAULT or any(config.get(key) for key in EXPERT_KEYS):
        known = ", ".join(sorted(TIED_BY_DEFAULT))
        raise DataError(f"no sizes from a config of model_type {kind!r}: dense {known} are known; give params_b")
    hidden, heads = _size(config, "hidden_size"), _size(config, "num_attention_heads")
    return Shape(
        layers=_size(config, "num_hidden_layers"),
        hidden_size=hidden,
        attention_heads=heads,
        kv_heads=_size(config, "num_key_value_heads", heads),
        head_dim=_size(config, "head_dim", DEFAULT_HEAD_DIM.get(kind, hidden // heads)),
        intermediate_size=_size(config, "intermediate_size"),
        vocab_size=_size(config, "vocab_size"),
        tied_embeddings=bool(config.get("tie_word_embeddings", TIED_BY_DEFAULT[kind])),
    )


def _size(config: Mapping[str, object], key: str, default: int | None = None) -> int:
    value = config.get(key)
    value = default if value is None else value
    if not isinstance(value, int) or isinstance(value, bool) or value < 1:
        raise DataError(f"config.json: {key} is {value!r}, not a positive whole number")
    return value


def _weights(
    model: ModelSpec, quantisation: Quantisation
) -> tuple[float, Shape, Literal["shape", "measured", "parameters"]]:
    """GB of the weights, the sizes behind the rest, and where the first came from."""
    if model.shape is not None:
        tables = _table_params(model.shape)
        return _weights_gb(count_params(model.shape), tables, quantisation), model.shape, "shape"
    measured = _measured_gb(model.memory_gb, quantisation)
    if measured is not None:
        params = (model.params_b or measured * GB / WEIGHT_BYTES[quantisation] / 1e9) * 1e9
        return measured, _typical_shape(params), "measured"
    if model.params_b is None:
        raise SizeUnknown(
            f"the memory of {model.name!r} cannot be estimated: give it params_b, memory_gb or a config.json"
        )
    params = model.params_b * 1e9
    shape = _typical_shape(params)
    return _weights_gb(params, min(_table_params(shape), params / 2), quantisation), shape, "parameters"


def _measured_gb(memory_gb: Mapping[str, float], quantisation: Quantisation) -> float | None:
    if quantisation in memory_gb:
        return memory_gb[quantisation]
    halves = [memory_gb[name] for name in ("bf16", "fp16") if name in memory_gb]
    if not halves or quantisation in {"8bit", "4bit"}:
        return None
    return halves[0] * 2 if quantisation == "fp32" else halves[0]


def _weights_gb(params: float, tables: float, quantisation: Quantisation) -> float:
    table_bytes = max(WEIGHT_BYTES[quantisation], 2.0)
    return (tables * table_bytes + (params - tables) * WEIGHT_BYTES[quantisation]) / GB


def _table_params(shape: Shape) -> int:
    return shape.vocab_size * shape.hidden_size * (1 if shape.tied_embeddings else 2)


def _typical_shape(params: float) -> Shape:
    """A decoder of that many parameters without grouped heads, so that the cache is an upper bound.

    12 x layers x hidden^2 parameters and hidden = 128 x layers (Kaplan et al. 2020, arXiv 2001.08361, table 1 and
    figure 5); the vocabulary is Llama 3's.
    """
    hidden = max(1, round((params * 128 / 12) ** (1 / 3)))
    return Shape(
        layers=max(1, round(hidden / 128)),
        hidden_size=hidden,
        attention_heads=1,
        kv_heads=1,
        head_dim=hidden,
        intermediate_size=4 * hidden,
        vocab_size=128_256,
        tied_embeddings=True,
    )
