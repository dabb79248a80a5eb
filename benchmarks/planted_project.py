"""A made-up project over planted models, pytest run in it as its user does, and results in pytest-benchmark's shape."""

import json
import os
import platform
import statistics
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from harness.datasets.planted import planted_dataset
from harness.records import Question

CASES = """
def test_answer(case, answer, score):
    score()
"""
STUDY = """
[study]
name = "made-up"
models = {models}
conditions = {conditions}

[[datasets]]
path = "questions.jsonl"
corpus = "corpus.jsonl"
"""
MODEL = """
[models.{name}]
provider = "planted"
family = "made-up"
params_b = {params_b}
context_length = 4096
options = {{ accuracy = {{ default = 0.5 }}, loss = 1.0, blank_rate = 0.1 }}
"""
# Peak resident memory of the controller alone; a worker's own is not what is compared.
PEAK = """
from pathlib import Path

def pytest_unconfigure(config):
    status = Path("/proc/self/status")
    if not hasattr(config, "workerinput") and status.exists():
        line = next(line for line in status.read_text().splitlines() if line.startswith("VmHWM:"))
        Path("peak_kib").write_text(line.split()[1])
"""
QUIET = ("-q", "-p", "no:randomly", "-p", "no:smoke")


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """One run of pytest: wall time, processor time of all its processes, peak memory of the controller, and output."""

    wall_s: float
    cpu_s: float
    peak_mb: float
    out: str


def write(folder: Path, files: Mapping[str, str]) -> Path:
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return folder


def make_project(folder: Path, *, models: int, conditions: Sequence[str], questions: int, conftest: str) -> Path:
    """A project with a study of so many planted models and questions."""
    data = planted_dataset(n=questions, n_clusters=max(12, questions // 10))
    names = [f"planted-{number}" for number in range(1, models + 1)]
    study = STUDY.format(models=json.dumps(names), conditions=json.dumps(list(conditions)))
    asked = [_row(question) for question in data.questions]
    corpus = [{"id": passage.id, "text": passage.text, "title": passage.title} for passage in data.passages]
    files = {
        "benchmarks/study.toml": study
        + "".join(MODEL.format(name=name, params_b=i) for i, name in enumerate(names, 1)),
        "benchmarks/questions.jsonl": "\n".join(map(json.dumps, asked)),
        "benchmarks/corpus.jsonl": "\n".join(map(json.dumps, corpus)),
        "benchmarks/test_answers.py": CASES,
        "conftest.py": conftest,
        "pytest.ini": "[pytest]\n",
    }
    return write(folder, files)


def _row(question: Question) -> dict[str, object]:
    """A line of questions.jsonl; what a question does not have is left out."""
    row = {
        "id": question.id,
        "question": question.text,
        "answers": question.answers,
        "answer_type": question.answer_type,
        "unit": question.unit,
        "options": question.options,
        "gold_passages": question.gold_passages,
        "cluster": question.cluster,
        "task": question.task,
    }
    return {name: value for name, value in row.items() if value} | {"answerable": question.answerable}


def run(folder: Path, *args: str) -> Run:
    """Run pytest in the folder, with the compiled files that a second run of a user finds; they lie beside the folder.

    Raises:
        RuntimeError: it did not pass.
    """
    environ = {name: value for name, value in os.environ.items() if not name.startswith(("PYTEST_", "HARNESS_"))}
    environ.pop("PYTHONDONTWRITEBYTECODE", None)
    environ["PYTHONPYCACHEPREFIX"] = str(folder.parent / "compiled")
    command = [sys.executable, "-m", "pytest", *QUIET, *args]
    started, before = time.perf_counter(), os.times()
    done = subprocess.run(command, cwd=folder, env=environ, capture_output=True, text=True, check=False)
    wall_s, after = time.perf_counter() - started, os.times()
    if done.returncode:
        raise RuntimeError(f"pytest {' '.join(args)} ended with {done.returncode}: {done.stdout[-2000:]}{done.stderr}")
    peak = folder / "peak_kib"
    return Run(
        wall_s=wall_s,
        cpu_s=after.children_user + after.children_system - before.children_user - before.children_system,
        peak_mb=int(peak.read_text()) / 1024 if peak.exists() else float("nan"),
        out=done.stdout,
    )


def entry(name: str, seconds: Sequence[float], **extra_info: object) -> dict[str, object]:
    """One benchmark with its times in seconds, in the shape of pytest-benchmark's JSON."""
    ordered = sorted(seconds)
    q1, median, q3 = statistics.quantiles(ordered, n=4, method="inclusive") if len(ordered) > 1 else ordered * 3
    mean, spread = statistics.mean(ordered), statistics.pstdev(ordered)
    far = sum(abs(each - mean) > spread for each in ordered)
    fence = 1.5 * (q3 - q1)
    out = sum(each < q1 - fence or each > q3 + fence for each in ordered)
    stats = {
        "min": ordered[0],
        "max": ordered[-1],
        "mean": mean,
        "stddev": statistics.stdev(ordered) if len(ordered) > 1 else 0.0,
        "rounds": len(ordered),
        "iterations": 1,
        "median": median,
        "q1": q1,
        "q3": q3,
        "iqr": q3 - q1,
        "ld15iqr": next(each for each in ordered if each >= q1 - fence),
        "hd15iqr": next(each for each in reversed(ordered) if each <= q3 + fence),
        "iqr_outliers": out,
        "stddev_outliers": far,
        "outliers": f"{far};{out}",
        "ops": 1 / mean,
        "total": sum(ordered),
        "data": list(seconds),
    }
    names = {"group": None, "name": name, "fullname": name, "params": None, "param": None}
    return names | {"extra_info": extra_info, "options": {}, "stats": stats}


def write_json(path: Path, entries: Sequence[Mapping[str, object]]) -> None:
    """Write entries so that `pytest-benchmark compare FILE FILE` reads them."""
    told = {
        "machine_info": {"machine": platform.machine(), "system": platform.system(), "cores": os.cpu_count()},
        "commit_info": {},
        "benchmarks": list(entries),
        "datetime": datetime.now(UTC).isoformat(),
        "version": "5.1.0",
    }
    path.write_text(json.dumps(told, indent=2) + "\n", encoding="utf-8")
