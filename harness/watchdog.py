"""A time limit for requests to a model in this process: code that hangs cannot be told to stop, its process can."""

import os
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import NoReturn

EXIT_CODE = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Watchdog:
    """Ends the process when a request takes longer than `limit_s`; a batch has that for each of its requests.

    `last_words` is called first, from a thread of its own, with the reason in one line. Code that never gives Python's
    lock back cannot be ended this way.
    """

    limit_s: float
    last_words: Callable[[str], None]

    @contextmanager
    def watch(self, what: str, requests: int = 1) -> Iterator[None]:
        """Watch the block, which makes so many requests; `what` names it in the reason."""
        done, limit_s = threading.Event(), min(self.limit_s * requests, threading.TIMEOUT_MAX)
        thread = threading.Thread(target=self._wait, args=(done, what, limit_s), name="answer-timeout", daemon=True)
        try:
            thread.start()
            yield
        finally:
            done.set()
            if thread.ident is not None:
                thread.join()

    def _wait(self, done: threading.Event, what: str, limit_s: float) -> None:
        if done.wait(limit_s):
            return
        end_process(f"no answer to {what} within {limit_s:g} s", self.last_words)


def end_process(reason: str, last_words: Callable[[str], None]) -> NoReturn:
    """End this process at once, whatever its other threads do, after `last_words` were told the reason."""
    with suppress(Exception):
        last_words(reason)
    os._exit(EXIT_CODE)
