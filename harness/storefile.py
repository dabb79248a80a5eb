"""The file of a store: one SQLite database in WAL mode, checked before it is used, written in synced transactions."""

import os
import sqlite3
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

from harness.errors import StoreError
from harness.secrets import clean, clean_message

T = TypeVar("T")

APPLICATION_ID = 0x70736331
VERSION = 2
BUSY_TIMEOUT_S = 60.0
RETRY_S = 0.02
SQL_VARIABLES = 500
# https://www.sqlite.org/fileformat.html, section 1.3: version at byte 60, application at 68, pages at 28.
MAGIC = b"SQLite format 3\0"
HEADER_BYTES = 100
IDENTITY = ("application_id", "user_version")

SCHEMA = f"""
PRAGMA application_id = {APPLICATION_ID};
CREATE TABLE requests (
    key TEXT PRIMARY KEY, model TEXT NOT NULL, condition TEXT NOT NULL, fingerprint TEXT NOT NULL,
    prompt TEXT NOT NULL, passages TEXT NOT NULL, decoding TEXT NOT NULL
) WITHOUT ROWID;
CREATE TABLE answers (
    id INTEGER PRIMARY KEY AUTOINCREMENT, key TEXT NOT NULL REFERENCES requests (key),
    text TEXT NOT NULL, prompt_tokens INTEGER NOT NULL, output_tokens INTEGER NOT NULL,
    latency_s REAL NOT NULL, concurrency INTEGER NOT NULL, finish_reason TEXT NOT NULL,
    logprobs BLOB, truncated_passages INTEGER NOT NULL, bos_count INTEGER
);
CREATE INDEX answers_by_key ON answers (key, id);
CREATE TABLE reference_losses (
    key TEXT NOT NULL, reference TEXT NOT NULL, nll REAL, PRIMARY KEY (key, reference)
) WITHOUT ROWID;
CREATE TABLE failures (
    id INTEGER PRIMARY KEY AUTOINCREMENT, key TEXT NOT NULL, reason TEXT NOT NULL
);
CREATE INDEX failures_by_key ON failures (key, id);
CREATE TABLE scores (
    answer_id INTEGER NOT NULL REFERENCES answers (id), gold TEXT NOT NULL,
    metric TEXT NOT NULL, version INTEGER NOT NULL, value REAL, reason TEXT,
    PRIMARY KEY (answer_id, gold, metric, version)
) WITHOUT ROWID;
"""
SINCE_2 = f"""
PRAGMA user_version = {VERSION};
CREATE TABLE processes (
    owner TEXT PRIMARY KEY, host TEXT NOT NULL, pid INTEGER NOT NULL, started TEXT NOT NULL
) WITHOUT ROWID;
CREATE TABLE in_flight (
    key TEXT NOT NULL, owner TEXT NOT NULL, alone INTEGER NOT NULL, PRIMARY KEY (key, owner)
) WITHOUT ROWID;
CREATE TABLE deaths (
    id INTEGER PRIMARY KEY AUTOINCREMENT, key TEXT NOT NULL, owner TEXT NOT NULL, alone INTEGER NOT NULL,
    witnessed INTEGER NOT NULL, reason TEXT
);
CREATE INDEX deaths_by_key ON deaths (key);
CREATE INDEX deaths_by_owner ON deaths (owner);
CREATE TABLE flip_checks (answer_id INTEGER PRIMARY KEY REFERENCES answers (id), text TEXT NOT NULL);
"""


def check_store(path: Path) -> None:
    """Refuse a file that is no store of this version; an absent file is fine, and nothing is written, not even a lock.

    Raises:
        StoreError: the file is not a store, comes from a newer version, or cannot be read.
    """
    if not os.path.lexists(path):
        _check_folder(path)
        return
    if not path.is_file():
        raise StoreError(f"store {path} is not a file: name an SQLite file with --store, or a path that does not exist")
    try:
        with path.open("rb") as file:
            header = file.read(HEADER_BYTES)
    except OSError as error:
        raise StoreError(f"store {path} cannot be read ({error}): name another file with --store") from error
    if not header:
        return
    if not header.startswith(MAGIC) or len(header) < HEADER_BYTES:
        raise _not_a_store(path)
    version, application = (int.from_bytes(header[start : start + 4], "big") for start in (60, 68))
    _check_version(path, application, version, is_blank=int.from_bytes(header[28:32], "big") <= 1)


def _check_folder(path: Path) -> None:
    """A store that is to be made needs a folder that can be written, or can be made."""
    nearest = next(folder for folder in path.absolute().parents if folder.exists())
    if not nearest.is_dir():
        raise StoreError(f"store {path} cannot be made ({nearest} is a file): name another file with --store")
    if not os.access(nearest, os.W_OK | os.X_OK):
        raise StoreError(f"store {path} cannot be made ({nearest} cannot be written): name another with --store")


