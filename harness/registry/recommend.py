"""Which models fit a machine, which of them to take, and how models compare."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from harness.errors import HarnessError, UnknownName
from harness.records import Hardware, ModelSpec, Quantisation
from harness.registry.catalog import Catalog, Tier, find_model, tier
from harness.registry.memory import WEIGHT_BYTES, SizeUnknown, estimate_memory

# Those that put weights into this machine's memory; others answer from elsewhere or make answers up.
LOCAL_PROVIDERS = ("transformers", "vllm", "optimum", "openvino")
# Those that take a GPU where the device is left to them.
GPU_PROVIDERS = ("transformers", "vllm")
PRECISIONS: tuple[Quantisation, ...] = ("fp16", "8bit", "4bit")


@dataclass(frozen=True, slots=True, kw_only=True)
class Recommendation:
    """What to take on a machine: `chosen` is the first of `fits`, or None; `left_out` pairs a name with its reason."""

    chosen: ModelSpec | None
    fits: tuple[ModelSpec, ...]
    left_out: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelRow:
    """A model in a table of comparison; `memory_gb` is the estimate by precision, None where nothing is known."""

    name: str
    aliases: tuple[str, ...]
    title: str
    family: str
    params_b: float | None
    active_params_b: float | None
    params_estimated: bool
    tier: Tier | None
    context_length: int
    memory_gb: Mapping[Quantisation, float | None]
    batch_size: int | None
    max_new_tokens: int | None
    capabilities: tuple[str, ...]
    weights: str
    licence: str


def recommend(catalog: Catalog, hardware: Hardware, *, context_tokens: int = 4096) -> Recommendation:
    """The models that fit `hardware` with prompts of `context_tokens` tokens, the one to take first.

    Memory is estimated in the machine's own precision and batch (no larger than the model's). Those that the machine
    suggests come first, in its order, then the largest.

    Raises:
        ValueError: `context_tokens` is below 1.
    """
    reasons = {model.name: left_out_reason(model, hardware, context_tokens) for model in catalog.models}
    fits = tuple(model for model in by_preference(catalog, hardware) if reasons[model.name] is None)
    left_out = tuple((name, reason) for name, reason in reasons.items() if reason is not None)
    return Recommendation(chosen=fits[0] if fits else None, fits=fits, left_out=left_out)


def left_out_reason(model: ModelSpec, hardware: Hardware, context_tokens: int) -> str | None:
    """Why `model` cannot be used on `hardware`, in a few words; None if it can."""
    if model.provider not in LOCAL_PROVIDERS:
        return f"its weights are not loaded here (provider {model.provider})"
    if model.context_length < context_tokens:
        return f"its context of {model.context_length} tokens is shorter than {context_tokens}"
    batch_size = min(hardware.batch_size, model.batch_size or hardware.batch_size)
    try:
        estimate = estimate_memory(model, hardware.quantisation, context_tokens=context_tokens, batch_size=batch_size)
    except SizeUnknown:
        return "its size is unknown"
    if estimate.total_gb <= hardware.memory_gb:
        return None
    return (
        f"needs {estimate.total_gb:.1f} GB in {hardware.quantisation} with batches of {batch_size}, "
        f"there are {hardware.memory_gb:.1f} GB"
    )


def list_models(
    catalog: Catalog,
    *,
    max_memory_gb: float | None = None,
    quantisation: str = "fp16",
    min_context: int | None = None,
) -> tuple[ModelSpec, ...]:
    """The models that one prompt fits into: estimated memory at most `max_memory_gb`, context at least `min_context`.

    Memory is that of one prompt of 4096 tokens (or the model's context, if shorter). None sets no bound; under a bound
    on memory a model of unknown size is left out.

    Raises:
        UnknownName: no such quantisation.
    """
    precision = _quantisation(quantisation)
    return tuple(
        model
        for model in catalog.models
        if model.context_length >= (min_context or 0)
        and (max_memory_gb is None or _within(memory_gb(model, precision), max_memory_gb))
    )


def memory_gb(model: ModelSpec, quantisation: Quantisation, context_tokens: int = 4096) -> float | None:
    """Estimated GB for one prompt of `context_tokens` or of the model's context, if shorter; None if unknown."""
    tokens = min(context_tokens, model.context_length)
    try:
        return estimate_memory(model, quantisation, context_tokens=tokens, batch_size=1).total_gb
    except SizeUnknown:
        return None


def compare(catalog: Catalog, names: Sequence[str]) -> tuple[ModelRow, ...]:
    """A row for each named model, in the given order, a model named twice only once.

    Raises:
        UnknownName: no such model.
        HarnessError: fewer than two different models are named.
    """
    models = {model.name: model for model in (find_model(catalog, name) for name in names)}
    if len(models) < 2:  # noqa: PLR2004 - a comparison is of two
        raise HarnessError(f"comparing takes two different models, got {', '.join(names) or 'none'}: name another")
    return tuple(model_row(model) for model in models.values())


def model_row(model: ModelSpec) -> ModelRow:
    """What a table shows of a model."""
    sources = (model.path, model.package, model.hub_id, model.server_name)
    return ModelRow(
        name=model.name,
        aliases=model.aliases,
        title=model.title or model.name,
        family=model.family,
        params_b=model.params_b,
        active_params_b=model.active_params_b,
        params_estimated=model.params_estimated,
        tier=tier(model.params_b),
        context_length=model.context_length,
        memory_gb={precision: memory_gb(model, precision) for precision in PRECISIONS},
        batch_size=model.batch_size,
        max_new_tokens=model.max_new_tokens,
        capabilities=tuple(sorted(model.capabilities)),
        weights=next((source for source in sources if source), model.provider),
        licence=model.licence,
    )


def by_preference(catalog: Catalog, hardware: Hardware) -> list[ModelSpec]:
    """All models, those that the machine suggests first and in its order, then the largest."""
    rank = {name: place for place, name in enumerate(hardware.suggested)}
    return sorted(catalog.models, key=lambda model: (rank.get(model.name, len(rank)), -(model.params_b or 0)))


def _quantisation(name: str) -> Quantisation:
    known: dict[str, Quantisation] = {precision: precision for precision in ("fp32", "bf16", "fp16", "8bit", "4bit")}
    if name not in known:
        raise UnknownName("quantisation", name, WEIGHT_BYTES)
    return known[name]


def _within(need_gb: float | None, bound_gb: float) -> bool:
    return need_gb is not None and need_gb <= bound_gb
