"""The growing cache holds what transformers' own holds."""

from collections.abc import Callable
from typing import Any

import pytest

torch = pytest.importorskip("torch")

from hypothesis import given  # noqa: E402 - torch is optional
from hypothesis import strategies as st  # noqa: E402

from harness.providers.kvcache import SPARE_TOKENS, drop_last, keep_rows, roomy_cache  # noqa: E402

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
