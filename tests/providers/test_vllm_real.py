"""The vllm provider with a real engine and a tiny model; run by tox -e vllm."""

import gc
import os
import signal
import subprocess
import sys
import time
import weakref
from collections.abc import Iterator, Sequence
from dataclasses import replace
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

if find_spec("vllm") is None:  # looked for, and not imported: that takes its time, and reads the environment
    pytest.skip("needs the extra [vllm]: tox -e vllm", allow_module_level=True)

import torch

from harness.errors import HarnessError
from harness.providers.base import source
from harness.records import Answer, Decoding, ModelSpec, Prompt, Runtime
from tests.providers.tiny_models import write_model

pytestmark = pytest.mark.slow
FP32 = Runtime(dtype="fp32", device="cpu")
RANK, ALPHA = 4, 8
SIZES = {
    "self_attn.q_proj": (128, 128),
    "self_attn.k_proj": (64, 128),
    "self_attn.v_proj": (64, 128),
    "self_attn.o_proj": (128, 128),
    "mlp.gate_proj": (96, 128),
    "mlp.up_proj": (96, 128),
    "mlp.down_proj": (128, 96),
}
LOAD = """
import sys, time
from harness.providers.base import source
from harness.records import ModelSpec, Runtime
model = ModelSpec(name="tiny", family="t", params_b=None, context_length=512, path=sys.argv[1], provider="vllm")
if __name__ == "__main__":
    provider = source(model, Runtime(dtype="fp32", device="cpu")).load()
    print("loaded", flush=True)
    time.sleep(600)
"""


@pytest.fixture(scope="module")
def wide_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny model whose heads are as wide as the engine's kernels want them."""
    return write_model(tmp_path_factory.mktemp("weights") / "wide", hidden_size=128, intermediate_size=96)


