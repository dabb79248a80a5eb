"""The NVIDIA GPUs that this process may use, as nvidia-smi tells them."""

import csv
import os
import re
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

PROGRAM = "nvidia-smi"
QUERY = (
    "--query-gpu=index,uuid,name,memory.free,compute_cap,mig.mode.current",
    "--format=csv,noheader,nounits",
)
COLUMNS = 6
DIVIDED = "Enabled"
TIMEOUT_S = 2.0
VARIABLE = "CUDA_VISIBLE_DEVICES"
GPU_LINE = re.compile(r"GPU \d+: .*\(UUID: (?P<uuid>GPU-[\w-]+)\)")
# Drivers before R470 name a part MIG-GPU-UUID/INSTANCE/INSTANCE.
PART_LINE = re.compile(r"\s+MIG (?P<profile>\S+?\.(?P<gigabytes>\d+)gb\S*)\s.*\(UUID: (?P<uuid>MIG-[\w/-]+)\)")


@dataclass(frozen=True, slots=True, kw_only=True)
class Gpu:
    """A GPU or a part of one; `free_gb` in GB (2^30 bytes), None where it shares the system's memory.

    Of a part of a GPU (MIG) the whole size of its profile stands for the free memory; `index` is empty.
    """

    index: str
    uuid: str
    name: str
    free_gb: float | None
    compute_capability: float


def visible_gpus() -> tuple[Gpu, ...]:
    """The GPUs that CUDA_VISIBLE_DEVICES leaves to this process, in its order; none without a working nvidia-smi."""
    return tuple(visible_devices(os.environ).values())


def visible_devices(environ: Mapping[str, str]) -> dict[str, Gpu]:
    """The GPUs that CUDA_VISIBLE_DEVICES in `environ` leaves, in its order, by the names that it gives them.

    Names are indices, UUIDs and their beginnings if only one GPU begins so, and count until the first that names no
    GPU. An empty value, and one that names a GPU twice, hide all. Where the variable is not set, a GPU goes by its
    index, and one that is divided into parts (MIG) by the parts' UUIDs; where any is divided, all go by UUID.

    Source: CUDA C++ programming guide, environment variables; for a GPU named twice, torch.cuda.
    """
    wanted = environ.get(VARIABLE)
    if wanted is not None and not wanted.strip():
        return {}
    wholes, parts = _all_gpus()
    if wanted is None:
        return _unnamed(wholes, parts)
    return _named([name.strip() for name in wanted.split(",")], wholes, parts)


def _unnamed(wholes: Sequence[Gpu], parts: Mapping[str, Sequence[Gpu]]) -> dict[str, Gpu]:
    if not parts:
        return {gpu.index: gpu for gpu in wholes}
    return {part.uuid: part for gpu in wholes for part in parts.get(gpu.uuid, (gpu,))}


def _named(names: Sequence[str], wholes: Sequence[Gpu], parts: Mapping[str, Sequence[Gpu]]) -> dict[str, Gpu]:
    visible: dict[str, Gpu] = {}
    for name in names:
        gpu = _find(name, wholes, parts)
        if gpu is None:
            break
        if gpu in visible.values():
            return {}
        visible[name] = gpu
    return visible


def _find(name: str, wholes: Sequence[Gpu], parts: Mapping[str, Sequence[Gpu]]) -> Gpu | None:
    """The one GPU or part of that name; by the name of a divided GPU CUDA takes its first part."""
    if name.startswith("MIG-"):
        found = [part for group in parts.values() for part in group if part.uuid.startswith(name)]
    else:
        found = [gpu for gpu in wholes if name == gpu.index or (name.startswith("GPU-") and gpu.uuid.startswith(name))]
    if len(found) != 1:
        return None
    return next(iter(parts.get(found[0].uuid, found)), None)


def _all_gpus() -> tuple[tuple[Gpu, ...], Mapping[str, Sequence[Gpu]]]:
    """Every GPU, and the parts of those that are divided, by the whole's UUID; a part has no index that CUDA reads."""
    rows = [row for row in csv.reader(_told(*QUERY), skipinitialspace=True) if len(row) == COLUMNS]
    wholes = tuple(_gpu(row) for row in rows)
    divided = {gpu.uuid: gpu for gpu, row in zip(wholes, rows, strict=True) if row[-1] == DIVIDED}
    return wholes, _parts(divided) if divided else {}


def _gpu(row: Sequence[str]) -> Gpu:
    index, uuid, name, free_mib, capability, _ = row
    return Gpu(
        index=index,
        uuid=uuid,
        name=name,
        # A GPU that shares the system's memory tells "[N/A]".
        free_gb=float(free_mib) / 1024 if free_mib.isdecimal() else None,
        compute_capability=float(capability),
    )


def _parts(divided: Mapping[str, Gpu]) -> dict[str, list[Gpu]]:
    """The parts of each divided GPU, by its UUID; one that has none yet cannot be used."""
    parts: dict[str, list[Gpu]] = {uuid: [] for uuid in divided}
    whole: Gpu | None = None
    for line in _told("-L"):
        if head := GPU_LINE.match(line):
            whole = divided.get(head["uuid"])
        elif whole is not None and (part := PART_LINE.match(line)):
            name, size = f"{whole.name} MIG {part['profile']}", float(part["gigabytes"])
            parts[whole.uuid].append(replace(whole, index="", uuid=part["uuid"], name=name, free_gb=size))
    return parts


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
