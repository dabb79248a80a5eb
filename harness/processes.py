"""Processes that left their mark in a file, and whether they still run, as far as this machine can tell."""

import os
import platform
import socket
from dataclasses import dataclass
from functools import cache
from pathlib import Path

PROC = Path("/proc")


@dataclass(frozen=True, slots=True, kw_only=True)
class Owner:
    """A process: its `host`, its number, and when it began in the system's own ticks, "" where that is not told."""

    host: str
    pid: int
    started: str

    def is_gone(self) -> bool:
        """Whether it is known to have ended; of one elsewhere nothing is known, nor on Windows."""
        if self.host != host() or os.name == "nt":  # where signal 0 is no question but Ctrl-C
            return False
        try:
            os.kill(self.pid, 0)
        except ProcessLookupError:
            return True
        except PermissionError:
            pass  # it is somebody else's process: perhaps another one with the same number
        return _started(self.pid) != self.started

    def lives(self) -> bool:
        """Whether it runs here; one elsewhere does not, as after a restart of the machine."""
        return self.host == host() and not self.is_gone()


def this_process() -> Owner:
    """This process."""
    return owner_of(os.getpid())


def owner_of(pid: int) -> Owner:
    """The process of this machine that has that number now."""
    return Owner(host=host(), pid=pid, started=_started(pid))


@cache
def host() -> str:
    """The place within which a process number names one process: machine, boot and container."""
    parts = [socket.gethostname(), platform.node()]
    for path in (PROC / "sys/kernel/random/boot_id", PROC / "self/ns/pid"):
        try:
            parts.append(str(path.readlink()) if path.is_symlink() else path.read_text(encoding="ascii").strip())
        except OSError:
            parts.append("")
    return "|".join(parts)


def _started(pid: int) -> str:
    """When the process began; "" where that cannot be told, "ended" for a zombie.

    Source: proc_pid_stat(5), fields 3 and 22.
    """
    try:
        fields = (PROC / str(pid) / "stat").read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()
    except OSError:
        return ""
    return "ended" if fields[0] in "ZX" else fields[19]
