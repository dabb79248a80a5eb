"""Nothing that a run leaves behind holds a key, whatever the user's own tests and models do with it."""

import base64
import html
import json
import os
import re
import sqlite3
from contextlib import closing
from urllib.parse import quote, quote_plus

import pytest

CANARIES = {
    "HF_TOKEN": "hf_C4n4ryAbCdEfGhIjKlMnOpQrStUvWx",
    "OPENAI_API_KEY": "sk-proj-C4n4ry_0123456789-abcdefghijklmnop",
    "MY_SERVICE_PASSWORD": "p4ss/w0rd+with=signs&more%C4n4ry",
}
CONFTEST = """
import os
import pytest
from harness.providers import base, planted

KEY = os.environ["OPENAI_API_KEY"]

class Refused(planted.PlantedProvider):
    def generate(self, prompts, decoding):
        held = {"headers": {"Authorization": f"Bearer {KEY}"}, "password": os.environ["MY_SERVICE_PASSWORD"]}
        for prompt in prompts:
            if "tower 15" in prompt.question:
                raise RuntimeError(f"401 for Bearer {KEY} at https://me:{os.environ['MY_SERVICE_PASSWORD']}@host")
            yield from super().generate([prompt], decoding)

planted.PlantedSource.load = lambda self: Refused(self.model, self.plan)
"""
OWN_TESTS = """
import base64, json, logging, os, sys, urllib.parse, warnings
import pytest

VALUES = [os.environ[name] for name in ("HF_TOKEN", "OPENAI_API_KEY", "MY_SERVICE_PASSWORD")]
FORMS = {
    "plain": str,
    "base64": lambda text: base64.b64encode(text.encode()).decode(),
    "inside base64": lambda text: base64.b64encode(f"me:{text}@".encode()).decode(),
    "url": urllib.parse.quote_plus,
    "json": json.dumps,
}

@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("number", range(3))
def test_raises(form, number):
    held = told = FORMS[form](VALUES[number])
    nested = {"headers": {"Authorization": "Bearer " + held}, "more": ["x" * 70] * 4}
    raise ValueError(f"cannot use {told}")

@pytest.mark.parametrize("form", FORMS)
def test_tells(form, record_property, record_testsuite_property):
    for value in VALUES:
        told = FORMS[form](value)
        print("printed", told)
        print("printed", told, file=sys.stderr)
        logging.getLogger("own").warning("logged %s", told)
        warnings.warn(f"warned {told}", stacklevel=1)
        record_property("own", told)
        record_testsuite_property("suite", told)

def test_skips():
    pytest.skip(f"no access with {VALUES[0]}")

@pytest.fixture
def service():
    yield VALUES[2]
    raise OSError(f"cannot leave {VALUES[2]}")

def test_service(service):
    assert service == "open"

def test_answer_of_mine(case, answer, score):
    score()
"""


def forms(value: str) -> set[str]:
    """The value as it might have been written, by other means than the package's."""
    raw = value.encode()
    encoded = {base64.b64encode(b"x" * before + raw).decode() for before in range(3)}
    inner = {text[4:-4] for text in encoded}  # whole groups that hold nothing of the neighbours
    urls = {quote(value), quote(value, safe=""), quote_plus(value)}
    lower = {re.sub("%..", lambda match: match[0].lower(), text) for text in urls}
    found = {value, html.escape(value), json.dumps(value)[1:-1], *inner, *urls, *lower}
    return found | {text.translate(str.maketrans("+/", "-_")) for text in inner}


def leaks(told: bytes) -> list[str]:
    """The forms of canaries in some bytes, each with the name of its canary."""
    return [f"{name}: {form}" for name, value in CANARIES.items() for form in forms(value) if form.encode() in told]


def left_behind(project) -> dict[str, list[str]]:
    """What each file of the project gives away; the project's own sources hold no canary."""
    project.root.joinpath("store.dump").write_text(dumped(project), encoding="utf-8")
    files = [path for path in project.root.rglob("*") if path.is_file()]
    assert [path for path in files if path.suffix == ".sqlite"]
    return {str(path.relative_to(project.root)): found for path in files if (found := leaks(path.read_bytes()))}


def dumped(project) -> str:
    with closing(sqlite3.connect(project.root / ".harness/answers.sqlite")) as connection:
        return "\n".join(connection.iterdump())


@pytest.fixture
def talkative(project):
    """A project whose own tests and whose model tell their keys wherever they can."""
    project.write("conftest.py", CONFTEST)
    project.write("benchmarks/test_own.py", OWN_TESTS)
    return project


def test_the_canaries_are_told_without_the_plugin(talkative):
    run = talkative.pytest("benchmarks", "-p", "no:harness.plugin", "-rA", "--showlocals", **CANARIES)
    assert {leak.partition(":")[0] for leak in leaks(run.out.encode())} == set(CANARIES)


@pytest.mark.parametrize("workers", ["0", "2"])
@pytest.mark.parametrize("style", ["long", "short", "native"])
def test_a_run_leaves_no_key_behind(talkative, workers, style):
    run = talkative.pytest(
        *("benchmarks", "-n", workers, "--junit-xml=junit.xml", "--scaling-report", "-rA", "--showlocals"),
        *(f"--tb={style}", "--log-file=run.log", "-o", "junit_logging=all"),
        **CANARIES,
    )
    assert run.rc == 1, run.out + run.err
    assert "401 for" in run.out
    assert (talkative.root / "junit.xml").exists()
    assert (talkative.root / "reports").is_dir()
    assert leaks(run.out.encode()) == []
    assert leaks(run.err.encode()) == []
    assert left_behind(talkative) == {}


def test_a_key_in_the_data_is_not_kept(project):
    value = CANARIES["HF_TOKEN"]
    text = (project.root / "benchmarks/questions.jsonl").read_text()
    asked = project.write("benchmarks/questions.jsonl", text.replace("tower 15", f"tower 15 of {value}"))
    run = project.pytest("benchmarks", "--scaling-report", **CANARIES)
    asked.unlink()
    assert leaks(run.out.encode() + run.err.encode()) == []
    assert left_behind(project) == {}


@pytest.mark.parametrize("command", ["models", "check {HF_TOKEN}", "report --model {OPENAI_API_KEY}"])
def test_the_command_tells_no_key(project, command):
    args = command.format_map(CANARIES).split()
    code = f"import sys; sys.argv = ['harness', *{args!r}]; from harness.cli import main; main()"
    run = project.run("-c", code, **CANARIES)
    assert leaks(run.out.encode() + run.err.encode()) == []


def test_a_mistake_that_names_a_key_is_told_without_it(project):
    run = project.pytest("benchmarks", "--model", CANARIES["HF_TOKEN"], **CANARIES)
    assert run.rc == 4
    assert "unknown model" in run.err
    assert leaks(run.err.encode()) == []


def test_the_environment_of_the_test_holds_no_canary():
    assert not set(CANARIES.values()) & set(os.environ.values())
