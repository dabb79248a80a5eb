"""Stop strings are seen as soon as they are complete, and never shown."""

from collections.abc import Callable
from typing import Any

import pytest

pytest.importorskip("torch")

from hypothesis import assume, given
from hypothesis import strategies as st

from harness.providers.stopping import cut_at_stop, stop_finder, text_of

texts = st.text(st.sampled_from("ab \nQ:é1"), max_size=30)
stops = st.lists(st.text(st.sampled_from("ab \nQ:é1"), min_size=1, max_size=4), min_size=1, max_size=3)


def ids_of(tokenizer: Any, text: str) -> list[int]:
    return list(tokenizer(text, add_special_tokens=False)["input_ids"])


@given(text=texts, wanted=stops)
def test_it_stops_with_the_token_that_completes_a_stop(
    text: str, wanted: list[str], tokenizer_of: Callable[..., Any]
) -> None:
    tokenizer = tokenizer_of()
    stopped = stop_finder(tokenizer, wanted)
    ids = ids_of(tokenizer, text)
    seen = [any(stop in text_of(tokenizer, ids[:n]) for stop in wanted) for n in range(1, len(ids) + 1)]
    first = seen.index(True) + 1 if True in seen else len(ids)
    assert [stopped(ids[:n]) for n in range(1, first + 1)] == seen[:first]


@given(text=texts, wanted=stops)
def test_the_text_ends_before_the_first_stop(text: str, wanted: list[str], tokenizer_of: Callable[..., Any]) -> None:
    tokenizer = tokenizer_of()
    shown, _ = cut_at_stop(tokenizer, ids_of(tokenizer, text), wanted)
    assert text.startswith(shown)
    assert shown == min((text.partition(stop)[0] for stop in wanted), key=len)


@given(text=texts, wanted=stops)
def test_the_kept_tokens_spell_the_shown_text_and_one_less_does_not(
    text: str, wanted: list[str], tokenizer_of: Callable[..., Any]
) -> None:
    tokenizer = tokenizer_of()
    ids = ids_of(tokenizer, text)
    shown, kept = cut_at_stop(tokenizer, ids, wanted)
    assume(shown != text)
    assert text_of(tokenizer, ids[:kept]).startswith(shown)
    assert kept == 0 or not text_of(tokenizer, ids[: kept - 1]).startswith(shown)


def test_without_stops_all_is_kept(tokenizer_of: Callable[..., Any]) -> None:
    tokenizer = tokenizer_of()
    ids = ids_of(tokenizer, "a b\nc")
    assert (stop_finder(tokenizer, ("",))(ids), cut_at_stop(tokenizer, ids, ())) == (False, ("a b\nc", len(ids)))


def test_special_tokens_are_not_text(tokenizer_of: Callable[..., Any]) -> None:
    tokenizer = tokenizer_of()
    assert text_of(tokenizer, ids_of(tokenizer, "<|im_start|>a <|im_end|>")) == "a "
