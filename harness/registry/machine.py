"""This machine as a profile, seen without torch, and whether a model fits it."""

import os
import platform
from pathlib import Path

from harness.errors import HarnessError, ModelTooLarge
from harness.records import Hardware, ModelSpec, Quantisation, Runtime
from harness.registry.catalog import Catalog, load_catalog
from harness.registry.cpu import cpu_has_bf16
from harness.registry.memory import GB, MemoryEstimate, SizeUnknown, estimate_memory
from harness.registry.nvidia import Gpu, visible_gpus
from harness.registry.recommend import LOCAL_PROVIDERS, by_preference, memory_gb

NAME = "this-machine"
# What may lay a model over several GPUs, so that the first one's memory is no bound; its source looks at all of them.
SPREADING = ("vllm",)
# bf16 and the fused attention kernels begin with Ampere (CUDA C++ programming guide, compute capabilities).
AMPERE = 8.0
# Apple's recommended working set is three quarters of the unified memory (Metal, recommendedMaxWorkingSetSize).
METAL_SHARE = 0.75
# On a CPU time runs out before memory does, so the smaller models come first.
CPU_SUGGESTED = ("qwen2.5-1.5b", "qwen2.5-0.5b", "smollm2-135m")
CPU_BATCH = 16
MEMINFO = Path("/proc/meminfo")
CGROUP = Path("/sys/fs/cgroup")


def this_machine(device: str = "auto") -> Hardware:
    """What this process may use: the first visible NVIDIA GPU, else Apple silicon, else the CPU with its free memory.

    Memory already taken by other processes, and a container's limit, are off. Takes two seconds where nvidia-smi hangs.
    `device` "cpu" looks at nothing else; any other value is "auto".

    Raises:
        HarnessError: this system does not tell its memory.
    """
    gpus = () if device == "cpu" else visible_gpus()
    if gpus:
        return _cuda(gpus[0])
    if device != "cpu" and platform.system() == "Darwin" and platform.machine() == "arm64":
        return _metal()
    return Hardware(
        name=NAME,
        title=f"this machine (CPU, {os.cpu_count()} cores)",
        kind="cpu",
        memory_gb=_available_bytes() / GB,
        quantisation="bf16" if cpu_has_bf16() else "fp32",
        batch_size=CPU_BATCH,
        suggested=CPU_SUGGESTED,
    )


def fits(
    model: ModelSpec,
    hardware: Hardware,
    runtime: Runtime,
    *,
    catalog: Catalog | None = None,
    context_tokens: int = 4096,
) -> None:
    """Refuse a model that cannot answer even one prompt of `context_tokens` tokens within the machine's memory.

    The precision is the runtime's quantisation, else its dtype, else the machine's. A model whose size is unknown, or
    whose weights are not loaded here, passes: nothing can be said against it.

    Raises:
        ModelTooLarge: the need, what there is, and what of `catalog` (the presets if None) would fit.
    """
    if model.provider not in LOCAL_PROVIDERS or (model.provider in SPREADING and hardware.kind == "cuda"):
        return
    precision = effective_quantisation(hardware, runtime)
    tokens = min(context_tokens, model.context_length)
    try:
        need = estimate_memory(model, precision, context_tokens=tokens, batch_size=1)
    except SizeUnknown:
        return
    if need.total_gb > hardware.memory_gb:
        raise ModelTooLarge(_refusal(model, hardware, need, precision, catalog or load_catalog()))


def effective_quantisation(hardware: Hardware, runtime: Runtime) -> Quantisation:
    """The precision that the weights are loaded in: the runtime's quantisation, else its dtype, else the machine's."""
    if runtime.quantisation is not None:
        return runtime.quantisation
    return hardware.quantisation if runtime.dtype == "auto" else runtime.dtype


def _refusal(
    model: ModelSpec, hardware: Hardware, need: MemoryEstimate, precision: Quantisation, catalog: Catalog
) -> str:
    names = _fitting(catalog, hardware, precision)
    way_out = f"choose --model {names[0]}" if names else "no model of the catalogue fits, use a larger machine"
    others = f" (or {', '.join(names[1:4])})" if names[1:] else ""
    return (
        f"model {model.name!r} needs {need.total_gb:.1f} GB in {precision} (weights {need.weights_gb:.1f}, "
        f"cache {need.kv_cache_gb:.1f}, activations {need.activations_gb:.1f}) and {hardware.title} has "
        f"{hardware.memory_gb:.1f} GB for it: {way_out}{others}"
    )


def _fitting(catalog: Catalog, hardware: Hardware, precision: Quantisation) -> tuple[str, ...]:
    """Names of what fits, the one to take first."""
    needs = [(model, memory_gb(model, precision)) for model in by_preference(catalog, hardware)]
    return tuple(
        model.name
        for model, need in needs
        if model.provider in LOCAL_PROVIDERS and need is not None and need <= hardware.memory_gb
    )


def _cuda(gpu: Gpu) -> Hardware:
    modern = gpu.compute_capability >= AMPERE
    memory = _available_bytes() / GB if gpu.free_gb is None else gpu.free_gb
    return Hardware(
        name=NAME,
        title=f"this machine ({gpu.name})",
        kind="cuda",
        memory_gb=memory,
        quantisation="bf16" if modern else "fp16",
        batch_size=_gpu_batch(memory),
        flash_attention=modern,
    )


def _metal() -> Hardware:
    memory = METAL_SHARE * os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / GB
    return Hardware(
        name=NAME,
        title=f"this machine ({platform.processor() or 'Apple silicon'}, Metal)",
        kind="mps",
        memory_gb=memory,
        quantisation="fp16",
        batch_size=_gpu_batch(memory),
    )


def _gpu_batch(memory: float) -> int:
    """Batches as the named machines have them: 2 up to 15 GB, 4 up to 24, 8 above."""
    return 2 if memory <= 16 else 4 if memory <= 24 else 8  # noqa: PLR2004 - the steps stand in the docstring


def _available_bytes() -> int:
    """Memory that a new process could take: what the system has free, within what its container leaves."""
    bounds = [size for size in (_meminfo_bytes(), _cgroup_bytes()) if size is not None]
    return min(bounds) if bounds else _physical_bytes()


def _meminfo_bytes() -> int | None:
    if not MEMINFO.is_file():
        return None
    for line in MEMINFO.read_text(encoding="ascii", errors="replace").splitlines():
        if line.startswith("MemAvailable:"):
            return int(line.split()[1]) * 1024
    return None


def _cgroup_bytes() -> int | None:
    """What the control group's limit (version 2) leaves, its file cache counted as free; None without a limit."""
    try:
        limit = (CGROUP / "memory.max").read_text(encoding="ascii").strip()
        if limit == "max":
            return None
        used = int((CGROUP / "memory.current").read_text(encoding="ascii"))
        stat = dict(line.split() for line in (CGROUP / "memory.stat").read_text(encoding="ascii").splitlines())
        cached = int(stat.get("active_file", 0)) + int(stat.get("inactive_file", 0))
        return max(0, int(limit) - max(0, used - cached))
    except (OSError, ValueError):
        return None


def _physical_bytes() -> int:
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, OSError, ValueError):
        raise HarnessError("the memory of this system cannot be read: name a machine with --hardware") from None
