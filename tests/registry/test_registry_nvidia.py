"""What a made-up nvidia-smi tells, and what CUDA_VISIBLE_DEVICES leaves of it."""

import sys
from pathlib import Path

import pytest

from harness.registry import nvidia
from harness.registry.nvidia import visible_devices, visible_gpus

ROWS = """\
0, GPU-aaaa1111, NVIDIA A100-SXM4-40GB, 40960, 8.0, Disabled
1, GPU-bbbb2222, Tesla T4, 15360, 7.5, [N/A]
2, GPU-bbcc3333, NVIDIA GB10, [N/A], 12.1, [N/A]
"""
DIVIDED = """\
0, GPU-aaaa1111, NVIDIA A100-SXM4-40GB, 40960, 8.0, Enabled
1, GPU-bbbb2222, Tesla T4, 15360, 7.5, [N/A]
2, GPU-dddd4444, NVIDIA A100-SXM4-40GB, 40960, 8.0, Enabled
"""
LIST = """\
GPU 0: NVIDIA A100-SXM4-40GB (UUID: GPU-aaaa1111)
  MIG 3g.20gb     Device  0: (UUID: MIG-0123abcd-1111)
  MIG 1g.5gb+me   Device  1: (UUID: MIG-4567abcd-2222)
GPU 2: NVIDIA A100-SXM4-40GB (UUID: GPU-dddd4444)
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
    return _telling(tmp_path, ROWS)


def _telling(folder: Path, rows: str) -> Path:
    return _written(folder, f"if [ $1 = -L ]; then cat <<'E'\n{LIST}E\nelse cat <<'E'\n{rows}E\nfi\n")


def _written(folder: Path, body: str) -> Path:
    file = folder / nvidia.PROGRAM
    file.write_text(f"#!/bin/sh\n{body}")
    file.chmod(0o755)
    return file


@pytest.fixture
def divided(program: Path) -> None:
    """Two of the GPUs are divided (MIG), one of them into no parts yet."""
    _telling(program.parent, DIVIDED)


def _uuids() -> list[str]:
    return [gpu.uuid for gpu in visible_gpus()]


def _names(wanted: str) -> list[str]:
    return list(visible_devices({"CUDA_VISIBLE_DEVICES": wanted}))


def test_every_gpu_is_seen() -> None:
    assert _uuids() == ["GPU-aaaa1111", "GPU-bbbb2222", "GPU-bbcc3333"]


def test_every_gpu_goes_by_its_index() -> None:
    assert list(visible_devices({})) == ["0", "1", "2"]


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
        ("1, 0", ["GPU-bbbb2222", "GPU-aaaa1111"]),
        ("0,7,1", ["GPU-aaaa1111"]),
        ("0,,1", ["GPU-aaaa1111"]),
        ("0,-1,1", ["GPU-aaaa1111"]),
        ("GPU-bbbb", ["GPU-bbbb2222"]),
        ("GPU-bbbb2222,0", ["GPU-bbbb2222", "GPU-aaaa1111"]),
        ("G", []),
        ("MIG-0123abcd-1111", []),
    ],
)
def test_the_environment_hides_gpus(monkeypatch: pytest.MonkeyPatch, wanted: str, seen: list[str]) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", wanted)
    assert _uuids() == seen


@pytest.mark.parametrize("wanted", ["GPU-bb", "GPU-"])
def test_a_beginning_that_two_gpus_have_names_neither(wanted: str) -> None:
    assert _names(wanted) == []


@pytest.mark.parametrize("wanted", ["0,0", "0,1,GPU-aaaa"])
def test_a_gpu_named_twice_hides_all(wanted: str) -> None:
    assert _names(wanted) == []


@pytest.mark.parametrize("wanted", [["1", "0"], ["GPU-bbcc", "GPU-aaaa1111"]])
def test_names_stay_as_they_were_written(wanted: list[str]) -> None:
    assert _names(",".join(wanted)) == wanted


@pytest.mark.usefixtures("divided")
def test_divided_gpus_are_seen_as_their_parts() -> None:
    assert list(visible_devices({})) == ["MIG-0123abcd-1111", "MIG-4567abcd-2222", "GPU-bbbb2222"]


@pytest.mark.usefixtures("divided")
@pytest.mark.parametrize(
    ("wanted", "seen"),
    [
        ("MIG-4567abcd-2222,MIG-0123abcd-1111", ["MIG-4567abcd-2222", "MIG-0123abcd-1111"]),
        ("MIG-0123", ["MIG-0123abcd-1111"]),
        ("MIG-89ababcd-3333", []),
        ("0", ["MIG-0123abcd-1111"]),
        ("0,MIG-0123abcd-1111", []),
        ("2", []),
        ("1", ["GPU-bbbb2222"]),
    ],
)
def test_the_environment_names_parts(wanted: str, seen: list[str]) -> None:
    assert [gpu.uuid for gpu in visible_devices({"CUDA_VISIBLE_DEVICES": wanted}).values()] == seen


def test_parts_are_named_by_older_drivers_too(program: Path) -> None:
    told = "GPU 0: A (UUID: GPU-aaaa1111)\n  MIG 1g.5gb      Device  0: (UUID: MIG-GPU-aaaa1111/7/0)\n"
    row = DIVIDED.splitlines()[0]
    _written(program.parent, f"if [ $1 = -L ]; then cat <<'E'\n{told}E\nelse echo '{row}'\nfi\n")
    assert _names("MIG-GPU-aaaa1111/7/0") == ["MIG-GPU-aaaa1111/7/0"]


@pytest.mark.usefixtures("divided")
def test_a_part_of_a_gpu_has_the_size_of_its_profile() -> None:
    part = visible_devices({"CUDA_VISIBLE_DEVICES": "MIG-4567abcd-2222"})["MIG-4567abcd-2222"]
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
