"""What the plugin adds to `pytest --co -q` in an empty folder: medians of paired whole-process runs, as JSON.

Run it with the Python whose environment is measured: python benchmarks/measure_startup.py
"""

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time

RUNS = 15
COMMAND = (sys.executable, "-m", "pytest", "--co", "-q", "-p", "no:cacheprovider")


def seconds(folder: str, *extra: str) -> float:
    started = time.perf_counter()
    subprocess.run((*COMMAND, *extra), cwd=folder, check=False, capture_output=True)
    return time.perf_counter() - started


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        seconds(folder)
        pairs = [(seconds(folder), seconds(folder, "-p", "no:harness.plugin")) for _ in range(RUNS)]
    found = {
        "with_plugin_s": statistics.median(one for one, _ in pairs),
        "without_plugin_s": statistics.median(other for _, other in pairs),
        "added_s": statistics.median(one - other for one, other in pairs),
        "ratio": statistics.median(one / other for one, other in pairs),
        "runs": RUNS,
        "cores": os.cpu_count(),
    }
    print(json.dumps({name: round(value, 4) for name, value in found.items() if value is not None}, indent=2))


if __name__ == "__main__":
    main()
