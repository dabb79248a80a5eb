"""Claims as a user runs them: behind all cases with any number of workers, and never red for want of questions."""

import re
import sqlite3
from collections import Counter
from xml.etree import ElementTree as ET

import pytest

for _package in ("pandas", "pyarrow", "scipy"):
    pytest.importorskip(_package, reason="needs the extra [report]")

QUESTIONS = 80
STUDY = """
[study]
name = "claimed"
models = ["s", "m", "l"]
conditions = ["direct", "rag"]
metrics = ["f1"]
margin = 0.2

[[datasets]]
path = "questions.jsonl"
corpus = "corpus.jsonl"

[[claims]]
kind = "matches"
a = "s:rag"
b = "l:direct"

[[claims]]
kind = "beats"
a = "s:direct"
b = "l:direct"
label = "small-is-better"
"""
MODEL = """
[models.{name}]
provider = "planted"
family = "made-up"
params_b = {size}
context_length = 1000
options = {{ accuracy = {{ direct = {direct}, rag = {rag} }} }}
"""
MODELS = (("s", 0.1, 0.2, 0.85), ("m", 1.0, 0.5, 0.85), ("l", 10.0, 0.8, 0.85))
CLAIMS = """
def test_claim(claim):
    claim.check()

def test_small_matches_large(scaling_report):
    scaling_report.matches("s:rag", "l:direct")

def test_small_beats_large(scaling_report):
    scaling_report.beats("s:direct", "l:direct")

def test_too_few_to_tell(scaling_report):
    scaling_report.matches("m:rag", "l:rag", margin=0.001)

def test_retrieval_is_worth_less_to_large_models(scaling_report):
    scaling_report.uplift("rag").shrinks_with_size()
"""
TOLD = Counter(holds=3, fails=2, inconclusive=1)


def counts(run) -> dict[str, int]:
    return {word: int(number) for number, word in re.findall(r"(\d+) (\w+)", run.last.split(" in ")[0])}


def told(run) -> Counter[str]:
    """How often each verdict stands in the lines that end a run."""
    lines = run.out.partition("= claims =")[2].partition("answers: ")[0]
    return Counter(re.findall(r": (holds|fails|does not hold|inconclusive|untested)", lines))


def claims(run) -> dict[str, str]:
    """What became of each item of the file of claims, from the lines of -v."""
    return dict(re.findall(r"test_claims\.py::(\S+) (PASSED|FAILED|SKIPPED)", run.out)) | {
        name: word for word, name in re.findall(r"(PASSED|FAILED|SKIPPED) \S*test_claims\.py::(\S+)", run.out)
    }


def claimed(project, *, questions: int = QUESTIONS):
    """The project with its study, its models, questions and claims."""
    project.write("benchmarks/study.toml", STUDY + "".join(map(model, MODELS)))
    rows = (
        f'{{"id": "q{n}", "question": "How high is tower {n}?", "answers": ["{n} m"], "gold_passages": ["p{n}"]}}'
        for n in range(questions)
    )
    project.write("benchmarks/questions.jsonl", "\n".join(rows))
    passages = (f'{{"id": "p{n}", "text": "Tower {n} is {n} m high.", "title": "{n}"}}' for n in range(questions))
    project.write("benchmarks/corpus.jsonl", "\n".join(passages))
    project.write("benchmarks/test_claims.py", CLAIMS)
    return project


def model(row: tuple[str, float, float, float]) -> str:
    name, size, direct, rag = row
    return MODEL.format(name=name, size=size, direct=direct, rag=rag)


@pytest.fixture(scope="module")
def answered(make_project):
    """A claimed project whose cases are all stored, and its first run, with two workers."""
    project = claimed(make_project())
    return project, project.pytest("benchmarks", "-n", "2", "-v", "--junit-xml", "junit.xml")


def test_claims_are_judged_in_the_run_that_answers(answered):
    _, run = answered
    assert run.rc == 1, run.out
    assert f"answers: {6 * QUESTIONS} generated" in run.out
    assert told(run) == TOLD
    assert claims(run) == {
        "test_claim[s:rag-matches-l:direct]": "PASSED",
        "test_claim[small-is-better]": "FAILED",
        "test_small_matches_large[claim]": "PASSED",
        "test_small_beats_large[claim]": "FAILED",
        "test_too_few_to_tell[claim]": "SKIPPED",
        "test_retrieval_is_worth_less_to_large_models[claim]": "PASSED",
    }


