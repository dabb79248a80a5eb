"""The written folder: which files, the same bytes for the same run, and numbers that agree with each other."""

import csv
import json
import sys
from dataclasses import replace
from pathlib import Path
from random import Random
from types import MappingProxyType

import pandas as pd
import pytest

from harness.errors import HarnessError, MissingExtra, UnknownName
from harness.records import CaseResult
from harness.report.write import Told, Written, file_names, summarise_run, write_run
from tests.report.made_up_runs import make_cell, make_cell_results, make_info, make_question, make_result, make_run

HOSTILE = '=HYPERLINK("http://x")|<script>`\x1b[31m\ud800\x00'


def mixed_run(n: int = 24) -> list[CaseResult]:
    """Two conditions with every outcome among them."""
    results = make_run({"direct": 0.1, "rag": 0.5}, n=n, clusters=8, tasks=("knowledge", "temporal"))
    cells = {result.case.cell.label: result.case.cell for result in results}
    for place, outcome in enumerate([None, "error", "blank", "unparsed"]):
        results[place] = make_result(cells["tiny-direct"], results[place].case.question, outcome)
    return results


def write(results: list[CaseResult], folder: Path, *, planned: int | None = None, **changes: object) -> Written:
    """All but the page and its figures, which take longest."""
    info = make_info(planned or len(results), **changes)
    return write_run(results, info, folder, Told(formats=("md", "json")))


