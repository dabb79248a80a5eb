"""Which batches of questions lie at services, kept in a file: a run that was killed collects them and pays once.

A row is written before its batch is handed in, so that there is no moment at which nobody knows of it.
"""

import sqlite3
import time
import uuid
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from harness.providers.alive import Owner, this_process

BUSY_S = 30.0
SQL_VARIABLES = 500
# What both services take in one batch: https://platform.openai.com/docs/guides/batch#rate-limits tells 50,000.
ITEMS_MOST = 50_000
SCHEMA = (
    """CREATE TABLE IF NOT EXISTS batches (
        token TEXT PRIMARY KEY, batch TEXT, source TEXT NOT NULL, made REAL NOT NULL,
        host TEXT NOT NULL, pid INTEGER NOT NULL, started TEXT NOT NULL
    )""",
    """CREATE TABLE IF NOT EXISTS items (
        token TEXT NOT NULL, item TEXT NOT NULL, reserved INTEGER, PRIMARY KEY (item, token)
    )""",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Held:
    """A batch: `batch` is the service's id, None when nobody knows whether it was handed in.

    `made` is when, in seconds since 1970, `size` how many items it had at last; `items` maps those that are wanted to
    the number of what was set aside for each.
    """

    token: str
    batch: str | None
    made: float
    size: int
    items: Mapping[str, int | None]


class BatchBook:
    """The batches of one store, as one process sees them; used from one thread at a time."""

    def __init__(self, path: Path) -> None:
        """Open the file, making it when absent.

        Raises:
            sqlite3.Error: it cannot be opened.
        """
        path.parent.mkdir(parents=True, exist_ok=True)
        self.path = path
        self._file = sqlite3.connect(path, timeout=BUSY_S, isolation_level=None, check_same_thread=False)
        self._file.execute("PRAGMA journal_mode = WAL")
        for statement in SCHEMA:
            self._file.execute(statement)

    def begin(self, source: str, items: Mapping[str, int | None]) -> Held:
        """Note a batch that is about to be handed in, with the number of what is set aside for each item."""
        owner, token, made = this_process(), uuid.uuid4().hex, time.time()
        with self._transaction():
            self._file.execute(
                "INSERT INTO batches VALUES (?, NULL, ?, ?, ?, ?, ?)",
                (token, source, made, owner.host, owner.pid, owner.started),
            )
            self._file.executemany(
                "INSERT INTO items VALUES (?, ?, ?)", [(token, item, number) for item, number in items.items()]
            )
        return Held(token=token, batch=None, made=made, size=len(items), items=dict(items))

    def handed_in(self, token: str, batch: str) -> None:
        """The service took it, under that id."""
        with self._transaction():
            self._file.execute("UPDATE batches SET batch = ? WHERE token = ?", (batch, token))

    def adopt(self, source: str, items: Collection[str]) -> list[Held]:
        """The batches of a source that hold any of the items and that no other living process waits for.

        They are this process's from now on. An item that lies in several is given with the first.
        """
        with self._transaction():
            wanted = self._places(items)
            found = [held for token in wanted if (held := self._take(source, token, wanted[token])) is not None]
        seen: set[str] = set()
        parted = []
        for held in sorted(found, key=lambda each: each.made):
            fresh = {item: number for item, number in held.items.items() if item not in seen}
            seen.update(fresh)
            parted.append(replace(held, items=fresh))
        return [held for held in parted if held.items]

    def collected(self, token: str, items: Collection[str]) -> None:
        """These items are answered, or will not be; a batch without items is forgotten."""
        with self._transaction():
            self._file.executemany("DELETE FROM items WHERE token = ? AND item = ?", [(token, item) for item in items])
            self._file.execute(
                "DELETE FROM batches WHERE token = ? AND NOT EXISTS (SELECT 1 FROM items WHERE items.token = ?)",
                (token, token),
            )

    def close(self) -> None:
        """Close the file; the book is not used again."""
        self._file.close()

    def _places(self, items: Collection[str]) -> dict[str, dict[str, int | None]]:
        places: dict[str, dict[str, int | None]] = {}
        listed = list(items)
        for start in range(0, len(listed), SQL_VARIABLES):
            part = listed[start : start + SQL_VARIABLES]
            marks = ",".join("?" * len(part))
            statement = f"SELECT token, item, reserved FROM items WHERE item IN ({marks})"  # noqa: S608 - marks only
            for token, item, number in self._file.execute(statement, part):
                places.setdefault(token, {})[item] = number
        return places

    def _take(self, source: str, token: str, items: Mapping[str, int | None]) -> Held | None:
        statement = "SELECT batch, made, host, pid, started FROM batches WHERE token = ? AND source = ?"
        row = self._file.execute(statement, (token, source)).fetchone()
        if row is None:
            return None
        batch, made, host, pid, started = row
        owner, mine = Owner(host=host, pid=pid, started=started), this_process()
        if owner != mine and owner.lives():
            return None
        self._file.execute(
            "UPDATE batches SET host = ?, pid = ?, started = ? WHERE token = ?",
            (mine.host, mine.pid, mine.started, token),
        )
        (size,) = self._file.execute("SELECT count(*) FROM items WHERE token = ?", (token,)).fetchone()
        return Held(token=token, batch=batch, made=made, size=size, items=items)

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        self._file.execute("BEGIN IMMEDIATE")
        try:
            yield
        except BaseException:
            self._file.execute("ROLLBACK")
            raise
        self._file.execute("COMMIT")


class _Process:
    """Where this process keeps its batches, None where it asks question by question; the book once it is needed."""

    path: Path | None = None
    book: BatchBook | None = None


def use_batches(path: Path | None) -> None:
    """From now on remote models that are loaded here are asked through batches, noted in that file; None: one by one.

    Nothing is written before the first question.
    """
    if path == _Process.path:
        return
    if _Process.book is not None:
        _Process.book.close()
    _Process.path, _Process.book = path, None


def are_used() -> bool:
    """Whether remote models are asked through batches."""
    return _Process.path is not None


def book() -> BatchBook:
    """The book of this process, opened at first use.

    Raises:
        RuntimeError: no batches are used.
    """
    if _Process.path is None:
        raise RuntimeError("no batches are used in this process")
    if _Process.book is None:
        _Process.book = BatchBook(_Process.path)
    return _Process.book
