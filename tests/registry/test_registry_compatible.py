"""The earlier recommender's answers, from the reference file."""

import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from harness.registry import compatible
from harness.registry.compatible import compatible_models, list_compatible, recommend_compatible

REFERENCE = Path(__file__).resolve().parents[2].parent / "shared" / "reference" / "presets_and_hardware.json"
KEY = re.compile(r"(?P<memory>[\d.]+)GB/(?P<quantisation>\w+)/minctx=(?P<context>\w+)")


@pytest.fixture(scope="module")
def reference() -> dict[str, Any]:
    if not REFERENCE.is_file():
        pytest.skip("the reference vectors do not lie beside the checkout")
    read: dict[str, Any] = json.loads(REFERENCE.read_text(encoding="utf-8"))
    return read


def test_every_recommendation_is_reproduced(reference: dict[str, Any]) -> None:
    expected = reference["expected"]["recommend_model_for_hardware"]
    assert {
        name: {
            "prefer_reasoning": recommend_compatible(name, prefer_reasoning=True),
            "no_pref": recommend_compatible(name, prefer_reasoning=False),
        }
        for name in expected
    } == expected


def test_every_list_is_reproduced(reference: dict[str, Any]) -> None:
    expected = reference["expected"]["list_available_models"]
    answered = {}
    for key in expected:
        asked = KEY.fullmatch(key)
        assert asked
        context = None if asked["context"] == "None" else int(asked["context"])
        answered[key] = list(
            list_compatible(
                max_memory_gb=float(asked["memory"]), quantisation=asked["quantisation"], min_context=context
            )
        )
    assert answered == expected


def test_every_preset_is_reproduced(reference: dict[str, Any]) -> None:
    flags = {
        "supports_flash_attention": "flash_attention",
        "supports_long_context": "long_context",
        "good_for_reasoning": "reasoning",
        "good_for_coding": "coding",
    }
    held = {
        model.name: {
            "name": model.title,
            "huggingface_id": model.hub_id,
            "parameters": round((model.params_b or 0) * 1e9),
            "context_length": model.context_length,
            "vram_fp16": model.memory_gb["fp16"],
            "vram_4bit": model.memory_gb["4bit"],
            "vram_8bit": model.memory_gb["8bit"],
            "recommended_batch_size": model.batch_size,
            "recommended_max_tokens": model.max_new_tokens,
            **{flag: word in model.capabilities for flag, word in flags.items()},
        }
        for model in compatible_models()
    }
    assert held == reference["presets"]


def test_no_bounds_list_all_nine() -> None:
    assert len(list_compatible()) == 9


def test_an_unknown_machine_gets_the_fixed_model() -> None:
    assert recommend_compatible("abacus") == "qwen2.5-3b"


@pytest.mark.parametrize(("prefer_reasoning", "name"), [(True, "qwen2.5-7b"), (False, "qwen2.5-3b")])
def test_reasoning_is_preferred_on_request(
    monkeypatch: pytest.MonkeyPatch,
    prefer_reasoning: bool,
    name: str,
) -> None:
    plain = [
        replace(model, capabilities=frozenset()) if model.name == "qwen2.5-3b" else model
        for model in compatible_models()
    ]
    monkeypatch.setattr(compatible, "compatible_models", lambda: plain)
    assert recommend_compatible("colab_free_t4", prefer_reasoning=prefer_reasoning) == name