def contents(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_the_folder_holds_every_file(tmp_path: Path) -> None:
    written = write(mixed_run(), tmp_path / "run")
    assert written.files == (
        *("errors.csv", "report.md", "results.csv", "results.parquet", "results_matrix.csv"),
        *("submissions/tiny-direct.csv", "submissions/tiny-rag.csv", "summary.json"),
    )
    assert set(contents(tmp_path / "run")) == set(written.files)


def test_the_page_and_its_figures_do_not_depend_on_the_order(tmp_path: Path) -> None:
    results = mixed_run()
    written = write_run(results, make_info(len(results)), tmp_path / "a")
    drawn = {f"figures/overall_ranking.{kind}" for kind in ("svg", "png", "pdf")}
    assert {"index.html", *drawn} <= set(written.files)
    write_run(results[::-1], make_info(len(results)), tmp_path / "b")
    first, second = (
        {name: data for name, data in contents(tmp_path / folder).items() if not name.endswith(".pdf")}
        for folder in ("a", "b")
    )
    assert first == second  # what draws a PDF lists its fonts in any order


def test_an_unknown_format_is_told(tmp_path: Path) -> None:
    with pytest.raises(UnknownName, match=r"'docx'.*html"):
        write_run(mixed_run(), make_info(1), tmp_path, Told(formats=("docx",)))


def test_order_and_repeated_shards_leave_the_bytes(tmp_path: Path) -> None:
    results = mixed_run()
    write(results, tmp_path / "a")
    shuffled = [*results, *results[5:20]]
    Random(3).shuffle(shuffled)  # noqa: S311 - made-up data
    write(shuffled, tmp_path / "b", planned=len(results))
    assert contents(tmp_path / "a") == contents(tmp_path / "b")


def test_an_older_folder_is_replaced_as_a_whole(tmp_path: Path) -> None:
    write(mixed_run(), tmp_path)
    written = write(make_cell_results(["correct"]), tmp_path)
    assert set(contents(tmp_path)) == set(written.files)


def test_parquet_and_csv_hold_one_row_per_case(tmp_path: Path) -> None:
    results = mixed_run()
    write(results, tmp_path)
    table = pd.read_parquet(tmp_path / "results.parquet")
    assert len(table) == len(rows(tmp_path / "results.csv")) == len(results)
    assert list(table.columns) == list(rows(tmp_path / "results.csv")[0])


def test_missing_values_are_empty_in_csv(tmp_path: Path) -> None:
    write(make_cell_results([None]), tmp_path)
    row = rows(tmp_path / "results.csv")[0]
    assert (row["outcome"], row["prompt_tokens"], row["latency_s"], row["answer"], row["cost_usd"]) == ("",) * 5


def test_texts_that_look_like_missing_ones_stay(tmp_path: Path) -> None:
    results = [make_result(make_cell(), make_question(i), "wrong", text=text) for i, text in enumerate(["NA", "nan"])]
    write(results, tmp_path)
    assert [row["value"] for row in rows(tmp_path / "results.csv")] == ["NA", "nan"]
    assert pd.read_parquet(tmp_path / "results.parquet")["value"].tolist() == ["NA", "nan"]


def test_parquet_keeps_the_exact_text_and_csv_guards_it(tmp_path: Path) -> None:
    text = "=1+1\x1b[31m"
    write([make_result(make_cell(), make_question(1), "wrong", text=text)], tmp_path)
    assert pd.read_parquet(tmp_path / "results.parquet")["answer"].tolist() == [text]
    assert rows(tmp_path / "results.csv")[0]["answer"] == "'=1+1\\x1b[31m"


def test_the_summary_counts_what_the_table_holds(tmp_path: Path) -> None:
    write(mixed_run(), tmp_path)
    table = pd.read_parquet(tmp_path / "results.parquet")
    for cell in json.loads((tmp_path / "summary.json").read_text())["cells"]:
        part = table[table["cell"] == cell["cell"]]
        share = cell["share_correct"]["intent_to_test"]
        assert share["numerator"] == (part["outcome"] == "correct").sum() == cell["coverage"]["correct"]
        assert share["denominator"] == len(part) == cell["coverage"]["planned"]


def test_every_number_of_the_summary_has_its_n(tmp_path: Path) -> None:
    write(mixed_run(), tmp_path)
    found = numbers_in(json.loads((tmp_path / "summary.json").read_text()))
    assert len(found) > 20
    assert all("denominator" in each or "n" in each for each in found)


def numbers_in(value: object) -> list[dict[str, object]]:
    """Every estimate and every quantity, at any depth."""
    parts = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    found = [each for part in parts for each in numbers_in(part)]
    return [value, *found] if isinstance(value, dict) and {"estimate", "median"} & set(value) else found


def test_the_summary_carries_the_audit_of_each_cell(tmp_path: Path) -> None:
    results = [replace(each, flipped=False) for each in make_cell_results(["correct", "wrong"])]
    write(results, tmp_path, manifest={"prompts": {"made-up: concise": "f00"}})
    summary = json.loads((tmp_path / "summary.json").read_text())
    (found,) = summary["audit"]
    assert (found["bos_counts"], found["templates"]) == ({"1": 2}, [{"name": "concise", "hash": "f00"}])
    assert (found["cut"]["numerator"], found["cut"]["denominator"]) == (0, 2)
    assert found["flips"] == summary["flips"]


def test_a_refused_pair_stands_in_the_summary_with_its_reason(tmp_path: Path) -> None:
    write([*make_cell_results(["correct"] * 3, "rag"), *make_cell_results(["wrong"] * 2)], tmp_path)
    (found,) = json.loads((tmp_path / "summary.json").read_text())["comparisons"]
    assert found["refused"] == "questions not asked in every cell: 1 of 3"
    assert (found["answered_by_both"], found["adjusted"]) == (None, None)
    assert "are not compared" in found["verdict"]


def test_the_tables_hold_what_the_audit_counts(tmp_path: Path) -> None:
    first, second = make_cell_results(["correct"] * 2)
    results = [replace(first, flipped=True), second]
    write(results, tmp_path, manifest={"prompts": {"made-up: concise": "f00"}})
    row = rows(tmp_path / "results.csv")
    marks = ("template", "template_hash", "bos_count", "scorer")
    assert [row[0][name] for name in marks] == ["concise", "f00", "1", "value_accuracy@1"]
    assert [each["flipped"] for each in row] == ["1", ""]
    assert pd.read_parquet(tmp_path / "results.parquet")["question_hash"].nunique() == 2


def test_a_size_that_no_model_can_have_breaks_no_file(tmp_path: Path) -> None:
    write([make_result(make_cell(params_b=float("inf")), make_question(1), "correct")], tmp_path)
    assert json.loads((tmp_path / "summary.json").read_text())["cells"][0]["params_b"] is None


def test_the_summary_carries_the_manifest(tmp_path: Path) -> None:
    write(mixed_run(), tmp_path, manifest={"seeds": {"study": 5}})
    assert json.loads((tmp_path / "summary.json").read_text())["manifest"] == {"seeds": {"study": 5}}
    assert "| seeds | study 5 |" in (tmp_path / "report.md").read_text()


def test_any_mapping_can_be_a_manifest(tmp_path: Path) -> None:
    write(mixed_run(), tmp_path, manifest=MappingProxyType({"seeds": MappingProxyType({"study": 5})}))
    assert json.loads((tmp_path / "summary.json").read_text())["manifest"] == {"seeds": {"study": 5}}


def test_what_json_cannot_hold_is_a_programmers_error(tmp_path: Path) -> None:
    with pytest.raises(TypeError, match=r"object cannot stand in summary.json"):
        write(mixed_run(), tmp_path / "run", manifest={"what": object()})
    assert not (tmp_path / "run").exists()


def test_nan_never_stands_in_the_summary(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"JSON compliant"):
        write(mixed_run(), tmp_path / "run", manifest={"what": float("nan")})


def test_hostile_text_reaches_every_file_and_breaks_none(tmp_path: Path) -> None:
    texts = {"text": HOSTILE, "answers": (HOSTILE,), "task": HOSTILE, "cluster": HOSTILE, "gold_passages": (HOSTILE,)}
    question = make_question(1, **texts)
    results = [
        make_result(make_cell(model=HOSTILE, condition=condition), question, "wrong", text=HOSTILE, explanation=HOSTILE)
        for condition in ("direct", "rag")
    ]
    write(results, tmp_path)
    assert len(rows(tmp_path / "results.csv")) == 2
    assert len(rows(tmp_path / "results_matrix.csv")) == 1
    markdown = (tmp_path / "report.md").read_text(encoding="utf-8")
    assert "<script>" not in markdown
    assert "\x1b" not in markdown


def test_cell_names_become_safe_file_names() -> None:
    names = file_names(["a/b", "a:b", "A-B", "../up", "rag@4bit", "   ", "x" * 300])
    assert names["rag@4bit"] == "rag@4bit"
    assert len({name.lower() for name in names.values()}) == 7
    assert all("/" not in name and not name.startswith(".") and 0 < len(name) <= 110 for name in names.values())


def test_a_run_without_cases_is_refused(tmp_path: Path) -> None:
    with pytest.raises(HarnessError, match="run 'made-up' has no cases to report"):
        write([], tmp_path / "run")
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("package", ["pandas", "pyarrow", "scipy"])
def test_without_a_package_the_extra_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, package: str) -> None:
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(MissingExtra, match=rf"the report needs {package}.*pytest-scaling\[report\]"):
        write(mixed_run(), tmp_path / "run")


def test_a_summary_needs_no_folder() -> None:
    results = mixed_run()
    assert [cell.cell for cell in summarise_run(results, make_info(len(results))).cells] == ["tiny-direct", "tiny-rag"]
