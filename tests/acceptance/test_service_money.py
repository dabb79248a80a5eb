"""What answers of services cost: limited, told, kept when a run is killed, and asked for in batches."""

import csv
import json
import os
import signal
import sqlite3
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import closing, contextmanager
from importlib.util import find_spec
from pathlib import Path

import pytest

STORE = ".harness/answers.sqlite"
SERVER = Path(__file__).resolve().parents[2] / "benchmarks" / "service_faults.py"
MODEL = """
[models.served]
provider = "openai_compatible"
family = "made-up"
params_b = 1.0
context_length = 4096
server_name = "made-up"
options = {{ base_url = "http://127.0.0.1:{port}/v1"{options} }}
"""
# an answer counts 2 tokens of the 64 that it may have
PRICED = ", usd_per_million = { input = 0, output = 10000 }"
ANSWER_USD = 0.02
COMMAND = ("-c", "from harness.cli import main; main()")
SERVED = ("benchmarks", "-q", "--model", "served", "--condition", "direct")

pytestmark = pytest.mark.skipif(not all(map(find_spec, ("openai", "tenacity"))), reason="needs pytest-scaling[openai]")


@contextmanager
def made_up(*options: str) -> Iterator[int]:
    """The made-up service; its port."""
    process = subprocess.Popen(
        [sys.executable, str(SERVER), *options], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    try:
        yield int(process.stdout.readline())
    finally:
        process.kill()
        process.communicate()


def describe(project, port: int, options: str = "") -> None:
    text = (project.root / "benchmarks/study.toml").read_text()
    project.write("benchmarks/study.toml", text + MODEL.format(port=port, options=options))


def asked(port: int) -> int:
    """How many answers the service gave."""
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/stats") as told:
        return sum(json.loads(told.read())["asked"].values())


def stored(project) -> int:
    path = project.root / STORE
    if not path.exists():
        return 0
    with closing(sqlite3.connect(path)) as connection:
        try:
            return int(connection.execute("SELECT count(*) FROM answers").fetchone()[0])
        except sqlite3.OperationalError:
            return 0  # its tables are being made


# -- a limit


@pytest.mark.parametrize("workers", ["0", "2"])
def test_a_run_stops_asking_before_it_costs_more_than_its_limit(project, workers):
    with made_up("--latency-s", "0.001") as port:
        describe(project, port, PRICED)
        run = project.pytest(*SERVED, "-n", workers, "--max-cost-usd", "0.70", "-rs")
        given = asked(port)
    assert run.rc == 0, run.out + run.err
    assert given == stored(project)
    assert 0 < given * ANSWER_USD <= 0.70
    assert given < 12
    assert f"--max-cost-usd 0.7: {given * ANSWER_USD:.6f} dollars spent" in run.out, run.out
    assert f"{12 - given} questions not asked" in run.out
    assert "SKIPPED" in run.out
    assert "leaves too little" in " ".join(run.out.split())


def test_a_run_that_goes_on_has_spent_what_it_spent_before(project):
    with made_up("--latency-s", "0.001") as port:
        describe(project, port, PRICED)
        project.pytest(*SERVED, "--max-cost-usd", "0.70")
        first = stored(project)
        again = project.pytest(*SERVED, "--max-cost-usd", "0.70")
        assert stored(project) == first
        assert "0 generated in this run" in again.out
        more = project.pytest(*SERVED, "--max-cost-usd", "100")
        assert asked(port) == stored(project) == 12
    assert f"{12 * ANSWER_USD:.6f} dollars spent by all starts" in more.out, more.out


def test_what_was_not_asked_is_neither_an_answer_nor_a_failure(project):
    with made_up("--latency-s", "0.001") as port:
        describe(project, port, PRICED)
        project.pytest(*SERVED, "--max-cost-usd", "0.70")
    with closing(sqlite3.connect(project.root / STORE)) as connection:
        counts = "SELECT (SELECT count(*) FROM failures), (SELECT count(*) FROM in_flight)"
        assert connection.execute(counts).fetchone() == (0, 0)


@pytest.mark.parametrize("value", ["0", "-1", "nan", "inf", "much"])
def test_a_limit_that_is_none_is_a_usage_error(project_inside, value):
    run = project_inside.pytest("benchmarks", f"--max-cost-usd={value}")
    assert run.rc == 4
    assert "is no number of dollars above 0" in run.err
    assert len(run.err.strip().splitlines()) == 1


def test_a_limit_over_an_unknown_price_is_a_usage_error_before_anything_is_asked(project_inside):
    run = project_inside.pytest(
        "benchmarks", "--model", "openai/unheard-of", "--max-cost-usd", "1", OPENAI_API_KEY="sk-0123456789"
    )
    assert run.rc == 4
    assert "the price of 'unheard-of' at openai is not known" in run.err
    assert not (project_inside.root / ".harness").exists()


# -- what is told of it


def test_the_cost_of_a_run_is_told_and_reported(project):
    with made_up("--latency-s", "0.001") as port:
        describe(project, port, PRICED)
        run = project.pytest(*SERVED, "--model", "tiny", "--scaling-report")
    assert run.rc == 0, run.out + run.err
    assert f"cost: {12 * ANSWER_USD:.6f} dollars at list prices for 12 answers of this run" in run.out
    rows = list(csv.DictReader((project.root / "reports/small/results.csv").open(encoding="utf-8-sig")))
    costs = {model: {row["cost_usd"] for row in rows if row["model"] == model} for model in ("served", "tiny")}
    assert {float(cost) for cost in costs["served"]} == {ANSWER_USD}
    assert costs["tiny"] == {""}
    summary = json.loads((project.root / "reports/small/summary.json").read_text(encoding="utf-8"))
    totals = {cell["model"]: cell["cost_usd"] for cell in summary["cells"]}
    assert totals["tiny"] is None
    assert totals["served"]["total"] == pytest.approx(12 * ANSWER_USD)


def test_a_cost_that_nobody_knows_is_told_as_unknown(project):
    with made_up("--latency-s", "0.001") as port:
        describe(project, port)
        run = project.pytest(*SERVED)
    assert "cost: not known for 12 answers of services" in run.out


# -- a run that is killed


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGKILL")
def test_a_killed_run_pays_again_for_no_more_than_was_on_its_way(project):
    lines = [
        json.dumps({"id": f"q{n}", "question": f"What is {n} and 1?", "answers": [str(n + 1)]}) for n in range(120)
    ]
    project.write("benchmarks/questions.jsonl", "\n".join(lines))
    together = 4
    with made_up("--latency-s", "0.1") as port:
        describe(project, port, f", max_concurrent = {together}")
        environment = {key: value for key, value in os.environ.items() if not key.startswith("PYTEST_")}
        started = subprocess.Popen(
            [sys.executable, "-m", "pytest", "-p", "no:randomly", "-p", "no:smoke", *SERVED],
            cwd=project.root, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
            start_new_session=True,
        )  # fmt: skip
        until = time.monotonic() + 240
        while stored(project) < 30 and time.monotonic() < until:
            time.sleep(0.05)
        os.killpg(started.pid, signal.SIGKILL)
        started.wait()
        kept = stored(project)
        assert 30 <= kept < 120
        time.sleep(0.5)
        run = project.pytest(*SERVED)
        given = asked(port)
    assert run.rc == 0, run.out + run.err
    assert stored(project) == 120
    assert given - 120 <= 2 * together


# -- batches


def test_a_service_without_a_batch_api_is_refused_in_one_line(project_inside):
    run = project_inside.pytest("benchmarks", "--model", "bedrock/some.model", "--batch-api")
    assert run.rc == 4
    assert "Bedrock has no batch API" in run.err
    assert len(run.err.strip().splitlines()) == 1


@pytest.mark.parametrize(("option", "value"), [("--answer-timeout", "5"), ("--flip-check", "2")])
def test_what_batches_cannot_keep_is_refused(project_inside, option, value):
    run = project_inside.pytest("benchmarks", "--batch-api", option, value)
    assert run.rc == 4
    assert "leave one out" in run.err


# -- what can run


def test_models_are_probed_without_a_question(project):
    with made_up() as port:
        describe(project, port)
        run = project.run(*COMMAND, "models", "--probe", "--model", "served,tiny")
        assert asked(port) == 0
    assert run.rc == 0, run.out + run.err
    assert [line.split()[0] for line in run.out.splitlines()] == ["model", "served", "tiny"]
    assert run.out.count("ready") == 2
    assert not (project.root / ".harness").exists()


def test_a_model_that_cannot_run_says_why_and_fails_the_probe(project):
    describe(project, 9)
    run = project.run(*COMMAND, "models", "--probe", "--model", "served", "--json")
    assert run.rc == 1, run.out + run.err
    (row,) = json.loads(run.out)
    assert (row["model"], row["ready"]) == ("served", False)
    assert "no connection" in row["reason"]
