"""The manifest: what it tells, and that it tells of nobody and nowhere."""

import json
import os
import shutil
import subprocess
from datetime import UTC, datetime
from pathlib import Path

import pytest

from harness.report.manifest import Stamps, git_state, manifest, package_versions, without_paths

STAMPS = Stamps(
    hardware="2 CPU cores",
    seeds={"study": 3},
    data={"ferries": "abc"},
    prompts={"concise": "def"},
    weights={"tiny": "123"},
    retriever={"bm25": "456"},
    metrics={"f1": 1},
    settings={"decoding": {"temperature": 0.0}},
)
needs_git = pytest.mark.skipif(shutil.which("git") is None, reason="git is not installed")


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    (tmp_path / "file").write_text("one")
    told = {"GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_NOSYSTEM": "1", "PATH": os.environ["PATH"]}
    commit = ("-c", "user.name=n", "-c", "user.email=e", "commit", "-qm", "one")
    for arguments in (("init", "-q"), ("add", "."), commit):
        subprocess.run(["git", *arguments], cwd=tmp_path, env=told, check=True)
    return tmp_path


def test_everything_told_is_in_it() -> None:
    found = manifest(STAMPS)
    assert {name: found[name] for name in Stamps.__slots__} == {
        name: getattr(STAMPS, name) for name in Stamps.__slots__
    }


def test_what_is_unknown_is_left_out() -> None:
    assert set(manifest(Stamps())) == {"packages", "python", "system"}


def test_it_is_json() -> None:
    assert json.loads(json.dumps(manifest(STAMPS)))["seeds"] == {"study": 3}


def test_versions_are_those_installed() -> None:
    assert {"pytest", "numpy"} <= set(package_versions())


@needs_git
def test_the_commit_of_a_checkout_is_told(checkout: Path) -> None:
    (checkout / "folder").mkdir()
    state = git_state(checkout / "folder")
    assert len(state["commit"]) == 40
    assert state["changed"] is False


@needs_git
def test_changed_tracked_files_are_told(checkout: Path) -> None:
    (checkout / "file").write_text("two")
    assert manifest(Stamps(), rootdir=checkout)["git"]["changed"] is True


def test_a_folder_without_git_has_no_commit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    assert "git" not in manifest(Stamps(), rootdir=tmp_path)


def test_without_git_installed_nothing_fails(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert git_state(tmp_path) is None


def test_no_time_is_told_unless_given(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SOURCE_DATE_EPOCH", raising=False)
    assert "created" not in manifest(Stamps())
    assert manifest(Stamps(), created=datetime(2020, 1, 2, tzinfo=UTC))["created"] == "2020-01-02T00:00:00+00:00"


def test_source_date_epoch_wins(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "86400")
    assert manifest(Stamps(), created=datetime(2020, 1, 2, tzinfo=UTC))["created"] == "1970-01-02T00:00:00+00:00"


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("/home/someone/models/tiny.gguf", "tiny.gguf"),
        ("~someone/models/tiny", "tiny"),
        ("~/models/tiny", "tiny"),
        (r"C:\Users\someone\tiny.gguf", "tiny.gguf"),
        ("path=/home/someone/tiny", "path=tiny"),
        (Path("/home/someone/tiny"), "tiny"),
        ({"/home/someone/a": ["/home/someone/b", 3]}, {"a": ["b", 3]}),
        ("HuggingFaceTB/SmolLM2-135M", "HuggingFaceTB/SmolLM2-135M"),
        ("models/tiny.gguf", "models/tiny.gguf"),
        ("1/2 of 3", "1/2 of 3"),
        ("https://example.org/a/b", "https://example.org/a/b"),
    ],
)
def test_absolute_paths_are_cut_and_names_stay(value: object, expected: object) -> None:
    assert without_paths(value) == expected


def test_no_value_names_the_user_or_the_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HARNESS_SECRET", "s3cret-value")
    stamps = Stamps(settings={"store": Path.home() / "answers.sqlite", "cwd": str(Path.cwd())})
    text = json.dumps(manifest(stamps))
    assert str(Path.home()) not in text
    assert os.uname().nodename not in text
    assert "s3cret-value" not in text
