"""A low-rank adapter as peft writes it: what it must hold, what in it is understood, and what identifies it."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from math import isfinite, sqrt
from pathlib import Path
from typing import Any

from harness.cache import digest
from harness.errors import HarnessError, WeightsMissing
from harness.providers.filehash import folder_sha256
from harness.providers.quoting import first_line
from harness.records import ModelSpec

CONFIG = "adapter_config.json"
WEIGHTS = "adapter_model.safetensors"
MERGE_VERSION = 1  # rises when the same adapter would change the weights otherwise
READ = frozenset({"peft_type", "r", "lora_alpha", "use_rslora", "init_lora_weights"})
# What decides how an adapter was trained or where it came from, and nothing about what it does once trained.
TOLD = frozenset(
    {
        "auto_mapping", "base_model_name_or_path", "ensure_weight_tying", "eva_config", "exclude_modules",
        "inference_mode", "layers_pattern", "layers_to_transform", "lora_dropout", "megatron_core", "peft_version",
        "qalora_group_size", "revision", "runtime_config", "target_modules", "task_type",
    }
)  # fmt: skip
# The others of peft's ways to begin take the adapter's first state out of the base model's weights.
PLAIN_STARTS = (None, True, False, "gaussian", "orthogonal", "eva")
EMPTY: tuple[object, ...] = (None, False, "none", "", [], {})


@dataclass(frozen=True, slots=True, kw_only=True)
class Adapter:
    """An adapter that was found: beside a layer's weight W stands `scale` B A, with `rank` rows in A.

    `base` is the model it says it was trained on, in its own words; `content` identifies config and weights.
    """

    name: str
    folder: Path
    rank: int
    scale: float
    base: str
    content: str


def find_adapter(model: ModelSpec, name: str) -> Adapter:
    """The model's adapter of that name, read but for its tensors.

    Raises:
        WeightsMissing: the model has none of that name, or its folder lacks a file.
        HarnessError: its config cannot be read, or asks for what is not supported.
    """
    if name not in model.adapters:
        raise WeightsMissing(
            f"model {model.name!r} has no adapter {name!r}: write adapters = {{{name} = 'FOLDER'}} under "
            f"[models.{model.name!r}], or leave out the conditions that need it"
        )
    folder = Path(model.adapters[name]).expanduser()
    _require_files(model, name, folder)
    config = _read_config(folder)
    if problem := _unsupported(config):
        raise HarnessError(f"adapter {folder}: {problem}; merge it into the model's weights yourself, and name these")
    rank, alpha = config["r"], config["lora_alpha"]
    return Adapter(
        name=name,
        folder=folder,
        rank=rank,
        scale=alpha / (sqrt(rank) if config.get("use_rslora") else rank),
        base=str(config.get("base_model_name_or_path") or "an unnamed model"),
        content=digest({"version": MERGE_VERSION, "files": folder_sha256(folder, (CONFIG, WEIGHTS))}),
    )


def _require_files(model: ModelSpec, name: str, folder: Path) -> None:
    absent = [file for file in (CONFIG, WEIGHTS) if not (folder / file).is_file()]
    if absent:
        pickled = " (pickled weights are not loaded)" if any(folder.glob("adapter_model.bin")) else ""
        raise WeightsMissing(
            f"adapter {name!r} of model {model.name!r}: folder {folder} has no {' and no '.join(absent)}{pickled}: "
            "put there what peft's save_pretrained writes"
        )


def _read_config(folder: Path) -> Mapping[str, Any]:
    try:
        config = json.loads((folder / CONFIG).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise HarnessError(f"adapter {folder}: {CONFIG} cannot be read: {first_line(error)}") from error
    if not isinstance(config, dict):
        raise HarnessError(f"adapter {folder}: {CONFIG} holds no table: write it again with peft's save_pretrained")
    return config


def _unsupported(config: Mapping[str, object]) -> str | None:
    """What in the config is not supported, in words; None when all of it is."""
    if config.get("peft_type") != "LORA":
        return f"peft_type is {config.get('peft_type')!r}, only 'LORA' is supported"
    rank, alpha = config.get("r"), config.get("lora_alpha")
    if isinstance(rank, bool) or not isinstance(rank, int) or rank < 1:
        return f"r is {rank!r}, it must be a whole number above 0"
    if isinstance(alpha, bool) or not isinstance(alpha, int | float) or not isfinite(alpha):
        return f"lora_alpha is {alpha!r}, it must be a number"
    if not isinstance(config.get("use_rslora", False), bool | None):
        return f"use_rslora is {config['use_rslora']!r}, it must be true or false"
    if (start := config.get("init_lora_weights", True)) not in PLAIN_STARTS:
        return f"init_lora_weights = {start!r} changes the base model, which is not supported"
    others = sorted(config.keys() - READ - TOLD)
    return next((f"{name} = {config[name]!r} is not supported" for name in others if config[name] not in EMPTY), None)
