"""Real SIGKILLs at random moments: nothing answered is lost or doubled; a resumed run ends as an undisturbed one."""

import csv
import os
import random
import signal
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

import pytest

ROUNDS = int(os.environ.get("KILL_ROUNDS", "5"))  # 20 by hand: KILL_ROUNDS=20 pytest tests/acceptance/test_kills.py
CASES = 72

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not Path("/proc/self/task").is_dir(), reason="finds the workers of a run through /proc"),
]


def children(pid: int) -> list[int]:
    try:
        return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    except OSError:
        return []


def start(project, *args: str) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "pytest", "benchmarks", "-q", "-p", "no:randomly", "-p", "no:smoke", *args]
    environment = {key: value for key, value in os.environ.items() if not key.startswith(("PYTEST_", "HARNESS_"))}
    return subprocess.Popen(
        command,
        cwd=project.root,
        env=environment | {"OMP_NUM_THREADS": "1"},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )


def rows(project, store: str = ".harness/answers.sqlite") -> list[tuple[int, str]]:
    if not (project.root / store).exists():
        return []
    connection = sqlite3.connect(project.root / store, timeout=60)
    try:
        return connection.execute("SELECT id, key FROM answers ORDER BY id").fetchall()
    except sqlite3.OperationalError:  # killed before the tables were there
        return []
    finally:
        connection.close()


def end(process: subprocess.Popen[bytes], who: str, draw: random.Random) -> None:
    workers = children(process.pid)
    if who == "worker" and workers:
        os.kill(draw.choice(workers), signal.SIGKILL)
        process.wait(timeout=120)
    elif who == "controller":
        process.kill()
        process.wait(timeout=60)
        deadline = time.monotonic() + 60
        while any(Path(f"/proc/{worker}/exe").exists() for worker in workers) and time.monotonic() < deadline:
            time.sleep(0.02)
    else:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait(timeout=60)


def told(project, folder: str) -> list[dict[str, str]]:
    """The report's rows without what depends on which prompts happened to share a batch."""
    with (project.root / folder / "results.csv").open(newline="", encoding="utf-8") as file:
        return [
            {name: value for name, value in row.items() if name not in {"concurrency", "run"}}
            for row in csv.DictReader(file)
        ]


def slow_down(project, latency_s: float) -> None:
    text = (project.root / "benchmarks/study.toml").read_text()
    slow = text.replace("options = {", f"options = {{ sleep = true, latency_s = {latency_s},")
    project.write("benchmarks/study.toml", slow)


@pytest.mark.parametrize(("who", "latency_s"), [("controller", 0.05), ("both", 0.3)])
def test_nothing_is_lost_or_doubled(project, who, latency_s):
    slow_down(project, latency_s)
    draw = random.Random(who)  # noqa: S311 - moments, not secrets
    seen: list[tuple[int, str]] = []
    partial = 0
    for _ in range(ROUNDS):
        process = start(project, "-n", "2", "--batch-size", "2")
        while len(rows(project)) == len(seen) and process.poll() is None:
            time.sleep(0.02)
        time.sleep(draw.uniform(0, 1))
        end(process, who, draw)
        now = rows(project)
        assert now[: len(seen)] == seen, "an answer that was stored is gone"
        seen = now
        partial += 0 < len(seen) < CASES
    assert partial >= ROUNDS // 5 or who == "controller", "the kills came too early or too late to prove anything"
    last = project.pytest("benchmarks", "-n", "2", "--scaling-report", "--report-dir", "resumed")
    assert last.rc == 0, last.out
    keys = [key for _, key in rows(project)]
    assert len(keys) == len(set(keys)) == CASES
    other = ("--report-dir", "undisturbed", "--store", "other.sqlite")
    project.pytest("benchmarks", "-n", "2", "--scaling-report", *other)
    assert told(project, "resumed") == told(project, "undisturbed")


def test_a_run_outlives_its_workers(project):
    slow_down(project, 0.05)
    draw = random.Random("worker")  # noqa: S311 - moments, not secrets
    for number in range(ROUNDS):
        store = f"store-{number}.sqlite"
        process = start(project, "-n", "2", "--batch-size", "2", "--store", store)
        while not rows(project, store) and process.poll() is None:
            time.sleep(0.02)
        time.sleep(draw.uniform(0, 1.5))
        end(process, "worker", draw)
        keys = [key for _, key in rows(project, store)]
        assert len(keys) == len(set(keys)) == CASES, f"round {number}"
