"""What this processor computes in hardware."""

from functools import cache
from pathlib import Path

CPU_INFO = Path("/proc/cpuinfo")
BF16_FLAGS = frozenset({"avx512_bf16", "amx_bf16"})


def cpu_has_bf16() -> bool:
    """Whether this processor multiplies bf16 in hardware (AVX512-BF16 or AMX); elsewhere it is emulated."""
    return bool(BF16_FLAGS & _cpu_flags())


@cache
def _cpu_flags() -> frozenset[str]:
    try:
        text = CPU_INFO.read_text(encoding="ascii", errors="replace")
    except OSError:
        return frozenset()
    lines = (line.partition(":") for line in text.splitlines())
    return next(
        (frozenset(value.split()) for key, _, value in lines if key.strip() in {"flags", "Features"}), frozenset()
    )
