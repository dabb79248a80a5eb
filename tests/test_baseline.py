"""Reading a report's folder as a baseline, and holding a study's results against it."""

import json
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from harness import baseline as module
from harness.analysis.gate import Rule
from harness.baseline import check_baseline, gate_lines, read_margin, read_run, study_run
from harness.errors import HarnessError, MissingExtra
from harness.records import Answer, CaseResult, Selection
from harness.report.door import Target, write_report
from harness.scoring import evidence, judge
from harness.study import build_study
from harness.studyfile import read_study

pd = pytest.importorskip("pandas", reason="needs the extra [report]")
pytest.importorskip("pyarrow", reason="needs the extra [report]")

RULE = Rule(margin=0.2)


def make_study(**selection):
    file, base = read_study("planted", Path())
    chosen = {"models": ("planted-7b",), "conditions": ("direct", "rag"), "limit": 60}
    return build_study(file, Selection(**(chosen | selection)), base)


def results(study, *, right=lambda at: at % 4 > 0, salt=""):
    return [made(study, case, right(at), f"{salt}{case.label}") for at, case in enumerate(study.cases)]


def made(study, case, right, key):
    gold = case.question.answers[0] if case.question.answers else "N/A"
    answer = Answer(text=gold if right else "some zebra", prompt_tokens=9, output_tokens=2, latency_s=1.0)
    found = evidence(case.question, study.templates[case.question.dataset], answer, ())
    judged = judge(found, study.metrics, declared=study.primary, correct_at=study.correct_at)
    return CaseResult(
        case=case,
        key=key,
        outcome=judged.outcome,
        answer=answer,
        reading=found.reading,
        scores=judged.scores,
        primary=judged.primary,
    )


@pytest.fixture(scope="module")
def study():
    return make_study()


@pytest.fixture(scope="module")
def written(study, tmp_path_factory):
    root = tmp_path_factory.mktemp("project")
    write_report(study, results(study), target(root))
    return root


@pytest.fixture
def root(written, tmp_path):
    """A copy of the project with its report, to be damaged."""
    shutil.copytree(written, tmp_path / "project")
    return tmp_path / "project"


def target(root, name="main"):
    return Target(run=name, folder=root / "reports" / name, root=root, hardware="here", weights={"planted-7b": "w"})


def change_summary(root, **fields):
    path = root / "reports/main/summary.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | fields))


def change_table(root, change):
    path = root / "reports/main/results.parquet"
    change(pd.read_parquet(path)).to_parquet(path, index=False)


@pytest.mark.parametrize("place", ["main", "reports/main", "folder"])
def test_a_run_is_found_by_its_folder_or_its_name(written, monkeypatch, place):
    monkeypatch.chdir(written)
    found = read_run(written / "reports/main" if place == "folder" else place, written)
    assert len(found.cases) == 120
    assert (found.margin, found.correct_at) == (0.05, 1.0)
    assert found.data.keys() == {"planted"}
    assert found.parts.keys() >= {"prompts", "weights", "retriever", "decoding", "retrieval"}


def test_a_stored_run_and_the_results_it_was_made_of_are_one(written, study):
    stored = read_run("main", written)
    live = study_run(study, results(study), weights={"planted-7b": "w"})
    assert (live.data, live.parts, live.primary) == (stored.data, stored.parts, stored.primary)
    lines, code = gate_lines(live, stored, RULE)
    assert code == 0
    assert "hold the same answers" in " ".join(lines)


def test_the_csv_is_read_where_pyarrow_is_missing(written, monkeypatch):
    exact = read_run("main", written)
    monkeypatch.setattr(module, "find_spec", lambda _: None)
    text = read_run("main", written)
    keys = ["cell", "question_id"] if "cell" in exact.cases else ["model", "condition", "question_id"]
    pd.testing.assert_frame_equal(text.cases.sort_values(keys), exact.cases.sort_values(keys), check_like=True)


