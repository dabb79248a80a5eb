"""Files taken from disk, and the names they are told by."""

from dataclasses import replace
from pathlib import Path

from harness.datasets.formats import Kind, file_contents
from harness.datasets.parse import Contents
from harness.datasets.problems import Problem
from harness.errors import DataError

_WORDS = {"questions": "questions", "passages": "passages", "shots": "worked examples"}


def read_contents(path: Path, kind: Kind | None = None) -> Contents:
    """What a file holds and what is wrong in it; a file with none of what is expected is a problem as well.

    Raises:
        DataError: the file is not there, is a folder, or may not be read.
        MissingExtra: the file is Parquet and pyarrow is not installed.
    """
    name = shown(path)
    contents = file_contents(name, read_bytes(path), kind)
    if kind is None:
        return contents
    # A corpus may be a SQuAD file, whose questions are then not asked.
    empty: Contents = Contents(problems=contents.problems)
    wanted = contents if kind == "questions" else replace(empty, **{kind: getattr(contents, kind)})
    if not getattr(wanted, kind) and not wanted.problems:
        return Contents(problems=(Problem(place=name, message=f"holds no {_WORDS[kind]}"),))
    return wanted


def read_bytes(path: Path) -> bytes:
    """The file's bytes.

    Raises:
        DataError: the file is not there, is a folder, or may not be read.
    """
    try:
        return path.read_bytes()
    except FileNotFoundError:
        raise DataError(
            f"there is no file {shown(path)}: check the path, which is relative to its study file"
        ) from None
    except IsADirectoryError:
        raise DataError(f"{shown(path)} is a folder: name a file in it") from None
    except OSError as error:
        raise DataError(f"{shown(path)} cannot be read: {error.strerror or error}") from None


def shown(path: Path) -> str:
    """The path from the current folder when it lies below it, else as it is."""
    try:
        return str(path.absolute().relative_to(Path.cwd()))
    except (ValueError, OSError):
        return str(path)
