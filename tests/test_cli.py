"""The command `harness`, called as its entry point calls it."""

import json
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from harness import cli
from harness.engine import Engine
from harness.records import Selection
from harness.store import Store
from harness.study import build_study
from harness.studyfile import read_study

COMMANDS = ("models", "hardware", "fetch", "check", "init", "rescore", "report", "plot", "audit", "matrix", "compare")


@pytest.fixture
def harness(monkeypatch, tmp_path, capsys):
    """Runs the command in an empty folder; returns exit code, stdout and stderr."""
    monkeypatch.chdir(tmp_path)

    def run(*args: str) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["harness", *args])
        with pytest.raises(SystemExit) as ended:
            cli.main()
        told = capsys.readouterr()
        return int(ended.value.code or 0), told.out, told.err

    return run


def answered(folder: Path) -> None:
    """A store of the planted study's first questions."""
    file, base = read_study("planted", folder)
    study = build_study(file, Selection(limit=3), base)
    engine = Engine(study, Store(folder / ".harness/answers.sqlite"))
    for case in study.cases:
        engine.answer(case)
    engine.close()
    engine.store.close()


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_help_with_an_example(harness, command):
    code, out, _ = harness(command, "--help")
    assert code == 0
    assert f"Example: harness {command}" in " ".join(out.split())


def test_alone_it_shows_its_help(harness):
    code, out, err = harness()
    assert (code, err) == (0, "")
    assert all(command in out for command in COMMANDS)


@pytest.mark.parametrize(
    ("args", "told"),
    [
        (("modls",), "No such command 'modls'"),
        (("check",), "Missing argument"),
        (("models", "--compare", "qwen7b"), "--compare"),
        (("models", "--compare", "qwen7b", "phi3_mini", "--probe"), "leave one of them out"),
        (("models", "--study", "planted"), "add --probe"),
        (("models", "--compare", "qwen7b", "qwen8b"), "unknown model 'qwen8b'"),
        (("hardware", "local_409"), "did you mean 'local_4090'?"),
        (("fetch", "nobody"), "unknown model 'nobody'"),
        (("check", "missing.jsonl"), "missing.jsonl"),
        (("check", "."), "is a folder"),
        (("init", "file/x"), "file"),
        (("report",), "there is no store"),
        (("rescore", "--store", "other.sqlite"), "other.sqlite"),
        (("rescore", "--store", "file"), "not a store"),
        (("report", "--study", "plantd"), "did you mean 'planted'?"),
        (("report", "--format", "doc"), "there is no store"),
        (("plot", "direct_scaling"), "there is no store"),
        (("audit", "main"), "there is no run 'main'"),
        (("matrix", "file"), "file is a file"),
        (("compare", "main"), "Missing argument"),
        (("compare", "main", "change"), "there is no run 'main': name a report's folder, or one under reports/: none"),
        (("compare", "file", "change"), "file is a file"),
        (("compare", "main", "change", "--margin", "wide"), "--margin 'wide' is not a number"),
    ],
)
def test_a_mistake_is_one_line_and_writes_nothing(harness, tmp_path, args, told):
    (tmp_path / "file").write_text("not a store, but a text")
    code, out, err = harness(*args)
    assert (code, out, err.count("\n")) == (4, "", 1)
    assert told in err
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_a_broken_project_is_told(harness, tmp_path):
    (tmp_path / "pyproject.toml").write_text("[tool.harness]\ncases = [")
    code, _, err = harness("models")
    assert (code, "is not TOML" in err) == (4, True)


@pytest.mark.parametrize(
    "args", [("models", "--json"), ("models", "--compare", "qwen7b", "phi3_mini", "--json"), ("hardware", "--json")]
)
def test_json_is_json(harness, args):
    code, out, _ = harness(*args)
    assert code == 0
    assert json.loads(out)


def test_models_are_listed(harness):
    assert "qwen2.5-7b" in harness("models")[1]


def test_a_probe_lists_the_studys_models_and_why_they_cannot_run(harness, monkeypatch):
    from harness.providers import probe

    made = probe.probe
    monkeypatch.setattr(
        probe,
        "probe",
        lambda model, *rest: replace(made(model, *rest), reason="no luck" if "3b" in model.name else None),
    )
    code, out, _ = harness("models", "--probe", "--study", "planted", "--model", "planted-1.5b,planted-3b")
    assert code == 1
    assert [line.split()[0] for line in out.splitlines()] == ["model", "planted-1.5b", "planted-3b"]
    assert [line.endswith("no luck") for line in out.splitlines()] == [False, False, True]


