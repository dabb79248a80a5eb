"""A run asks nothing of any network: every call that would is counted, and there is none."""

import os

import pytest

from harness.errors import WeightsMissing
from harness.providers.base import source
from harness.records import Runtime
from harness.registry.catalog import find_model, load_catalog

# Python imports this in every process of the run, before anything else.
BLOCKED = """
import os
import socket

def refuse(name, allowed=lambda args: False):
    real = getattr(socket, name, None) or getattr(socket.socket, name)
    def refused(*args, **kwargs):
        if allowed(args):
            return real(*args, **kwargs)
        with open(os.environ["OFFLINE_CALLS"], "a") as file:
            file.write(f"{name} {args[-1]!r}\\n")
        raise OSError(f"no network in this test: {name}")
    return refused

def is_local(args):
    return args and getattr(args[0], "family", None) == getattr(socket, "AF_UNIX", None)

for name in ("connect", "connect_ex", "sendto"):
    setattr(socket.socket, name, refuse(name, is_local))
for name in ("create_connection", "getaddrinfo", "gethostbyname", "gethostbyname_ex", "gethostbyaddr"):
    setattr(socket, name, refuse(name))
with open(os.environ["OFFLINE_CALLS"] + ".started", "a") as file:
    file.write(f"{os.getpid()}\\n")
"""
STUDY = """
[study]
name = "one"
models = ["smollm2-135m"]
conditions = ["direct"]

[[datasets]]
path = "questions.jsonl"
corpus = "corpus.jsonl"
"""


@pytest.fixture
def offline(tmp_path_factory):
    """The environment in which calls to the network fail and are written down, and the file of calls."""
    folder = tmp_path_factory.mktemp("offline")
    (folder / "sitecustomize.py").write_text(BLOCKED, encoding="utf-8")
    calls = folder / "calls"
    path = os.pathsep.join(filter(None, [str(folder), os.environ.get("PYTHONPATH")]))
    return {"PYTHONPATH": path, "OFFLINE_CALLS": str(calls)}, calls


def asked_of_the_network(calls) -> str:
    return calls.read_text() if calls.exists() else ""


def processes(calls) -> int:
    return len(set(calls.with_name("calls.started").read_text().split()))


@pytest.mark.parametrize(("workers", "least"), [("0", 1), ("2", 3)])
def test_a_run_with_a_report(project, offline, workers, least):
    environment, calls = offline
    run = project.pytest("benchmarks", "-n", workers, "--scaling-report", **environment)
    assert run.rc == 0, run.out + run.err
    assert processes(calls) >= least
    assert asked_of_the_network(calls) == ""


@pytest.fixture(scope="module")
def answered(make_project):
    project = make_project()
    assert project.pytest("benchmarks", "--smoke").rc == 0
    return project


@pytest.mark.parametrize(
    "command", ["models", "hardware", "check benchmarks/questions.jsonl", "rescore", "report", "init new"]
)
def test_a_command(answered, offline, command):
    environment, calls = offline
    code = f"import sys; sys.argv = ['harness', *{command.split()!r}]; from harness.cli import main; main()"
    run = answered.run("-c", code, **environment)
    assert run.rc == 0, run.out + run.err
    assert processes(calls) == 1
    assert asked_of_the_network(calls) == ""


def test_the_calls_would_be_seen(project, offline):
    environment, calls = offline
    project.write(
        "benchmarks/test_own.py",
        "import urllib.request\ndef test_own():\n    urllib.request.urlopen('http://localhost:9/')\n",
    )
    assert project.pytest("benchmarks/test_own.py", **environment).rc == 1
    assert asked_of_the_network(calls).count("\n") >= 1


@pytest.mark.slow
def test_the_embedded_model(project, offline):
    pytest.importorskip("torch", reason="needs the extra [hf]")
    try:
        source(find_model(load_catalog({}), "smollm2-135m"), Runtime(dtype="fp32", device="cpu"))
    except WeightsMissing as missing:
        pytest.skip(str(missing))
    environment, calls = offline
    project.write("benchmarks/study.toml", STUDY)
    run = project.pytest("benchmarks", "--smoke", **environment)
    assert run.rc == 0, run.out + run.err
    assert "answers: 1 generated" in run.out
    assert asked_of_the_network(calls) == ""
