"""What each local worker finds in its environment: one GPU of its own, and its share of the cores."""

import os
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from harness.errors import HarnessError
from harness.providers.precision import precision
from harness.records import Runtime
from harness.registry.nvidia import VARIABLE, visible_devices

# Torch's kernels, MKL's and (failing a variable of its own) OpenBLAS' follow this one, so that no other is set.
THREADS = "OMP_NUM_THREADS"
WAIT_POLICY = "OMP_WAIT_POLICY"
CPU_QUOTA = Path("/sys/fs/cgroup/cpu.max")


def pin(
    workers: int, environ: Mapping[str, str], gpus: Sequence[str] = (), *, share: bool = False
) -> list[dict[str, str]]:
    """The variables that each of `workers` new processes is to find, over what it inherits from `environ`.

    Every worker gets one of `gpus`, in order, as CUDA_VISIBLE_DEVICES, unless there are none; and `cores // workers`
    threads, no more than `environ` allows a process, that wait without spinning unless `environ` says otherwise.

    Args:
        workers: how many processes; 0 gives an empty list.
        environ: the environment of this process.
        gpus: names as CUDA_VISIBLE_DEVICES holds them, from `gpus_for`.
        share: whether several workers may have the same GPU; they are then dealt out in turn.

    Raises:
        HarnessError: there are more workers than GPUs, and they may not be shared.
        ValueError: `workers` is negative.
    """
    if workers < 0:
        raise ValueError(f"workers is {workers}: at least 0")
    if gpus and workers > len(gpus) and not share:
        raise HarnessError(
            f"{workers} workers and {len(gpus)} visible GPU{'s' if len(gpus) > 1 else ''}: each worker needs its own; "
            f"start at most {len(gpus)} (-n {len(gpus)}), or add --share-gpu"
        )
    threads = {THREADS: str(_threads(workers, environ)), WAIT_POLICY: environ.get(WAIT_POLICY) or "passive"}
    return [threads | ({VARIABLE: gpus[number % len(gpus)]} if gpus else {}) for number in range(workers)]


def gpus_for(runtimes: Iterable[Runtime], environ: Mapping[str, str]) -> tuple[str, ...]:
    """The GPUs to deal out to workers whose models run like this, by the names that CUDA_VISIBLE_DEVICES holds.

    None where nothing runs on CUDA, or no GPU is visible. A runtime that names a numbered device (cuda:1) chose it
    itself, so that none is dealt out either: inside a worker that saw one GPU only, the number would name nothing.

    Raises:
        HarnessError: a runtime's device is unknown, or its precision cannot run here.
    """
    devices = {precision(runtime).device for runtime in set(runtimes)}
    if "cuda" not in devices or any(device.startswith("cuda:") for device in devices):
        return ()
    return tuple(visible_devices(environ))


def pin_specs(
    specs: Iterable[Any], environ: Mapping[str, str], gpus: Sequence[str] = (), *, share: bool = False
) -> None:
    """Give xdist's specs of local workers the variables that `pin` finds; what a spec sets itself stays.

    A spec that names its own GPU (env:CUDA_VISIBLE_DEVICES=1) needs none of `gpus`. Called before the workers start; a
    worker that replaces a dead one is started from the same spec and keeps its GPU.

    Raises:
        HarnessError: as `pin`, of the specs that name no GPU themselves.
    """
    local = local_specs(specs)
    without = [spec for spec in local if VARIABLE not in spec.env]
    dealt = pin(len(without), environ, gpus, share=share)
    for spec, variables in zip(local, pin(len(local), environ), strict=True):
        spec.env = variables | spec.env
    for spec, variables in zip(without, dealt, strict=True):
        spec.env = spec.env | {name: value for name, value in variables.items() if name == VARIABLE}


def local_specs(specs: Iterable[Any]) -> list[Any]:
    """The specs of workers on this machine: those that xdist opens itself, and not through another gateway."""
    return [spec for spec in specs if spec.popen and not spec.via]


def usable_cores() -> int:
    """Cores that this process may use: its affinity, within a container's quota (cgroup version 2); at least 1."""
    cores = _affinity()
    quota = _quota_cores()
    return cores if quota is None else max(1, min(cores, int(quota)))


def _affinity() -> int:
    counted = getattr(os, "process_cpu_count", None)  # from Python 3.13; it knows -X cpu_count
    if counted is not None:
        return counted() or 1
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _quota_cores() -> float | None:
    """How many cores' worth of time the control group gives; None without a bound."""
    try:
        quota, period = CPU_QUOTA.read_text(encoding="ascii").split()
        return int(quota) / int(period)
    except (OSError, ValueError, ZeroDivisionError):
        return None


def _threads(workers: int, environ: Mapping[str, str]) -> int:
    """A worker's share of the cores, within the outer variable; that may list a number for each nested level."""
    part = max(1, usable_cores() // max(1, workers))
    outer = environ.get(THREADS, "").partition(",")[0].strip()
    return min(part, int(outer)) if outer.isdecimal() and int(outer) > 0 else part