def test_a_probe_of_models_that_can_all_run_ends_well(harness):
    code, out, _ = harness("models", "--probe", "--study", "planted", "--model", "planted-3b", "--json")
    assert code == 0
    (row,) = json.loads(out)
    assert (row["model"], row["ready"], row["reason"]) == ("planted-3b", True, None)


def test_two_models_side_by_side_fit_80_columns(harness):
    _, out, _ = harness("models", "--compare", "qwen7b", "mistral7b")
    assert max(len(line) for line in out.splitlines()) <= 80
    assert "fp16 15.36" in out


@pytest.mark.parametrize("args", [(), ("local_4090",)])
def test_a_machine_with_what_fits_it(harness, args):
    _, out, _ = harness("hardware", *args)
    assert "first choice: " in out
    assert "profiles: " in out


def test_a_sound_data_file(harness, tmp_path):
    (tmp_path / "q.jsonl").write_text('{"id": "a", "question": "Who?", "answers": ["me"]}\n')
    assert harness("check", "q.jsonl")[:2] == (0, "q.jsonl: nothing wrong\n")


def test_all_problems_of_a_data_file(harness, tmp_path):
    (tmp_path / "q.jsonl").write_text('{"id": "a"}\n{"id": "b"}\n')
    code, out, _ = harness("check", "q.jsonl")
    assert (code, out.count("\n")) == (1, 2)
    assert [entry["place"] for entry in json.loads(harness("check", "q.jsonl", "--json")[1])] == [
        line.rpartition(": ")[0] for line in out.splitlines()
    ]


def test_init_writes_a_study_and_its_tests_once(harness, tmp_path):
    code, out, _ = harness("init")
    assert (code, "pyproject" in out) == (0, False)
    assert {path.name for path in (tmp_path / "benchmarks").iterdir()} == {
        "study.toml",
        "test_answers.py",
        "test_claims.py",
    }
    code, _, err = harness("init")
    assert (code, "exists already" in err) == (4, True)


def test_init_elsewhere_says_what_pyproject_needs(harness):
    assert 'cases = "mine" and study = "mine/study.toml"' in harness("init", "mine")[1]


def test_stored_answers_are_scored_again(harness, tmp_path):
    answered(tmp_path)
    code, out, err = harness("rescore", "--study", "planted")
    assert (code, err) == (0, "")
    assert int(out.split()[0]) > 0
    assert json.loads(harness("rescore", "--study", "planted", "--json")[1]) == {"answers_scored": int(out.split()[0])}


def test_a_report_of_what_is_stored(harness, tmp_path):
    pytest.importorskip("altair", reason="needs the extra [report]")
    answered(tmp_path)
    code, out, err = harness("report", "--study", "planted", "--report-dir", "out", "--format", "md, json")
    assert (code, err) == (0, "")
    assert {"report.md", "summary.json"} < {path.name for path in (tmp_path / "out").iterdir()}
    assert not (tmp_path / "out/index.html").exists()
    assert "out/report.md" in out
    told = harness("report", "--study", "planted", "--report-dir", "out", "--format", "md", "--json")[1]
    assert json.loads(told) == json.loads((tmp_path / "out" / "summary.json").read_text(encoding="utf-8"))
    code, out, err = harness("report", "--study", "planted", "--report-dir", "out", "--format", "doc")
    assert (code, out) == (4, "")
    assert "unknown format of a report 'doc'" in err


def test_reports_are_shown_side_by_side_and_audited(harness, tmp_path):
    pytest.importorskip("altair", reason="needs the extra [report]")
    answered(tmp_path)
    for name in ("a", "b"):
        harness("report", "--study", "planted", "--report-dir", f"reports/{name}", "--format", "json")
    code, out, _ = harness("matrix", "a", "b", "--json")
    rows = json.loads(out)
    assert code == 0
    assert len(rows) == 2 * len({row["model"] for row in rows})
    assert {row["run"] for row in rows} == {"a", "b"}
    first = rows[0]["conditions"]["direct"]["estimate"]
    table = harness("matrix", "a", "b")[1].splitlines()
    assert len(table) == len(rows) + 1
    assert f"{100 * first:.1f} [" in table[1]
    code, out, _ = harness("audit", "a", "--json")
    (told,) = json.loads(out)
    assert [code, *sorted(told)] == [0, "audit", "flags", "run"]
    lines = harness("audit", "a")[1].splitlines()
    assert len(lines) == 1 + max(1, len(told["flags"]))


