"""A key-value cache that grows in place, and what is done to its rows and columns; imports torch and transformers."""

import inspect
from collections.abc import Callable, Sequence
from typing import Protocol, cast

import torch
from transformers import DynamicCache
from transformers.cache_utils import DynamicLayer

SPARE_TOKENS = 64
# transformers 4 takes the keys alone, 5 the values too.
INITIALISED_BY = len(inspect.signature(DynamicLayer.lazy_initialization).parameters) - 1


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
            self._initialise(key_states, value_states)
        keys = self._append(0, self.keys, key_states)
        values = self._append(1, self.values, value_states)
        self.keys, self.values = keys, values
        return keys, values

    def _initialise(self, keys: torch.Tensor, values: torch.Tensor) -> None:
        initialise: Callable[..., None] = self.lazy_initialization
        initialise(*(keys, values)[:INITIALISED_BY])

    def _append(self, which: int, filled: torch.Tensor | None, new: torch.Tensor) -> torch.Tensor:
        before = filled.shape[-2] if filled is not None and filled.numel() else 0
        after = before + new.shape[-2]
        room = self.rooms[which]
        if room is None or filled is None or room.shape[-2] < after or room.data_ptr() != filled.data_ptr():
            room = self.rooms[which] = _room(new, len(new), after)
            if filled is not None and before:
                room[..., :before, :] = filled
        room = room[: len(new)]
        room[..., before:after, :] = new
        return room[..., :after, :]

    def stack(self, layers: Sequence["Filled"]) -> None:
        """Hold the rows of all the layers, each row's last token in the last column; before them come zeros."""
        self._initialise(layers[0].keys, layers[0].values)
        self.rooms = [_stacked([layer.keys for layer in layers]), _stacked([layer.values for layer in layers])]
        width = max(layer.keys.shape[-2] for layer in layers)
        self.keys, self.values = (room[..., :width, :] for room in self.rooms if room is not None)


def _room(like: torch.Tensor, rows: int, tokens: int) -> torch.Tensor:
    return like.new_empty(rows, like.shape[1], tokens + SPARE_TOKENS, like.shape[3])


def _stacked(parts: Sequence[torch.Tensor]) -> torch.Tensor:
    width = max(part.shape[-2] for part in parts)
    room = _room(parts[0], sum(map(len, parts)), width)
    first = 0
    for part in parts:
        lines = room[first : first + len(part)]
        gap = width - part.shape[-2]
        lines[..., :gap, :] = 0  # what is masked is multiplied by 0, and uninitialised memory may hold NaN
        lines[..., gap:width, :] = part
        first += len(part)
    return room


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


def stacked(parts: Sequence[DynamicCache]) -> DynamicCache:
    """One cache of the rows of all parts, at least one, in their order; the parts are emptied.

    Rows of a part that has fewer columns than the widest get zeros before their first.
    """
    whole = roomy_cache()
    for number in range(len(parts[0].layers)):
        layer = RoomyLayer()
        held = [cast(Filled, part.layers[number]) for part in parts]
        if held[0].is_initialized:
            layer.stack(held)
        whole.layers.append(layer)
        for part in parts:
            part.layers[number] = RoomyLayer()  # layer by layer, so that little is held twice
    return whole


def drop_last(cache: DynamicCache, tokens: int) -> None:
    """Forget the last `tokens` columns of every row."""
    for layer in _filled(cache):
        kept = layer.keys.shape[-2] - tokens
        layer.keys, layer.values = layer.keys[..., :kept, :], layer.values[..., :kept, :]


def keep_rows(cache: DynamicCache, rows: Sequence[int]) -> None:
    """Keep these rows, in this order; a row may be named more than once.

    Where rows from behind the last kept place only fill gaps, as `without_gaps` orders them, nothing else is copied.
    """
    moves = [(place, row) for place, row in enumerate(rows) if place != row]
    in_place = all(row >= len(rows) for _, row in moves)
    for layer in _filled(cache):
        if in_place:
            for place, row in moves:
                layer.keys[place], layer.values[place] = layer.keys[row], layer.values[row]
            layer.keys, layer.values = layer.keys[: len(rows)], layer.values[: len(rows)]
        else:
            index = torch.tensor(rows, device=layer.keys.device)
            layer.keys, layer.values = layer.keys.index_select(0, index), layer.values.index_select(0, index)


def without_gaps(rows: Sequence[int]) -> list[int]:
    """Ascending rows in the order that moves the fewest: the last ones fill the places of those that are not named."""
    kept = set(rows)
    behind = [row for row in rows if row >= len(rows)]
    return [place if place in kept else behind.pop() for place in range(len(rows))]


def _filled(cache: DynamicCache) -> list[Filled]:
    """The layers that hold tokens; one that reads another layer's keys and values has none of its own."""
    return [layer for layer in cast(list[Filled], cache.layers) if layer.is_initialized]
