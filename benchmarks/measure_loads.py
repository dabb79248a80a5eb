"""Model loads of a run of 5 models x 3 conditions x 100 questions on two workers; the bar is 6, one over each once.

Run: python benchmarks/measure_loads.py [runs] [file.json]
"""

import sys
import tempfile
from collections import Counter
from pathlib import Path

from planted_project import PEAK, entry, make_project, run, write_json

MOST_LOADS = 6
MODELS = 5
CONDITIONS = ("direct", "rag", "oracle")
QUESTIONS = 100
# Wraps the planted models' load in every process of the run, workers included; short lines are appended whole.
COUNTING = """
import os
from harness.providers.planted import PlantedSource

load = PlantedSource.load

def counted(self):
    with open("loads", "a") as file:
        file.write(f"{os.environ.get('PYTEST_XDIST_WORKER', 'main')} {self.model.name}\\n")
    return load(self)

PlantedSource.load = counted
"""


def measured(folder: Path) -> tuple[float, list[str]]:
    """Seconds of one run in a new project, and a line `WORKER MODEL` for each load."""
    project = make_project(folder, models=MODELS, conditions=CONDITIONS, questions=QUESTIONS, conftest=PEAK + COUNTING)
    found = run(project, "-n", "2", "benchmarks")
    return found.wall_s, (project / "loads").read_text().splitlines()


def main() -> int:
    runs = int(sys.argv[1]) if sys.argv[1:] else 5
    with tempfile.TemporaryDirectory() as name:
        pairs = [measured(Path(name) / str(number)) for number in range(runs)]
    counts = [len(lines) for _, lines in pairs]
    told = [dict(Counter(lines)) for _, lines in pairs]
    if sys.argv[2:]:
        seconds = [wall_s for wall_s, _ in pairs]
        write_json(Path(sys.argv[2]), [entry("loads", seconds, loads=counts, most=MOST_LOADS, by_worker=told)])
    print(f"{MODELS * len(CONDITIONS) * QUESTIONS} cases, loads in {runs} runs: {counts}, at most {MOST_LOADS} allowed")
    return int(max(counts) > MOST_LOADS)


if __name__ == "__main__":
    sys.exit(main())
