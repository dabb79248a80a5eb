"""What of a collection no worker holds yet, in the order in which it is to be handed out."""

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Parcel:
    """Items sent together, by their places in the collection; `weights` is None where they are no cases.

    `claims` are what is said of all cases: items that begin when everything else has ended.
    """

    items: Sequence[int]
    weights: str | None = None
    claims: bool = False


class Backlog:
    """What no worker holds: parcels of cases by weights, runs of other items, and claims."""

    def __init__(self) -> None:
        """Nothing waits."""
        self.cases: dict[str, int] = {}
        self.others = 0
        self.claims: list[int] = []
        self._parcels: dict[str, deque[Parcel]] = {}
        self._runs: deque[Sequence[int]] = deque()

    def __bool__(self) -> bool:
        return self.before_claims or bool(self.claims)

    @property
    def before_claims(self) -> bool:
        """Whether anything but claims waits."""
        return bool(self._parcels or self._runs)

    def add(self, parcel: Parcel) -> None:
        """Put a parcel behind those of its kind."""
        if parcel.claims:
            self.claims.extend(parcel.items)
        else:
            self._queue(parcel).append(parcel if parcel.weights is not None else parcel.items)

    def put_back(self, parcel: Parcel) -> None:
        """Put a parcel before those of its kind."""
        if parcel.claims:
            self.claims[:0] = parcel.items
        else:
            self._queue(parcel).appendleft(parcel if parcel.weights is not None else parcel.items)

    def _queue(self, parcel: Parcel) -> deque[Any]:
        if parcel.weights is None:
            self.others += len(parcel.items)
            return self._runs
        self.cases[parcel.weights] = self.cases.get(parcel.weights, 0) + len(parcel.items)
        return self._parcels.setdefault(parcel.weights, deque())

    def take(self, weights: str | None, most: int) -> Parcel | None:
        """The next parcel for these weights, or at most so many other items where these come first in the collection.

        None where nothing waits for these weights, or no weights are given, and there are no other items.
        """
        parcels = self._parcels.get(weights) if weights is not None else None
        if self._runs and (not parcels or self._runs[0][0] < parcels[0].items[0]):
            return self._take_others(most)
        return self._take_cases(parcels) if parcels else None

    def take_claims(self, most: int) -> Parcel | None:
        """At most so many claims; None where there are none."""
        taken, self.claims = self.claims[:most], self.claims[most:]
        return Parcel(items=taken, claims=True) if taken else None

    def _take_others(self, most: int) -> Parcel:
        run = self._runs.popleft()
        if len(run) > most:
            self._runs.appendleft(run[most:])
        self.others -= len(run[:most])
        return Parcel(items=run[:most])

    def _take_cases(self, parcels: deque[Parcel]) -> Parcel:
        parcel = parcels.popleft()
        weights = str(parcel.weights)
        self.cases[weights] -= len(parcel.items)
        if not parcels:
            del self.cases[weights], self._parcels[weights]
        return parcel
