"""Two runs of pytest held against each other by the command, as a pull request's check does."""

import pytest

pytest.importorskip("pandas", reason="needs the extra [report]")
pytest.importorskip("pyarrow", reason="needs the extra [report]")

STUDY = """
[study]
name = "gated"
models = ["tiny"]
conditions = ["direct", "rag"]
metrics = ["f1"]
margin = 0.1

[[datasets]]
path = "questions.jsonl"
corpus = "corpus.jsonl"

[models.tiny]
provider = "planted"
family = "made-up"
params_b = 0.1
context_length = 1000
options = { accuracy = { direct = 0.9, rag = RAG } }
"""
QUESTIONS = range(300)


def question(number: int) -> str:
    return (
        f'{{"id": "q{number}", "question": "How high is tower {number}?", "answers": ["{number} metres"], '
        f'"gold_passages": ["p{number}"]}}'
    )


def passage(number: int) -> str:
    return f'{{"id": "p{number}", "text": "Tower {number} is {number} metres high.", "title": "Tower {number}"}}'


def answered(project, name: str, rag: float) -> None:
    """A reported run in which retrieval gives this share of right answers."""
    project.write("benchmarks/study.toml", STUDY.replace("RAG", str(rag)))
    done = project.pytest("benchmarks", "-q", "--scaling-report", "--run-name", name)
    assert done.rc == 0, done.out + done.err


def compare(project, *args: str):
    return project.run("-c", "from harness.cli import main; main()", "compare", *args)


@pytest.fixture(scope="module")
def runs(make_project):
    """A project with a baseline, the same once more, and a change that loses half of what retrieval gave."""
    project = make_project()
    project.write("benchmarks/questions.jsonl", "\n".join(question(number) for number in QUESTIONS))
    project.write("benchmarks/corpus.jsonl", "\n".join(passage(number) for number in QUESTIONS))
    answered(project, "main", 0.9)
    answered(project, "again", 0.9)
    answered(project, "change", 0.45)
    return project


def test_the_same_study_again_is_no_regression(runs):
    done = compare(runs, "main", "again")
    assert (done.rc, done.err) == (0, "")
    assert "NO REGRESSION in 2 cells." in done.out


def test_a_change_that_loses_answers_is_a_regression_in_its_cell(runs):
    done = compare(runs, "main", "change", "--margin", "0.1")
    assert done.rc == 1
    assert "REGRESSION in 1 of 2 cells: tiny rag (1 ok" in " ".join(done.out.split())
    assert "weights changed: tiny" in done.out


def test_a_metric_is_compared_by_name(runs):
    done = compare(runs, "reports/main", "reports/change", "--metric", "f1", "--markdown", "gate.md")
    assert done.rc == 1
    assert "| tiny | rag | 300 |" in (runs.root / "gate.md").read_text()


def test_a_smaller_run_is_compared_on_request_and_underpowered(runs):
    done = runs.pytest("benchmarks", "-q", "--scaling-report", "--run-name", "small", "--limit", "10")
    assert done.rc == 0, done.out
    refused = compare(runs, "main", "small")
    assert refused.rc == 4
    assert "300 questions in A, 10 in B, 10 in both" in refused.out
    assert compare(runs, "main", "small", "--common", "--margin", "0.01").rc == 6


def test_every_line_fits_a_terminal(runs):
    assert max(map(len, compare(runs, "main", "change").out.splitlines())) <= 80


def gated(project, rag: float, *args: str):
    project.write("benchmarks/study.toml", STUDY.replace("RAG", str(rag)))
    return project.pytest("benchmarks", "-q", *args)


@pytest.mark.parametrize(("rag", "code", "word"), [(0.9, 0, "NO REGRESSION"), (0.45, 1, "REGRESSION in 1 of 2 cells")])
def test_a_run_is_held_against_its_baseline(runs, rag, code, word):
    run = gated(runs, rag, "--baseline", "main", "--margin", "0.1")
    assert run.rc == code, run.out
    assert word in run.out


def test_workers_hold_a_run_against_its_baseline_too(runs):
    assert gated(runs, 0.45, "--baseline", "main", "-n", "2").rc == 1


def test_a_margin_that_the_questions_cannot_tell_is_underpowered(runs):
    run = gated(runs, 0.88, "--baseline", "main", "--margin", "0.001")
    assert run.rc == 6, run.out
    assert "UNDERPOWERED" in run.out.upper()


def test_a_run_that_asked_a_part_is_not_compared(runs):
    run = gated(runs, 0.9, "--baseline", "main", "-k", "q1", "--store", "part.sqlite")
    assert run.rc == 4, run.out
    assert "no comparison: 378 of 600 planned cases were not asked: run the whole study" in run.out


@pytest.mark.parametrize(
    ("args", "word"),
    [
        (("--baseline", "nope"), "there is no run 'nope'"),
        (("--margin", "0.1"), "name the run with --baseline"),
        (("--baseline", "main", "--margin", "much"), "much"),
        (("--baseline", "main", "--gate-metric", "nope"), "nope"),
    ],
)
def test_mistakes_are_told_before_anything_is_asked(runs, args, word):
    run = gated(runs, 0.9, *args)
    assert run.rc == 4
    assert word in run.err
    assert len(run.err.strip().splitlines()) == 1