@pytest.fixture(scope="module")
def adapter_folder(wide_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    import json

    from safetensors.torch import save_file

    folder = tmp_path_factory.mktemp("adapter")
    torch.manual_seed(1)
    tensors = {}
    for layer in range(2):
        for name, (size, width) in SIZES.items():
            prefix = f"base_model.model.model.layers.{layer}.{name}"
            tensors[f"{prefix}.lora_A.weight"] = torch.randn(RANK, width) * 0.3
            tensors[f"{prefix}.lora_B.weight"] = torch.randn(size, RANK) * 0.3
    save_file(tensors, folder / "adapter_model.safetensors")
    kinds = [name.partition(".")[2] for name in SIZES]
    config = {"peft_type": "LORA", "r": RANK, "lora_alpha": ALPHA, "target_modules": kinds}
    told = {"base_model_name_or_path": str(wide_folder), "task_type": "CAUSAL_LM", "bias": "none"}
    (folder / "adapter_config.json").write_text(json.dumps(config | told), encoding="utf-8")
    return folder


@pytest.fixture(scope="module")
def wide(wide_folder: Path, adapter_folder: Path) -> ModelSpec:
    return ModelSpec(
        name="wide",
        family="w",
        params_b=None,
        context_length=512,
        path=str(wide_folder),
        provider="vllm",
        adapters={"ft": str(adapter_folder)},
    )


@pytest.fixture(scope="module")
def engine(wide: ModelSpec) -> Iterator[Any]:
    import_module("llvmlite.binding")  # loaded before, as in a study that retrieves
    provider = source(wide, FP32).load()
    yield provider
    provider.close()


@pytest.fixture(scope="module")
def plain(wide: ModelSpec) -> Any:
    return source(replace(wide, provider="transformers"), FP32).load()


def told(answers: Sequence[Answer]) -> list[tuple[object, ...]]:
    return [(each.text, each.prompt_tokens, each.output_tokens, each.finish_reason, each.error) for each in answers]


def numbers(answers: Sequence[Answer]) -> list[float]:
    return [value for answer in answers for value in (*(answer.logprobs or ()), answer.reference_nll or 0.0)]


@pytest.mark.parametrize("stop", [(), ("e",)])
def test_it_answers_as_the_transformers_provider(
    stop: tuple[str, ...], engine: Any, plain: Any, prompts: Sequence[Prompt]
) -> None:
    long = replace(prompts[0], question="how many arches? " * 200)
    asked = [prompts[0], long, *prompts[1:]]
    decoding = Decoding(max_new_tokens=12, stop=stop)
    expected, found = (list(each.generate(asked, decoding)) for each in (plain, engine))
    assert told(found) == told(expected)
    assert numbers(found) == pytest.approx(numbers(expected), abs=1e-3)


def test_references_are_measured_alike(engine: Any, plain: Any, prompts: Sequence[Prompt]) -> None:
    expected, found = (list(each.reference_nll(prompts)) for each in (plain, engine))
    assert [value is None for value in found] == [False, False, True, False]
    assert [value for value in found if value] == pytest.approx([value for value in expected if value], abs=1e-3)


def test_a_prompt_read_before_is_measured_the_same(engine: Any, prompts: Sequence[Prompt]) -> None:
    long = replace(prompts[0], question="how many arches has the bridge of Veldt? " * 12)
    first, again = (next(engine.generate([long], Decoding(max_new_tokens=6))) for _ in range(2))
    assert numbers([again]) == pytest.approx(numbers([first]), abs=1e-4)


def test_a_drawn_answer_does_not_depend_on_its_neighbours(engine: Any, prompts: Sequence[Prompt]) -> None:
    decoding = Decoding(max_new_tokens=12, temperature=0.8, top_p=0.9, seed=3)
    alone = [answer.text for prompt in prompts for answer in engine.generate([prompt], decoding)]
    assert [answer.text for answer in engine.generate(prompts, decoding)] == alone


def test_what_nobody_waits_for_leaves_the_engine(engine: Any, prompts: Sequence[Prompt]) -> None:
    answers = engine.generate(prompts, Decoding(max_new_tokens=40, stop=("zzz",)))
    next(answers)
    answers.close()
    assert not engine._engine.llm_engine.has_unfinished_requests()


def test_the_engine_is_in_this_process(engine: Any) -> None:
    assert engine._engine is not None
    children = Path(f"/proc/self/task/{os.getpid()}/children").read_text(encoding="ascii").split()
    names = [Path(f"/proc/{child}/cmdline").read_text(encoding="utf-8") for child in children]
    assert not [name for name in names if "EngineCore" in name or "spawn_main" in name]


def test_an_adapter_answers_as_one_laid_into_the_weights(wide: ModelSpec, prompts: Sequence[Prompt]) -> None:
    runtime = replace(FP32, adapter="ft")
    decoding = Decoding(max_new_tokens=8)
    answers = {}
    for provider in ("transformers", "vllm"):
        loaded = source(replace(wide, provider=provider), runtime).load()
        answers[provider] = list(loaded.generate(prompts, decoding))
        loaded.close()
    assert told(answers["vllm"]) == told(answers["transformers"])
    assert numbers(answers["vllm"]) == pytest.approx(numbers(answers["transformers"]), abs=1e-2)


def test_an_adapter_of_other_layers_is_refused(wide: ModelSpec, adapter_folder: Path, tmp_path: Path) -> None:
    from safetensors.torch import load_file, save_file

    tensors = load_file(adapter_folder / "adapter_model.safetensors")
    renamed = {name.replace("model.layers.", "language_model.layers."): tensor for name, tensor in tensors.items()}
    save_file(renamed, tmp_path / "adapter_model.safetensors")
    (tmp_path / "adapter_config.json").write_bytes((adapter_folder / "adapter_config.json").read_bytes())
    with pytest.raises(HarnessError, match=r"has no linear layer .*language_model\.layers\.0"):
        source(replace(wide, adapters={"ft": str(tmp_path)}), replace(FP32, adapter="ft")).load()


def test_an_engine_that_fails_late_is_freed_while_its_error_is_kept(
    wide: ModelSpec, monkeypatch: pytest.MonkeyPatch, prompts: Sequence[Prompt]
) -> None:
    import vllm

    class Late(vllm.LLM):
        def __init__(self, **arguments: Any) -> None:
            super().__init__(**arguments)
            weights = self.llm_engine.model_executor.driver_worker.worker.model_runner.model
            held.append(weakref.ref(weights))
            raise RuntimeError("no room for the cache")

    held: list[weakref.ref[Any]] = []
    with monkeypatch.context() as patch:
        patch.setattr(vllm, "LLM", Late)
        with pytest.raises(HarnessError, match="no room for the cache") as caught:
            source(wide, FP32).load()
    assert caught.value.__cause__ is not None
    assert held[0]() is None
    again = source(wide, FP32).load()
    assert next(again.generate(prompts[:1], Decoding(max_new_tokens=2))).error is None
    again.close()


def test_a_closed_engine_gives_its_memory_back(wide: ModelSpec) -> None:
    def resident_mb() -> float:
        gc.collect()
        return int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1]) * os.sysconf("SC_PAGE_SIZE") / 2**20

    sizes = []
    for _ in range(3):
        source(wide, FP32).load().close()
        sizes.append(resident_mb())
    assert sizes[2] - sizes[1] < 200


def test_nothing_outlives_a_killed_worker(wide_folder: Path, tmp_path: Path) -> None:
    script = tmp_path / "load.py"
    script.write_text(LOAD, encoding="utf-8")
    worker = subprocess.Popen(
        [sys.executable, str(script), str(wide_folder)], stdout=subprocess.PIPE, text=True, start_new_session=True
    )
    assert worker.stdout is not None
    assert any("loaded" in line for line in worker.stdout)
    worker.send_signal(signal.SIGKILL)
    worker.wait()
    deadline = time.monotonic() + 30
    while (left := of_session(worker.pid)) and time.monotonic() < deadline:
        time.sleep(0.2)
    assert left == []


def of_session(session: int) -> list[str]:
    """Processes of a session that are still running."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            fields = (folder / "stat").read_text(encoding="utf-8").rpartition(")")[2].split()
        except OSError:
            continue
        if int(fields[3]) == session and fields[0] not in "ZX":
            found.append((folder / "comm").read_text(encoding="utf-8").strip())
    return found