def test_figures_are_drawn_by_name(harness, tmp_path):
    pytest.importorskip("altair", reason="needs the extra [report]")
    answered(tmp_path)
    assert "direct_scaling" in harness("plot")[1].splitlines()
    code, out, _ = harness("plot", "overall_scores", "size_vs_cost", "--study", "planted", "--folder", "drawn")
    assert code == 0
    assert out.splitlines() == ["drawn/overall_scores.svg", "size_vs_cost cannot be drawn: no answer reports a cost"]
    assert (tmp_path / "drawn/overall_scores.svg").is_file()
    code, out, err = harness("plot", "nothing", "--study", "planted")
    assert (code, out) == (4, "")
    assert "unknown figure 'nothing'" in err


@pytest.fixture
def compared(harness, tmp_path):
    """Reports of two runs over the same questions; the second is as the first with so many right answers made wrong."""
    pd = pytest.importorskip("pandas", reason="needs the extra [report]")
    pytest.importorskip("pyarrow", reason="needs the extra [report]")

    def run(spoilt: float, *args: str) -> tuple[int, str, str]:
        folders = [tmp_path / "reports" / name for name in ("main", "change")]
        for folder in folders:
            folder.mkdir(parents=True)
            (folder / "summary.json").write_text(json.dumps(SUMMARY))
        table = _table(pd)
        table.to_parquet(folders[0] / "results.parquet")
        lost = (table.index % 100) < 100 * spoilt
        changed = table.assign(outcome=table["outcome"].mask(lost, "wrong"), key="new " + table["key"])
        changed.to_parquet(folders[1] / "results.parquet")
        return harness("compare", "main", "change", *args)

    return run


SUMMARY = {
    "format": "pytest-scaling summary",
    "version": 1,
    "primary": "exact_match",
    "correct_at": 1.0,
    "margin": 0.05,
    "manifest": {"data": {"d": "h"}},
}


def _table(pd):
    texts = {"model": "tiny", "condition": "rag", "dataset": "d", "cluster": None, "outcome": "correct"}
    names = [f"q{at}" for at in range(200)]
    table = pd.DataFrame(texts | {"question_id": names, "key": names, "repeat": 0, "exact_match@1": 1.0})
    return table.astype(dict.fromkeys([*texts, "question_id", "key"], "string"))


@pytest.mark.parametrize(
    ("spoilt", "code", "told"),
    [(0.0, 0, "NO REGRESSION in 1 cell."), (0.05, 6, "UNDERPOWERED in 1 of 1 cell"), (0.3, 1, "REGRESSION in 1 of 1")],
)
def test_compare_ends_with_its_verdict(compared, spoilt, code, told):
    found, out, err = compared(spoilt)
    assert (found, err) == (code, "")
    assert told in " ".join(out.split())
    assert "margin 5 points" in out


def test_compare_takes_a_margin_and_a_metric(compared):
    found, out, _ = compared(0.3, "--margin", "0.4")
    assert (found, "margin 40 points" in out) == (0, True)


def test_compare_names_the_metrics_that_are_there(compared):
    found, _, err = compared(0.0, "--metric", "f2")
    assert (found, err.count("\n")) == (4, 1)
    assert "has no metric 'f2': it has correct, exact_match" in err


def test_compare_writes_files_for_programs_and_pull_requests(compared, tmp_path):
    found, _, _ = compared(0.3, "--json", "gate.json", "--markdown", "gate.md")
    assert json.loads((tmp_path / "gate.json").read_text())["exit_code"] == found == 1
    assert (tmp_path / "gate.md").read_text().startswith("# Gate: change against main")


def test_the_nearest_project_above_counts(harness, tmp_path, monkeypatch):
    (tmp_path / "pyproject.toml").write_text(
        '[tool.harness.models.mine]\nfamily = "f"\nparams_b = 1\ncontext_length = 9\npath = "w"\n'
    )
    (tmp_path / "deep/er").mkdir(parents=True)
    monkeypatch.chdir(tmp_path / "deep/er")
    assert "mine" in harness("models")[1]


def test_fetch_tells_where_the_weights_are(harness, monkeypatch):
    monkeypatch.setattr("harness.providers.fetch.fetch", lambda model, _: Path("weights") / model.name)
    assert harness("fetch", "smollm2-135m")[:2] == (0, "smollm2-135m: ready in weights/smollm2-135m\n")


@pytest.mark.parametrize(
    ("value", "text"), [(None, "-"), ("", "-"), ([], "-"), ({}, "-"), (True, "yes"), (False, "no")]
)
def test_values_in_tables(value, text):
    assert cli._shown(value) == text
