"""Runs of pytest that something happens to: started in a process group of their own, with what they ask written down.

A report does not depend on what happened before it, but for one thing: how many prompts shared a batch. That is told
as `concurrency`, and in what is summed up from it. With batches of one prompt everything is the same, byte for byte.
"""

import csv
import json
import os
import signal
import sqlite3
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

STORE = ".harness/answers.sqlite"
CASES = 72
CELL = ("--model", "tiny", "--condition", "direct")
QUIET = ("-q", "-p", "no:randomly", "-p", "no:smoke", "-p", "no:cacheprovider")
LATENCY = "sleep = true, latency_s = {}"
OWN = ("PYTEST_", "HARNESS_")
MACHINE_CACHE = {name: value for name, value in os.environ.items() if name == "HARNESS_CACHE_DIR"}
# Each prompt is noted when its batch is put to the model; short lines are appended whole.
COUNTING = """
from harness.providers.planted import PlantedProvider

generate = PlantedProvider.generate

def counted(self, prompts, decoding):
    with open("asked", "a") as file:
        file.writelines(f"{self.model.name} {prompt.condition} {prompt.question}\\n" for prompt in prompts)
    yield from generate(self, prompts, decoding)

PlantedProvider.generate = counted
"""


def plant(project, options: str, *, model: str = "tiny") -> str:
    """Give a model of the study further options; returns the study file as it was."""
    sound = (project.root / "benchmarks/study.toml").read_text()
    head, mark, tail = sound.partition(f"[models.{model}]")
    project.write("benchmarks/study.toml", head + mark + tail.replace("options = {", f"options = {{ {options},", 1))
    return sound


def ask_about(project, numbers: Iterable[int]) -> None:
    """Replace the questions by one about each tower of these numbers."""
    asked = [
        {"id": f"q{number}", "question": f"What is the height of tower {number}?", "answers": [f"{number} metres"]}
        for number in numbers
    ]
    project.write("benchmarks/questions.jsonl", "\n".join(map(json.dumps, asked)))


def start(
    project, *args: str, preexec: Callable[[], None] | None = None, **environment: str
) -> subprocess.Popen[bytes]:
    """Start pytest over the project's cases; what it tells goes to the file `told`.

    One that is held back from writing is not measured: coverage's own file would meet the same limit.
    """
    dropped = OWN if preexec is None else (*OWN, "COVERAGE_")
    kept = {key: value for key, value in os.environ.items() if not key.startswith(dropped)}
    with (project.root / "told").open("wb") as told:
        return subprocess.Popen(
            [sys.executable, "-m", "pytest", "benchmarks", *QUIET, *args],
            cwd=project.root,
            env=kept | MACHINE_CACHE | {"OMP_NUM_THREADS": "1", "COLUMNS": "300"} | environment,
            stdout=told,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            preexec_fn=preexec,  # noqa: PLW1509 - the tests start no threads
        )


def finish(project, *args: str, preexec: Callable[[], None] | None = None, **environment: str) -> tuple[int, str]:
    """Run pytest over the project's cases; returns the exit code and everything told."""
    process = start(project, *args, preexec=preexec, **environment)
    try:
        process.wait(timeout=300)
    except subprocess.TimeoutExpired:
        end_group(process)
        raise
    return process.returncode, told(project)


def told(project) -> str:
    return (project.root / "told").read_text(errors="replace")


def end_group(process: subprocess.Popen[bytes]) -> None:
    """Kill a run and its workers at once."""
    os.killpg(process.pid, signal.SIGKILL)
    process.wait(timeout=60)


def rows(project, store: str = STORE, columns: str = "id, key") -> list[tuple[Any, ...]]:
    """The answers in a store, oldest first; none where it is not there, or was not finished when it was made."""
    if not (project.root / store).exists():
        return []
    # read-only: another connection, if it is the last one, would tidy up what a killed run left
    connection = sqlite3.connect(f"{(project.root / store).as_uri()}?mode=ro", timeout=60, uri=True)
    try:
        return connection.execute(f"SELECT {columns} FROM answers ORDER BY id").fetchall()  # noqa: S608 - our own names
    except sqlite3.OperationalError:
        return []
    finally:
        connection.close()


def failures(project, store: str = STORE) -> list[str]:
    connection = sqlite3.connect(project.root / store, timeout=60)
    try:
        return [reason for (reason,) in connection.execute("SELECT reason FROM failures ORDER BY id")]
    finally:
        connection.close()


def wait_for(project, count: int, process: subprocess.Popen[bytes], store: str = STORE) -> None:
    """Wait until the store holds so many answers, or the run has ended."""
    deadline = time.monotonic() + 120
    while len(rows(project, store)) < count and process.poll() is None and time.monotonic() < deadline:
        time.sleep(0.02)


def count_asked(project) -> None:
    project.write("conftest.py", COUNTING)


def asked(project) -> Counter[str]:
    """How often each prompt was put to a model, as `MODEL CONDITION QUESTION`, in a project with `count_asked`."""
    path = project.root / "asked"
    return Counter(path.read_text().splitlines()) if path.exists() else Counter()


def answered_once(project, cases: int, store: str = STORE) -> bool:
    keys = [key for _, key in rows(project, store)]
    return len(keys) == len(set(keys)) == cases


def table(project, folder: str) -> list[dict[str, str]]:
    """The report's rows, without what depends on which prompts happened to share a batch."""
    with (project.root / folder / "results.csv").open(newline="", encoding="utf-8") as file:
        return [{name: value for name, value in row.items() if name != "concurrency"} for row in csv.DictReader(file)]


def report(project, folder: str) -> dict[str, bytes]:
    """Every file of a report."""
    root: Path = project.root / folder
    return {str(path.relative_to(root)): path.read_bytes() for path in sorted(root.rglob("*")) if path.is_file()}


def undisturbed(project, *args: str) -> dict[str, bytes]:
    """The report of a run with a store of its own that nothing happens to."""
    other = ("--store", "undisturbed.sqlite", "--scaling-report", "--report-dir", "undisturbed")
    code, out = finish(project, *other, *args)
    assert code == 0, out
    return report(project, "undisturbed")
