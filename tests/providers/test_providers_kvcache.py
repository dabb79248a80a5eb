"""The growing cache holds what transformers' own holds."""

from collections.abc import Callable
from typing import Any

import pytest

torch = pytest.importorskip("torch")

from hypothesis import given  # noqa: E402 - torch is optional
from hypothesis import strategies as st  # noqa: E402

from harness.providers.kvcache import (  # noqa: E402
    SPARE_TOKENS,
    drop_last,
    keep_rows,
    roomy_cache,
    stacked,
    without_gaps,
)

steps = st.lists(
    st.one_of(
        st.tuples(st.just("add"), st.integers(1, SPARE_TOKENS)),
        st.tuples(st.just("drop"), st.integers(0, 3)),
        st.tuples(st.just("keep"), st.permutations(range(3))),
    ),
    max_size=8,
)


@given(steps=steps)
def test_it_holds_what_was_appended_dropped_and_kept(steps: list[tuple[str, Any]]) -> None:
    generator = torch.Generator().manual_seed(1)
    cache = roomy_cache()
    keys = torch.rand(3, 2, 4, 5, generator=generator)
    cache.update(keys, -keys, 0)
    for what, value in steps:
        if what == "add":
            new = torch.rand(3, 2, value, 5, generator=generator)
            keys = torch.cat([keys, new], dim=-2)
            cache.update(new, -new, 0)
        elif what == "drop" and keys.shape[-2] > value:
            keys = keys[..., : keys.shape[-2] - value, :]
            drop_last(cache, value)
        elif what == "keep":
            keys = keys[list(value)]
            keep_rows(cache, list(value))
    assert torch.equal(cache.layers[0].keys, keys)
    assert torch.equal(cache.layers[0].values, -keys)
    assert cache.get_seq_length() == keys.shape[-2]


def test_a_new_token_copies_no_old_one() -> None:
    cache = roomy_cache()
    cache.update(torch.rand(1, 1, 4, 2), torch.rand(1, 1, 4, 2), 0)
    before = cache.layers[0].keys.data_ptr()
    cache.update(torch.rand(1, 1, SPARE_TOKENS, 2), torch.rand(1, 1, SPARE_TOKENS, 2), 0)
    assert cache.layers[0].keys.data_ptr() == before


def test_a_layer_that_was_never_filled_is_left_alone() -> None:
    cache = roomy_cache()
    cache.update(torch.rand(2, 1, 4, 2), torch.rand(2, 1, 4, 2), 1)
    keep_rows(cache, [0])
    drop_last(cache, 1)
    assert [layer.keys is None for layer in cache.layers] == [True, False]


def test_a_row_may_be_repeated(network_of: Callable[..., Any]) -> None:
    cache = roomy_cache()
    network_of()(input_ids=torch.tensor([[5, 6, 7]]), past_key_values=cache, use_cache=True)
    keep_rows(cache, [0, 0, 0])
    assert cache.layers[1].values.shape[0] == 3


@given(rows=st.sets(st.integers(0, 9)))
def test_filling_gaps_keeps_the_rows_and_moves_only_the_last(rows: set[int]) -> None:
    order = without_gaps(sorted(rows))
    assert set(order) == rows
    assert all(row in {place, *range(len(rows), 10)} for place, row in enumerate(order))


@given(rows=st.sets(st.integers(0, 4), min_size=1))
def test_rows_that_fill_gaps_hold_what_they_held(rows: set[int]) -> None:
    cache, keys, order = roomy_cache(), torch.rand(5, 2, 4, 3), without_gaps(sorted(rows))
    cache.update(keys, -keys, 0)
    keep_rows(cache, order)
    new = torch.rand(len(order), 2, 1, 3)
    cache.update(new, -new, 0)
    assert torch.equal(cache.layers[0].keys, torch.cat([keys[order], new], dim=-2))
    assert torch.equal(cache.layers[0].values, -cache.layers[0].keys)


def test_a_token_after_rows_were_dropped_copies_no_old_one() -> None:
    cache = roomy_cache()
    cache.update(torch.rand(3, 1, 4, 2), torch.rand(3, 1, 4, 2), 0)
    before = cache.layers[0].keys.data_ptr()
    keep_rows(cache, without_gaps([0, 2]))
    cache.update(torch.rand(2, 1, 1, 2), torch.rand(2, 1, 1, 2), 0)
    assert cache.layers[0].keys.data_ptr() == before


@given(sizes=st.lists(st.tuples(st.integers(1, 3), st.integers(1, 6)), min_size=1, max_size=4))
def test_stacked_parts_end_in_one_column(sizes: list[tuple[int, int]]) -> None:
    parts, width = [], max(tokens for _, tokens in sizes)
    tensors = [torch.rand(rows, 2, tokens, 3) for rows, tokens in sizes]
    for tensor in tensors:
        parts.append(roomy_cache())
        parts[-1].update(tensor, -tensor, 0)
    padded = [torch.nn.functional.pad(tensor, (0, 0, width - tensor.shape[-2], 0)) for tensor in tensors]
    whole = stacked(parts)
    assert torch.equal(whole.layers[0].keys, torch.cat(padded))
    assert torch.equal(whole.layers[0].values, -torch.cat(padded))


def test_a_token_after_stacking_copies_no_old_one() -> None:
    parts = [roomy_cache(), roomy_cache()]
    for part, tokens in zip(parts, (4, 2), strict=True):
        part.update(torch.rand(1, 1, tokens, 2), torch.rand(1, 1, tokens, 2), 0)
    whole = stacked(parts)
    before = whole.layers[0].values.data_ptr()
    whole.update(torch.rand(2, 1, 1, 2), torch.rand(2, 1, 1, 2), 0)
    assert whole.layers[0].values.data_ptr() == before


def test_stacking_holds_no_part_twice_and_leaves_empty_layers_empty() -> None:
    part = roomy_cache()
    part.update(torch.rand(1, 1, 4, 2), torch.rand(1, 1, 4, 2), 1)
    whole = stacked([part])
    assert [layer.keys is None for layer in (*whole.layers, *part.layers)] == [True, False, True, True]
