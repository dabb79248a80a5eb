"""report.md: its order, its numbers, and its size."""

import re
from dataclasses import replace

import pytest

from harness.analysis.summary import verdict_key, verdicts
from harness.records import CaseResult, Score
from harness.report.markdown import render
from harness.report.method import method_notes
from harness.report.sections import (
    CELL_NOTES,
    COVERAGE_NOTES,
    Report,
    Section,
    Table,
    audit_section,
    cell_table,
    comparison_section,
    coverage_table,
    flag_section,
    manifest_lines,
    metric_table,
    slice_table,
)
from harness.report.wording import correct_rule, duration, size
from harness.report.write import summarise_run
from tests.report.made_up_runs import make_cell, make_cell_results, make_info, make_question, make_result, make_run


def shown(results: list[CaseResult], **changes: object) -> str:
    """The tables of a summary as Markdown, without an analysis of the whole."""
    summary = summarise_run(results, make_info(len(results), **changes))
    sections = (
        Section(title="Verdicts", lines=(*verdicts(summary), *verdict_key(summary))),
        Section(title="Cells", notes=CELL_NOTES, table=cell_table(summary)),
        Section(title="Tasks", table=slice_table(summary.tasks), detail=True),
        Section(title="Data sets", table=slice_table(summary.datasets)),
        flag_section(summary),
        comparison_section(summary.comparisons),
        Section(title="Coverage", notes=COVERAGE_NOTES, table=coverage_table(summary), detail=True),
        Section(title="Metrics", table=metric_table(summary), detail=True),
        audit_section(summary),
        Section(title="Method", lines=method_notes(summary)),
        Section(title="Manifest", lines=manifest_lines(summary.info.manifest)),
    )
    return render(Report(title="made-up", lead=f"Correct means {correct_rule(summary.info)}.", sections=sections))


def section(text: str, title: str) -> str:
    return text.split(f"## {title}\n", 1)[1].split("\n## ", 1)[0]


def test_a_cell_row_has_its_numbers() -> None:
    row = "| tiny | 135M | direct | 10 | 80.0 [49.0, 94.3] | 1 | 1 | 40/4 | 0.5s@8 | 1.250 (9) |"
    assert row in shown(make_cell_results(["correct"] * 8 + ["blank", "error"]))


def test_a_task_row_has_its_numbers() -> None:
    text = shown(make_run({"direct": 1.0}, n=20, tasks=("a", "b")))
    assert "| tiny | direct | a | 10 | 10 | 100.0 [72.2, 100.0] | 0 | 0 |" in section(text, "Tasks")


def test_several_data_sets_get_a_table() -> None:
    results = [
        make_result(make_cell(), make_question(place, dataset=name), "correct") for place, name in enumerate("ab")
    ]
    assert "| tiny | direct | b | 1 | 1 |" in section(shown(results), "Data sets")


def test_a_comparison_row_has_its_numbers() -> None:
    text = shown([*make_cell_results(["correct"] * 20, "rag"), *make_cell_results(["wrong"] * 19 + ["error"])])
    p_values = "&lt; 0.001 | &lt; 0.001 (Holm, 1)"
    row = f"| tiny | rag - direct | all | 19 | 1 | +100 [66, 100] | 19 / 0 | {p_values} | Tango | mid-p McNemar |"
    assert row in section(text, "Against direct")


def test_a_comparison_without_common_answers_has_dashes() -> None:
    text = shown([*make_cell_results(["correct"], "rag"), *make_cell_results(["error"])])
    assert "| tiny | rag - direct | all | 0 | 1 | - | - | - | - | - | - |" in text


def test_a_refused_p_value_is_told_with_its_reason() -> None:
    direct = make_cell_results(["wrong", "correct"] * 3, clusters=3)
    text = shown([*make_cell_results(["correct"] * 6, "rag", 3), *direct])
    assert "sign flips need at least 6 clusters, here 3" in section(text, "Against direct")


