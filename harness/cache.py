"""What is kept between runs: where it lies, under what key, and how it is written so that no reader sees half of it."""

import os
from collections.abc import Callable, Mapping
from dataclasses import fields, is_dataclass
from hashlib import sha256
from json import dumps
from pathlib import Path
from shutil import rmtree
from tempfile import mkdtemp

from platformdirs import user_cache_dir


def cache_dir(*parts: str) -> Path:
    """The folder `parts` below the cache: HARNESS_CACHE_DIR when set and not empty, else the user's cache folder.

    The folder may not exist yet; nothing is made here.
    """
    root = os.environ.get("HARNESS_CACHE_DIR") or user_cache_dir("pytest-scaling", appauthor=False)
    return Path(root).expanduser().absolute().joinpath(*parts)


def publish(folder: Path, fill: Callable[[Path], object]) -> Path:
    """Let `fill` write into a new folder beside `folder`, then give it that name in one step.

    Of several processes that publish the same folder the first one wins and the others' work is dropped, so the name
    must be a key of the content. A crash leaves no folder of that name.

    Returns:
        `folder`, which now exists and is complete.

    Raises:
        OSError: the folder cannot be written; what `fill` raises is passed on. Nothing is left behind in either case.
    """
    folder.parent.mkdir(parents=True, exist_ok=True)
    fresh = Path(mkdtemp(prefix=f".{folder.name}-", dir=folder.parent))
    try:
        fill(fresh)
        _rename(fresh, folder)
    finally:
        rmtree(fresh, ignore_errors=True)
    return folder


def _rename(fresh: Path, folder: Path) -> None:
    try:
        fresh.replace(folder)
    except OSError:
        # Renaming onto a folder that is not empty fails on every system: another process was first.
        if not folder.is_dir():
            raise


def digest(value: object) -> str:
    """SHA-256, in hex, of the canonical JSON of records, mappings, sequences, sets and plain values.

    Keys are sorted, so the order in which a mapping was filled does not matter; the order of a sequence does.

    Raises:
        TypeError: the value holds something that is none of these.
        ValueError: a number is not finite, or a text cannot be encoded.
    """
    text = dumps(_plain(value), ensure_ascii=False, sort_keys=True, separators=(",", ":"), allow_nan=False)
    return sha256(text.encode()).hexdigest()


def _plain(value: object) -> object:
    if is_dataclass(value) and not isinstance(value, type):
        return {item.name: _plain(getattr(value, item.name)) for item in fields(value)}
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if isinstance(value, set | frozenset):
        return sorted(map(str, value))
    return value
