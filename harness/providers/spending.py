"""What a run may spend, kept by all its processes in one file: the worst case is set aside before each try.

What a process had set aside when it died stays so: the try may have been charged for.
"""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

BUSY_S = 30.0
SCHEMA = (
    "CREATE TABLE IF NOT EXISTS reserved (id INTEGER PRIMARY KEY, run TEXT NOT NULL, usd REAL NOT NULL)",
    "CREATE INDEX IF NOT EXISTS reserved_run ON reserved (run)",
    "CREATE TABLE IF NOT EXISTS settled (run TEXT PRIMARY KEY, usd REAL NOT NULL)",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Spent:
    """Dollars of a run: `settled` by the services' own counts or feared lost, `reserved` for tries on their way."""

    settled_usd: float
    reserved_usd: float


class Ledger:
    """The spending of one run, as one process keeps it; used from one thread at a time."""

    def __init__(self, path: Path, run: str, limit_usd: float) -> None:
        """A limit of dollars for all processes that name the same file and run.

        Raises:
            ValueError: the limit is not above 0.
            sqlite3.Error: the file cannot be opened.
        """
        if not limit_usd > 0:
            raise ValueError(f"limit_usd {limit_usd} must be above 0")
        self.limit_usd = limit_usd
        self._run = run
        path.parent.mkdir(parents=True, exist_ok=True)
        self._file = sqlite3.connect(path, timeout=BUSY_S, isolation_level=None, check_same_thread=False)
        self._file.execute("PRAGMA journal_mode = WAL")
        self._file.execute("PRAGMA synchronous = OFF")
        for statement in SCHEMA:
            self._file.execute(statement)

    def reserve(self, usd: float) -> int | Literal["later", "never"]:
        """Set the worst case of a try aside.

        Returns:
            The number to settle it by; "later" while tries on their way may yet leave enough; "never" when what is
            settled already leaves too little.
        """
        with self._transaction():
            spent = self.spent()
            if spent.settled_usd + usd > self.limit_usd:
                return "never"
            if spent.settled_usd + spent.reserved_usd + usd > self.limit_usd:
                return "later"
            row = self._file.execute("INSERT INTO reserved (run, usd) VALUES (?, ?)", (self._run, usd))
            return int(row.lastrowid or 0)

    def settle(self, number: int, usd: float) -> None:
        """What the try cost after all; 0 for one that was not charged for."""
        with self._transaction():
            self._file.execute("DELETE FROM reserved WHERE id = ?", (number,))
            self._file.execute(
                "INSERT INTO settled VALUES (?, ?) ON CONFLICT (run) DO UPDATE SET usd = usd + excluded.usd",
                (self._run, usd),
            )

    def spent(self) -> Spent:
        """What the run has spent, and has set aside."""
        settled, reserved = (
            self._file.execute(f"SELECT coalesce(sum(usd), 0.0) FROM {table} WHERE run = ?", (self._run,)).fetchone()[0]  # noqa: S608 - our own names
            for table in ("settled", "reserved")
        )
        return Spent(settled_usd=settled, reserved_usd=reserved)

    def close(self) -> None:
        """Close the file; the ledger is not used again."""
        self._file.close()

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        self._file.execute("BEGIN IMMEDIATE")
        try:
            yield
        except BaseException:
            self._file.execute("ROLLBACK")
            raise
        self._file.execute("COMMIT")


class _Run:
    """The ledger of this process, None without a limit."""

    ledger: Ledger | None = None


def limit_spending(limit_usd: float | None, path: Path, run: str) -> None:
    """From now on no remote question of this process may bring the run above the limit; None lifts it.

    Args:
        limit_usd: dollars, above 0.
        path: the file that all processes of the run share.
        run: the run's name; another run in the same file has its own limit.
    """
    if _Run.ledger is not None:
        _Run.ledger.close()
    _Run.ledger = None if limit_usd is None else Ledger(path, run, limit_usd)


def ledger() -> Ledger | None:
    """The ledger that this process was given, if any."""
    return _Run.ledger
