"""The line to one service: slots, pace and breaker, shared by all models of this process that are asked there."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from harness.providers.breaker import Breaker
from harness.providers.concurrency import Slot, Window
from harness.providers.exchange import Fault
from harness.providers.pace import Pace
from harness.providers.remote_options import RemoteOptions, share

# Longer than this nothing waits because one request was told to.
PAUSE_MOST_S = 120.0


class Line:
    """What is known of a service that goes beyond one question; used on one event loop."""

    def __init__(self, place: str, options: RemoteOptions) -> None:
        """With the limits of the model that is asked first, this process's part of them; `place` is told in errors."""
        self.place = place
        self.window = Window(max(1, int(share(options.max_concurrent) or 1)))
        self.requests = Pace(share(options.requests_per_minute))
        self.tokens = Pace(share(options.tokens_per_minute))
        self.breaker = Breaker(
            failures_most=options.failures_most, patience_s=options.patience_s, rest_s=options.rest_s
        )

    @asynccontextmanager
    async def admitted(self, tokens: float) -> AsyncIterator[Slot]:
        """Wait until a request of so many tokens may be sent, and hold its slot.

        Raises:
            Fault: the service is down, and is not asked.
        """
        async with self.window.slot() as slot:
            self._refuse_when_down()
            try:
                await self.requests.pass_through(1)
                await self.tokens.pass_through(tokens)
                yield slot
            finally:
                self.breaker.undecided()

    def succeeded(self) -> None:
        """A reply came."""
        self.window.succeeded()
        self.breaker.succeeded()

    def failed(self, fault: Fault) -> None:
        """A request ended in a fault; a service that answers, if only with a refusal, is not down."""
        if fault.down:
            self.breaker.failed(fault.reason, asyncio.get_running_loop().time())
        elif not fault.overload:
            self.breaker.succeeded()
        if fault.overload:
            self.window.overloaded()
            if fault.retry_after_s is not None:
                self.window.pause(min(fault.retry_after_s, PAUSE_MOST_S))

    def _refuse_when_down(self) -> None:
        refusal = self.breaker.refusal(asyncio.get_running_loop().time())
        if refusal is not None:
            raise Fault(reason=f"not asked: {self.place} is down: {refusal}")


_LINES: dict[tuple[object, ...], Line] = {}


def line_to(place: str, options: RemoteOptions) -> Line:
    """The line to a service at that place under these limits; the same for all who ask for the same."""
    limits = (options.max_concurrent, options.requests_per_minute, options.tokens_per_minute)
    patience = (options.failures_most, options.patience_s, options.rest_s)
    return _LINES.setdefault((place, *limits, *patience), Line(place, options))
