"""Low-rank adapters for the ladder, in the layout of peft: one taught without passages, one with; imports torch.

Source: Hu et al. 2021, LoRA, arXiv:2106.09685.
"""

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import cast

import torch
from safetensors.torch import save
from torch import nn
from transformers import LlamaForCausalLM

from harness.pocket.lessons import Teacher
from harness.pocket.recipe import RANK, TUNING_PART, Mode, Recipe, Size
from harness.pocket.train import ATTENTION, Course, train
from harness.providers.adapters import CONFIG, WEIGHTS
from harness.providers.reading import read_weights

TARGETS = ("q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj")
ALPHA = 8
RATE = 4e-3


def tuning(mode: Mode, base: Recipe) -> Recipe:
    """The base's recipe with rows of this mode alone, and a part of its steps."""
    rows = base.closed_rows + base.open_rows
    closed = rows if mode == "ft" else 0
    steps = max(1, base.steps // TUNING_PART)
    return replace(base, steps=steps, closed_rows=closed, open_rows=rows - closed, decay=0.0)


class LowRank(nn.Module):
    """A frozen linear layer and a trained product of two thin matrices beside it; at first the product is 0."""

    def __init__(self, frozen: nn.Linear) -> None:
        super().__init__()
        self.frozen = frozen
        self.lora_A = nn.Linear(frozen.in_features, RANK, bias=False)
        self.lora_B = nn.Linear(RANK, frozen.out_features, bias=False)
        nn.init.zeros_(self.lora_B.weight)

    def forward(self, hidden: torch.Tensor) -> torch.Tensor:
        """Takes (..., in features), gives (..., out features)."""
        changed: torch.Tensor = self.lora_B(self.lora_A(hidden))
        frozen: torch.Tensor = self.frozen(hidden)
        return frozen + changed * (ALPHA / RANK)


def load_base(folder: Path) -> LlamaForCausalLM:
    """The model in a folder, in fp32, as training needs it."""
    return cast(LlamaForCausalLM, read_weights(folder, dtype=torch.float32, attn_implementation=ATTENTION))


def add_adapter(model: LlamaForCausalLM, seed: int) -> None:
    """Freeze the model and put a low-rank pair beside each of its linear layers."""
    torch.manual_seed(seed)
    model.requires_grad_(requires_grad=False)
    for layer in model.model.layers:
        for part in (layer.self_attn, layer.mlp):
            for name in TARGETS:
                if hasattr(part, name):
                    setattr(part, name, LowRank(getattr(part, name)))


def adapter_weights(model: LlamaForCausalLM) -> Mapping[str, torch.Tensor]:
    """The pairs by the names that peft gives them."""
    return {
        f"base_model.model.{name}": value.detach().bfloat16().contiguous()
        for name, value in model.named_parameters()
        if "lora_" in name
    }


def adapter_config(size: Size) -> Mapping[str, object]:
    """The adapter_config.json of peft."""
    return {
        "peft_type": "LORA",
        "task_type": "CAUSAL_LM",
        "base_model_name_or_path": f"pocket-{size.name}",
        "r": RANK,
        "lora_alpha": ALPHA,
        "lora_dropout": 0.0,
        "bias": "none",
        "fan_in_fan_out": False,
        "inference_mode": True,
        "target_modules": list(TARGETS),
    }


def tune(model: LlamaForCausalLM, teacher: Teacher, recipe: Recipe) -> None:
    """Train the adapter in place; nothing else changes."""
    taught = [value for value in model.parameters() if value.requires_grad]
    optimiser = torch.optim.AdamW(taught, lr=RATE, betas=recipe.betas, weight_decay=recipe.decay)
    train(model, teacher, Course(recipe=recipe, optimisers=[optimiser]))


def save_adapter(model: LlamaForCausalLM, size: Size, folder: Path) -> None:
    """Write the adapter alone, as peft does."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / WEIGHTS).write_bytes(save(dict(adapter_weights(model))))
    text = json.dumps(adapter_config(size), indent=1)
    (folder / CONFIG).write_text(text + "\n", encoding="ascii")
