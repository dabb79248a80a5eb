"""The questions of one unit that have no answer yet, in batches that wait until one of their questions is asked for."""

from collections.abc import Iterable, Sequence

from harness.planning import Planned


class Group:
    """Batches by the keys in them; each is taken once."""

    def __init__(self, batches: Iterable[Sequence[Planned]]) -> None:
        """A group of the given batches, in that order."""
        self._batches = dict(enumerate(list(batch) for batch in batches))
        self._place = {plan.key: number for number, batch in self._batches.items() for plan in batch}
        self._next = len(self._batches)
        self.wanted = len(self._place)
        self.last: set[str] = set()

    @property
    def left(self) -> int:
        """How many questions still wait."""
        return sum(len(batch) for batch in self._batches.values())

    def take(self, key: str) -> list[Planned]:
        """The batch that holds the key; empty when it does not wait any more."""
        return self._batches.pop(self._place.get(key, -1), [])

    def take_first(self) -> list[Planned]:
        """The first batch that waits; empty when none does."""
        return self._batches.pop(next(iter(self._batches), -1), [])

    def put_back(self, batch: Sequence[Planned]) -> None:
        """Let these wait again, behind all others; none of them is no batch, which would look like the end."""
        if not batch:
            return
        self._batches[self._next] = list(batch)
        self._place.update({plan.key: self._next for plan in batch})
        self._next += 1