def test_a_pair_that_is_refused_has_its_reason_and_no_numbers() -> None:
    text = shown([*make_cell_results(["correct"] * 3, "rag"), *make_cell_results(["wrong"] * 2)])
    reason = "not compared: questions not asked in every cell: 1 of 3"
    row = f"| tiny | rag - direct | all | - | - | - | - | - | - | {reason} | - |"
    assert row in section(text, "Against direct")
    assert "- tiny: rag and direct are not compared (questions not asked in every cell: 1 of 3)" in text


def test_an_audit_row_has_its_numbers() -> None:
    results = [
        *(make_result(make_cell(), make_question(i), "correct") for i in range(38)),
        make_result(make_cell(), make_question(38), "unparsed", finish_reason="length", bos_count=2),
        make_result(make_cell(), make_question(39), "wrong", truncated_passages=3, bos_count=None),
    ]
    checked = [replace(each, flipped=i == 5) for i, each in enumerate(results)]
    prompts = {"made-up: concise": "0123456789abcdef"}
    text = section(shown(checked, manifest={"prompts": prompts}), "Audit")
    share = "1 of 40, 2.5 % [0.4, 12.9]"
    shown_as = f"1: 38, 2: 1, unknown: 1 | 40 | 1 (3 lost) | {share} | 1 | {share} |"
    assert f"| tiny | direct | concise (0123456789ab) | {shown_as}" in text
    assert "- flips: 1 of 40 answers differ at batch size 1 (2.5 % [0.4, 12.9])" in text


def test_an_audit_of_nothing_has_dashes() -> None:
    text = section(shown(make_cell_results([None])), "Audit")
    assert "| tiny | direct | - | - | 0 | 0 | - | 0 | - |" in text
    assert "- flips:" not in text


def test_coverage_adds_up_in_its_row() -> None:
    text = shown(make_cell_results(["correct", "wrong", "blank", "unparsed", "error", None]))
    assert "| tiny | direct | 6 | 4 | 1 | 1 | 1 | 1 | 1 | 1 | 0 | 0 | 0 |" in section(text, "Coverage")


def test_a_metric_row_has_direction_n_and_reason() -> None:
    text = section(shown(make_cell_results(["correct", "wrong", "unparsed"])), "Metrics")
    assert "| value_accuracy@1 | higher | 0.500 [0.095, 0.905] | 0.500 | 2 | 1 | no JSON object (1) |" in text


def test_flags_are_told_or_their_absence() -> None:
    assert "| MISSING_QUESTIONS | tiny-direct | 1 of 2" in shown(make_cell_results(["correct", None]))
    assert "- No flag was raised." in shown(make_cell_results(["correct", "correct"]))


@pytest.mark.parametrize(("clusters", "note"), [(0, "a cluster of its own"), (4, "count as one draw")])
def test_the_method_says_how_questions_were_clustered(clusters: int, note: str) -> None:
    assert note in section(shown(make_cell_results(["correct", "wrong"] * 6, clusters=clusters)), "Method")


def test_the_method_counts_the_comparisons() -> None:
    text = shown(make_run({"direct": 0.1, "rag": 0.5}, n=20, tasks=("a", "b")))
    assert "Comparisons: 1 over all questions, 2 by task." in section(text, "Method")


def test_nested_manifest_entries_stand_on_one_line() -> None:
    text = shown(make_cell_results(["correct"]), manifest={"packages": {"b": "2", "a": "1"}, "cores": [1, 2]})
    assert section(text, "Manifest").split() == ["-", "cores:", "1,", "2", "-", "packages:", "a", "1,", "b", "2"]


def test_a_large_study_stays_within_sixty_kilobytes() -> None:
    models = {f"model-with-a-long-name-{size:03d}": float(size) for size in range(1, 41)}
    text = shown(make_run({"direct": 0.1, "rag": 0.4}, n=8, models=models, tasks=tuple("abcd")))
    assert len(text.encode()) <= 60_000
    assert "more rows in summary.json" in text


