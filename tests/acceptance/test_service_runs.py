"""Runs of pytest over models behind an API: a made-up service, and `transformers serve` with the embedded model."""

import importlib.util
import json
import os
import signal
import socket
import sqlite3
import subprocess
import sys
import time
import urllib.request
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

STORE = ".harness/answers.sqlite"
SERVER = Path(__file__).resolve().parents[2] / "benchmarks" / "service_faults.py"
NEEDED = ("openai", "tenacity")
SERVING = ("fastapi", "uvicorn", "torch", "transformers")
MODEL = """
[models.served]
provider = "openai_compatible"
family = "made-up"
params_b = 1.0
context_length = 4096
server_name = "{name}"
options = {{ base_url = "http://127.0.0.1:{port}/v1"{options} }}
"""

pytestmark = pytest.mark.skipif(not all(map(importlib.util.find_spec, NEEDED)), reason="needs pytest-scaling[openai]")


@contextmanager
def started(*command: str, **environment: str):
    """A process in a group of its own, ended with the test."""
    process = subprocess.Popen(
        [sys.executable, *command],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        env=os.environ | environment,
        start_new_session=True,
    )
    try:
        yield process
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.communicate()


@contextmanager
def made_up(*options: str):
    """The made-up service; its port."""
    with started(str(SERVER), *options) as process:
        yield int(process.stdout.readline())


def describe(project, port: int, options: str = "", name: str = "made-up") -> None:
    """Add the model that is served at the port to the study."""
    text = (project.root / "benchmarks/study.toml").read_text()
    project.write("benchmarks/study.toml", text + MODEL.format(port=port, options=options, name=name))


def stored(project) -> list[str]:
    with closing(sqlite3.connect(project.root / STORE)) as connection:
        return [text for (text,) in connection.execute("SELECT text FROM answers ORDER BY id")]


SERVED = ("benchmarks", "-q", "--model", "served", "--condition", "direct")


def test_a_served_model_is_asked_like_any_other(project):
    with made_up("--latency-s", "0.001") as port:
        describe(project, port)
        run = project.pytest(*SERVED)
    assert run.rc == 0, run.out
    assert len(stored(project)) == 12


def test_a_model_is_named_by_its_service(project):
    with made_up("--latency-s", "0.001") as port:
        run = project.pytest(
            "benchmarks", "-q", "--condition", "direct", "--model", "openai_compatible/made-up", "--smoke"
        )
        assert "base_url" in run.err + run.out, run.out
        describe(project, port, name="org/made:up")
        run = project.pytest(
            "benchmarks", "-q", "--condition", "direct", "--model", "openai_compatible/org/made:up", "--smoke"
        )
    assert run.rc == 0, run.out + run.err
    assert len(stored(project)) == 1


@pytest.mark.parametrize("workers", ["0", "2"])
def test_faults_lose_no_answer(project, workers):
    with made_up("--latency-s", "0.001", "--fault-share", "0.2") as port:
        describe(project, port, ", timeout_s = 1.0")
        run = project.pytest(*SERVED, "-n", workers)
    assert run.rc == 0, run.out
    assert len(stored(project)) == 12


def test_a_service_that_is_not_there_fails_its_cases_and_says_so(project):
    with closing(socket.create_server(("127.0.0.1", 0))) as unused:
        port = unused.getsockname()[1]
    describe(project, port, ", tries = 2")
    run = project.pytest(*SERVED, "--limit", "2")
    assert run.rc == 1, run.out
    assert "no connection" in run.out
    assert stored(project) == []


def test_a_missing_key_is_told_before_anything_is_asked(project):
    run = project.pytest("benchmarks", "--model", "openai/gpt-4o-mini-2024-07-18", OPENAI_API_KEY="")
    assert run.rc == 4, run.out
    assert "set OPENAI_API_KEY" in run.err + run.out


def free_port() -> int:
    with closing(socket.create_server(("127.0.0.1", 0))) as unused:
        return int(unused.getsockname()[1])


def weights() -> Path:
    """The embedded model, converted; the test is skipped where it is not."""
    from harness.errors import WeightsMissing
    from harness.providers.convert import convert
    from harness.providers.transformers import TransformersSource
    from harness.records import Runtime
    from harness.registry.catalog import find_model, load_catalog

    model = find_model(load_catalog(), "smollm2-135m")
    try:
        return Path(convert(TransformersSource(model, Runtime()).located, model.package))
    except WeightsMissing as error:
        pytest.skip(str(error))


@contextmanager
def transformers_serve(folder: Path):
    """`transformers serve` on this machine; its port, once it answers."""
    port = free_port()
    command = ("-m", "transformers.cli.transformers", "serve", str(folder), "--host", "127.0.0.1", "--port", str(port))
    with started(*command, "--device", "cpu", HF_HUB_OFFLINE="1", OMP_NUM_THREADS="1") as process:
        until = time.monotonic() + 180
        while time.monotonic() < until and process.poll() is None:
            try:
                urllib.request.urlopen(f"http://127.0.0.1:{port}/health", timeout=2).read()
            except OSError:
                time.sleep(0.5)
            else:
                yield port
                return
        raise AssertionError(f"transformers serve did not start, exit code {process.poll()}")


@pytest.mark.slow
@pytest.mark.skipif(not all(map(importlib.util.find_spec, SERVING)), reason="needs transformers[serving]")
@pytest.mark.parametrize("share", ["0", "0.2"])
def test_transformers_serve_answers_through_a_proxy_with_faults(project, share):
    folder = weights()
    with transformers_serve(folder) as upstream, made_up("--upstream", str(upstream), "--fault-share", share) as port:
        describe(project, port, ", timeout_s = 60.0, max_concurrent = 2", name=str(folder))
        run = project.pytest(*SERVED, "--limit", "6")
    texts = stored(project)
    assert run.rc == 0, run.out + run.err
    assert len(texts) == 6
    assert any(text.strip() for text in texts), json.dumps(texts)
