"""The fixtures of claims in a user's own tests: whose they are, what goes wrong, and what is kept for the report."""

import pytest

from harness.claim_fixtures import ClaimFixtures, Wanted, claims_last, is_claim

# packages that cannot be loaded twice, as runs of pytest inside one process would load them
LOADED = ("pandas", "pyarrow", "scipy.stats")
LOADED_ONCE = [pytest.importorskip(name, reason="needs the extra [report]") for name in LOADED]

STUDY = """
[study]
models = ["tiny"]
conditions = ["direct", "oracle"]
metrics = ["f1"]

[[datasets]]
path = "questions.jsonl"
corpus = "corpus.jsonl"

[models.tiny]
provider = "planted"
family = "made-up"
params_b = 0.1
context_length = 1000
options = { accuracy = { direct = 0.0, oracle = 1.0 } }
"""
DECLARED = '\n[[claims]]\nkind = "beats"\na = "tiny:oracle"\nb = "tiny:direct"\nlabel = "passages-help"\n'
KEEPS = """
import pytest

@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session):
    plugin = session.config.pluginmanager.get_plugin("harness.claim_fixtures")
    results = plugin.judging.results
    print()
    print("kept", [(result.label, result.verdict) for result in results])
"""


@pytest.fixture
def project(pytester):
    """A project with one planted model, twelve questions and a claim of the study file."""
    pytester.makeini("[pytest]\n")
    (pytester.path / "study.toml").write_text(STUDY + DECLARED)
    rows = (
        f'{{"id": "q{n}", "question": "Who is {n}?", "answers": ["{n}"], "gold_passages": ["p{n}"]}}' for n in range(12)
    )
    (pytester.path / "questions.jsonl").write_text("\n".join(rows))
    (pytester.path / "corpus.jsonl").write_text("\n".join(f'{{"id": "p{n}", "text": "It is {n}."}}' for n in range(12)))
    pytester.makepyfile(test_answers="def test_answer(case, answer, score):\n    score()\n")
    return pytester


def run(project: pytest.Pytester, claims: str, *args: str) -> pytest.RunResult:
    project.makepyfile(test_claims=claims)
    return project.runpytest_inprocess("-p", "no:randomly", "-p", "no:smoke", "-q", "-rs", *args)


def test_both_kinds_are_judged_and_kept_the_declared_first(project):
    project.makeconftest(KEEPS)
    claims = (
        "def test_stated(scaling_report):\n"
        "    result = scaling_report.beats('tiny:oracle', 'tiny:direct', by=0.1)\n"
        "    assert (result.verdict, result.n) == ('holds', 12)\n"
        "def test_declared(claim):\n    assert claim.check().label == claim.label == 'passages-help'\n"
    )
    result = run(project, claims, "-s")
    assert result.ret == 0, result.stdout.str()
    result.stdout.fnmatch_lines(["*kept [[]('passages-help', 'holds'), (None, 'holds')[]]"])
    result.stdout.fnmatch_lines(["*= claims =*", "tiny:oracle beats tiny:direct: holds"])


def test_a_failing_claim_does_not_hide_behind_one_that_cannot_be_told(project):
    claims = (
        "def test_two(scaling_report):\n"
        "    scaling_report.cell('tiny:oracle').at_least(correct=0.99)\n"
        "    scaling_report.beats('tiny:direct', 'tiny:oracle')\n"
    )
    result = run(project, claims)
    assert result.ret == 1
    result.stdout.fnmatch_lines(["tiny:direct beats tiny:oracle: does not hold. *"])


def test_an_open_claim_skips_its_test_at_the_end(project):
    claims = (
        "def test_two(scaling_report):\n"
        "    assert scaling_report.cell('tiny:oracle').at_least(correct=0.99).needed > 12\n"
        "    print('went on')\n"
    )
    result = run(project, claims, "-s")
    assert result.ret == 0
    result.stdout.fnmatch_lines(
        ["*went on*", "SKIPPED [[]1[]] test_claims.py:1: tiny:oracle has at least 99.0 % right: inconclusive*"]
    )


