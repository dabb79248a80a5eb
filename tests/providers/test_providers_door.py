"""The door: what is refused before anything is loaded."""

from dataclasses import replace
from typing import Any

import pytest

from harness.errors import HarnessError, MissingExtra, WeightsMissing
from harness.providers import transformers as door
from harness.providers.transformers import TransformersSource
from harness.records import ModelSpec, Runtime

CODE = Runtime(trust_remote_code=True, dtype="fp32", device="cpu")


@pytest.mark.parametrize("revision", [None, "main", "v1", "A" * 40, "a" * 39, "a" * 41])
def test_code_from_a_repository_needs_a_pinned_commit(revision: str | None, spec: ModelSpec) -> None:
    with pytest.raises(HarnessError, match=f"revision is {revision!r}"):
        TransformersSource(replace(spec, revision=revision), CODE)


def test_a_pinned_commit_lets_code_in(spec: ModelSpec) -> None:
    assert TransformersSource(replace(spec, revision="a" * 40), CODE).located.ready


def test_without_the_option_no_commit_is_needed(spec: ModelSpec) -> None:
    assert TransformersSource(replace(spec, revision="main"), Runtime()).located.ready


def test_unknown_options_are_refused_by_name(spec: ModelSpec) -> None:
    with pytest.raises(HarnessError, match="takes no options, got beams"):
        TransformersSource(replace(spec, options={"beams": 4}), Runtime())


def test_missing_packages_are_named_with_their_extra(spec: ModelSpec, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(door, "find_spec", lambda name: None if name == "torch" else object())
    with pytest.raises(MissingExtra, match=r"needs torch, not installed here: pip install 'pytest-scaling\[hf\]'"):
        TransformersSource(spec, Runtime())


def test_missing_weights_are_missing(spec: ModelSpec) -> None:
    with pytest.raises(WeightsMissing):
        TransformersSource(replace(spec, path="/nowhere"), Runtime())


def test_answers_do_not_depend_on_the_reference(spec: ModelSpec) -> None:
    assert not TransformersSource(spec, Runtime()).reads_reference


@pytest.mark.parametrize("change", [{"dtype": "bf16"}, {"quantisation": "fp16"}])
def test_the_precision_is_in_the_fingerprint(change: dict[str, Any], spec: ModelSpec) -> None:
    base = Runtime(dtype="fp32", device="cpu")
    assert TransformersSource(spec, replace(base, **change)).fingerprint != TransformersSource(spec, base).fingerprint
