"""The garbage collector around the import of large packages."""

import gc
import sys
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
    enabled = gc.isenabled()
    gc.collect()
    gc.disable()
    try:
        module = import_module(name)
        gc.freeze()
    finally:
        if enabled:
            gc.enable()
    return module
