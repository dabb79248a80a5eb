"""Packed values come back, whatever is in them."""

import base64
import json
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.report.html.pack import packed

TEXTS = st.text(st.characters(codec=None, exclude_categories=("Cs",)))
VALUES = st.recursive(st.none() | st.integers(-(2**53), 2**53) | TEXTS, st.lists, max_leaves=20)


def unpacked(text: str) -> object:
    return json.loads(zlib.decompress(base64.b64decode(text, validate=True)).decode("utf-8"))


@given(VALUES)
def test_a_value_comes_back(value: object) -> None:
    assert unpacked(packed(value)) == value


@given(st.lists(st.sampled_from(["\\", '"', "a", "\ud800", "\udfff x", "\u20ac"])).map(" ".join))
def test_a_lone_surrogate_comes_back(text: str) -> None:
    assert unpacked(packed([text])) == [text]


@given(VALUES)
def test_what_is_packed_cannot_end_a_script(value: object) -> None:
    assert not set("<>&\"'") & set(packed(value))


def test_a_number_that_is_not_finite_is_refused() -> None:
    with pytest.raises(ValueError, match="JSON"):
        packed([float("nan")])
