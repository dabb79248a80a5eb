"""From command line, ini file, environment and pyproject to Settings."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.errors import StudyError
from harness.options import OPTIONS, Project, Settings, _names, _positive, _run_name, read_project, read_settings


def settings(pytester: pytest.Pytester, *args: str, ini: str = "", **fields) -> Settings:
    pytester.makeini(f"[pytest]\n{ini}")
    (pytester.path / "study.toml").touch()
    return read_settings(pytester.parseconfig(*args), Project(root=pytester.path, uses=True, **fields))


def project_of(pytester: pytest.Pytester, text: str) -> Project:
    (pytester.path / "pyproject.toml").write_text(text)
    return read_project(pytester.path)


@given(st.lists(st.text("ab ,", max_size=6)))
def test_names_are_the_parts_between_commas_each_once(texts):
    names = _names(texts)
    assert len(set(names)) == len(names)
    assert set(names) == {part.strip() for text in texts for part in text.split(",")} - {""}


@given(st.integers(-10, 10**9))
def test_a_positive_number_is_read_and_all_others_are_refused(number):
    if number > 0:
        assert _positive("limit", str(number)) == number
    else:
        with pytest.raises(StudyError, match="--limit"):
            _positive("limit", str(number))


@given(st.text(max_size=12))
def test_a_run_name_is_one_folder_name(name):
    try:
        assert _run_name(name) == name
    except StudyError:
        return
    assert name.strip(". /\\\n") == name != ""


@pytest.mark.parametrize("option", [option for option in OPTIONS if option.metavar], ids=lambda option: option.name)
def test_an_empty_value_is_refused(pytester, option):
    with pytest.raises(StudyError, match=f"--{option.name} is empty"):
        settings(pytester, f"--harness-{option.name}=")


def test_defaults(pytester):
    found = settings(pytester)
    assert (found.study, found.chosen, found.store) == ("embedded", False, pytester.path / ".harness/answers.sqlite")


def test_a_limit_of_cost_is_read_as_dollars(pytester):
    assert settings(pytester).max_cost_usd is None
    assert settings(pytester, "--max-cost-usd=2.5").max_cost_usd == 2.5
    assert settings(pytester, ini="harness_max_cost_usd = 3").max_cost_usd == 3.0


def test_batches_are_chosen(pytester):
    assert not settings(pytester).batch_api
    assert settings(pytester, "--batch-api").batch_api


def test_the_command_line_wins_over_ini_and_ini_over_the_environment(pytester, monkeypatch):
    monkeypatch.setenv("HARNESS_MODEL", "c")
    assert settings(pytester).selection.models == ("c",)
    assert settings(pytester, ini="harness_model = b").selection.models == ("b",)
    assert settings(pytester, "--model=a", ini="harness_model = b").selection.models == ("a",)


def test_an_ini_twin_that_cannot_be_read_is_named(pytester):
    with pytest.raises(StudyError, match="harness_smoke in the ini file"):
        settings(pytester, ini="harness_smoke = maybe")


def test_smoke_is_a_limit_of_one(pytester):
    assert settings(pytester, "--harness-smoke").selection.limit == 1


def test_smoke_and_limit_exclude_each_other(pytester):
    with pytest.raises(StudyError, match=r"--smoke .* --limit 3"):
        settings(pytester, "--harness-smoke", "--limit=3")


@pytest.mark.parametrize(
    ("args", "ini", "limit"),
    [(("--limit=3",), "harness_smoke = true", 3), (("--harness-smoke",), "harness_limit = 3", 1)],
)
def test_smoke_or_limit_on_the_command_line_wins_over_the_other_in_ini(pytester, args, ini, limit):
    assert settings(pytester, *args, ini=ini).selection.limit == limit


def test_the_report_folder_starts_where_pytest_was_called(pytester):
    assert settings(pytester, "--report-dir=out").report_dir == pytester.path / "out"


def test_a_project_says_where_its_cases_are(pytester):
    text = (
        '[tool.harness]\ncases = "c"\nstudy = "s.toml"\n[tool.harness.models.m]\npath = "w"\n[tool.harness.models.n]\n'
    )
    found = project_of(pytester, text)
    assert (found.uses, found.cases, found.study) == (True, "c", "s.toml")
    assert found.models == {"m": {"path": str(pytester.path / "w")}, "n": {}}


@pytest.mark.parametrize("text", ["", "[tool.other]\n", "broken = ["])
def test_anybody_elses_pyproject_is_no_project_of_ours(pytester, text):
    assert not project_of(pytester, text).uses


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("[tool.harness]\ncase = 'x'", "unknown key 'case'"),
        ("[tool.harness]\ncases = 3", "is not a str"),
        ("[tool]\nharness = 3", "is not a table"),
        ("[tool.harness]\ncases = [", "is not TOML"),
    ],
)
def test_a_mistake_in_our_table_is_told(pytester, text, told):
    with pytest.raises(StudyError, match=told):
        project_of(pytester, text)


def test_a_folder_of_cases_is_found_by_its_usual_name(pytester):
    (pytester.path / "benchmarks").mkdir()
    assert read_project(pytester.path).cases == "benchmarks"
