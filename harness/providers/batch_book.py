"""Which batches of questions lie at services, kept in a file: a run that was killed collects them and pays once.

A row is written before its batch is handed in, so that there is no moment at which nobody knows of it.
"""

import time
import uuid
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path

from harness.processes import Owner, this_process
from harness.providers.sharedfile import open_shared, transaction

SQL_VARIABLES = 500
# What both services take in one batch: https://platform.openai.com/docs/guides/batch#rate-limits tells 50,000.
ITEMS_MOST = 50_000
SCHEMA = (
    """CREATE TABLE IF NOT EXISTS batches (
        token TEXT PRIMARY KEY, batch TEXT, source TEXT NOT NULL, made REAL NOT NULL
    )""",
    """CREATE TABLE IF NOT EXISTS items (
        token TEXT NOT NULL, item TEXT NOT NULL, reserved INTEGER,
        host TEXT NOT NULL, pid INTEGER NOT NULL, started TEXT NOT NULL, PRIMARY KEY (item, token)
    )""",
    "CREATE INDEX IF NOT EXISTS items_token ON items (token)",
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
        self.path = path
        self._file = open_shared(path)
        for statement in SCHEMA:
            self._file.execute(statement)

    def begin(self, source: str, items: Mapping[str, int | None]) -> Held:
        """Note a batch that is about to be handed in, with the number of what is set aside for each item."""
        owner, token, made = this_process(), uuid.uuid4().hex, time.time()
        with transaction(self._file):
            self._file.execute("INSERT INTO batches VALUES (?, NULL, ?, ?)", (token, source, made))
            self._file.executemany(
                "INSERT INTO items VALUES (?, ?, ?, ?, ?, ?)",
                [(token, item, number, owner.host, owner.pid, owner.started) for item, number in items.items()],
            )
        return Held(token=token, batch=None, made=made, size=len(items), items=dict(items))

    def handed_in(self, token: str, batch: str) -> None:
        """The service took it, under that id."""
        with transaction(self._file):
            self._file.execute("UPDATE batches SET batch = ? WHERE token = ?", (batch, token))

    def adopt(self, source: str, items: Collection[str]) -> list[Held]:
        """The batches of a source with those of the items in them that no other living process waits for.

        These items are this process's from now on; the others of a batch stay whose they are. An item that lies in
        several batches is given with the first.
        """
        mine = this_process()
        with transaction(self._file):
            found: dict[str, dict[str, int | None]] = {}
            seen: set[str] = set()
            for token, item, number in self._free(source, items, mine):
                if item not in seen:
                    seen.add(item)
                    found.setdefault(token, {})[item] = number
            self._file.executemany(
                "UPDATE items SET host = ?, pid = ?, started = ? WHERE token = ? AND item = ?",
                [(mine.host, mine.pid, mine.started, token, item) for token in found for item in found[token]],
            )
            return [self._held(token, found[token]) for token in found]

    def collected(self, token: str, items: Collection[str]) -> None:
        """These items are answered, or will not be; a batch without items is forgotten."""
        with transaction(self._file):
            self._file.executemany("DELETE FROM items WHERE token = ? AND item = ?", [(token, item) for item in items])
            self._file.execute(
                "DELETE FROM batches WHERE token = ? AND NOT EXISTS (SELECT 1 FROM items WHERE items.token = ?)",
                (token, token),
            )

    def close(self) -> None:
        """Close the file; the book is not used again."""
        self._file.close()

    def _free(self, source: str, items: Collection[str], mine: Owner) -> list[tuple[str, str, int | None]]:
        """Token, item and number of all that is this process's or nobody's, the oldest batch first."""
        listed = list(items)
        found: list[tuple[float, str, str, int | None]] = []
        lives: dict[Owner, bool] = {mine: False}  # what it holds itself is free to it
        for start in range(0, len(listed), SQL_VARIABLES):
            part = listed[start : start + SQL_VARIABLES]
            marks = ",".join("?" * len(part))
            statement = (
                "SELECT made, token, item, reserved, host, pid, started FROM items JOIN batches USING (token) "  # noqa: S608 - marks only
                f"WHERE source = ? AND item IN ({marks})"
            )
            for made, token, item, number, host, pid, started in self._file.execute(statement, (source, *part)):
                owner = Owner(host=host, pid=pid, started=started)
                if owner not in lives:
                    lives[owner] = owner.lives()
                if not lives[owner]:
                    found.append((made, token, item, number))
        return [(token, item, number) for _, token, item, number in sorted(found, key=lambda row: row[:2])]

    def _held(self, token: str, items: Mapping[str, int | None]) -> Held:
        batch, made = self._file.execute("SELECT batch, made FROM batches WHERE token = ?", (token,)).fetchone()
        (size,) = self._file.execute("SELECT count(*) FROM items WHERE token = ?", (token,)).fetchone()
        return Held(token=token, batch=batch, made=made, size=size, items=items)


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
