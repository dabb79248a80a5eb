"""What passes between a provider that asks in batches and the client of one service."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from harness.providers.exchange import Asked, Fault, Reply


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """How a batch stands in the service's own words; `is_over` says that nothing more will be answered."""

    word: str
    is_over: bool


class Batches(Protocol):
    """The batch API of one service, for one model. All of it runs on the loop of `harness.providers.background`."""

    async def hand_in(self, token: str, items: Mapping[str, Asked]) -> str:
        """Hand a batch in and return the service's id of it; `token` marks it, where the service takes a mark.

        Raises:
            Fault: it was not taken; `billed` where it may have been.
        """
        ...

    async def find(self, token: str) -> str | None:
        """The id of the batch with that mark, None where there is none.

        Raises:
            Fault: that cannot be told.
        """
        ...

    async def look(self, batch: str) -> Standing:
        """How it stands.

        Raises:
            Fault: that cannot be told.
        """
        ...

    async def results(self, batch: str) -> Mapping[str, Reply | Fault]:
        """What became of each item of a batch that is over; items without a word of their own are left out.

        Raises:
            Fault: that cannot be told.
        """
        ...

    async def cancel(self, batch: str) -> None:
        """Have nothing more of it answered.

        Raises:
            Fault: the service does not.
        """
        ...

    def adapts(self, faults: Mapping[str, Fault]) -> frozenset[str]:
        """The items that may be answered when they are asked again, in another way from now on."""
        ...

    async def close(self) -> None:
        """Close the connections."""
        ...
