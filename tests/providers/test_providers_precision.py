"""Device and dtype, told without torch."""

import sys
from importlib.metadata import PackageNotFoundError
from pathlib import Path
from typing import Any

import pytest

from harness.errors import HarnessError
from harness.providers import precision as precision_module
from harness.providers.precision import Precision, best_device, cuda_capability, precision
from harness.records import Runtime
from harness.registry import cpu
from harness.registry.cpu import cpu_has_bf16
from harness.registry.nvidia import Gpu


@pytest.fixture(autouse=True)
def machine(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Any:
    """Pretends to be another machine; without a word it is a plain CPU with a torch that could use CUDA."""

    def pretend(
        *, capability: float | None = None, flags: str = "sse avx2", torch: str = "2.13.0", system: str = "linux"
    ) -> None:
        gpu = Gpu(index="0", uuid="GPU-1", name="x", free_gb=10.0, compute_capability=capability or 0.0)
        monkeypatch.setattr(precision_module, "visible_gpus", lambda: () if capability is None else (gpu,))
        monkeypatch.setattr(precision_module, "version", lambda _name: torch)
        monkeypatch.setattr(sys, "platform", system)
        monkeypatch.setattr(precision_module.platform, "machine", lambda: "arm64" if system == "darwin" else "x86_64")
        (tmp_path / "cpuinfo").write_text(f"processor : 0\nflags\t\t: {flags}\n")
        monkeypatch.setattr(cpu, "CPU_INFO", tmp_path / "cpuinfo")
        cpu._cpu_flags.cache_clear()

    pretend()
    yield pretend
    cpu._cpu_flags.cache_clear()


@pytest.mark.parametrize(
    ("here", "device", "dtype"),
    [
        ({}, "cpu", "fp32"),
        ({"flags": "sse avx512_bf16"}, "cpu", "bf16"),
        ({"flags": "amx_bf16"}, "cpu", "bf16"),
        ({"capability": 7.5}, "cuda", "fp16"),
        ({"capability": 8.0}, "cuda", "bf16"),
        ({"capability": 9.0, "torch": "2.13.0+cpu"}, "cpu", "fp32"),
        ({"system": "darwin"}, "mps", "fp16"),
    ],
)
def test_auto_means_the_best_that_this_machine_has(here: Any, device: str, dtype: str, machine: Any) -> None:
    machine(**here)
    assert precision(Runtime()) == Precision(device=device, dtype=dtype)  # type: ignore[arg-type]


@pytest.mark.parametrize("dtype", ["fp32", "bf16", "fp16"])
def test_a_dtype_by_name_is_taken(dtype: Any) -> None:
    assert precision(Runtime(dtype=dtype)).dtype == dtype


@pytest.mark.parametrize("dtype", ["fp32", "bf16", "fp16"])
def test_a_quantisation_that_names_a_dtype_decides_it(dtype: Any) -> None:
    assert precision(Runtime(dtype="fp32", quantisation=dtype)) == Precision(device="cpu", dtype=dtype)


def test_a_numbered_device_keeps_its_number_and_kind(machine: Any) -> None:
    machine(capability=8.0)
    found = precision(Runtime(device="cuda:1"))
    assert (found.device, found.kind, found.dtype) == ("cuda:1", "cuda", "bf16")


@pytest.mark.parametrize("device", ["gpu", "tpu:0", ""])
def test_an_unknown_device_is_refused_with_the_known_ones(device: str) -> None:
    with pytest.raises(HarnessError, match="allowed are auto, cuda, cuda:N, mps and cpu"):
        precision(Runtime(device=device))


@pytest.mark.parametrize(("packed", "bits"), [("8bit", 8), ("4bit", 4)])
def test_packing_is_allowed_on_cuda(packed: Any, bits: int, machine: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    machine(capability=7.5)
    monkeypatch.setattr(precision_module, "find_spec", lambda _name: object())
    assert precision(Runtime(quantisation=packed)) == Precision(device="cuda", dtype="fp16", bits=bits)  # type: ignore[arg-type]


def test_packing_without_cuda_is_refused() -> None:
    with pytest.raises(HarnessError, match="4bit needs a CUDA device, here is cpu"):
        precision(Runtime(quantisation="4bit"))


def test_packing_without_its_package_is_refused(machine: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    machine(capability=8.0)
    monkeypatch.setattr(precision_module, "find_spec", lambda _name: None)
    with pytest.raises(HarnessError, match="pip install bitsandbytes"):
        precision(Runtime(quantisation="8bit"))


def test_without_torch_there_is_no_cuda(machine: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    machine(capability=9.0)

    def absent(_name: str) -> str:
        raise PackageNotFoundError

    monkeypatch.setattr(precision_module, "version", absent)
    assert (cuda_capability(), best_device()) == (None, "cpu")


def test_a_system_that_does_not_tell_its_flags_has_no_bf16(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(cpu, "CPU_INFO", tmp_path / "nowhere")
    cpu._cpu_flags.cache_clear()
    assert not cpu_has_bf16()


def test_the_processors_own_word_agrees_with_torch(monkeypatch: pytest.MonkeyPatch) -> None:
    torch = pytest.importorskip("torch")
    monkeypatch.setattr(cpu, "CPU_INFO", Path("/proc/cpuinfo"))
    if not sys.platform.startswith("linux"):
        pytest.skip("flags are read on Linux only")
    cpu._cpu_flags.cache_clear()
    assert cpu_has_bf16() == (torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported())
