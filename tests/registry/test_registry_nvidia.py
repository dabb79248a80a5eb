"""What a made-up nvidia-smi tells, and what CUDA_VISIBLE_DEVICES leaves of it."""

import sys
from pathlib import Path

import pytest

from harness.registry import nvidia
from harness.registry.nvidia import visible_gpus

ROWS = """\
0, GPU-aaaa1111, NVIDIA A100-SXM4-40GB, 40960, 8.0
1, GPU-bbbb2222, Tesla T4, 15360, 7.5
2, GPU-cccc3333, NVIDIA GB10, [N/A], 12.1
"""
LIST = """\
GPU 0: NVIDIA A100-SXM4-40GB (UUID: GPU-aaaa1111)
  MIG 3g.20gb     Device  0: (UUID: MIG-0123abcd-1111)
  MIG 1g.5gb+me   Device  1: (UUID: MIG-4567abcd-2222)
GPU 9: Unheard of (UUID: GPU-ffff9999)
  MIG 1g.5gb      Device  0: (UUID: MIG-89ababcd-3333)
"""


@pytest.fixture(autouse=True)
def program(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A program that stands for nvidia-smi, in front of the path."""
    if sys.platform == "win32":
        pytest.skip("the stand-in is a shell script")
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    return _written(tmp_path, f"if [ $1 = -L ]; then cat <<'E'\n{LIST}E\nelse cat <<'E'\n{ROWS}E\nfi\n")


def _written(folder: Path, body: str) -> Path:
    file = folder / nvidia.PROGRAM
    file.write_text(f"#!/bin/sh\n{body}")
    file.chmod(0o755)
    return file


def _uuids() -> list[str]:
    return [gpu.uuid for gpu in visible_gpus()]


def test_every_gpu_is_seen() -> None:
    assert _uuids() == ["GPU-aaaa1111", "GPU-bbbb2222", "GPU-cccc3333"]


def test_memory_is_told_in_gigabytes() -> None:
    assert [gpu.free_gb for gpu in visible_gpus()] == [40.0, 15.0, None]


def test_a_gpu_has_its_name_and_capability() -> None:
    gpu = visible_gpus()[0]
    assert (gpu.name, gpu.compute_capability) == ("NVIDIA A100-SXM4-40GB", 8.0)


@pytest.mark.parametrize(
    ("wanted", "seen"),
    [
        ("", []),
        (" ", []),
        ("-1", []),
        ("1", ["GPU-bbbb2222"]),
        ("1,0", ["GPU-bbbb2222", "GPU-aaaa1111"]),
        ("0,7,1", ["GPU-aaaa1111"]),
        ("0,,1", ["GPU-aaaa1111"]),
        ("GPU-bbbb", ["GPU-bbbb2222"]),
        ("MIG-0123abcd-1111", ["MIG-0123abcd-1111"]),
        ("MIG-89ababcd-3333", []),
    ],
)
def test_the_environment_hides_gpus(monkeypatch: pytest.MonkeyPatch, wanted: str, seen: list[str]) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", wanted)
    assert _uuids() == seen


def test_a_part_of_a_gpu_has_the_size_of_its_profile(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "MIG-4567abcd-2222")
    part = visible_gpus()[0]
    assert (part.name, part.free_gb, part.compute_capability) == ("NVIDIA A100-SXM4-40GB MIG 1g.5gb+me", 5.0, 8.0)


@pytest.mark.parametrize("body", ["exit 9\n", "exit 0\n", "echo no devices were found\n"])
def test_a_program_without_a_driver_shows_none(program: Path, body: str) -> None:
    _written(program.parent, body)
    assert visible_gpus() == ()


def test_a_program_that_hangs_is_left(program: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _written(program.parent, "exec sleep 60\n")
    monkeypatch.setattr(nvidia, "TIMEOUT_S", 0.1)
    assert visible_gpus() == ()


def test_without_the_program_there_are_none(program: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(program.parent / "empty"))
    assert visible_gpus() == ()
