"""Runs of pytest that ask through a batch API, and are killed while they wait."""

import json
import os
import signal
import sqlite3
import subprocess
import sys
import time
from contextlib import closing

import pytest
from made_up_batches import BatchService

pytest.importorskip("openai", reason="needs pytest-scaling[openai]")

STUDY = """
[study]
name = "small"
models = ["served"]
conditions = ["direct"]

[[datasets]]
path = "questions.jsonl"

[models.served]
provider = "openai_compatible"
family = "made-up"
params_b = 1.0
context_length = 4096
server_name = "made-up"
options = {{ base_url = "{url}" }}
"""
RUN = (sys.executable, "-m", "pytest", "-p", "no:randomly", "-p", "no:smoke", "-q", "benchmarks", "--batch-api")


@pytest.fixture
def project(tmp_path):
    (tmp_path / "benchmarks").mkdir()
    rows = [json.dumps({"id": f"q{n}", "question": f"What is {n} and 1?", "answers": [str(n + 1)]}) for n in range(20)]
    (tmp_path / "benchmarks/questions.jsonl").write_text("\n".join(rows))
    (tmp_path / "benchmarks/test_answers.py").write_text("def test_answer(case, answer, score):\n    score()\n")
    return tmp_path


def start(project):
    environment = {key: value for key, value in os.environ.items() if not key.startswith("PYTEST_")}
    return subprocess.Popen(
        RUN, cwd=project, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        start_new_session=True,
    )  # fmt: skip


def stored(project):
    with closing(sqlite3.connect(project / ".harness/answers.sqlite")) as connection:
        return connection.execute("SELECT count(*) FROM answers").fetchone()[0]


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGKILL")
def test_a_run_that_is_killed_while_it_waits_collects_its_batch_when_it_is_started_again(project, serve):
    service = BatchService(looks=10**6)
    (project / "benchmarks/study.toml").write_text(STUDY.format(url=serve(service).url))
    first = start(project)
    until = time.monotonic() + 240
    while not service.looked and time.monotonic() < until and first.poll() is None:
        time.sleep(0.1)
    os.killpg(first.pid, signal.SIGKILL)
    told = first.communicate()[0]
    assert service.looked, told
    assert stored(project) == 0
    service.looks = 0
    again = start(project)
    told = again.communicate(timeout=300)[0]
    assert again.returncode == 0, told
    assert len(service.batches) == 1
    assert stored(project) == 20
