"""What 20,000 already stored cases cost, against as many parametrised tests with four trivial fixtures and a property.

Interleaved runs, medians; bars: wall time 1.5 times theirs with -n 0, 1.15 times theirs under xdist's own distribution
with -n 2, and 1.5 times the controller's peak memory.
Run: python benchmarks/measure_stored.py [runs] [file.json] [cases]
"""

import statistics
import sys
import tempfile
from pathlib import Path

from planted_project import PEAK, Run, entry, make_project, run, write, write_json

MODELS = 5
CONDITIONS = ("direct", "rag")
BARS = {"0": 1.5, "2": 1.15}
MEMORY_BAR = 1.5
PLAIN = """
import pytest

@pytest.fixture
def one():
    return 1

@pytest.fixture
def two():
    return 2

@pytest.fixture
def three():
    return 3

@pytest.fixture
def four():
    return 4

@pytest.mark.parametrize("number", range({cases}))
def test_plain(number, one, two, three, four, record_property):
    record_property("sum", number + one + two + three + four)
"""


def interleaved(stored: Path, plain: Path, runs: int) -> dict[str, list[Run]]:
    found: dict[str, list[Run]] = {}
    for _ in range(runs):
        for workers in BARS:
            for kind, folder in (("stored", stored), ("plain", plain)):
                found.setdefault(f"{kind}-n{workers}", []).append(run(folder, "-n", workers))
    return found


def summary(found: dict[str, list[Run]]) -> list[tuple[str, float, float]]:
    """Name, ratio of medians and bar of everything that is compared."""
    rows = []
    for workers, bar in BARS.items():
        pair = [found[f"{kind}-n{workers}"] for kind in ("stored", "plain")]
        walls = [statistics.median(each.wall_s for each in runs) for runs in pair]
        peaks = [statistics.median(each.peak_mb for each in runs) for runs in pair]
        rows.append((f"wall time, -n {workers}", walls[0] / walls[1], bar))
        rows.append((f"controller's peak memory, -n {workers}", peaks[0] / peaks[1], MEMORY_BAR))
    return rows


def main() -> int:
    runs, file, cases = (sys.argv[1:] + ["5", "", "20000"][len(sys.argv) - 1 :])[:3]
    with tempfile.TemporaryDirectory() as name:
        stored = make_project(
            Path(name) / "stored",
            models=MODELS,
            conditions=CONDITIONS,
            questions=int(cases) // (MODELS * len(CONDITIONS)),
            conftest=PEAK,
        )
        files = {"test_plain.py": PLAIN.format(cases=cases), "conftest.py": PEAK, "pytest.ini": "[pytest]\n"}
        plain = write(Path(name) / "plain", files)
        first = run(stored, "-n", "0")
        run(plain, "-n", "0")  # both have their compiled files now
        found = interleaved(stored, plain, int(runs))
    for label, each in found.items():
        wall_s, cpu_s, peak_mb = (
            statistics.median(getattr(one, name) for one in each) for name in ("wall_s", "cpu_s", "peak_mb")
        )
        print(f"{label:10} {wall_s:7.2f} s  processors {cpu_s:7.2f} s  {peak_mb:6.0f} MB")
    print(f"answering them all first took {first.wall_s:.1f} s")
    rows = summary(found)
    for label, ratio, bar in rows:
        print(f"{label}: {ratio:.2f} times, at most {bar}{'' if ratio <= bar else '  MISSED'}")
    if file:
        entries = [
            entry(
                label,
                [each.wall_s for each in group],
                cpu_s=[each.cpu_s for each in group],
                peak_mb=[each.peak_mb for each in group],
                cases=int(cases),
            )
            for label, group in found.items()
        ]
        write_json(Path(file), entries)
    return int(any(ratio > bar for _, ratio, bar in rows))


if __name__ == "__main__":
    sys.exit(main())
