"""CPU seconds and peak memory of the whole analysis of many planted cases, each run in a process of its own, as JSON.

The cases are 10 models x 20 conditions with 500 clusters of questions, 2 % of them without an answer. Seconds are CPU
seconds of the process (user and system, all threads), since a busy machine stretches the seconds on the clock; both
are told. Peak memory is that of the process with both tables in it. One thread: with more, a busy machine makes the
threads of linear algebra spin while they wait, which counts as CPU seconds.
Run: python benchmarks/measure_analysis.py [RUNS] [FILE.json]
"""

import json
import os
import platform
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np

from harness.records import Context

MODELS, CLUSTERS = 10, 500
QUESTIONS = (500, 5_000)
SECONDS_MOST, MEMORY_MOST_GB = 20.0, 3.0
CONDITIONS: dict[str, Context] = {
    "direct": "none",
    "rag": "retrieved",
    "ft": "none",
    "ft+rag": "retrieved",
    "rag-ft": "none",
}
CONDITIONS |= {"rag-ft+rag": "retrieved", "oracle": "gold", "distractor": "distractor", "rag@4bit": "retrieved"}
CONDITIONS |= {f"rag-{place:02d}": "retrieved" for place in range(11)}
ADAPTERS = {name: "lora" for name in CONDITIONS if "ft" in name}


def write_tables(questions: int, folder: Path) -> None:
    from harness.analysis.simulate import Missing, PlantedModel, Truth
    from harness.analysis.simulate_tables import planted_tables

    sizes = np.geomspace(0.5, 32.0, MODELS)
    models = tuple(
        PlantedModel(
            name=f"m{place:02d}",
            params_b=float(size),
            accuracy={
                name: 0.25 + 0.25 * float(np.log10(size / 0.5)) / 1.8 + (0.2 if "rag" in name else 0.0) + 0.002 * turn
                for turn, name in enumerate(CONDITIONS)
            },
            gap=0.05,
            loss_nll=2.0 - 0.5 * float(np.log10(size)),
        )
        for place, size in enumerate(sizes)
    )
    truth = Truth(
        models=models,
        questions=questions,
        clusters=min(CLUSTERS, questions // 2),
        icc=0.2,
        shared=0.4,
        tasks=("a", "b", "c"),
        missing=Missing(error=0.01, skipped=0.01),
    )
    tables = planted_tables(truth, 1, CONDITIONS, ADAPTERS)
    tables.cases.to_parquet(folder / "cases.parquet")
    tables.details.to_parquet(folder / "details.parquet")


def analysed(folder: Path) -> dict[str, float]:
    import pandas as pd

    from harness.analysis.frame import CaseTables
    from harness.analysis.run import RunInfo
    from harness.analysis.whole import analyse

    cases, details = (pd.read_parquet(folder / f"{name}.parquet") for name in ("cases", "details"))
    tables = CaseTables(results=(), cases=cases, details=details, reasons={})
    directions = {"planted": True}
    info = RunInfo(run="r", study="s", primary="planted", planned=len(cases), higher_is_better=directions)
    started, clock = time.process_time(), time.perf_counter()
    analyse(tables, info, 1)
    return {
        "rows": len(cases),
        "cpu_s": time.process_time() - started,
        "wall_s": time.perf_counter() - clock,
        "peak_gb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024**2,
    }


def told_apart(folder: Path, *arguments: str) -> str:
    command = [sys.executable, __file__, "--child", str(folder), *arguments]
    environment = os.environ | dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"), "1")
    environment["OMP_WAIT_POLICY"] = "passive"
    done = subprocess.run(command, env=environment, check=True, capture_output=True, text=True)
    return done.stdout


def entry(questions: int, found: list[dict[str, float]]) -> dict[str, Any]:
    """One benchmark as pytest-benchmark writes it; the data are CPU seconds."""
    seconds = sorted(one["cpu_s"] for one in found)
    rows = int(found[0]["rows"])
    quarters = statistics.quantiles(seconds, n=4, method="inclusive") if len(seconds) > 1 else seconds * 3
    return {
        "group": "analysis",
        "name": f"whole_analysis[{rows} rows]",
        "fullname": f"benchmarks/measure_analysis.py::whole_analysis[{rows} rows]",
        "params": {"rows": rows, "questions": questions},
        "param": str(rows),
        "extra_info": {
            "clock": "process CPU seconds",
            "peak_gb": round(statistics.median(one["peak_gb"] for one in found), 3),
            "wall_s": [round(one["wall_s"], 2) for one in found],
        },
        "options": {"timer": "process_time", "rounds": len(seconds), "warmup": False},
        "stats": {
            "min": seconds[0],
            "max": seconds[-1],
            "mean": statistics.fmean(seconds),
            "stddev": statistics.stdev(seconds) if len(seconds) > 1 else 0.0,
            "rounds": len(seconds),
            "median": statistics.median(seconds),
            "q1": quarters[0],
            "q3": quarters[2],
            "iqr": quarters[2] - quarters[0],
            "iterations": 1,
            "data": seconds,
        },
    }


def measured(questions: int, runs: int) -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as name:
        told_apart(Path(name), str(questions))
        return entry(questions, [json.loads(told_apart(Path(name))) for _ in range(runs)])


def summary(benchmarks: list[dict[str, Any]]) -> list[str]:
    lines, medians, memories = [], [], []
    for found in benchmarks:
        stats, more = found["stats"], found["extra_info"]
        medians.append(stats["median"])
        memories.append(more["peak_gb"])
        walls = statistics.median(more["wall_s"])
        lines.append(
            f"{found['param']:>9} rows: {stats['median']:.2f} CPU s (median of {stats['rounds']}), "
            f"{walls:.2f} s on the clock, {more['peak_gb']:.2f} GB"
        )
    within = medians[-1] <= SECONDS_MOST and memories[-1] <= MEMORY_MOST_GB
    growth = medians[-1] / medians[0] / (QUESTIONS[-1] / QUESTIONS[0])
    lines.append(f"bar of {SECONDS_MOST:g} s and {MEMORY_MOST_GB:g} GB: {'held' if within else 'not held'}")
    lines.append(f"seconds per row, most against fewest rows: {growth:.2f} (at most 1 is no faster than linear)")
    return lines


def child(folder: Path, questions: str | None = None) -> None:
    """Write the tables of so many questions, or analyse those that are there."""
    if questions is not None:
        write_tables(int(questions), folder)
    else:
        print(json.dumps(analysed(folder)))


def main() -> None:
    arguments = sys.argv[1:]
    if arguments[:1] == ["--child"]:
        child(Path(arguments[1]), *arguments[2:])
        return
    runs = int(arguments[0]) if arguments else 5
    benchmarks = [measured(questions, runs) for questions in QUESTIONS]
    found = {
        "machine_info": {"system": platform.system(), "cpu_count": os.cpu_count(), "python": platform.python_version()},
        "commit_info": {},
        "benchmarks": benchmarks,
        "datetime": datetime.now(UTC).isoformat(),
        "version": "5.1",
    }
    text = json.dumps(found, indent=2)
    for file in arguments[1:]:
        Path(file).write_text(f"{text}\n", encoding="utf-8")
    print(text)
    print("\n".join(summary(benchmarks)), file=sys.stderr)


if __name__ == "__main__":
    main()
