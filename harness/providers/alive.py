"""Whether a process that left its mark in a side file still runs, as far as this machine can tell."""

import os
import platform
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True, kw_only=True)
class Owner:
    """A process: its machine, its number, and when it began in the system's own ticks, "" where that is not told."""

    host: str
    pid: int
    started: str

    def lives(self) -> bool:
        """Whether it runs: not when it was on another machine, and always on Windows, where nothing is known."""
        if self.host != platform.node():
            return False
        if os.name == "nt":  # signal 0 would be Ctrl-C
            return True
        try:
            os.kill(self.pid, 0)
        except ProcessLookupError:
            return False
        except PermissionError:
            pass
        return _started(self.pid) == self.started


def this_process() -> Owner:
    """This process."""
    return Owner(host=platform.node(), pid=os.getpid(), started=_started(os.getpid()))


def _started(pid: int) -> str:
    """When it began; "" where that is not told, "ended" for one that only waits for its parent to take notice.

    Source: proc_pid_stat(5), fields 3 and 22.
    """
    try:
        told = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
    fields = told.rpartition(")")[2].split()
    return "ended" if fields[0] in "ZX" else fields[19]