def test_one_worker_runs_all_claims_when_all_cases_are_done(answered):
    ran = re.findall(r"^\[(gw\d+)\].* [A-Z]+ \S*?(test_\w+)\.py::", answered[1].out, flags=re.MULTILINE)
    assert len({worker for worker, name in ran if name == "test_claims"}) == 1
    assert [name for _, name in ran][-6:] == ["test_claims"] * 6


@pytest.mark.parametrize("args", [("-n", "0"), ("-n", "1"), ("-p", "no:xdist")], ids=" ".join)
def test_any_number_of_workers_comes_to_the_same_verdicts(answered, args):
    run = answered[0].pytest("benchmarks", "-q", *args)
    assert told(run) == TOLD, run.out
    found = counts(run)
    assert (found["failed"], found["passed"], found["skipped"]) == (2, 3, 1)


def test_a_failure_is_one_paragraph_with_the_numbers(answered):
    (line,) = re.findall(
        r"^s:direct beats l:direct: does not hold\..*this claim alone\.$", answered[1].out, re.MULTILINE
    )
    assert re.search(
        r"Of the same 80 questions s:direct gets [\d.]+ % right and l:direct [\d.]+ %: -[\d.]+ points", line
    )
    assert "Traceback" not in answered[1].out
    assert "claims/scaling.py" not in answered[1].out


def test_declared_claims_are_one_family(answered):
    assert "by Holm over 2 claims" in answered[1].out


def test_junit_has_the_verdict(answered):
    cases = ET.parse(answered[0].root / "junit.xml").getroot().findall(".//testcase")  # noqa: S314 - pytest wrote it
    found = [
        entry.get("value") for case in cases for entry in case.iter("property") if entry.get("name") == "harness_claim"
    ]
    assert len(found) == 6
    assert sum("'verdict': 'holds'" in value for value in found) == 3


def test_strict_claims_fail_what_cannot_be_told(answered):
    run = answered[0].pytest("benchmarks/test_claims.py", "-q", "-k", "too_few", "--strict-claims")
    assert (run.rc, counts(run)) == (1, {"failed": 1, "deselected": 5}), run.out
    assert "(--strict-claims)" in run.out


def test_what_cannot_be_told_is_skipped_with_the_questions_it_needs(answered):
    run = answered[0].pytest("benchmarks/test_claims.py", "-q", "-k", "too_few", "-rs")
    assert run.rc == 0, run.out
    assert re.search(
        r"SKIPPED \[1\] benchmarks/test_claims\.py:\d+: m:rag matches l:rag .* questions are needed", run.out
    )


def test_a_distribution_of_the_users_own_has_declared_claims_judged_at_its_end(answered):
    run = answered[0].pytest("benchmarks", "-q", "-n", "2", "--dist", "worksteal", "-k", "answer or test_claim[")
    assert run.rc == 1, run.out
    assert told(run) == {"holds": 1, "does not hold": 1}
    assert "failed" not in counts(run)


def test_a_smoke_run_is_not_red(answered):
    run = answered[0].pytest("benchmarks", "-q", "--smoke")
    assert run.rc == 0, run.out
    assert set(told(run)) == {"inconclusive"}


def test_a_part_of_the_models_leaves_claims_untested(answered):
    run = answered[0].pytest("benchmarks", "-q", "--model", "s", "--strict-claims", "-rs")
    assert run.rc == 0, run.out
    assert set(told(run)) == {"untested"}
    assert "This run leaves out l:direct." in run.out


def test_claims_over_cells_that_were_not_asked_are_skipped(answered):
    run = answered[0].pytest("benchmarks", "-q", "-k", "s-rag or test_claims", "--store", "part.sqlite", "-rs")
    assert run.rc == 0, run.out
    assert f"{QUESTIONS} of the {QUESTIONS} cases of l:direct have no answer yet" in run.out


def test_claims_without_any_answer_make_no_store(answered):
    project, _ = answered
    run = project.pytest("benchmarks/test_claims.py", "-q", "-n", "2", "--store", "none.sqlite")
    assert (run.rc, counts(run)) == (0, {"skipped": 6}), run.out


def test_claims_stand_behind_other_tests_and_in_a_shuffled_order(answered):
    pytest.importorskip("pytest_randomly", reason="pytest-randomly is not installed")
    project, _ = answered
    project.write("z/test_own.py", "def test_one():\n    pass\n\ndef test_two():\n    pass\n")
    run = project.run("-m", "pytest", "benchmarks", "z", "-v", "-p", "no:smoke", "-p", "no:cacheprovider")
    ran = re.findall(r"^\S*?(test_\w+)\.py::\S+ [A-Z]+ ", run.out, flags=re.MULTILINE)
    assert ran[-6:] == ["test_claims"] * 6
    assert ran.count("test_own") == 2


