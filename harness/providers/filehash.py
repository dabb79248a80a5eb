"""Content hashes of large files, each computed once: remembered by path, size and time of change."""

from collections.abc import Iterable, Mapping
from contextlib import suppress
from hashlib import file_digest, sha256
from pathlib import Path
from tempfile import NamedTemporaryFile

from harness.cache import cache_dir

REMEMBERED_FROM_BYTES = 1 << 20


def file_sha256(path: Path) -> str:
    """SHA-256 of the file's bytes, in hex.

    From a mebibyte on the hash is remembered in the cache, so that a second call costs one `stat`. A cache that cannot
    be written changes nothing but the time.

    Raises:
        OSError: the file cannot be read.
    """
    state = path.stat()
    if state.st_size < REMEMBERED_FROM_BYTES:
        return _read_sha256(path)
    # Links of a hub cache are followed, so that one blob seen through two snapshots is hashed once.
    identity = f"{path.resolve()}\n{state.st_size}\n{state.st_mtime_ns}"
    memory = cache_dir("hashes", sha256(identity.encode()).hexdigest())
    with suppress(OSError):
        remembered = memory.read_text(encoding="ascii")
        if len(remembered) == sha256().digest_size * 2:
            return remembered
    value = _read_sha256(path)
    with suppress(OSError):
        _write_whole(memory, value)
    return value


def folder_sha256(folder: Path, names: Iterable[str]) -> Mapping[str, str]:
    """The hash of each of the folder's named files, by name, in order of name."""
    return {name: file_sha256(folder / name) for name in sorted(names)}


def _read_sha256(path: Path) -> str:
    with path.open("rb") as file:
        return file_digest(file, "sha256").hexdigest()


def _write_whole(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with NamedTemporaryFile("w", encoding="ascii", dir=path.parent, delete=False) as file:
        file.write(text)
    Path(file.name).replace(path)
