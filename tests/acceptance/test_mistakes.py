"""What a user can get wrong: exactly one line on stderr, nothing on stdout, exit code 4, nothing written."""

import json
import sqlite3

import pytest

from harness.store import Store


def refused(project, *args: str, told: str, **environment: str) -> str:
    before = project.files()
    run = project.pytest(
        *(args or ("benchmarks",)), "-p", "no:cacheprovider", PYTHONDONTWRITEBYTECODE="1", **environment
    )
    lines = [line for line in run.err.splitlines() if line.strip()]
    assert (run.rc, run.out.strip(), len(lines)) == (4, "", 1), run.out + run.err
    assert told in lines[0]
    assert project.files() == before
    return lines[0]


@pytest.mark.parametrize(
    ("args", "told"),
    [
        (("--model", "tinny"), "unknown model 'tinny': did you mean 'tiny'?"),
        (("--model", "zz*"), "zz*"),
        (("--condition", "rga"), "unknown condition 'rga': did you mean 'rag'?"),
        (("--condition", "rag@5bit"), "unknown quantisation '5bit'"),
        (("--dataset", "other"), "unknown data set 'other'"),
        (("--metric", "f2"), "unknown metric 'f2'"),
        (("--provider", "vlm"), "unknown provider 'vlm'"),
        (("--hardware", "local_409"), "did you mean 'local_4090'?"),
        (("--limit", "0"), "--limit '0' is not a whole number above 0"),
        (("--limit", "few"), "--limit 'few'"),
        (("--batch-size", "-1"), "--batch-size '-1'"),
        (("--study", "missing.toml"), "cannot be read"),
        (("--study", "embeded"), "did you mean 'embedded'?"),
        (("--run-name", "../up"), "--run-name '../up'"),
        (("--run-name", "a b"), "--run-name 'a b'"),
        (("--run-name", ""), "--run-name is empty"),
        (("--model", ""), "--model is empty"),
        (("--model", " , "), "--model is empty"),
        (("--store", ""), "--store is empty"),
        (("--store", "."), "is not a file"),
        (("--store", "pytest.ini/s.sqlite"), "is a file"),
        (("--study", "benchmarks"), "cannot be read"),
        (("--smoke", "--limit", "3"), "--smoke"),
        (("--scaling-report", "--report-dir", "pytest.ini"), "is a file"),
        (("--scaling-report", "--report-dir", "benchmarks"), "no report"),
        (("--scaling-report", "--report-dir", "out", "--store", "out/s.sqlite"), "lies in the report folder"),
    ],
)
def test_a_wrong_option(project_inside, args, told):
    refused(project_inside, "benchmarks", *args, told=told)


def test_a_wrong_option_stops_before_workers_start(project):
    refused(project, "benchmarks", "-n", "2", "--model", "tinny", told="did you mean 'tiny'")


@pytest.mark.parametrize("workers", ["0", "2"])
def test_a_model_without_weights(project, workers):
    pytest.importorskip("torch", reason="needs the extra [hf]")
    nowhere = str(project.root / "no")
    args = ("benchmarks", "-n", workers, "--model", "qwen7b")
    line = refused(project, *args, told="qwen2.5-7b", HARNESS_CACHE_DIR=nowhere)
    assert "harness fetch" in line or "GB" in line


def test_a_typo_in_the_study_file(project):
    text = (project.root / "benchmarks/study.toml").read_text().replace("metrics =", "metrcs =")
    project.write("benchmarks/study.toml", text)
    refused(project, told="did you mean 'metrics'?")


def test_an_unknown_template(project):
    text = (project.root / "benchmarks/study.toml").read_text() + '\n[decoding]\nprompt = "concsie"\n'
    project.write("benchmarks/study.toml", text)
    refused(project, told="did you mean 'concise'?")


def test_a_malformed_data_file(project):
    rows = ['{"id": "a"}', "not json", '{"id": "b", "question": "?", "answers": 7}', "[]", "{}", "{", "}"]
    project.write("benchmarks/questions.jsonl", "\n".join(rows))
    line = refused(project, told="questions.jsonl")
    assert "harness check" in line
    assert "questions.jsonl:2" in line


def test_duplicate_question_ids(project):
    row = json.dumps({"id": "q1", "question": "Who?", "answers": ["me"]})
    project.write("benchmarks/questions.jsonl", f"{row}\n{row}\n")
    refused(project, told="q1")


