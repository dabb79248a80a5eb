"""The cleaner: every published vector, and what it never does."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.metrics import posthoc, wattbot
from tests.strategies import texts

GOLDEN = Path(__file__).resolve().parents[2].parent / "shared" / "reference" / "golden_wattbot_scorer.json"
VECTORS = json.loads(GOLDEN.read_text(encoding="utf-8")) if GOLDEN.exists() else {"posthoc": [], "posthoc_ref": []}
pinned = pytest.mark.skipif(not GOLDEN.exists(), reason="the reference vectors are not beside this checkout")


@pinned
def test_there_are_vectors_of_both_kinds() -> None:
    assert (len(VECTORS["posthoc"]), len(VECTORS["posthoc_ref"])) == (15, 6)


@pytest.mark.parametrize("vector", VECTORS["posthoc"], ids=lambda vector: vector["raw"] or "empty")
def test_value_vector(vector: dict[str, Any]) -> None:
    assert posthoc.clean_value(vector["raw"], vector["question"]) == vector["out"]


@pytest.mark.parametrize("vector", VECTORS["posthoc_ref"], ids=lambda vector: str(vector["raw"]))
def test_reference_vector(vector: dict[str, Any]) -> None:
    expected = [vector["out"]] if isinstance(vector["out"], str) else vector["out"]

    assert list(posthoc.clean_refs(vector["raw"])) == expected


@given(texts, texts)
def test_a_cleaned_value_is_never_empty(raw: str, question: str) -> None:
    assert posthoc.clean_value(raw, question)


@given(texts)
def test_blanks_stay_blank(raw: str) -> None:
    assert wattbot.is_blank(posthoc.clean_value(raw)) >= wattbot.is_blank(raw)


@given(texts | st.lists(texts, max_size=4))
def test_cleaned_references_are_never_empty(raw: str | list[str]) -> None:
    assert all(posthoc.clean_refs(raw))
    assert posthoc.clean_refs(raw)


@pytest.mark.parametrize(
    ("raw", "question", "expected"),
    [
        ("either true or false", "True or False: x", "either true or false"),
        ("surely false", " true or false? x", "0"),
        ("surely false", "Which is it?", "surely false"),
        ("Name (more than fifteen letters)", "", "Name (more than fifteen letters)"),
        ("12", "", "12"),
    ],
)
def test_values_by_example(raw: str, question: str, expected: str) -> None:
    assert posthoc.clean_value(raw, question) == expected
