"""What a process was doing when it died: marks in the store before each batch, and what follows from those left behind.

A mark says that a process is about to answer a key, or to load a model. It goes in the transaction that keeps the
answer, so a mark whose process is gone is a death. A death is witnessed when the run's controller saw the worker end,
or the worker's own watchdog ended it; without a witness it may have been anything, such as the whole machine.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

from harness.processes import Owner, this_process
from harness.storefile import StoreFile, chunks, storable_message

# Kills of a whole run at random moments, on average ten answers apart, hit the same lone question this often in a row
# less than once in a thousand: one in ten each time, and what was alone in flight once is asked last.
UNWITNESSED_MOST = 4
DEATHS_LEAST = 2

Standing = Literal["taken", "suspect", "crashed"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Death:
    """One process that died while it was at a key, by itself or with others; `reason` is the watchdog's word."""

    owner: str
    alone: bool
    witnessed: bool
    reason: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """What is known against a key that is not free: `taken` by a process that lives, or deaths."""

    taken: bool
    deaths: tuple[Death, ...]

    @property
    def standing(self) -> Standing:
        """Crashed: several deaths, one of them witnessed with nobody else to blame, or too many alone."""
        alone = [death for death in self.deaths if death.alone]
        if len(self.deaths) >= DEATHS_LEAST and any(death.witnessed for death in alone):
            return "crashed"
        if len(alone) >= UNWITNESSED_MOST:
            return "crashed"
        return "suspect" if self.deaths else "taken"

    @property
    def was_alone(self) -> bool:
        """Whether some process died at it with nothing else in flight."""
        return any(death.alone for death in self.deaths)

    @property
    def reason(self) -> str:
        """Why a crashed key is not asked again, in one line."""
        told = next((death.reason for death in reversed(self.deaths) if death.reason), None)
        count = len(self.deaths)
        what = told or "the process died while it answered this"
        return f"crashed: {what} ({count} time{'s' if count > 1 else ''}, at last by itself); ask again with --rerun"


class Flights:
    """The marks of one process, and its view of the others'."""

    def __init__(self, file: StoreFile, owner: str, *, after: int = 0) -> None:
        """The marks of `owner` in a store; deaths up to the id `after` are not counted."""
        self._file = file
        self._owner = owner
        self._after = after
        self._registered = False

    def begin(self, keys: Sequence[str]) -> None:
        """Mark the keys as in flight; one that is marked by itself has nobody to share the blame."""
        with self._file.transaction(synced=False) as connection:
            if not self._registered:
                mine = this_process()
                row = (self._owner, mine.host, mine.pid, mine.started)
                connection.execute("INSERT OR REPLACE INTO processes VALUES (?, ?, ?, ?)", row)
            alone = len(keys) == 1
            connection.executemany(
                "INSERT OR REPLACE INTO in_flight VALUES (?, ?, ?)", [(key, self._owner, alone) for key in keys]
            )
        self._registered = True

    def end(self, keys: Sequence[str]) -> None:
        """Take the marks back: what was done did not end this process."""
        if not keys:
            return
        with self._file.transaction(synced=False) as connection:
            connection.executemany(
                "DELETE FROM in_flight WHERE key = ? AND owner = ?", [(key, self._owner) for key in keys]
            )

    def end_all(self) -> None:
        """Take back whatever this process still has marked: it comes to an orderly end."""
        if self._registered:
            with self._file.transaction(synced=False) as connection:
                connection.execute("DELETE FROM in_flight WHERE owner = ?", (self._owner,))

    def look(self, keys: Sequence[str]) -> dict[str, Record]:
        """The record of each key that is not free; marks of processes that are gone become deaths."""
        marks = [row for part in chunks(keys) for row in self._marks(part)]
        gone = {name for _, name, process in marks if process.is_gone()}
        for owner in sorted(gone):
            bury(self._file, owner)
        taken = {mark[0] for mark in marks if mark[1] not in gone}
        deaths = self._deaths(keys)
        return {
            key: Record(taken=key in taken, deaths=tuple(deaths.get(key, ())))
            for key in keys
            if key in taken or key in deaths
        }

    def deaths_in_run(self, key: str) -> int:
        """How often processes of this run died at the key."""
        run = self._owner.partition("/")[0]
        self.look([key])
        return sum(death.owner.partition("/")[0] == run for death in self._deaths([key]).get(key, ()))

    def _marks(self, keys: Sequence[str]) -> list[tuple[str, str, Owner]]:
        rows = self._file.select(
            "SELECT key, owner, host, pid, started FROM in_flight JOIN processes USING (owner) WHERE key IN (%s)", keys
        )
        return [
            (key, owner, Owner(host=at, pid=pid, started=started))
            for key, owner, at, pid, started in rows
            if owner != self._owner
        ]

    def _deaths(self, keys: Iterable[str]) -> dict[str, list[Death]]:
        found: dict[str, list[Death]] = {}
        for part in chunks(list(keys)):
            statement = "SELECT id, key, owner, alone, witnessed, reason FROM deaths WHERE key IN (%s) ORDER BY id"
            for number, key, owner, alone, witnessed, reason in self._file.select(statement, part):
                if number > self._after:
                    death = Death(owner=owner, alone=bool(alone), witnessed=bool(witnessed), reason=reason)
                    found.setdefault(key, []).append(death)
        return found


def bury(file: StoreFile, owner: str, *, witnessed: bool = False, reason: str | None = None) -> bool:
    """Turn the marks of a process that is gone into deaths; returns whether it left any, or had left some before.

    Args:
        file: the store.
        owner: the process.
        witnessed: whether its end was seen, so that a key it was at alone is to blame.
        reason: why it was ended.
    """
    why = None if reason is None else storable_message(reason)
    with file.transaction(synced=False) as connection:
        connection.execute(
            "INSERT INTO deaths (key, owner, alone, witnessed, reason) "
            "SELECT key, owner, alone, ?, ? FROM in_flight WHERE owner = ?",
            (witnessed, why, owner),
        )
        connection.execute("DELETE FROM in_flight WHERE owner = ?", (owner,))
        if witnessed:
            connection.execute("UPDATE deaths SET witnessed = 1 WHERE owner = ?", (owner,))
        return connection.execute("SELECT 1 FROM deaths WHERE owner = ? LIMIT 1", (owner,)).fetchone() is not None


def last_death_id(file: StoreFile) -> int:
    """The newest death's row id, 0 when nothing ever died."""
    return int(file.select("SELECT coalesce(max(id), 0) FROM deaths")[0][0])
