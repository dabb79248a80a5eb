"""How many requests may be on their way at once: more while all goes well, fewer when the service says it is too much.

Source: additive increase and multiplicative decrease of Chiu & Jain 1989, Computer Networks and ISDN Systems 17(1);
doubling per round trip until the first congestion of Jacobson 1988, SIGCOMM; a decrease by half the share of a round
trip that met congestion, so that a stray fault does not cost what an overload does, of Alizadeh et al. 2010, SIGCOMM.
"""

import asyncio
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

FIRST_SIZE = 32
DECREASE = 0.5


@dataclass(frozen=True, slots=True, kw_only=True)
class Slot:
    """A request's place: how many were on their way with it."""

    in_flight: int


class Window:
    """Slots for requests, given in the order in which they were asked for; used on one event loop."""

    def __init__(self, most: int) -> None:
        """At most `most` slots, at least 1."""
        self.most = most
        self.size = float(min(FIRST_SIZE, most))
        self.in_flight = 0
        self._has_overloaded = False
        self._open_at = 0.0
        self._waiting: deque[asyncio.Future[None]] = deque()

    @asynccontextmanager
    async def slot(self) -> AsyncIterator[Slot]:
        """Wait for a slot, and hold it during the block."""
        await self._acquire()
        try:
            yield Slot(in_flight=self.in_flight)
        finally:
            self.in_flight -= 1
            self._wake()

    def succeeded(self) -> None:
        """A reply came: room for one more, or for one more per round trip once there was an overload.

        A window that is not filled tells nothing about a larger one, and stays.
        """
        if self.in_flight >= int(self.size):
            self.size = min(self.most, self.size + (1 / self.size if self._has_overloaded else 1))
            self._wake()

    def overloaded(self) -> None:
        """The service was asked too much: half a slot fewer, which halves the window where a round meets nothing else.

        Never fewer than 1.
        """
        self._has_overloaded = True
        self.size = max(1.0, self.size - DECREASE)

    def pause(self, seconds: float) -> None:
        """Give no slot for so long."""
        loop = asyncio.get_running_loop()
        until = loop.time() + seconds
        if until > self._open_at:
            self._open_at = until
            loop.call_at(until, self._wake)

    def _is_free(self) -> bool:
        return self.in_flight < int(self.size) and asyncio.get_running_loop().time() >= self._open_at

    async def _acquire(self) -> None:
        if not self._waiting and self._is_free():
            self.in_flight += 1
            return
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append(turn)
        try:
            await turn
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled():  # it was given the slot while it was being cancelled
                self.in_flight -= 1
            self._wake()
            raise

    def _wake(self) -> None:
        while self._waiting and (self._waiting[0].done() or self._is_free()):
            turn = self._waiting.popleft()
            if not turn.done():
                self.in_flight += 1
                turn.set_result(None)
