"""Small SQLite files beside the store that many processes write to: the ledger of a run, and the book of batches."""

import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

BUSY_S = 30.0
RETRY_S = 0.01


def open_shared(path: Path) -> sqlite3.Connection:
    """A file that many processes write to, made when absent.

    Raises:
        sqlite3.Error: it cannot be opened.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    file = sqlite3.connect(path, timeout=BUSY_S, isolation_level=None, check_same_thread=False)
    until = time.monotonic() + BUSY_S
    while True:  # SQLite does not wait by itself where two processes change the journal of a new file at once
        try:
            file.execute("PRAGMA journal_mode = WAL")
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY or time.monotonic() > until:
                file.close()
                raise
            time.sleep(RETRY_S)
        else:
            return file


@contextmanager
def transaction(file: sqlite3.Connection) -> Iterator[None]:
    """One transaction that waits for the other writers; an error takes it back."""
    file.execute("BEGIN IMMEDIATE")
    try:
        yield
    except BaseException:
        file.execute("ROLLBACK")
        raise
    file.execute("COMMIT")