def test_a_worker_that_dies_does_not_leave_claims_waiting(project):
    claimed(project, questions=30)
    text = (project.root / "benchmarks/study.toml").read_text()
    project.write("benchmarks/study.toml", text.replace("options = { ", 'options = { crash_on = "tower 17?", ', 1))
    run = project.pytest("benchmarks", "-n", "2", "-q")
    assert counts(run)["errors"] == 2, run.out
    assert sum(told(run).values()) == 6


def test_a_run_out_of_workers_ends(project):
    claimed(project, questions=30)
    text = (project.root / "benchmarks/study.toml").read_text()
    project.write("benchmarks/study.toml", text.replace("options = { ", 'options = { crash_on = "tower 17?", ', 1))
    run = project.pytest("benchmarks", "-n", "2", "-q", "--max-worker-restart", "0")
    assert run.rc == 1, run.out
    assert "INTERNALERROR" not in run.out


def test_the_first_failure_ends_a_run_with_claims(project):
    claimed(project, questions=30)
    text = (project.root / "benchmarks/study.toml").read_text()
    project.write("benchmarks/study.toml", text.replace("options = { ", 'options = { raise_on = "tower 17?", ', 1))
    run = project.pytest("benchmarks", "-n", "2", "-q", "-x")
    assert run.rc == pytest.ExitCode.INTERRUPTED, run.out


def test_what_other_workers_scored_is_there_when_claims_are_judged(project):
    claimed(project, questions=60)
    project.write(
        "benchmarks/test_answers.py",
        "def test_answer(case, answer, score):\n    score(mine=2.0 + (hash(case.label) % 7) / 100)\n",
    )
    project.write(
        "benchmarks/test_claims.py",
        "import pytest\n"
        "@pytest.mark.parametrize('cell', ['s:rag', 's:direct', 'm:rag', 'm:direct', 'l:rag', 'l:direct'])\n"
        "def test_mine(cell, scaling_report):\n"
        "    assert scaling_report.cell(cell).at_least(mine=1.5).n == 60\n",
    )
    run = project.pytest("benchmarks", "-n", "3", "-q")
    assert run.rc == 0, run.out
    assert counts(run)["passed"] == 6
    rows = sqlite3.connect(project.root / ".harness/answers.sqlite").execute(
        "SELECT count(*) FROM scores WHERE metric = 'mine'"
    )
    assert rows.fetchone() == (360,)


@pytest.mark.parametrize(
    ("change", "word"),
    [
        (('a = "s:rag"', 'a = "s:rga"'), "did you mean 's:rag'?"),
        (('kind = "matches"', 'kind = "macthes"'), "did you mean 'matches'?"),
        (
            ('kind = "matches"\na = "s:rag"\nb = "l:direct"', 'kind = "no_regression"\nbaseline = "main"'),
            "no run 'main'",
        ),
    ],
)
def test_mistakes_are_told_before_anything_is_asked(project_inside, change, word):
    claimed(project_inside, questions=3)
    text = (project_inside.root / "benchmarks/study.toml").read_text()
    project_inside.write("benchmarks/study.toml", text.replace(*change))
    run = project_inside.pytest("benchmarks")
    assert run.rc == 4
    assert word in run.err
    assert len(run.err.strip().splitlines()) == 1


def test_a_stored_run_is_held_against(answered):
    project, _ = answered
    report = project.pytest("benchmarks/test_answers.py", "-q", "--scaling-report", "--run-name", "main")
    assert report.rc == 0, report.out + report.err
    study = (project.root / "benchmarks/study.toml").read_text()
    declared = '\n[[claims]]\nkind = "no_regression"\nbaseline = "main"\nmargin = 0.1\n'
    project.write(
        "own/study.toml",
        study.replace('"questions', '"../benchmarks/questions').replace('"corpus', '"../benchmarks/corpus') + declared,
    )
    project.write(
        "own/test_claims.py",
        "def test_claim(claim):\n    claim.check()\n"
        "def test_main(scaling_report):\n    scaling_report.no_regression('main')\n",
    )
    run = project.pytest("own", "-q", "--study", "own/study.toml", "-k", "main or regression")
    assert run.rc == 0, run.out + run.err
    assert told(run) == {"holds": 2}
