import importlib
import importlib.util
import os
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

# pytester forgets what a run inside this process imported, and compiled packages cannot be imported a second time
LOADED_ONCE = [
    importlib.import_module(name)
    for name in ("numpy", "pandas", "pyarrow", "scipy", "scipy.stats", "pydantic", "bm25s")
    if importlib.util.find_spec(name.partition(".")[0])
]
QUIET = ("-p", "no:randomly", "-p", "no:smoke")
# fixtures behind which other processes start
OUTSIDE = frozenset({"project", "make_project", "browser"})
TEST_FILE = """
def test_answer(case, answer, score):
    score()
"""

STUDY = """
[study]
name = "small"
models = ["tiny", "big"]
conditions = ["direct", "rag", "oracle"]
metrics = ["f1"]

[[datasets]]
path = "questions.jsonl"
corpus = "corpus.jsonl"

[models.tiny]
provider = "planted"
family = "made-up"
params_b = 0.1
context_length = 1000
options = { accuracy = { direct = 0.2, rag = 0.5, oracle = 0.7 }, blank_rate = 0.1, loss = 1.0 }

[models.big]
provider = "planted"
family = "made-up"
params_b = 10.0
context_length = 1000
options = { accuracy = { direct = 0.6, rag = 0.8, oracle = 0.9 }, loss = 0.5 }
"""


def question(number: int) -> str:
    return (
        f'{{"id": "q{number}", "question": "What is the height of tower {number}?", "answers": ["{number} metres"], '
        f'"gold_passages": ["p{number}"], "cluster": "d{number % 3}", "task": "t{number % 2}"}}'
    )


def passage(number: int) -> str:
    return f'{{"id": "p{number}", "text": "Tower {number} is {number} metres high.", "title": "Tower {number}"}}'


@dataclass
class Run:
    """What a user sees of one run of pytest, and its exit code."""

    rc: int
    out: str
    err: str

    @property
    def last(self) -> str:
        return self.out.strip().splitlines()[-1]


class Project:
    """A user's project in a folder of its own, and pytest run in it as a user does."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def write(self, name: str, text: str) -> Path:
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
        return path

    def pytest(self, *args: str, **environment: str) -> Run:
        return self.run("-m", "pytest", *QUIET, *args, **environment)

    def run(self, *args: str, **environment: str) -> Run:
        env = {key: value for key, value in os.environ.items() if not key.startswith(("PYTEST_", "HARNESS_", "HF_"))}
        done = subprocess.run(
            [sys.executable, *args],
            cwd=self.root,
            env=env | {"OMP_NUM_THREADS": "1", "COLUMNS": "80"} | environment,
            capture_output=True,
            text=True,
            check=False,
            timeout=300,
        )
        return Run(rc=done.returncode, out=done.stdout, err=done.stderr)

    def files(self) -> set[str]:
        return {str(path.relative_to(self.root)) for path in self.root.rglob("*") if path.is_file()}


class ProjectInside(Project):
    """The same, with pytest run in the process of the tests: much faster, for what ends before anything is asked."""

    def __init__(self, pytester: pytest.Pytester) -> None:
        super().__init__(pytester.path)
        self._pytester = pytester

    def pytest(self, *args: str, **environment: str) -> Run:
        with pytest.MonkeyPatch.context() as patch:
            for name, value in environment.items():
                patch.setenv(name, value)
            done = self._pytester.runpytest_inprocess(*QUIET, *args)
        return Run(rc=int(done.ret), out="\n".join(done.outlines), err="\n".join(done.errlines))


def pytest_collection_modifyitems(items: Sequence[pytest.Item]) -> None:
    """Tests that start processes of their own are slow, all of them."""
    here = Path(__file__).parent
    for item in items:
        if here in item.path.parents and OUTSIDE.intersection(getattr(item, "fixturenames", ())):
            item.add_marker("slow")


@pytest.fixture
def project(tmp_path: Path) -> Project:
    """A project with a study of two planted models, three conditions and twelve questions."""
    return filled(Project(tmp_path))


@pytest.fixture(scope="module")
def make_project(tmp_path_factory: pytest.TempPathFactory) -> Callable[[], Project]:
    """Makes such projects for tests that share what one has run."""
    return lambda: filled(Project(tmp_path_factory.mktemp("shared")))


@pytest.fixture
def project_inside(pytester: pytest.Pytester) -> Project:
    """The same project, with pytest run inside this process."""
    return filled(ProjectInside(pytester))


def filled(made: Project) -> Project:
    """The project with its study, questions, corpus and test file."""
    made.write("benchmarks/study.toml", STUDY)
    made.write("benchmarks/questions.jsonl", "\n".join(question(number) for number in range(10, 22)))
    made.write("benchmarks/corpus.jsonl", "\n".join(passage(number) for number in range(10, 22)))
    made.write("benchmarks/test_answers.py", TEST_FILE)
    made.write("pytest.ini", "[pytest]\n")
    return made