def _check_version(path: Path, application: int, version: int, *, is_blank: bool) -> None:
    """A process that died while making a store leaves a file without tables, which the next one takes over."""
    if application != APPLICATION_ID and not (application == 0 and is_blank):
        raise _not_a_store(path)
    if version > VERSION:
        raise StoreError(
            f"store {path} has format {version}, this pytest-scaling reads up to {VERSION}: upgrade it, or name "
            "another file with --store"
        )


def gone(path: Path) -> StoreError:
    """What is said of a store whose file was deleted or replaced; SQLite itself would write on into the old one."""
    return StoreError(f"store {path} was deleted or replaced while this run used it: run again to answer what it held")


def _place(path: Path) -> tuple[int, int] | None:
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino


def _not_a_store(path: Path) -> StoreError:
    return StoreError(f"store {path} is not a store of pytest-scaling: name another file with --store")


@contextmanager
def _told(path: Path) -> Iterator[None]:
    try:
        yield
    except sqlite3.DatabaseError as error:
        raise StoreError(f"store {path} cannot be used ({error}): name another file with --store") from error


class StoreFile:
    """An open store. Use one per process and thread; several processes may share the file."""

    def __init__(self, path: Path) -> None:
        """Open the store, making it and its folder when absent; one of an earlier version is brought up to this one.

        Raises:
            StoreError: as `check_store`, or the folder cannot be written.
        """
        self.path = path
        check_store(path)
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise StoreError(f"store {path} cannot be made ({error}): name another file with --store") from error
        with _told(path):
            self._connection = sqlite3.connect(path, timeout=BUSY_TIMEOUT_S, isolation_level=None)
            try:
                self._prepare()
            except BaseException:
                self._connection.close()
                raise

    def _prepare(self) -> None:
        self._check_tables()
        self._use_wal()
        self._place = _place(self.path)
        with self.transaction():
            application, version = self._identity()
            wanted = (SCHEMA if application != APPLICATION_ID else "") + (SINCE_2 if version < VERSION else "")
            for statement in wanted.split(";"):
                self._connection.execute(statement)

    def _identity(self) -> tuple[int, int]:
        application, version = (self._connection.execute(f"PRAGMA {name}").fetchone()[0] for name in IDENTITY)
        return application, version

    def _check_tables(self) -> None:
        """All in one read transaction: another process may be making the tables at this moment."""
        connection = self._connection
        connection.execute("BEGIN")
        application, version = self._identity()
        tables = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]
        connection.execute("COMMIT")
        _check_version(self.path, application, version, is_blank=tables == 0)

    def _use_wal(self) -> None:
        """The change to WAL does not wait for other processes as every other statement does; so wait here."""
        until = time.monotonic() + BUSY_TIMEOUT_S
        while True:
            try:
                self._connection.execute("PRAGMA journal_mode = WAL")
            except sqlite3.OperationalError as error:
                if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY or time.monotonic() > until:
                    raise
                time.sleep(RETRY_S)
            else:
                return

    def close(self) -> None:
        """Close the file; it is not used again."""
        self._connection.close()

    @contextmanager
    def transaction(self, *, synced: bool = True) -> Iterator[sqlite3.Connection]:
        """All or nothing, seen by others only as a whole.

        A `synced` one outlives a loss of power; any one outlives the death of its process.
        """
        if self._place != _place(self.path):
            raise gone(self.path)
        with _told(self.path):
            self._connection.execute(f"PRAGMA synchronous = {'FULL' if synced else 'NORMAL'}")
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                yield self._connection
                self._connection.execute("COMMIT")
            except BaseException:
                # a full disk ends the transaction by itself
                if self._connection.in_transaction:
                    self._connection.execute("ROLLBACK")
                raise

    def select(self, statement: str, values: Sequence[str] | Sequence[int] = ()) -> list[tuple[Any, ...]]:
        """The rows of a statement in which `%s` stands for as many variables as there are values."""
        with _told(self.path):
            marks = ",".join("?" * len(values))
            return self._connection.execute(statement.replace("%s", marks), values).fetchall()


def chunks(values: Sequence[T]) -> Iterator[Sequence[T]]:
    """The values in parts that one statement can take."""
    for start in range(0, len(values), SQL_VARIABLES):
        yield values[start : start + SQL_VARIABLES]


def storable_message(reason: str) -> str:
    """A reason without anything that is a secret of this process, or looks like one; see `storable`."""
    return storable(clean_message(reason))


def storable(text: str) -> str:
    """The text without this process's secrets, and question marks for lone surrogates, which UTF-8 cannot hold."""
    return clean(text).encode("utf-8", "replace").decode("utf-8")
