"""A key-value cache that grows in place, and what is done to its rows and columns; imports torch and transformers."""

from collections.abc import Sequence
from typing import Protocol, cast

import torch
from transformers import DynamicCache
from transformers.cache_utils import DynamicLayer

SPARE_TOKENS = 64


class RoomyLayer(DynamicLayer):  # type: ignore[no-untyped-call] # its base has an untyped __init_subclass__
    """A layer with spare room behind its tokens: a new token is written into it instead of all of them being copied.

    `keys` and `values` are views of what is filled, of shape (batch, heads, tokens, head_dim), so all that the parent
    does with them holds. Replacing them by other tensors only loses the room.
    """

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.rooms: list[torch.Tensor | None] = [None, None]

    def update(
        self, key_states: torch.Tensor, value_states: torch.Tensor, *_args: object, **_kwargs: object
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Append two tensors of shape (batch, heads, new tokens, head_dim); returns all keys and all values."""
        if not self.is_initialized:
            self.lazy_initialization(key_states, value_states)
        keys = self._append(0, self.keys, key_states)
        values = self._append(1, self.values, value_states)
        self.keys, self.values = keys, values
        return keys, values

    def _append(self, which: int, filled: torch.Tensor | None, new: torch.Tensor) -> torch.Tensor:
        before = filled.shape[-2] if filled is not None and filled.numel() else 0
        after = before + new.shape[-2]
        room = self.rooms[which]
        if room is None or filled is None or room.shape[-2] < after or room.data_ptr() != filled.data_ptr():
            batch, heads, _, size = new.shape
            room = self.rooms[which] = new.new_empty(batch, heads, after + SPARE_TOKENS, size)
            if filled is not None and before:
                room[..., :before, :] = filled
        room[..., before:after, :] = new
        return room[..., :after, :]


class Filled(Protocol):
    """A layer as the functions below use it."""

    is_initialized: bool
    keys: torch.Tensor
    values: torch.Tensor


def roomy_cache() -> DynamicCache:
    """An empty cache whose layers grow in place."""
    cache = DynamicCache()
    cache.layer_class_to_replicate = RoomyLayer
    return cache


def beginning(cache: DynamicCache, tokens: int, rows: int) -> DynamicCache:
    """A new cache of `rows` rows that all hold the first `tokens` columns of the one row in `cache`, which stays."""
    fresh = roomy_cache()
    for number, layer in enumerate(cast(list[Filled], cache.layers)):
        if layer.is_initialized:
            keys, values = (each[..., :tokens, :].expand(rows, -1, -1, -1) for each in (layer.keys, layer.values))
            fresh.update(keys, values, number)
    return fresh


def drop_last(cache: DynamicCache, tokens: int) -> None:
    """Forget the last `tokens` columns of every row."""
    for layer in _filled(cache):
        kept = layer.keys.shape[-2] - tokens
        layer.keys, layer.values = layer.keys[..., :kept, :], layer.values[..., :kept, :]


def keep_rows(cache: DynamicCache, rows: Sequence[int]) -> None:
    """Keep these rows, in this order; a row may be named more than once."""
    for layer in _filled(cache):
        index = torch.tensor(rows, device=layer.keys.device)
        layer.keys, layer.values = layer.keys.index_select(0, index), layer.values.index_select(0, index)


def _filled(cache: DynamicCache) -> list[Filled]:
    """The layers that hold tokens; one that reads another layer's keys and values has none of its own."""
    return [layer for layer in cast(list[Filled], cache.layers) if layer.is_initialized]