def test_an_empty_data_set(project):
    project.write("benchmarks/questions.jsonl", "")
    refused(project, told="questions.jsonl")


def test_a_missing_data_set(project):
    (project.root / "benchmarks/questions.jsonl").unlink()
    refused(project, told="questions.jsonl")


def test_a_corpus_without_the_gold_passages(project):
    project.write("benchmarks/corpus.jsonl", '{"id": "p10", "text": "Tower 10."}')
    refused(project, told="p11")


def test_a_store_that_is_none(project):
    project.write("notes.txt", "these are my notes " * 50)
    refused(project, "benchmarks", "--store", "notes.txt", told="notes.txt")


def test_a_store_from_a_newer_version(project):
    Store(project.root / "new.sqlite").close()
    with sqlite3.connect(project.root / "new.sqlite") as connection:
        connection.execute("PRAGMA user_version = 99")
    connection.close()
    refused(project, "benchmarks", "--store", "new.sqlite", told="format 99")


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("[[datasets]]", '[retrieval]\ntop_k = "three"\n[[datasets]]', "top_k = 'three'"),
        ("[[datasets]]", "[retrieval]\nkk = 1\n[[datasets]]", "unknown option of bm25 'kk'"),
        ("params_b = 0.1", 'params_b = "small"', "params_b is 'small'"),
        ("loss = 1.0", 'loss = "x"', "loss is 'x'"),
        ("[[datasets]]", '[decoding]\nprompt = "mine.toml"\n[[datasets]]', "mine.toml"),
        ("[study]", "[study", "is not TOML"),
    ],
)
def test_a_wrong_value_in_the_study_file(project, old, new, told):
    text = (project.root / "benchmarks/study.toml").read_text()
    assert old in text
    project.write("benchmarks/study.toml", text.replace(old, new, 1))
    refused(project, told=told)


def test_a_data_file_that_is_no_text(project):
    (project.root / "benchmarks/questions.jsonl").write_bytes(b'\xff\xfe{"id"')
    refused(project, told="not UTF-8")


def test_a_model_whose_files_are_missing(project):
    pytest.importorskip("torch", reason="needs the extra [hf]")
    text = (project.root / "benchmarks/study.toml").read_text()
    found = text.replace('provider = "planted"', 'path = "nowhere"', 1).replace("options = ", "# ", 1)
    project.write("benchmarks/study.toml", found)
    refused(project, "benchmarks", "--model", "tiny", told="nowhere")


@pytest.mark.parametrize(("line", "told"), [("harness_smoke = maybe", "harness_smoke"), ("harness_limit = x", "'x'")])
def test_a_wrong_value_in_the_ini_file(project, line, told):
    project.write("pytest.ini", f"[pytest]\n{line}\n")
    refused(project, told=told)


def test_a_wrong_model_in_the_environment(project):
    refused(project, "benchmarks", told="unknown model 'nope'", HARNESS_MODEL="nope")


def test_a_report_of_cases_that_are_not_there(project):
    (project.root / "pytest.ini").unlink()
    project.write("pyproject.toml", '[tool.pytest.ini_options]\n[tool.harness]\ncases = "nope"\n')
    refused(project, "--scaling-report", told="cases = 'nope'")


@pytest.mark.parametrize("table", ["[tool]\nharness = 3\n", "[tool.harness]\ncases = 3\n"])
def test_a_wrong_table_in_pyproject(project, table):
    (project.root / "pytest.ini").unlink()
    project.write("pyproject.toml", f"[tool.pytest.ini_options]\n{table}")
    refused(project, told="harness")


def test_a_typo_in_pyproject(project):
    (project.root / "pytest.ini").unlink()
    project.write("pyproject.toml", '[tool.pytest.ini_options]\n[tool.harness]\ncase = "benchmarks"\n')
    refused(project, told="unknown key 'case'")


def test_no_model_at_all(project):
    text = (project.root / "benchmarks/study.toml").read_text().replace('models = ["tiny", "big"]', "models = []")
    project.write("benchmarks/study.toml", text)
    refused(project, told="--model NAME")


def test_two_data_sets_of_one_name(project):
    text = (project.root / "benchmarks/study.toml").read_text() + '\n[[datasets]]\npath = "questions.jsonl"\n'
    project.write("benchmarks/study.toml", text)
    refused(project, told="stands twice")
