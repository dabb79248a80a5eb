"""A folder is replaced as a whole, or stays as it was."""

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from harness.errors import HarnessError
from harness.report import swap
from harness.report.document import FORMAT
from harness.report.swap import replaced


def fill(folder: Path, word: str) -> None:
    (folder / "summary.json").write_text(json.dumps({"format": FORMAT, "word": word}))
    (folder / f"{word}.txt").write_text(word)


def names(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


@pytest.fixture(params=[True, False], ids=["exchange", "two renames"])
def target(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    if not request.param:
        monkeypatch.setattr(swap, "_exchanged", lambda *_: False)
    return tmp_path / "reports" / "run"


def test_a_new_folder_is_made_with_its_parents(target: Path) -> None:
    with replaced(target) as partial:
        fill(partial, "new")
    assert names(target) == {"summary.json", "new.txt"}


def test_an_old_report_is_replaced_as_a_whole(target: Path) -> None:
    for word in ("old", "new"):
        with replaced(target) as partial:
            fill(partial, word)
    assert names(target) == {"summary.json", "new.txt"}
    assert names(target.parent) == {"run"}


def test_an_empty_folder_is_taken(target: Path) -> None:
    target.mkdir(parents=True)
    with replaced(target) as partial:
        fill(partial, "new")
    assert "new.txt" in names(target)


def fail_halfway(target: Path) -> None:
    with replaced(target) as partial:
        fill(partial, "new")
        raise RuntimeError("halfway")


def test_a_failure_leaves_the_old_report(target: Path) -> None:
    with replaced(target) as partial:
        fill(partial, "old")
    with pytest.raises(RuntimeError, match="halfway"):
        fail_halfway(target)
    assert names(target) == {"summary.json", "old.txt"}
    assert names(target.parent) == {"run"}


def test_a_disk_that_fails_is_one_line(target: Path) -> None:
    with pytest.raises(HarnessError, match=r"cannot write the report to .*No space left"), replaced(target):
        raise OSError(28, "No space left on device")


def test_a_failed_second_rename_puts_the_old_report_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    target = tmp_path / "run"
    with replaced(target) as partial:
        fill(partial, "old")
    monkeypatch.setattr(swap, "_exchanged", lambda *_: False)
    rename = Path.rename

    def failing(self: Path, to: Path) -> Path:
        if self.suffix == ".partial":
            raise PermissionError(13, "Permission denied")
        return rename(self, to)

    monkeypatch.setattr(Path, "rename", failing)
    with pytest.raises(HarnessError, match="Permission denied"), replaced(target) as partial:
        fill(partial, "new")
    assert names(target) == {"summary.json", "old.txt"}


def test_a_killed_writer_leaves_the_old_report(tmp_path: Path) -> None:
    target = tmp_path / "run"
    with replaced(target) as partial:
        fill(partial, "old")
    code = (
        "import os, sys, pathlib; from harness.report.swap import replaced\n"
        "with replaced(pathlib.Path(sys.argv[1])) as partial:\n"
        "    (partial / 'half').write_text('half'); os.kill(os.getpid(), 9)"
    )
    assert subprocess.run([sys.executable, "-c", code, str(target)], check=False).returncode == -9
    assert names(target) == {"summary.json", "old.txt"}


def test_what_a_dead_writer_left_is_removed_after_a_while(tmp_path: Path) -> None:
    fresh, stale = tmp_path / ".run.aaaaaaaa.partial", tmp_path / ".run.bbbbbbbb.partial"
    for left in (fresh, stale):
        left.mkdir()
    os.utime(stale, (time.time() - 7200,) * 2)
    with replaced(tmp_path / "run") as partial:
        fill(partial, "new")
    assert names(tmp_path) == {fresh.name, "run"}


def test_an_old_report_that_lost_its_place_is_put_back_first(tmp_path: Path) -> None:
    aside = tmp_path / ".run.aaaaaaaa.old"
    aside.mkdir()
    fill(aside, "old")
    with pytest.raises(RuntimeError), replaced(tmp_path / "run"):
        raise RuntimeError
    assert names(tmp_path / "run") == {"summary.json", "old.txt"}


@pytest.mark.parametrize("content", ["", "no json", '{"format": "another"}', "[]"])
def test_a_folder_that_holds_no_report_is_not_touched(tmp_path: Path, content: str) -> None:
    (tmp_path / "summary.json").write_text(content)
    (tmp_path / "thesis.txt").write_text("years of work")
    with pytest.raises(HarnessError, match="holds files that are no report"), replaced(tmp_path):
        pytest.fail("nothing may be written")
    assert names(tmp_path) == {"summary.json", "thesis.txt"}


def test_a_file_is_no_folder(tmp_path: Path) -> None:
    (tmp_path / "run").write_text("")
    with pytest.raises(HarnessError, match="is a file"), replaced(tmp_path / "run"):
        pytest.fail("nothing may be written")


def test_a_parent_that_is_a_file_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(HarnessError, match="cannot write the report"), replaced(tmp_path / "file" / "run"):
        pytest.fail("nothing may be written")


def test_a_link_to_a_report_is_followed(tmp_path: Path) -> None:
    real, link = tmp_path / "real", tmp_path / "link"
    with replaced(real) as partial:
        fill(partial, "old")
    link.symlink_to(real)
    with replaced(link) as partial:
        fill(partial, "new")
    assert link.is_symlink()
    assert names(real) == {"summary.json", "new.txt"}


@pytest.mark.parametrize("plan", [("win32", True), ("linux", False)])
def test_systems_without_exchange_say_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, plan: tuple[str, bool]
) -> None:
    platform, has_call = plan
    monkeypatch.setattr(swap.sys, "platform", platform)
    if not has_call:
        monkeypatch.setattr(swap.ctypes, "CDLL", lambda *_, **__: object())
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    assert swap._exchanged(tmp_path / "a", tmp_path / "b") is False