def test_the_csv_is_read_where_it_is_all_there_is(root):
    (root / "reports/main/results.parquet").unlink()
    assert len(read_run("main", root).cases) == 120


def test_names_that_a_spreadsheet_would_run_come_back_from_the_csv(root):
    folder = root / "reports/main"
    (folder / "results.parquet").unlink()
    table = pd.read_csv(folder / "results.csv", dtype=str, keep_default_na=False)
    table["question_id"] = ["'=1+1", "'quoted", *table["question_id"][2:]]
    table.to_csv(folder / "results.csv", index=False)
    assert list(read_run("main", root).cases["question_id"][:2]) == ["=1+1", "'quoted"]


def test_na_is_a_name_in_the_csv(root):
    folder = root / "reports/main"
    (folder / "results.parquet").unlink()
    table = pd.read_csv(folder / "results.csv", dtype=str, keep_default_na=False)
    table["question_id"] = "NA"
    table["cluster"] = ""
    table.to_csv(folder / "results.csv", index=False)
    cases = read_run("main", root).cases
    assert set(cases["question_id"].fillna("missing")) == {"NA"}
    assert cases["cluster"].isna().all()


@pytest.mark.parametrize(
    ("place", "told"),
    [
        ("mian", "there is no run 'mian': name a report's folder, or one under reports/: main"),
        ("reports/main/report.md", "is a file: name the folder of a run"),
        ("reports", "holds no summary.json"),
        ("empty", "holds no summary.json"),
    ],
)
def test_a_place_without_a_run_is_told(root, monkeypatch, place, told):
    monkeypatch.chdir(root)
    (root / "reports/empty").mkdir()
    with pytest.raises(HarnessError, match=told):
        read_run(place, root)


@pytest.mark.parametrize(
    ("fields", "told"),
    [
        ({"version": 99}, "has format version 99, known is 2: upgrade"),
        ({"version": "x"}, "format version x"),
        ({"format": "other"}, "no summary of a run: its format"),
        ({"margin": "wide"}, "is no summary of a run"),
        ({"manifest": {"data": 3}}, "is no summary of a run"),
    ],
)
def test_a_summary_that_cannot_be_used_is_told(root, fields, told):
    change_summary(root, **fields)
    with pytest.raises(HarnessError, match=told):
        read_run("main", root)


@pytest.mark.parametrize("text", ["{", "[]"])
def test_a_damaged_summary_is_told(root, text):
    (root / "reports/main/summary.json").write_text(text)
    with pytest.raises(HarnessError, match=r"summary\.json is (damaged|no summary)"):
        read_run("main", root)


@pytest.mark.parametrize("name", ["results.parquet", "results.csv"])
def test_a_damaged_table_is_told(root, name):
    folder = root / "reports/main"
    if name == "results.csv":
        (folder / "results.parquet").unlink()
    (folder / name).write_bytes(b"PAR1\x00\xff\xfe nothing")
    with pytest.raises(HarnessError, match=rf"{name} (is damaged|lacks the column)"):
        read_run("main", root)


def test_a_run_without_tables_is_told(root):
    for name in module.TABLES:
        (root / "reports/main" / name).unlink()
    with pytest.raises(HarnessError, match=r"holds neither results\.parquet nor results\.csv"):
        read_run("main", root)


def test_a_missing_column_is_told(root):
    change_table(root, lambda table: table.drop(columns="outcome"))
    with pytest.raises(HarnessError, match="lacks the column outcome"):
        read_run("main", root)


def test_a_score_that_is_no_number_is_told(root):
    change_table(root, lambda table: table.assign(**{"f1@1": "much"}))
    with pytest.raises(HarnessError, match="something else than numbers"):
        read_run("main", root)


def test_a_parquet_alone_needs_pyarrow(root, monkeypatch):
    (root / "reports/main/results.csv").unlink()
    monkeypatch.setattr("harness.analysis.extras.find_spec", lambda name: None if name == "pyarrow" else object())
    with pytest.raises(MissingExtra, match="pyarrow"):
        read_run("main", root)


