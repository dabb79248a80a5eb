"""The plugin beside other plugins and in projects that do not use it."""

import pytest

HEAVY = ("torch", "transformers", "pandas", "pyarrow", "scipy", "pydantic", "bm25s", "numpy")


def loaded_after(project, *args: str) -> list[str]:
    code = (
        f"import sys, pytest; rc = pytest.main({list(args)!r}); "
        f"print('LOADED', [name for name in {HEAVY!r} if name in sys.modules], int(rc))"
    )
    return project.run("-c", code).out.splitlines()[-1].split(" ", 1)[1:]


@pytest.fixture
def stranger(project):
    """A project that does not use the plugin."""
    for path in (project.root / "benchmarks").iterdir():
        path.unlink()
    (project.root / "benchmarks").rmdir()
    project.write("test_own.py", "def test_own():\n    assert True\n")
    return project


def test_a_project_that_does_not_use_it_sees_nothing(stranger):
    run = stranger.pytest()
    assert run.rc == 0
    assert "study" not in run.out
    assert "1 passed" in run.last
    assert not (stranger.root / ".harness").exists()


def test_a_project_that_does_not_use_it_loads_nothing(stranger):
    names, rc = loaded_after(stranger, "-q", "-p", "no:randomly", "-p", "no:benchmark")[0].rsplit(" ", 1)
    assert (names, rc) == ("[]", "0")


def test_short_names_exist_only_where_the_plugin_is_used(stranger):
    assert stranger.pytest("--model", "qwen7b").rc == 4
    assert stranger.pytest("--help").out.count("--harness-model") == 1


@pytest.mark.parametrize("args", [("--help",), ("--collect-only", "-q", "benchmarks")])
def test_help_and_collection_load_nothing_heavy(project, args):
    names = loaded_after(project, *args, "-p", "no:randomly", "-p", "no:benchmark")[0]
    assert not set(names.replace("'", " ").replace(",", " ").split()) & {"torch", "transformers", "pandas"}


def test_a_project_may_own_our_short_names(project):
    project.write(
        "conftest.py",
        "def pytest_addoption(parser):\n"
        "    parser.addoption('--model', default='theirs')\n"
        "    parser.addoption('--limit', type=int, default=5)\n"
        "    parser.addoption('--smoke', action='store_true')\n",
    )
    project.write("test_own.py", "def test_own(request):\n    assert request.config.getoption('--model') == 'x'\n")
    run = project.pytest("test_own.py", "benchmarks", "--model", "x", "--harness-model", "tiny", "--harness-limit", "1")
    assert run.rc == 0, run.out + run.err
    assert "1 passed" in run.last


def test_pytest_smoke_keeps_its_option(project):
    pytest.importorskip("pytest_smoke", reason="pytest-smoke is not installed")
    run = project.run("-m", "pytest", "benchmarks", "--harness-smoke", "--model", "tiny")
    assert run.rc == 0, run.out + run.err
    assert "answers: 3 generated" in run.out


def test_a_project_may_own_our_fixtures(project):
    project.write(
        "test_own.py",
        "import pytest\n"
        "@pytest.fixture\ndef case():\n    return 7\n"
        "@pytest.fixture\ndef model(case):\n    return case + 1\n"
        "def test_own(case, model):\n    assert (case, model) == (7, 8)\n",
    )
    run = project.pytest("test_own.py")
    assert run.rc == 0, run.out
    assert "1 passed" in run.last


def test_a_test_may_parametrise_case_itself(project):
    project.write(
        "benchmarks/test_answers.py",
        "import pytest\n@pytest.mark.parametrize('case', [1, 2])\ndef test_own(case):\n    assert case in (1, 2)\n",
    )
    run = project.pytest("benchmarks")
    assert run.rc == 0, run.out
    assert "2 passed" in run.last


def test_a_case_may_be_combined_with_other_parameters(project):
    project.write(
        "benchmarks/test_answers.py",
        "import pytest\n@pytest.mark.parametrize('word', ['a', 'b-c'])\n"
        "def test_two(case, word, answer, score):\n    score()\n",
    )
    run = project.pytest("benchmarks", "--model", "tiny", "-n", "2")
    assert run.rc == 0, run.out
    assert "answers: 36 generated" in run.out


def test_other_tests_run_beside_the_cases(project):
    project.write("tests/test_own.py", "def test_own():\n    assert True\n")
    run = project.pytest("tests", "benchmarks", "-n", "2", "--model", "tiny")
    assert run.rc == 0, run.out
    assert "1 passed" in run.last


def test_tests_elsewhere_do_not_need_the_study(project):
    project.write("benchmarks/study.toml", "broken")
    project.write("tests/test_own.py", "def test_own():\n    assert True\n")
    run = project.pytest("tests")
    assert run.rc == 0, run.out + run.err


def test_the_plugin_can_be_named_by_hand(stranger):
    run = stranger.pytest("-p", "harness.plugin")
    assert run.rc == 0, run.err
    assert "1 passed" in run.last
