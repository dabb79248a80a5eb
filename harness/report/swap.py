"""A folder written as a whole: whoever looks sees the old one or the new one, never a half."""

import ctypes
import json
import os
import secrets
import shutil
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from glob import escape
from pathlib import Path

from harness.errors import HarnessError
from harness.report.document import FORMAT

AT_FDCWD = -100
RENAME_EXCHANGE = 2
STALE_S = 3600.0


@contextmanager
def replaced(folder: Path) -> Iterator[Path]:
    """A new folder to write into, which takes the place of `folder` when the block ends well and is removed otherwise.

    An existing folder is replaced only when it is empty or holds a report.

    Raises:
        HarnessError: `folder` holds something else, or cannot be written.
    """
    target = folder.resolve()
    check_folder(target, folder)
    partial = target.with_name(f".{target.name}.{secrets.token_hex(4)}.partial")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        _sweep(target)
        partial.mkdir()
    except OSError as error:
        raise HarnessError(
            f"cannot write the report to {str(folder)!r}: {error.strerror}; name another folder"
        ) from None
    try:
        yield partial
        _swap(partial, target)
    except OSError as error:
        raise HarnessError(f"cannot write the report to {str(folder)!r}: {error.strerror or error}") from error
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def check_folder(target: Path, shown: Path) -> None:
    """Refuse a folder that a report must not replace; `shown` is how the user named it.

    Raises:
        HarnessError: it is a file, or holds something that is no report.
    """
    if not target.exists():
        return
    if not target.is_dir():
        raise HarnessError(f"the report folder {str(shown)!r} is a file: name a new or an empty folder")
    if any(target.iterdir()) and not _holds_report(target):
        raise HarnessError(
            f"the report folder {str(shown)!r} holds files that are no report, and a report replaces its folder: "
            "name a new or an empty folder"
        )


def _holds_report(target: Path) -> bool:
    try:
        found = json.loads((target / "summary.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return False
    return isinstance(found, dict) and found.get("format") == FORMAT


def _swap(partial: Path, target: Path) -> None:
    if not target.exists():
        partial.rename(target)
    elif not _exchanged(partial, target):
        # two renames, for systems that cannot exchange: the old folder returns when the second one fails
        aside = partial.with_suffix(".old")
        target.rename(aside)
        try:
            partial.rename(target)
        except OSError:
            aside.rename(target)
            raise
        shutil.rmtree(aside, ignore_errors=True)


def _exchanged(partial: Path, target: Path) -> bool:
    """Exchange two folders in one step, where Linux and the file system can; the old one is then at `partial`."""
    if not sys.platform.startswith("linux"):
        return False
    call = getattr(ctypes.CDLL(None, use_errno=True), "renameat2", None)
    if call is None:
        return False
    return bool(call(AT_FDCWD, os.fsencode(partial), AT_FDCWD, os.fsencode(target), RENAME_EXCHANGE) == 0)


def _sweep(target: Path) -> None:
    """Remove what writers that died left beside the folder; put back an old folder that lost its place."""
    name = escape(target.name)
    for left in target.parent.glob(f".{name}.????????.old"):
        if not target.exists():
            left.rename(target)
    for left in target.parent.glob(f".{name}.????????.*"):
        with suppress(OSError):
            if left.suffix in {".partial", ".old"} and time.time() - left.stat().st_mtime > STALE_S:
                shutil.rmtree(left, ignore_errors=True)
