"""What a run may spend, kept by all its processes in one file: the worst case is set aside before each try.

What a process had set aside when it died counts as spent: the try may have been charged for.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from harness.processes import Owner, this_process
from harness.providers.sharedfile import open_shared, transaction

REFUSAL = "not asked: --max-cost-usd"
SCHEMA = (
    # AUTOINCREMENT: a number is kept beside a batch for days, and must not come to mean another sum.
    """CREATE TABLE IF NOT EXISTS reserved (
        id INTEGER PRIMARY KEY AUTOINCREMENT, run TEXT NOT NULL, usd REAL NOT NULL,
        host TEXT NOT NULL, pid INTEGER NOT NULL, started TEXT NOT NULL
    )""",
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
        self.path = path
        self.limit_usd = limit_usd
        self._run = run
        self._file = open_shared(path)
        self._file.execute("PRAGMA synchronous = NORMAL")
        for statement in SCHEMA:
            self._file.execute(statement)

    def reserve(self, usd: float) -> int | Literal["later", "never"]:
        """Set the worst case of a try aside.

        Returns:
            The number to settle it by; "later" while tries on their way may yet leave enough; "never" when what is
            settled already leaves too little.
        """
        return self.reserve_many([usd])[0]

    def reserve_many(self, worst_usd: Sequence[float]) -> list[int | Literal["later", "never"]]:
        """Set the worst cases of many tries aside, as many of them as fit; for each what `reserve` returns."""
        owner = this_process()
        with transaction(self._file):
            spent = self.spent()
            if spent.settled_usd + spent.reserved_usd + sum(worst_usd) > self.limit_usd and self._bury():
                spent = self.spent()
            settled_usd, reserved_usd = spent.settled_usd, spent.reserved_usd
            numbers: list[int | Literal["later", "never"]] = []
            for usd in worst_usd:
                if settled_usd + usd > self.limit_usd:
                    numbers.append("never")
                elif settled_usd + reserved_usd + usd > self.limit_usd:
                    numbers.append("later")
                else:
                    numbers.append(self._set_aside(usd, owner))
                    reserved_usd += usd
            return numbers

    def _set_aside(self, usd: float, owner: Owner) -> int:
        row = self._file.execute(
            "INSERT INTO reserved (run, usd, host, pid, started) VALUES (?, ?, ?, ?, ?)",
            (self._run, usd, owner.host, owner.pid, owner.started),
        )
        return int(row.lastrowid or 0)

    def _bury(self) -> bool:
        """Count as spent what processes that are gone had set aside; whether there was any."""
        rows = self._file.execute("SELECT DISTINCT host, pid, started FROM reserved WHERE run = ?", (self._run,))
        owners = [Owner(host=host, pid=pid, started=started) for host, pid, started in rows.fetchall()]
        gone = [(self._run, owner.host, owner.pid, owner.started) for owner in owners if not owner.lives()]
        for place in gone:
            where = "FROM reserved WHERE run = ? AND host = ? AND pid = ? AND started = ?"
            (usd,) = self._file.execute(f"SELECT sum(usd) {where}", place).fetchone()
            self._add(usd)
            self._file.execute(f"DELETE {where}", place)
        return bool(gone)

    def take_over(self, numbers: Iterable[int]) -> None:
        """What a process that is gone had set aside is this one's, which will settle it; if it still is set aside."""
        owner = this_process()
        with transaction(self._file):
            self._file.executemany(
                "UPDATE reserved SET host = ?, pid = ?, started = ? WHERE id = ? AND run = ?",
                [(owner.host, owner.pid, owner.started, number, self._run) for number in numbers],
            )

    def settle(self, number: int, usd: float) -> None:
        """What the try cost after all; 0 for one that was not charged for.

        Nothing changes where the sum that was set aside has been counted as spent since, or is of another run.
        """
        self.settle_many({number: usd})

    def settle_many(self, costs_usd: Mapping[int, float | None]) -> None:
        """As `settle`, for many tries by their numbers; None: all that was set aside."""
        with transaction(self._file):
            self._add(sum(self._strike(number, usd) for number, usd in costs_usd.items()))

    def _strike(self, number: int, usd: float | None) -> float:
        """What is to be counted as spent for it."""
        place = (number, self._run)
        row = self._file.execute("SELECT usd FROM reserved WHERE id = ? AND run = ?", place).fetchone()
        if row is None:
            return 0.0
        self._file.execute("DELETE FROM reserved WHERE id = ? AND run = ?", place)
        return float(row[0] if usd is None else usd)

    def _add(self, usd: float) -> None:
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


class _Run:
    """The limit of this process, None without one, and its ledger once something is to be written."""

    limit: tuple[float, Path, str] | None = None
    ledger: Ledger | None = None


def limit_spending(limit_usd: float | None, path: Path, run: str) -> None:
    """From now on no remote question of this process may bring the run above the limit; None lifts it.

    Nothing is written before the first question.

    Args:
        limit_usd: dollars, above 0.
        path: the file that all processes of the run share, and all its starts.
        run: the run's name; another run in the same file has its own limit.
    """
    wanted = None if limit_usd is None else (limit_usd, path, run)
    if wanted == _Run.limit:
        return
    if _Run.ledger is not None:
        _Run.ledger.close()
    _Run.limit, _Run.ledger = wanted, None


def is_limited() -> bool:
    """Whether what this process spends has a limit."""
    return _Run.limit is not None


def ledger() -> Ledger | None:
    """The ledger that this process was given, if any; opened at first use."""
    if _Run.ledger is None and _Run.limit is not None:
        limit_usd, path, run = _Run.limit
        _Run.ledger = Ledger(path, run, limit_usd)
    return _Run.ledger


def refusal(book: Ledger, worst_usd: float, spent: Spent | None = None) -> str:
    """Why a question is not asked that may cost so much; known again by `is_refusal`. `spent`: if known already."""
    spent = spent or book.spent()
    return (
        f"{REFUSAL} {book.limit_usd:g} leaves too little: it may cost {worst_usd:.6f} dollars, "
        f"{spent.settled_usd:.6f} are spent and {spent.reserved_usd:.6f} set aside"
    )


def is_refusal(reason: str | None) -> bool:
    """Whether a question has no answer because the limit of cost kept it from being asked."""
    return reason is not None and reason.startswith(REFUSAL)
