"""A process keeps what it freed, and gives it back when told."""

import subprocess
import sys

import pytest

from harness.providers import allocator

FAULTS = """
import resource, sys
from harness.providers.allocator import keep_freed_memory, return_freed_memory
if "keep" in sys.argv:
    assert keep_freed_memory()
for _ in range(3):
    bytes(20_000_000) + b"x"
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(20):
    bytearray(b"x") * 16_000_000
kept = resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before
return_freed_memory()
resident = int(open("/proc/self/statm").read().split()[1]) * resource.getpagesize()
print(kept, resident)
"""
glibc = pytest.mark.skipif(allocator._of_glibc("mallopt") is None, reason="only glibc's malloc is told what to keep")


def faults(*args: str, **environment: str) -> tuple[int, int]:
    done = subprocess.run(
        [sys.executable, "-c", FAULTS, *args], capture_output=True, text=True, check=True, env=environment
    )
    kept, resident = done.stdout.split()
    return int(kept), int(resident)


@glibc
def test_kept_memory_is_used_again_without_page_faults_and_given_back_in_the_end():
    usual, _ = faults(MALLOC_MMAP_THRESHOLD_="131072")
    kept, resident = faults("keep")
    assert kept < usual / 10
    assert resident < 64_000_000


@pytest.mark.parametrize("name", ["MALLOC_TRIM_THRESHOLD_", "GLIBC_TUNABLES"])
def test_a_users_own_settings_stay(monkeypatch, name):
    monkeypatch.setenv(name, "1")
    monkeypatch.setattr(allocator, "_of_glibc", lambda _name: pytest.fail("asked the C library"))
    assert allocator.keep_freed_memory() is False


@pytest.mark.parametrize("system", ["darwin", "win32"])
def test_other_systems_are_left_alone(monkeypatch, system):
    monkeypatch.setattr(sys, "platform", system)
    assert allocator.keep_freed_memory() is False
    allocator.return_freed_memory()


def test_another_c_library_is_left_alone(monkeypatch):
    monkeypatch.setattr(allocator.ctypes, "CDLL", lambda _name: object())
    assert allocator.keep_freed_memory() is False
    allocator.return_freed_memory()


@glibc
def test_a_refused_setting_is_told(monkeypatch):
    monkeypatch.setattr(allocator, "_of_glibc", lambda _name: lambda *_args: 0)
    for name in [name for name in allocator.os.environ if name.startswith(("MALLOC_", "GLIBC_TUNABLES"))]:
        monkeypatch.delenv(name)
    assert allocator.keep_freed_memory() is False
