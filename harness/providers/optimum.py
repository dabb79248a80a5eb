"""The door to models that run as exported graphs: ONNX Runtime through optimum-onnx, OpenVINO through optimum-intel."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from importlib import metadata

from harness.cache import digest
from harness.collecting import import_uncollected
from harness.errors import HarnessError, MissingExtra
from harness.providers.base import Provider
from harness.providers.transformers import TransformersSource
from harness.records import ModelSpec, Runtime

VERSION = 2  # rises when the same weights would be exported or asked in another way


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineSpec:
    """What runs graphs: `packages` are distributions, each with the names that it may go by; `devices` are torch's."""

    title: str
    packages: tuple[tuple[str, ...], ...]
    extra: str
    devices: tuple[str, ...]


ENGINES: Mapping[str, EngineSpec] = {
    "optimum": EngineSpec(
        title="ONNX Runtime",
        packages=(("optimum-onnx",), ("onnxruntime", "onnxruntime-gpu")),
        extra="optimum",
        devices=("cpu", "cuda"),
    ),
    "openvino": EngineSpec(
        title="OpenVINO", packages=(("optimum-intel",), ("openvino",)), extra="openvino", devices=("cpu",)
    ),
}


class OptimumSource:
    """A model whose weights are on this machine, and that runs as a graph made of them; see `base.Source`."""

    def __init__(self, model: ModelSpec, runtime: Runtime) -> None:
        """Look for the packages and the weights; nothing is exported yet.

        Raises:
            MissingExtra: a package of the engine is not installed.
            HarnessError: the device or the precision is none of the engine's, or as `TransformersSource`.
        """
        self.engine = ENGINES[model.provider]
        self.software = _installed(model.provider, self.engine)
        _refuse_options(model)
        self.weights = TransformersSource(model, _settled(model, runtime, self.engine))

    @cached_property
    def fingerprint(self) -> str:
        """Hash of the weights, the adapter and the precision, and of the software that exports and runs the graph."""
        return digest({"weights": self.weights.fingerprint, "version": VERSION, "software": self.software})

    @property
    def reads_reference(self) -> bool:
        """Never: the reference is scored after the prompt is read, and is cut away again before the answer."""
        return False

    def load(self) -> Provider:
        """Export the weights unless that was done before, and load the graph.

        Raises:
            HarnessError: they cannot be read or exported, or the device is not what it seemed.
        """
        import_uncollected("harness.providers.graphs")
        from harness.providers.graphs import load

        return load(self.weights, self.fingerprint)


def _installed(provider: str, engine: EngineSpec) -> Mapping[str, str]:
    """Versions of the engine's packages, by the first of each one's names."""
    found = {names[0]: _version(names) for names in engine.packages}
    if absent := [name for name, version in found.items() if version is None]:
        raise MissingExtra(f"the {provider} provider", engine.extra, absent)
    return {name: version for name, version in found.items() if version is not None}


def _version(names: Sequence[str]) -> str | None:
    for name in names:
        try:
            return f"{name} {metadata.version(name)}"
        except metadata.PackageNotFoundError:
            continue
    return None


def _refuse_options(model: ModelSpec) -> None:
    if model.options:
        raise HarnessError(
            f"model {model.name!r}: the {model.provider} provider takes no options, got {', '.join(model.options)}"
        )


def _settled(model: ModelSpec, runtime: Runtime, engine: EngineSpec) -> Runtime:
    """The runtime without `auto`: the CPU unless another device is named, in fp32 there and in fp16 on CUDA."""
    device = "cpu" if runtime.device == "auto" else runtime.device
    kind = device.partition(":")[0]
    if kind not in engine.devices:
        raise HarnessError(
            f"model {model.name!r}: {engine.title} runs on {' or '.join(engine.devices)} here, device is "
            f"{runtime.device!r}: choose one of these, or provider transformers"
        )
    allowed = ("fp16", "fp32") if kind == "cuda" else ("fp32",)
    asked = runtime.quantisation or runtime.dtype
    if asked not in {"auto", *allowed}:
        raise HarnessError(
            f"model {model.name!r}: {engine.title} computes in {' or '.join(allowed)} on {kind}, {asked} is asked for: "
            f"use {allowed[0]}, or provider transformers"
        )
    dtype = allowed[0] if asked == "auto" else asked
    return replace(runtime, device=device, quantisation=None, dtype="fp16" if dtype == "fp16" else "fp32")
