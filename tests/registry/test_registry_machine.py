"""This machine as a profile, and what is refused on it."""

import os
import platform
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.errors import HarnessError, ModelTooLarge
from harness.records import Hardware, ModelSpec, Quantisation, Runtime
from harness.registry import machine
from harness.registry.catalog import find_model, load_catalog
from harness.registry.machine import fits, this_machine
from harness.registry.nvidia import Gpu

CATALOG = load_catalog()
QWEN14B = find_model(CATALOG, "qwen2.5-14b")
AMPERE = Gpu(index="0", uuid="GPU-a", name="NVIDIA L4", free_gb=22.0, compute_capability=8.9)
TURING = Gpu(index="0", uuid="GPU-t", name="Tesla T4", free_gb=15.0, compute_capability=7.5)
SHARED = Gpu(index="0", uuid="GPU-s", name="GB10", free_gb=None, compute_capability=12.1)

See = Callable[..., None]


def _box(memory_gb: float, quantisation: Quantisation = "bf16") -> Hardware:
    return Hardware(
        name="box", title="the box", kind="cpu", memory_gb=memory_gb, quantisation=quantisation, batch_size=1
    )


@pytest.fixture
def see(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> See:
    def plant(
        *gpus: Gpu, system: str = "Linux", meminfo: str | None = None, cgroup: dict[str, str] | None = None
    ) -> None:
        monkeypatch.setattr(machine, "visible_gpus", lambda: gpus)
        monkeypatch.setattr(platform, "system", lambda: system)
        monkeypatch.setattr(platform, "machine", lambda: "arm64")
        monkeypatch.setattr(machine, "MEMINFO", tmp_path / "meminfo")
        monkeypatch.setattr(machine, "CGROUP", tmp_path)
        monkeypatch.setattr(
            os, "sysconf", lambda name: {"SC_PAGE_SIZE": 4096, "SC_PHYS_PAGES": 2**20}[name], raising=False
        )
        if meminfo is not None:
            (tmp_path / "meminfo").write_text(meminfo)
        for name, text in (cgroup or {}).items():
            (tmp_path / name).write_text(text)

    return plant


def test_this_machine_is_seen_without_torch() -> None:
    before = "torch" in sys.modules
    assert this_machine().memory_gb > 0
    assert ("torch" in sys.modules) is before


def test_a_gpu_comes_before_the_cpu(see: See) -> None:
    see(AMPERE, TURING)
    here = this_machine()
    assert (here.kind, here.memory_gb, here.quantisation, here.flash_attention) == ("cuda", 22.0, "bf16", True)
    assert "NVIDIA L4" in here.title


def test_an_older_gpu_has_no_bf16(see: See) -> None:
    see(TURING)
    here = this_machine()
    assert (here.quantisation, here.flash_attention) == ("fp16", False)


def test_a_gpu_in_the_systems_memory_has_what_is_free_there(see: See) -> None:
    see(SHARED, meminfo="MemAvailable: 8388608 kB\n")
    assert this_machine().memory_gb == 8.0


@pytest.mark.parametrize(("free_gb", "batch_size"), [(15.0, 2), (22.0, 4), (40.0, 8)])
def test_batches_are_as_the_named_machines_have_them(see: See, free_gb: float, batch_size: int) -> None:
    see(Gpu(index="0", uuid="GPU-a", name="x", free_gb=free_gb, compute_capability=8.0))
    assert this_machine().batch_size == batch_size


def test_the_cpu_can_be_asked_for(see: See) -> None:
    see(AMPERE)
    assert this_machine("cpu").kind == "cpu"


def test_apple_silicon_shares_its_memory(see: See) -> None:
    see(system="Darwin")
    here = this_machine()
    assert (here.kind, here.memory_gb) == ("mps", 3.0)


@pytest.mark.parametrize(("has_bf16", "precision"), [(True, "bf16"), (False, "fp32")])
def test_the_cpu_has_what_is_available(
    see: See, monkeypatch: pytest.MonkeyPatch, has_bf16: bool, precision: str
) -> None:
    monkeypatch.setattr(machine, "cpu_has_bf16", lambda: has_bf16)
    see(meminfo="MemTotal: 9999999 kB\nMemAvailable:   1048576 kB\n")
    here = this_machine()
    assert (here.kind, here.memory_gb, here.quantisation) == ("cpu", 1.0, precision)


def test_a_containers_limit_is_kept(see: See) -> None:
    limits = {"memory.max": f"{2**30}\n", "memory.current": f"{2**29}\n", "memory.stat": "anon 5\n"}
    see(meminfo="MemAvailable: 4194304 kB\n", cgroup=limits)
    assert this_machine().memory_gb == 0.5


def test_a_containers_file_cache_is_free(see: See) -> None:
    stat = f"active_file {2**28}\ninactive_file {2**28}\n"
    limits = {"memory.max": f"{2**30}\n", "memory.current": f"{2**29}\n", "memory.stat": stat}
    see(meminfo="MemAvailable: 4194304 kB\n", cgroup=limits)
    assert this_machine().memory_gb == 1.0


@pytest.mark.parametrize("limit", ["max", "nonsense"])
def test_a_container_without_a_limit_has_it_all(see: See, limit: str) -> None:
    see(meminfo="MemAvailable: 4194304 kB\n", cgroup={"memory.max": limit})
    assert this_machine().memory_gb == 4.0


@pytest.mark.parametrize("meminfo", [None, "MemTotal: 4 kB\n"])
def test_without_a_free_figure_it_is_the_physical_memory(see: See, meminfo: str | None) -> None:
    see(meminfo=meminfo)
    assert this_machine().memory_gb == 4.0


def test_a_system_that_tells_nothing_is_told(see: See, monkeypatch: pytest.MonkeyPatch) -> None:
    see()
    monkeypatch.delattr(os, "sysconf")
    with pytest.raises(HarnessError, match="--hardware"):
        this_machine()


@given(st.sampled_from(CATALOG.models), st.floats(0, 60))
def test_a_refusal_names_only_what_would_fit(model: ModelSpec, memory_gb: float) -> None:
    box = _box(memory_gb)
    try:
        fits(model, box, Runtime())
    except ModelTooLarge as error:
        named = [name.strip(" ()") for name in str(error).partition("--model")[2].replace("(or", ",").split(",")]
        for name in filter(None, named):
            fits(find_model(CATALOG, name), box, Runtime())


def test_a_refusal_is_one_line_with_need_have_and_way_out() -> None:
    with pytest.raises(ModelTooLarge) as caught:
        fits(QWEN14B, _box(8), Runtime())
    told = str(caught.value)
    assert told.startswith("model 'qwen2.5-14b' needs 29.2 GB in bf16 (weights 27.5, cache 0.8, activations 0.9)")
    assert "the box has 8.0 GB for it: choose --model llama-3.2-3b (or qwen2.5-3b, gemma-2-2b, qwen2.5-1.5b)" in told


def test_a_machine_too_small_for_all_is_told() -> None:
    with pytest.raises(ModelTooLarge, match="no model of the catalogue fits"):
        fits(QWEN14B, _box(0.1), Runtime())


def test_suggested_models_are_named_first() -> None:
    box = Hardware(
        name="box",
        title="the box",
        kind="cpu",
        memory_gb=8,
        quantisation="bf16",
        batch_size=1,
        suggested=("smollm2-135m",),
    )
    with pytest.raises(ModelTooLarge, match="choose --model smollm2-135m"):
        fits(QWEN14B, box, Runtime())


@pytest.mark.parametrize(
    ("runtime", "quantisation"),
    [
        (Runtime(quantisation="4bit"), "fp32"),
        (Runtime(dtype="fp32", quantisation="4bit"), "fp32"),
        (Runtime(), "4bit"),
    ],
)
def test_fewer_bits_fit_where_more_do_not(runtime: Runtime, quantisation: Quantisation) -> None:
    assert fits(QWEN14B, _box(15, quantisation), runtime) is None  # type: ignore[func-returns-value]


def test_a_stated_dtype_counts() -> None:
    with pytest.raises(ModelTooLarge, match="in fp32"):
        fits(QWEN14B, _box(40), Runtime(dtype="fp32"))


@pytest.mark.parametrize("provider", ["transformers", "planted"])
def test_nothing_is_said_against_what_is_not_known(provider: str) -> None:
    params_b = None if provider == "transformers" else 1000.0
    model = ModelSpec(name="m", family="f", params_b=params_b, context_length=1, provider=provider)
    assert fits(model, _box(0.1), Runtime()) is None  # type: ignore[func-returns-value]


def test_the_users_own_models_are_offered() -> None:
    catalog = load_catalog({"mine": {"hub_id": "a/b", "params_b": 0.01}})
    box = _box(0.6)
    with pytest.raises(ModelTooLarge, match="--model mine"):
        fits(QWEN14B, box, Runtime(), catalog=catalog)
