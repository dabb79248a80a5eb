"""Large imports leave the collector as it was, and nothing of theirs for it to look through."""

import gc
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from harness.collecting import import_uncollected, uncollected

MODULE = "grown_while_imported"
SOURCE = "import gc\nheld = [[number] for number in range(20_000)]\ncollected = gc.isenabled()\n"


@pytest.fixture(autouse=True)
def module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    (tmp_path / f"{MODULE}.py").write_text(SOURCE, encoding="utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    yield
    sys.modules.pop(MODULE, None)
    gc.unfreeze()


def test_nothing_is_collected_during_the_import() -> None:
    assert import_uncollected(MODULE).collected is False


@pytest.mark.parametrize("enabled", [True, False])
def test_the_collector_is_left_as_it_was(enabled: bool) -> None:
    if not enabled:
        gc.disable()
    try:
        import_uncollected(MODULE)
        assert gc.isenabled() is enabled
    finally:
        gc.enable()


def test_what_was_imported_is_not_looked_through_again() -> None:
    import_uncollected(MODULE)
    assert gc.get_freeze_count() > 20_000


def test_a_module_that_is_there_freezes_nothing() -> None:
    sys.modules[MODULE] = sys
    gc.unfreeze()
    import_uncollected(MODULE)
    assert gc.get_freeze_count() == 0


def test_a_failed_import_leaves_the_collector_on() -> None:
    with pytest.raises(ModuleNotFoundError):
        import_uncollected("there_is_no_such_module")
    assert gc.isenabled()


@pytest.mark.parametrize("enabled", [True, False])
def test_a_body_is_not_collected_and_its_error_changes_nothing(enabled: bool) -> None:
    def look() -> None:
        with uncollected():
            seen.append(gc.isenabled())
            raise KeyError

    seen: list[bool] = []
    if not enabled:
        gc.disable()
    try:
        with pytest.raises(KeyError):
            look()
        assert (seen, gc.isenabled()) == ([False], enabled)
    finally:
        gc.enable()
