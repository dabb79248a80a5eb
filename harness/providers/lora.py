"""Low-rank adapters laid into the weights of a loaded model, so that it runs as an ordinary one; imports torch.

Source: Hu et al. 2021, LoRA, arXiv:2106.09685; the scale of rsLoRA: Kalajdzievski 2023, arXiv:2312.03732.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import safe_open
from safetensors.torch import load_file
from torch import nn
from transformers import AutoConfig, AutoModelForCausalLM, PreTrainedModel

from harness.errors import HarnessError
from harness.providers.adapters import WEIGHTS, Adapter
from harness.providers.quoting import first_line

PREFIX = "base_model.model."
DOWN, UP = ".lora_A.weight", ".lora_B.weight"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Pair:
    """The two thin matrices beside one layer: `down` (rank, in features) and `up` (out features, rank)."""

    layer: str
    down: torch.Tensor
    up: torch.Tensor


def merge(network: PreTrainedModel, adapter: Adapter) -> None:
    """Add scale B A to the weight of each layer that the adapter has a pair for, in fp32 and rounded once.

    Raises:
        HarnessError: the adapter cannot be read, holds what is not understood, or fits another model; the network is
            then as it was.
    """
    with torch.no_grad():
        for layer, pair in matched(network, adapter):
            change = adapter.scale * (pair.up.float() @ pair.down.float())
            layer.weight.copy_(layer.weight.float() + change.to(layer.weight.device))


def matched(network: PreTrainedModel, adapter: Adapter) -> Sequence[tuple[nn.Linear, Pair]]:
    """Each layer that the adapter changes, with its pair, in order of name; never empty.

    Raises:
        HarnessError: as `merge`.
    """
    layers = dict(network.named_modules())
    found = [(_linear(layers.get(pair.layer), pair, adapter), pair) for pair in _pairs(adapter)]
    _refuse_shared(network, adapter, [layer for layer, _ in found])
    return found


def refuse_unfit(folder: Path, adapter: Adapter, *, trust_remote_code: bool = False) -> None:
    """Refuse what `merge` would, by the config of the model in `folder`: no weights are read.

    Raises:
        HarnessError: as `merge`, or transformers does not know the model's layers.
    """
    build: Any = AutoModelForCausalLM.from_config
    try:
        config = AutoConfig.from_pretrained(str(folder), local_files_only=True, trust_remote_code=trust_remote_code)
        with torch.device("meta"):
            network = build(config, trust_remote_code=trust_remote_code)
    except Exception as error:  # code of models raises whatever it stumbles over
        raise HarnessError(
            f"adapter {adapter.folder} cannot be held against the layers of {folder}: {first_line(error)}; "
            "merge it into the model's weights yourself, and name these"
        ) from error
    matched(network, adapter)


def adapted_layers(adapter: Adapter) -> list[str]:
    """The kinds of layers that the adapter changes, such as `q_proj`, in order of name."""
    with safe_open(adapter.folder / WEIGHTS, framework="pt") as file:
        return sorted({name.partition(".lora_")[0].rpartition(".")[2] for name in file.keys()})  # noqa: SIM118 - no mapping


def _pairs(adapter: Adapter) -> Iterator[Pair]:
    tensors = _tensors(adapter)
    for name in sorted(tensors):
        layer, known = name.removeprefix(PREFIX).removesuffix(DOWN).removesuffix(UP), name.endswith((DOWN, UP))
        if not (known and name.startswith(PREFIX)):
            raise HarnessError(f"adapter {adapter.folder}: tensor {name} is not supported, only pairs of linear layers")
        halves = [tensors.get(f"{PREFIX}{layer}{end}") for end in (DOWN, UP)]
        down, up = halves
        if down is None or up is None:
            raise HarnessError(f"adapter {adapter.folder}: tensor {name} has no partner: the file is not whole")
        if down.ndim != 2 or up.ndim != 2 or not len(down) == up.shape[1] == adapter.rank:  # noqa: PLR2004 - matrices
            raise HarnessError(
                f"adapter {adapter.folder}: its pair at {layer} is {_size(up)} by {_size(down)}, r is {adapter.rank}: "
                "weights and config belong to different adapters"
            )
        if name.endswith(DOWN):
            yield Pair(layer=layer, down=down, up=up)


def _tensors(adapter: Adapter) -> Mapping[str, torch.Tensor]:
    try:
        tensors: Mapping[str, torch.Tensor] = load_file(adapter.folder / WEIGHTS)
    except Exception as error:  # readers of damaged files raise whatever they stumble over
        raise HarnessError(f"adapter {adapter.folder}: {WEIGHTS} cannot be read: {first_line(error)}") from error
    if not tensors:
        raise HarnessError(f"adapter {adapter.folder}: {WEIGHTS} is empty: it would change nothing")
    return tensors


def _linear(layer: nn.Module | None, pair: Pair, adapter: Adapter) -> nn.Linear:
    trained = f"it was trained on {adapter.base}"
    if not isinstance(layer, nn.Linear):
        raise HarnessError(
            f"adapter {adapter.folder} does not fit this model, which has no linear layer {pair.layer}: {trained}"
        )
    size = (len(pair.up), pair.down.shape[1])
    if tuple(layer.weight.shape) != size:
        raise HarnessError(
            f"adapter {adapter.folder} does not fit this model, whose {pair.layer} is {_size(layer.weight)} and not "
            f"{size[0]}x{size[1]}: {trained}"
        )
    return layer


def _refuse_shared(network: PreTrainedModel, adapter: Adapter, layers: Sequence[nn.Linear]) -> None:
    embedding = network.get_input_embeddings()
    if any(layer.weight is getattr(embedding, "weight", None) for layer in layers):
        raise HarnessError(
            f"adapter {adapter.folder}: it changes a layer whose weights are also the embedding: not supported; "
            "merge it into the model's weights yourself, and name these"
        )


def _size(matrix: torch.Tensor) -> str:
    return "x".join(map(str, matrix.shape))
