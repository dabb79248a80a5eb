"""Weights from a folder into a model, whole or not at all; imports torch and transformers."""

from pathlib import Path
from typing import Any

from transformers import AutoModelForCausalLM, PreTrainedModel


def read_weights(folder: Path, **arguments: object) -> PreTrainedModel:
    """A causal language model from local files; `arguments` go to transformers.

    Raises:
        ValueError: a tensor is missing or has another shape. transformers would make one up and only warn.
    """
    read: Any = AutoModelForCausalLM.from_pretrained
    model, told = read(str(folder), local_files_only=True, use_safetensors=True, output_loading_info=True, **arguments)
    for problem in ("missing_keys", "mismatched_keys"):
        if names := sorted(map(str, told[problem])):
            raise ValueError(f"{len(names)} {problem.replace('_keys', '')} tensors, first {names[0]}")
    found: PreTrainedModel = model
    return found
