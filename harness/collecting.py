"""The garbage collector around what makes many objects that stay: large imports, and a report."""

import gc
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from types import ModuleType


def import_uncollected(name: str) -> ModuleType:
    """Import a module without collections in between, and keep what was imported out of all later ones.

    torch and transformers are half a million objects that live as long as the process. Looking through them takes half
    a second each time, and pytest collects ten times at the end of a session. What lives at the time of the first
    import is kept too; garbage is collected before.
    """
    if name in sys.modules:
        return sys.modules[name]
    gc.collect()
    with uncollected():
        module = import_module(name)
        gc.freeze()
    return module


@contextmanager
def uncollected() -> Iterator[None]:
    """No collections while the body runs; what it left behind is found by a later one."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()