def test_a_test_that_fails_otherwise_is_left_as_it_is(project):
    claims = (
        "def test_two(scaling_report):\n"
        "    scaling_report.cell('tiny:oracle').at_least(correct=0.99)\n"
        "    assert 1 == 2, 'own reason'\n"
    )
    run(project, claims).stdout.fnmatch_lines(["E*own reason*"])


def test_a_mistake_is_one_line(project):
    result = run(project, "def test_one(scaling_report):\n    scaling_report.beats('tiny:oracl', 'tiny:direct')\n")
    assert result.ret == 1
    result.stdout.fnmatch_lines(["no claim: unknown cell 'tiny:oracl': did you mean 'tiny:oracle'? known: *"])
    assert "Traceback" not in result.stdout.str()


def test_a_contradiction_may_be_expected(project):
    claims = (
        "import pytest\n"
        "def test_one(scaling_report):\n"
        "    with pytest.raises(AssertionError, match='does not hold'):\n"
        "        scaling_report.beats('tiny:direct', 'tiny:oracle')\n"
    )
    assert run(project, claims).ret == 0


def test_no_declared_claims_are_one_skipped_test(project):
    (project.path / "study.toml").write_text(STUDY)
    result = run(project, "def test_one(claim):\n    claim.check()\n")
    assert result.ret == 0
    result.stdout.fnmatch_lines(["SKIPPED*the study declares no [[][[]claims[]][]]*"])


@pytest.mark.parametrize(
    ("body", "told"),
    [
        (
            "def test_one(case, scaling_report):\n    pass\n",
            "claims are over all cases: state them in a test without a case",
        ),
        (
            "def test_one(request):\n    request.getfixturevalue('claim')\n",
            "*is parametrised by the plugin: ask for it as an argument*",
        ),
    ],
)
def test_claims_are_asked_for_by_tests_of_their_own(project, body, told):
    result = run(project, body, "-k", "test_one and not q1")
    assert result.ret == 1
    result.stdout.fnmatch_lines([f"*{told}*"])


def test_a_report_that_is_asked_for_while_running_judges_what_is_there(project):
    claims = (
        "def test_one(request):\n    request.getfixturevalue('scaling_report').beats('tiny:oracle', 'tiny:direct')\n"
    )
    assert run(project, claims).ret == 0


def test_fixtures_of_the_users_own_are_left_alone(project):
    project.makeconftest("import pytest\n@pytest.fixture\ndef claim():\n    return 'mine'\n")
    claims = (
        "import pytest\n"
        "def test_own(claim):\n    assert claim == 'mine'\n"
        "@pytest.mark.parametrize('scaling_report', [1, 2])\n"
        "def test_given(scaling_report):\n    assert scaling_report in (1, 2)\n"
    )
    result = run(project, claims, "-k", "own or given")
    result.assert_outcomes(passed=3, deselected=24)


def test_claims_are_last_and_keep_their_order():
    class Item:
        def __init__(self, **params):
            self.callspec = type("Spec", (), {"params": params})()

    own, first, second = Item(), Item(claim=Wanted(label="a")), Item(scaling_report=Wanted())
    assert claims_last([first, own, second]) == [own, first, second]
    assert not is_claim(object())
    assert not is_claim(Item(claim="mine"))


def test_a_fixture_needs_a_test():
    with pytest.raises(RuntimeError, match="no test is being set up"):
        ClaimFixtures(None)._asking()


def test_a_declared_claim_that_cannot_be_judged_at_the_end_fails_the_run(project, monkeypatch):
    from harness.errors import StoreError
    from harness.judging import Judging

    def broken(_):
        raise StoreError("the store is gone")

    monkeypatch.setattr(Judging, "judge_rest", broken)
    result = run(project, "def test_one():\n    pass\n")
    assert result.ret == 1
    result.stdout.fnmatch_lines(["*= claims =*", "the store is gone"])
