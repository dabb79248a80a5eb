"""The NVIDIA GPUs that this process may use, as nvidia-smi tells them."""

import csv
import os
import re
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

PROGRAM = "nvidia-smi"
QUERY = ("--query-gpu=index,uuid,name,memory.free,compute_cap", "--format=csv,noheader,nounits")
TIMEOUT_S = 2.0
GPU_LINE = re.compile(r"GPU \d+: .*\(UUID: (?P<uuid>GPU-[\w-]+)\)")
PART_LINE = re.compile(r"\s+MIG (?P<profile>\S+?\.(?P<gigabytes>\d+)gb\S*)\s.*\(UUID: (?P<uuid>MIG-[\w-]+)\)")


@dataclass(frozen=True, slots=True, kw_only=True)
class Gpu:
    """A GPU or a part of one; `free_gb` in GB (2^30 bytes), None where it shares the system's memory.

    Of a part of a GPU (MIG) the whole size of its profile stands for the free memory.
    """

    index: str
    uuid: str
    name: str
    free_gb: float | None
    compute_capability: float


def visible_gpus() -> tuple[Gpu, ...]:
    """The GPUs that CUDA_VISIBLE_DEVICES leaves to this process, in its order; none without a working nvidia-smi.

    Indices and (shortened) UUIDs count until the first that names no GPU, as CUDA reads them; an empty value hides all.
    """
    wanted = os.environ.get("CUDA_VISIBLE_DEVICES")
    if wanted is not None and not wanted.strip():
        return ()
    gpus = _all_gpus()
    if wanted is None:
        return gpus
    if "MIG-" in wanted:
        gpus = (*gpus, *_parts({gpu.uuid: gpu for gpu in gpus}))
    visible: list[Gpu] = []
    for device in (part.strip() for part in wanted.split(",")):
        gpu = next((gpu for gpu in gpus if device == gpu.index or (device and gpu.uuid.startswith(device))), None)
        if gpu is None:
            break
        visible.append(gpu)
    return tuple(visible)


def _all_gpus() -> tuple[Gpu, ...]:
    return tuple(
        _gpu(row) for row in csv.reader(_told(*QUERY), skipinitialspace=True) if len(row) == len(Gpu.__slots__)
    )


def _gpu(row: Sequence[str]) -> Gpu:
    index, uuid, name, free_mib, capability = row
    return Gpu(
        index=index,
        uuid=uuid,
        name=name,
        # A GPU that shares the system's memory tells "[N/A]".
        free_gb=float(free_mib) / 1024 if free_mib.isdecimal() else None,
        compute_capability=float(capability),
    )


def _parts(gpus: Mapping[str, Gpu]) -> tuple[Gpu, ...]:
    """The parts into which GPUs are divided; they have no index of their own that CUDA would read."""
    parts: list[Gpu] = []
    whole: Gpu | None = None
    for line in _told("-L"):
        if head := GPU_LINE.match(line):
            whole = gpus.get(head["uuid"])
        elif whole is not None and (part := PART_LINE.match(line)):
            name, size = f"{whole.name} MIG {part['profile']}", float(part["gigabytes"])
            parts.append(replace(whole, index="", uuid=part["uuid"], name=name, free_gb=size))
    return tuple(parts)


def _told(*arguments: str) -> list[str]:
    """The lines that nvidia-smi prints; none where it is missing, fails or hangs: CUDA would find no GPU either."""
    if shutil.which(PROGRAM) is None:
        return []
    command = [PROGRAM, *arguments]
    try:
        told = subprocess.run(command, capture_output=True, text=True, timeout=TIMEOUT_S, check=True)  # noqa: S603 - constants
    except (OSError, subprocess.SubprocessError):
        return []
    return told.stdout.splitlines()
