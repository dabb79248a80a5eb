"""One event loop in one thread of this process, on which all remote requests run.

A loop of the caller's own thread would stand still while answers are kept, and cannot be run inside another one.
"""

import asyncio
import os
import threading
from collections.abc import Coroutine
from concurrent.futures import Future
from typing import Any, TypeVar

T = TypeVar("T")


class _Loop:
    """The loop of one process; a forked child makes its own."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.pid = 0
        self.loop: asyncio.AbstractEventLoop | None = None

    def get(self) -> asyncio.AbstractEventLoop:
        with self.lock:
            if self.loop is None or self.pid != os.getpid():
                self.loop, self.pid = asyncio.new_event_loop(), os.getpid()
                threading.Thread(target=self.loop.run_forever, name="remote-requests", daemon=True).start()
            return self.loop


_LOOP = _Loop()


def submit(work: Coroutine[Any, Any, T]) -> Future[T]:
    """Start a coroutine on the loop; cancelling the future cancels it."""
    return asyncio.run_coroutine_threadsafe(work, _LOOP.get())


def run(work: Coroutine[Any, Any, T], timeout_s: float) -> T:
    """The coroutine's result.

    Raises:
        TimeoutError: it took longer than `timeout_s` seconds; it is cancelled.
    """
    future = submit(work)
    try:
        return future.result(timeout_s)
    finally:
        future.cancel()