def test_details_are_cut_before_the_cells() -> None:
    models = {f"model-with-a-long-name-{size:03d}": float(size) for size in range(1, 61)}
    text = shown(make_run({"direct": 0.1, "rag": 0.4}, n=8, models=models, tasks=tuple("abcd")))
    assert section(text, "Cells").count("| model-with") == 120
    assert "more rows in summary.json" in section(text, "Metrics")


def test_comparisons_over_all_questions_stand_before_those_by_task() -> None:
    text = shown(make_run({"direct": 0.1, "rag": 0.4}, n=8, models={"s": 1.0, "m": 2.0}, tasks=("a", "b")))
    tasks = re.findall(r"^\| \w+ \| rag - direct \| (\w+)", section(text, "Against direct"), flags=re.MULTILINE)
    assert tasks == ["all", "all", "a", "b", "a", "b"]


def test_answers_that_stand_in_two_cells_are_told() -> None:
    results = make_run({"rag": 0.1, "oracle": 0.1}, n=5)
    shared = [replace(each, key=each.case.question.id) for each in results]
    assert "5 answers stand in several cells" in section(shown(shared), "Method")
    assert "stand in several cells" not in shown(results)


def test_comparisons_without_p_value_are_counted() -> None:
    direct = make_cell_results(["wrong", "correct"] * 3, clusters=3)
    text = shown([*make_cell_results(["correct"] * 6, "rag", 3), *direct])
    assert "1 without a p-value count in no family" in section(text, "Method")


def test_a_metric_is_never_shown_beyond_its_range() -> None:
    cell = make_cell()
    values = [Score(metric="f1", version=1, value=value) for value in (0.5, 1.0)]
    results = [make_result(cell, make_question(i), "correct", scores=(score,)) for i, score in enumerate(values)]
    changed = [replace(each, scores=(each.primary, values[i])) for i, each in enumerate(results)]
    assert "| f1@1 | higher | 0.750 [0.000, 1.000] |" in section(shown(changed), "Metrics")


@pytest.mark.parametrize(("higher", "rule"), [(True, "0.2 or above"), (False, "0.2 or below")])
def test_the_lead_says_on_which_side_correct_is(higher: bool, rule: str) -> None:
    text = shown(make_cell_results(["correct"]), primary="f1", correct_at=0.2, higher_is_better={"f1": higher})
    assert f"Correct means f1 at {rule}." in text


@pytest.mark.parametrize(
    ("seconds", "shown_as"),
    [(0.0, "0s"), (0.0097, "9.7ms"), (0.0999, "100ms"), (0.5, "0.5s"), (12.3, "12s"), (120, "120s")],
)
def test_durations_have_two_digits_and_no_exponent(seconds: float, shown_as: str) -> None:
    assert duration(seconds) == shown_as


@pytest.mark.parametrize(
    ("params_b", "shown_as"),
    [(None, "unknown"), (3e-5, "30K"), (0.135, "135M"), (0.9999, "1B"), (1.54, "1.54B"), (671, "671B"), (1800, "1.8T")],
)
def test_sizes_are_written_as_people_say_them(params_b: float | None, shown_as: str) -> None:
    assert size(params_b) == shown_as


def test_even_a_hopeless_report_stays_within_sixty_kilobytes() -> None:
    table = Table(columns=("name",) * 200, rows=(("é" * 200,) * 200,) * 3)
    text = render(Report(title="t", lead="l", sections=(Section(title="s", lines=("x",) * 900, table=table),)))
    assert len(text.encode()) <= 60_000


def test_tables_keep_their_shape_under_hostile_names() -> None:
    cell = make_cell(model="evil|name\n| --- |")
    text = shown([make_result(cell, make_question(1), "correct")])
    (row,) = [line for line in section(text, "Cells").splitlines() if "evil" in line]
    assert len(re.findall(r"(?<!\\)\|", row)) == 11
