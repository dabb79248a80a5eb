"""How the C library of Linux hands memory to a model that runs on the processor; nothing changes on other systems."""

import ctypes
import os
import sys
from collections.abc import Callable
from typing import cast

# malloc.h of glibc, mallopt(3). By default whatever is larger than 128 kB, later up to 32 MB, may be returned to the
# system as soon as it is freed, and every page of it is cleared when it is asked for again: SmolLM2-135M reading and
# writing 32 prompts on 2 threads took .69 million page faults and 4 s in the kernel, .24 million and 2 s with these.
M_TRIM_THRESHOLD, M_TOP_PAD, M_MMAP_THRESHOLD = -1, -2, -3
MB = 2**20
KEPT = {M_MMAP_THRESHOLD: 32 * MB, M_TRIM_THRESHOLD: 512 * MB, M_TOP_PAD: 64 * MB}


def keep_freed_memory() -> bool:
    """Let this process keep up to 512 MB that it freed, for what it allocates next; returns whether it will.

    A user's own settings, environment variables that begin with MALLOC_ or glibc's tunables, are left alone.
    """
    if any(name.startswith(("MALLOC_", "GLIBC_TUNABLES")) for name in os.environ):
        return False
    mallopt = _of_glibc("mallopt")
    return mallopt is not None and all(mallopt(name, value) == 1 for name, value in KEPT.items())


def return_freed_memory() -> None:
    """Give back to the system what this process freed."""
    if (trim := _of_glibc("malloc_trim")) is not None:
        trim(0)


def _of_glibc(name: str) -> Callable[..., int] | None:
    if not sys.platform.startswith("linux"):
        return None
    try:
        return cast(Callable[..., int], getattr(ctypes.CDLL(None), name))
    except (OSError, AttributeError):  # another C library
        return None
