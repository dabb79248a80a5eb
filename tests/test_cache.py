"""The cache's place, its keys, and that nobody sees a folder half written."""

import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.cache import cache_dir, digest, publish
from harness.records import Passage

PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


def write_one(folder: Path, text: str) -> None:
    (folder / "a.txt").write_text(text, encoding="utf-8")


def test_the_environment_names_the_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HARNESS_CACHE_DIR", str(tmp_path))
    assert cache_dir("index", "x") == tmp_path / "index" / "x"


def test_a_home_sign_is_understood(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HARNESS_CACHE_DIR", "~/kept")
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    assert cache_dir() == tmp_path / "kept"


def test_an_empty_variable_means_the_users_cache_folder(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HARNESS_CACHE_DIR", "")
    assert "pytest-scaling" in cache_dir().parts


def test_a_published_folder_is_complete_and_alone(tmp_path: Path) -> None:
    folder = publish(tmp_path / "deep" / "key", lambda fresh: write_one(fresh, "x"))
    assert [path.name for path in folder.parent.iterdir()] == ["key"]
    assert (folder / "a.txt").read_text(encoding="utf-8") == "x"


def test_a_failing_fill_leaves_nothing(tmp_path: Path) -> None:
    def fail(fresh: Path) -> None:
        write_one(fresh, "half")
        raise RuntimeError("no space")

    with pytest.raises(RuntimeError, match="no space"):
        publish(tmp_path / "key", fail)
    assert list(tmp_path.iterdir()) == []


def test_the_first_of_two_publishers_wins(tmp_path: Path) -> None:
    publish(tmp_path / "key", lambda fresh: write_one(fresh, "first"))
    publish(tmp_path / "key", lambda fresh: write_one(fresh, "second"))
    assert (tmp_path / "key" / "a.txt").read_text(encoding="utf-8") == "first"


def test_many_publishers_at_once_leave_one_whole_folder(tmp_path: Path) -> None:
    def publish_one(number: int) -> Path:
        return publish(tmp_path / "key", lambda fresh: write_one(fresh, str(number)))

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(publish_one, range(32)))
    assert [path.name for path in tmp_path.iterdir()] == ["key"]


def test_a_rename_that_fails_for_another_reason_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_paths: object) -> None:
        raise PermissionError("read only")

    monkeypatch.setattr(os, "replace", refuse)
    monkeypatch.setattr(Path, "replace", refuse)
    with pytest.raises(PermissionError):
        publish(tmp_path / "key", lambda fresh: write_one(fresh, "x"))


@given(st.dictionaries(st.text(), PLAIN, max_size=4))
def test_a_digest_forgets_the_order_of_keys(value: dict[str, object]) -> None:
    assert digest(value) == digest(dict(reversed(value.items())))


@given(st.lists(st.text(), min_size=2, unique=True))
def test_a_digest_keeps_the_order_of_a_sequence(value: list[str]) -> None:
    assert digest(value) != digest(value[::-1])


@pytest.mark.parametrize("field", ["id", "text", "title", "document"])
def test_a_digest_sees_every_field_of_a_record(field: str) -> None:
    values = {"id": "a", "text": "b", "title": "c", "document": "d"}
    assert digest(Passage(**values)) != digest(Passage(**{**values, field: "changed"}))


def test_a_digest_takes_sets_and_tuples() -> None:
    assert digest({"s": frozenset({"b", "a"}), "t": (1,)}) == digest({"t": [1], "s": ["a", "b"]})


@pytest.mark.parametrize("value", [float("nan"), "\ud800"])
def test_a_digest_refuses_what_json_cannot_hold(value: object) -> None:
    with pytest.raises(ValueError, match=r"\S"):
        digest([value])
