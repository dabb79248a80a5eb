"""Real SIGKILLs at random moments: nothing answered is lost or doubled; a resumed run ends as an undisturbed one.

20 rounds of each kind by hand: python benchmarks/measure_kills.py
"""

import os
import random
import signal
import subprocess
import time
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

import pytest
from disturbed import (
    CASES,
    LATENCY,
    answered_once,
    asked,
    count_asked,
    failures,
    finish,
    plant,
    report,
    rows,
    start,
    table,
    told,
    undisturbed,
    wait_for,
)

ROUNDS = int(os.environ.get("KILL_ROUNDS", "5"))
WORKERS = 2
BATCH = 2
REPORT = ("--scaling-report", "--report-dir", "resumed")

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not Path("/proc/self/task").is_dir(), reason="finds the workers of a run through /proc"),
]


@dataclass(kw_only=True)
class Toll:
    """What the kills cost, in answers; `again` counts those that were in flight and had to be asked for again."""

    rounds: int = 0
    answers_lost: int = 0
    answers_doubled: int = 0
    blamed: int = 0
    asked_again: int = 0

    def take_in(self, project, before: list, store: str) -> list:
        """Count what the store does not hold any more, or holds twice; returns what it holds."""
        now = rows(project, store)
        self.rounds += 1
        self.answers_lost += len(set(before) - set(now))
        self.answers_doubled += len(now) - len({key for _, key in now})
        return now

    def tell(self, record_property) -> None:
        for name, value in vars(self).items():
            record_property(name, value)
        assert (self.answers_lost, self.answers_doubled, self.blamed) == (0, 0, 0), self
        assert self.asked_again <= self.rounds * WORKERS * BATCH, self


def children(pid: int) -> list[int]:
    try:
        return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    except OSError:
        return []


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


def slow_down(project, latency_s: float) -> None:
    for model in ("tiny", "big"):
        plant(project, LATENCY.format(latency_s), model=model)


@pytest.mark.parametrize(("who", "latency_s"), [("controller", 0.05), ("both", 0.3)])
def test_nothing_is_lost_doubled_or_blamed(project, who, latency_s, record_property):
    slow_down(project, latency_s)
    count_asked(project)
    draw = random.Random(who)  # noqa: S311 - moments, not secrets
    toll, partial = Toll(), 0
    stores: list[str] = []
    seen: list[tuple[int, str]] = []
    for _ in range(ROUNDS):
        if not stores or len(seen) == CASES:  # a run of a complete store has nothing to lose
            stores, seen = [*stores, f"store-{len(stores)}.sqlite"], []
        process = start(project, "-n", str(WORKERS), "--batch-size", str(BATCH), "--store", stores[-1])
        wait_for(project, len(seen) + 1, process, stores[-1])
        time.sleep(draw.uniform(0, 1))
        end(process, who, draw)
        seen = toll.take_in(project, seen, stores[-1])
        partial += 0 < len(seen) < CASES
    assert partial >= ROUNDS // 3, "the kills came too early or too late to prove anything"
    code, out = finish(project, "-n", "2", "--store", stores[-1], *REPORT)
    assert code == 0, out
    assert all(answered_once(project, CASES, store) for store in stores)
    toll.blamed = sum(len(failures(project, store)) for store in stores)
    toll.asked_again = asked(project).total() - CASES * len(stores)
    undisturbed(project)
    assert table(project, "resumed") == table(project, "undisturbed")
    toll.tell(record_property)


def test_with_single_prompts_the_resumed_report_is_the_undisturbed_one_byte_for_byte(project):
    slow_down(project, 0.1)
    draw = random.Random("bytes")  # noqa: S311 - moments, not secrets
    for _ in range(2):
        process = start(project, "-n", "2", "--batch-size", "1")
        wait_for(project, len(rows(project)) + 1, process)
        time.sleep(draw.uniform(0, 0.5))
        end(process, "both", draw)
    assert 0 < len(rows(project)) < CASES
    code, out = finish(project, "-n", "2", "--batch-size", "1", *REPORT)
    assert code == 0, out
    assert report(project, "resumed") == undisturbed(project, "--batch-size", "1")


def test_a_run_outlives_its_workers(project, record_property):
    slow_down(project, 0.05)
    count_asked(project)
    draw = random.Random("worker")  # noqa: S311 - moments, not secrets
    toll = Toll()
    for number in range(ROUNDS):
        store = f"store-{number}.sqlite"
        process = start(project, "-n", str(WORKERS), "--batch-size", str(BATCH), "--store", store)
        wait_for(project, 1, process, store)
        before = rows(project, store)
        time.sleep(draw.uniform(0, 1.5))
        end(process, "worker", draw)
        toll.take_in(project, before, store)
        assert answered_once(project, CASES, store), f"round {number}: {told(project)}"
        toll.blamed += len(failures(project, store)) + (process.returncode != 0)
    toll.asked_again = asked(project).total() - CASES * ROUNDS
    toll.tell(record_property)


@pytest.mark.skipif(not (find_spec("torch") and find_spec("transformers")), reason="needs the extra [hf]")
def test_real_weights_answer_the_same_keys_and_texts(project):
    chosen = ("--study", "embedded", "--model", "smollm2-135m", "--condition", "rag")
    args = (*chosen, "--limit", "12", "--batch-size", "4", "--flip-check", "12")
    process = start(project, *args)
    wait_for(project, 4, process)
    if process.poll() == pytest.ExitCode.USAGE_ERROR and "harness fetch" in told(project):
        pytest.skip("the embedded model is not on this machine: harness fetch smollm2-135m")
    end(process, "both", random.Random(0))  # noqa: S311 - not used
    assert 4 <= len(rows(project)) < 12, told(project)
    texts = {}
    for store in (".harness/answers.sqlite", "undisturbed.sqlite"):
        code, out = finish(project, *args, "--store", store)
        assert code == 0, out
        texts[store] = dict(rows(project, store, "key, text"))
    resumed, other = texts.values()
    assert resumed.keys() == other.keys()
    differing = sum(resumed[key] != other[key] for key in other)
    checked = rows(project, "undisturbed.sqlite", "text, (SELECT text FROM flip_checks WHERE answer_id = id)")
    assert differing <= sum(text != alone for text, alone in checked if alone is not None)
