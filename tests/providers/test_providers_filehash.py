"""Hashes of files, remembered for large ones."""

import os
from hashlib import sha256
from pathlib import Path

import pytest

from harness.providers import filehash
from harness.providers.filehash import file_sha256, folder_sha256


@pytest.fixture(autouse=True)
def all_files_are_large(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(filehash, "REMEMBERED_FROM_BYTES", 0)


@pytest.fixture
def reads(monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """The files that were read through."""
    seen: list[Path] = []
    read = filehash._read_sha256

    def spy(path: Path) -> str:
        seen.append(path)
        return read(path)

    monkeypatch.setattr(filehash, "_read_sha256", spy)
    return seen


def test_it_is_the_hash_of_the_bytes(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"abc")
    assert file_sha256(tmp_path / "a") == sha256(b"abc").hexdigest()


def test_an_unchanged_file_is_read_once(tmp_path: Path, reads: list[Path]) -> None:
    (tmp_path / "a").write_bytes(b"abc")
    assert file_sha256(tmp_path / "a") == file_sha256(tmp_path / "a")
    assert len(reads) == 1


def test_a_link_is_the_file_behind_it(tmp_path: Path, reads: list[Path]) -> None:
    (tmp_path / "a").write_bytes(b"abc")
    (tmp_path / "b").symlink_to(tmp_path / "a")
    assert file_sha256(tmp_path / "a") == file_sha256(tmp_path / "b")
    assert len(reads) == 1


def test_a_small_file_is_always_read(tmp_path: Path, reads: list[Path], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(filehash, "REMEMBERED_FROM_BYTES", 4)
    (tmp_path / "a").write_bytes(b"abc")
    file_sha256(tmp_path / "a")
    file_sha256(tmp_path / "a")
    assert len(reads) == 2


def test_a_changed_file_of_the_same_size_is_read_again(tmp_path: Path) -> None:
    file = tmp_path / "a"
    file.write_bytes(b"abc")
    file_sha256(file)
    file.write_bytes(b"xyz")
    os.utime(file, ns=(1, 1))
    assert file_sha256(file) == sha256(b"xyz").hexdigest()


def test_a_damaged_memory_is_not_believed(tmp_path: Path, own_cache: Path) -> None:
    (tmp_path / "a").write_bytes(b"abc")
    file_sha256(tmp_path / "a")
    for memory in (own_cache / "hashes").iterdir():
        memory.write_text("half")
    assert file_sha256(tmp_path / "a") == sha256(b"abc").hexdigest()


def test_a_cache_that_cannot_be_written_costs_only_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "a").write_bytes(b"abc")
    monkeypatch.setenv("HARNESS_CACHE_DIR", str(tmp_path / "a"))
    assert file_sha256(tmp_path / "a") == sha256(b"abc").hexdigest()


def test_a_folder_has_one_hash_per_name(tmp_path: Path) -> None:
    for name in "ba":
        (tmp_path / name).write_text(name)
    assert folder_sha256(tmp_path, ["b", "a"]) == {name: sha256(name.encode()).hexdigest() for name in "ab"}
