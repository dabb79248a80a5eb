"""What passes between a provider that asks in batches and the client of one service."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from harness.providers.batch_book import ITEMS_MOST
from harness.providers.exchange import Asked, Fault, Reply
from harness.providers.faults import shown
from harness.providers.usage import most_prompt_tokens, usage_problem

# Both services take 200 MB.
BYTES_MOST = 150_000_000
# A token is counted for each byte, which JSON may write as an escape: three for a byte of a letter outside ASCII.
BYTES_PER_TOKEN = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """How a batch stands in the service's own words; `is_over` says that nothing more will be answered."""

    word: str
    is_over: bool


def read_alone(read: Callable[[Mapping[str, Any]], Reply], body: Mapping[str, Any]) -> Reply | Fault:
    """A reply of a batch, or what is wrong with it, however odd it is: the others are paid for and must be read."""
    try:
        return read(body)
    except Fault as fault:
        return fault
    except Exception as error:  # noqa: BLE001 - see above
        return Fault(reason=f"{type(error).__name__}: {shown(str(error))}", billed=True)


def checked(asked: Asked, found: Reply | Fault) -> Reply | Fault:
    """What was found, or a fault where its own counts cannot be right."""
    problem = usage_problem(found, most_prompt_tokens(asked.turns)) if isinstance(found, Reply) else None
    return found if problem is None else Fault(reason=problem, billed=True)


def chunks(asked: Mapping[str, Asked], items: Iterable[str]) -> Iterator[list[str]]:
    """Items for one batch each: chats or texts, as many as a service takes."""
    for chat in (True, False):
        chunk: list[str] = []
        size = 0
        for item in items:
            if asked[item].chat != chat:
                continue
            more = most_prompt_tokens(asked[item].turns) * BYTES_PER_TOKEN
            if chunk and (len(chunk) == ITEMS_MOST or size + more > BYTES_MOST):
                yield chunk
                chunk, size = [], 0
            chunk.append(item)
            size += more
        if chunk:
            yield chunk


def may_be_taken(fault: Fault, *, is_marked: bool) -> bool:
    """Whether a batch may have been taken although its handing in ended in this fault.

    A gateway may give up on a service that takes the batch. Where batches take no mark nobody could ever tell, and most
    such faults are of services that took nothing: there only a reply that was lost on its way counts.
    """
    return fault.billed or (is_marked and fault.down and fault.overload)


def is_gone(fault: Fault) -> bool:
    """Whether the service does not know, or no longer, what it was asked for; `status_fault` tells the status first."""
    return fault.reason.startswith(("404:", "410:"))


class Batches(Protocol):
    """The batch API of one service, for one model. All of it runs on the loop of `harness.providers.background`."""

    @property
    def is_marked(self) -> bool:
        """Whether the service keeps the mark of a batch, so that one can be looked for."""
        ...

    async def hand_in(self, token: str, items: Mapping[str, Asked]) -> str:
        """Hand a batch in and return the service's id of it; `token` marks it, where the service takes a mark.

        Raises:
            Fault: it was not taken; `billed` where it may have been.
        """
        ...

    async def find(self, token: str) -> str | None:
        """The id of the batch with that mark, None where there is none; only asked where `is_marked`.

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
