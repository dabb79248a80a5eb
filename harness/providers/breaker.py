"""A service that is down is not asked on and on: after enough failures in a row all that waits fails at once.

Source: the circuit breaker of Nygard 2007, Release It!, chapter 5.
"""

from dataclasses import dataclass


@dataclass(slots=True, kw_only=True)
class Breaker:
    """Opens after `failures_most` failures in a row that took at least `patience_s` seconds.

    Open it refuses everything for `rest_s` seconds; then one request is let through, whose outcome decides.
    """

    failures_most: int
    patience_s: float
    rest_s: float
    _failures: int = 0
    _first_at: float = 0.0
    _opened_at: float | None = None
    _trying: bool = False
    _reason: str = ""

    def refusal(self, now: float) -> str | None:
        """Why nothing is asked now, or None: then the caller asks, and says what came of it."""
        if self._opened_at is None:
            return None
        if now - self._opened_at >= self.rest_s and not self._trying:
            self._trying = True
            return None
        return f"{self._failures} failures in a row, the last: {self._reason}"

    def succeeded(self) -> None:
        """The service is there."""
        self._failures, self._opened_at, self._trying = 0, None, False

    def failed(self, reason: str, now: float) -> None:
        """The service may not be there."""
        if not self._failures:
            self._first_at = now
        self._failures += 1
        self._reason = reason
        is_long = self._failures >= self.failures_most and now - self._first_at >= self.patience_s
        if self._trying or (self._opened_at is None and is_long):
            self._opened_at, self._trying = now, False

    def undecided(self) -> None:
        """What was let through told nothing, as when it was cancelled."""
        self._trying = False
