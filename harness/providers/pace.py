"""So many requests, or tokens, per minute and no more."""

import asyncio
from collections.abc import Callable

MINUTE_S = 60.0
BURST_SHARE = 0.1


class Pace:
    """A token bucket that lets at most `per_minute` through in any 60 seconds; used on one event loop.

    The bucket holds a tenth, and is filled with the other nine tenths per minute: a full bucket and a minute's filling
    are together what is allowed. An amount above the bucket waits until it is full, and is owed, so that a minute may
    see one such amount more.
    """

    def __init__(self, per_minute: float | None, clock: Callable[[], float] | None = None) -> None:
        """None lets everything through; else a number above 0."""
        self.per_minute = per_minute
        self._most = (per_minute or 0.0) * BURST_SHARE
        self._held = self._most
        self._seen_at: float | None = None
        self._clock = clock
        self._turn = asyncio.Lock()

    def delay_s(self, amount: float) -> float:
        """Seconds until `amount` may pass; 0 when it may now."""
        if self.per_minute is None:
            return 0.0
        self._fill()
        lacking = min(amount, self._most) - self._held
        # what floating point leaves over would be waited for again and again
        return lacking / self._rate() if lacking > self._most * 1e-9 else 0.0

    async def pass_through(self, amount: float) -> None:
        """Wait until `amount` may pass, each in its turn."""
        if self.per_minute is None:
            return
        async with self._turn:
            while delay_s := self.delay_s(amount):  # noqa: ASYNC110 - only time fills the bucket
                await asyncio.sleep(delay_s)
            self._held -= amount

    def give_back(self, amount: float) -> None:
        """So much of what passed was not used."""
        if self.per_minute is not None:
            self._held = min(self._most, self._held + amount)

    def _rate(self) -> float:
        return (self.per_minute or 0.0) * (1 - BURST_SHARE) / MINUTE_S

    def _fill(self) -> None:
        now = self._clock() if self._clock is not None else asyncio.get_running_loop().time()
        if self._seen_at is not None:
            self._held = min(self._most, self._held + (now - self._seen_at) * self._rate())
        self._seen_at = now