@pytest.mark.parametrize(("text", "margin"), [("0.03", 0.03), ("0", 0.0), ("1e-2", 0.01)])
def test_a_margin_is_a_number(text, margin):
    assert read_margin(text) == margin


@pytest.mark.parametrize("text", ["wide", "", "-0.1", "nan", "inf", "3%"])
def test_a_margin_that_is_none_is_told(text):
    with pytest.raises(HarnessError, match="is not a number of at least 0"):
        read_margin(text)


def test_a_sound_baseline_is_returned(written, study):
    assert len(check_baseline(study, "main", written, Rule(margin=0.1, metric="f1")).cases) == 120


@pytest.mark.parametrize(
    ("rule", "told"),
    [
        (Rule(margin=0.1, metric="bleu"), "has no metric 'bleu'"),
        (Rule(margin=2.0), "--margin 2 does not fit correct"),
    ],
)
def test_a_rule_that_cannot_be_used_is_told_before_anything_is_asked(written, study, rule, told):
    with pytest.raises(HarnessError, match=told):
        check_baseline(study, "main", written, rule)


@pytest.mark.parametrize(
    ("selection", "told"),
    [
        ({"limit": 12}, "60 questions in A, 12 in B, 12 in both: compare those with --common"),
        ({"models": ("planted-3b",)}, "planted-3b direct: not in the baseline"),
    ],
)
def test_other_questions_are_told_before_anything_is_asked(written, selection, told):
    with pytest.raises(HarnessError, match=told):
        check_baseline(make_study(**selection), "main", written, RULE)


def test_common_questions_pass(written):
    assert check_baseline(make_study(limit=12), "main", written, replace(RULE, common=True)).name == "main"


def test_a_part_of_the_baseline_s_cells_is_enough(written):
    assert check_baseline(make_study(conditions=("rag",)), "main", written, RULE).name == "main"


def test_other_data_are_told(root, study):
    summary = json.loads((root / "reports/main/summary.json").read_text())
    change_summary(root, manifest=summary["manifest"] | {"data": {"planted": "other"}})
    with pytest.raises(HarnessError, match="data set 'planted' is not the same"):
        check_baseline(study, "main", root, RULE)


def test_a_study_that_judges_otherwise_is_told(written, study):
    with pytest.raises(HarnessError, match="correct means"):
        check_baseline(replace(study, correct_at=0.5), "main", written, RULE)


def test_a_declared_primary_metric_is_checked_too(root):
    study = replace(make_study(), primary="f1", metrics=("contains",))
    write_report(study, results(study), target(root, "other"))
    assert check_baseline(study, "other", root, Rule(margin=0.1, metric="f1")).primary == "f1"


@pytest.mark.parametrize(
    ("right", "code", "word"),
    [
        (lambda _: False, 1, "REGRESSION in 2 of 2 cells"),
        (lambda at: at % 4 > 0 or at % 8 == 0, 0, "NO REGRESSION in 2 cells"),
        (lambda at: at % 8 not in {0, 1, 4}, 6, "UNDERPOWERED in 2 of 2 cells"),
    ],
)
def test_results_are_held_against_the_baseline(written, study, right, code, word):
    baseline = read_run("main", written)
    lines, found = gate_lines(study_run(study, results(study, right=right, salt="new ")), baseline, RULE)
    assert found == code, lines
    assert word in " ".join(lines)
    assert max(map(len, lines)) <= 80


def test_what_changed_in_the_study_is_told(written, study):
    run = study_run(replace(study, decoding=replace(study.decoding, max_new_tokens=3)), results(study))
    assert "decoding changed: max_new_tokens" in " ".join(gate_lines(run, read_run("main", written), RULE)[0])


def test_an_unanswered_run_compares_nothing(written, study):
    unasked = [CaseResult(case=case, key="k", outcome=None) for case in study.cases]
    lines, code = gate_lines(study_run(study, unasked), read_run("main", written), RULE)
    assert code == 4
    assert "none of its questions was asked in B" in " ".join(lines)
