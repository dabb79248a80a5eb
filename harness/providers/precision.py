"""On what device and in what precision weights will run here, told without importing torch."""

import platform
import sys
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from typing import Literal

from harness.errors import HarnessError
from harness.records import Runtime
from harness.registry.cpu import cpu_has_bf16
from harness.registry.nvidia import visible_gpus

Kind = Literal["cuda", "mps", "cpu"]
DTypeName = Literal["fp32", "bf16", "fp16"]
KINDS: tuple[Kind, ...] = ("cuda", "mps", "cpu")
BF16_CAPABILITY = 8.0  # Ampere: the first with bf16 units


@dataclass(frozen=True, slots=True, kw_only=True)
class Precision:
    """`device` as torch names it; `dtype` of the computation; `bits` of packed weights, or None when they are plain."""

    device: str
    dtype: DTypeName
    bits: Literal[8, 4] | None = None

    @property
    def kind(self) -> Kind:
        """The device without its number."""
        return _kind(self.device)


def precision(runtime: Runtime) -> Precision:
    """What the runtime's `auto`s mean on this machine; a quantisation by name of a dtype decides the dtype.

    Raises:
        HarnessError: the device is unknown, or 8 or 4 bits are asked for where they cannot run.
    """
    device = best_device() if runtime.device == "auto" else runtime.device
    kind = _kind(device)
    match runtime.quantisation:
        case "8bit" | "4bit" as packed:
            _require_packing(packed, kind)
            return Precision(device=device, dtype=_dtype(runtime, kind), bits=8 if packed == "8bit" else 4)
        case "fp32" | "bf16" | "fp16" as dtype:
            return Precision(device=device, dtype=dtype)
    return Precision(device=device, dtype=_dtype(runtime, kind))


def best_device() -> Kind:
    """CUDA when torch is built for it and a device is visible, else MPS on Apple silicon, else the CPU."""
    if cuda_capability() is not None:
        return "cuda"
    if sys.platform == "darwin" and platform.machine() == "arm64":
        return "mps"
    return "cpu"


def cuda_capability() -> float | None:
    """Compute capability of the first CUDA device that torch would see; None without one, or when torch has no CUDA."""
    if _torch_version().endswith("+cpu"):
        return None
    gpus = visible_gpus()
    return gpus[0].compute_capability if gpus else None


def _kind(device: str) -> Kind:
    name = device.partition(":")[0]
    for kind in KINDS:
        if name == kind:
            return kind
    raise HarnessError(f"unknown device {device!r}: allowed are auto, cuda, cuda:N, mps and cpu")


def _dtype(runtime: Runtime, kind: Kind) -> DTypeName:
    if runtime.dtype != "auto":
        return runtime.dtype
    if kind == "cuda":
        return "bf16" if (cuda_capability() or 0.0) >= BF16_CAPABILITY else "fp16"
    if kind == "mps":
        return "fp16"
    return "bf16" if cpu_has_bf16() else "fp32"


def _require_packing(packed: str, kind: Kind) -> None:
    if kind != "cuda":
        raise HarnessError(f"quantisation {packed} needs a CUDA device, here is {kind}: use bf16 or fp32")
    if find_spec("bitsandbytes") is None:
        raise HarnessError(f"quantisation {packed} needs bitsandbytes, not installed here: pip install bitsandbytes")


def _torch_version() -> str:
    try:
        return version("torch")
    except PackageNotFoundError:
        return "+cpu"
