"""The full report: its sections and their order, no number without its n, and a plain reason wherever there is none."""

import re
from collections.abc import Iterator
from dataclasses import replace
from math import isclose
from pathlib import Path

import pytest

from harness.analysis.refusals import Refused
from harness.analysis.run import RunInfo
from harness.analysis.simulate import Missing, PlantedModel, Truth
from harness.analysis.summary import summarise
from harness.analysis.whole import analyse
from harness.claims.results import ClaimResult
from harness.report.sections import Report, Section, Table
from harness.report.sections_full import full_report
from tests.report.planted_runs import Told, told

SPEC = Path(__file__).resolve().parents[2].parent / "shared" / "spec" / "report.md"
OPENING = ("verdicts", "key-numbers", "ledger", "flags")
NUMBERED = (
    *("direct-scaling", "retrieval-uplift", "multi-metric-scaling", "tiers", "factors", "groundedness", "confidence"),
    *("six-conditions", "comparisons", "cost", "ensembles", "questions", "audit", "method"),
)
STEMS = {
    *("size_vs_overall", "size_vs_scores", "size_vs_latency", "size_vs_cost", "size_score_cost_bubble"),
    *("overall_ranking", "cost_vs_performance", "score_breakdown", "energy_per_experiment", "size_vs_energy"),
    *("accuracy_by_type", "agreement_heatmap", "unique_wins", "refusal_rates", "cost_vs_score", "overall_scores"),
    *("direct_scaling", "rag_uplift", "multi_metric_scaling", "tier_compensation", "variance_by_tier"),
    *("groundedness_by_size", "loss_accuracy_confidence", "ccg_by_task", "reliability", "six_condition_effects"),
    "key_figure",
}
COUNTS = {"n", "arms", "questions", "rows", "times", "planned", "answered", "n alone", "direct cells", "retrieval rows"}
UNCOUNTED = {"method", "audit"}  # a manifest, and counts alone


def model(name: str, params_b: float, shares: tuple[float, ...], **changes: object) -> PlantedModel:
    names = ("direct", "rag", "rag-2", "ft", "ft+rag", "rag-ft", "rag-ft+rag")
    return PlantedModel(
        **{"name": name, "params_b": params_b, "accuracy": dict(zip(names, shares, strict=False)), **changes}
    )


@pytest.fixture(scope="module")
def rich() -> Told:
    """Four models under six conditions, asked twice, with tasks, clusters, losses and missing answers."""
    step = (0.0, 0.2, 0.22, 0.1, 0.25, 0.08, 0.3)
    models = tuple(
        model(name, size, tuple(base + more for more in step), gap=0.02, loss_nll=2.0 - base)
        for name, size, base in (("s", 0.5, 0.2), ("m", 3.0, 0.35), ("l", 9.0, 0.5), ("xl", 30.0, 0.6))
    )
    truth = Truth(
        models=models,
        questions=48,
        clusters=16,
        icc=0.2,
        shared=0.4,
        tasks=("a", "b"),
        repeats=2,
        repeat_noise=0.3,
        missing=Missing(error=0.06, unparsed=0.02, blank=0.02),
    )
    return told(truth, manifest={"seeds": {"study": 5}})


@pytest.fixture(scope="module")
def report(rich: Told) -> Report:
    return full_report(rich.summary, rich.analysis)


@pytest.fixture(scope="module")
def alone() -> Told:
    """One model, so that nothing stands against size."""
    return told(Truth(models=(model("only", 1.0, (0.3, 0.5)),), questions=30, shared=0.3))


@pytest.fixture(scope="module")
def silent() -> Told:
    """A run without any answer."""
    truth = Truth(models=(model("mute", 1.0, (0.3, 0.5)),), questions=5, missing=Missing(skipped=1.0))
    return told(truth)


def section(report: Report, key: str) -> Section:
    return next(found for found in report.sections if found.key == key)


def find_table(report: Report, key: str, caption: str) -> Table:
    return next(found for found in section(report, key).tables if found.caption.startswith(caption))


def texts(report: Report) -> Iterator[str]:
    """Everything that is read, but for the names of tests and the manifest."""
    for found in report.sections:
        yield from (found.title, *found.lines, *found.notes)
        for table in found.tables:
            yield from (table.caption, *table.columns, *(cell for row in table.rows for cell in row))


def test_the_first_screen_is_followed_by_the_fourteen_sections(report: Report) -> None:
    keys = tuple(found.key for found in report.sections)
    assert keys == (*OPENING, "cells", *NUMBERED)
    assert tuple(found.key for found in report.sections if found.opening) == OPENING


def test_the_sections_are_numbered_in_order(report: Report) -> None:
    numbered = [found.title for found in report.sections if found.key in NUMBERED]
    assert [title.partition(".")[0] for title in numbered] == [str(place) for place in range(1, 15)]


def test_every_figure_stands_in_one_section(report: Report) -> None:
    placed = [stem for found in report.sections for stem in found.figures]
    assert sorted(placed) == sorted(STEMS)


@pytest.mark.skipif(not SPEC.is_file(), reason="the specification does not lie beside the checkout")
def test_every_figure_of_the_specification_has_a_place() -> None:
    part = SPEC.read_text().partition("## Figures")[2].partition("Intervals follow")[0]
    named = set(re.findall(r"`([a-z_]+)`", part))
    assert named == STEMS - {"key_figure"}


def test_every_row_fills_its_columns(report: Report) -> None:
    for found in report.sections:
        for table in found.tables:
            assert {len(row) for row in table.rows} == {len(table.columns)}


@pytest.mark.parametrize("name", ["rich", "alone", "silent"])
def test_nothing_that_is_no_number_is_shown_as_one(name: str, request: pytest.FixtureRequest) -> None:
    run = request.getfixturevalue(name)
    bad = [text for text in texts(full_report(run.summary, run.analysis)) if re.search(r"\b(nan|inf|None)\b", text)]
    assert bad == []


@pytest.mark.parametrize("name", ["rich", "alone", "silent"])
def test_every_line_is_one_line(name: str, request: pytest.FixtureRequest) -> None:
    run = request.getfixturevalue(name)
    assert [text for text in texts(full_report(run.summary, run.analysis)) if "\n" in text or "  " in text] == []


def test_every_table_of_estimates_counts_what_they_rest_on(report: Report) -> None:
    without = [
        table.caption
        for found in report.sections
        for table in found.tables
        if found.key not in UNCOUNTED and not table.compatible and not COUNTS.intersection(table.columns)
    ]
    assert without == []


def test_published_numbers_stand_apart_and_say_so(report: Report) -> None:
    tables = [table for found in report.sections for table in found.tables]
    assert {table.caption.startswith("Compatible (published formula)") for table in tables if table.compatible} == {
        True
    }
    assert not any("Compatible" in table.caption for table in tables if not table.compatible)
    assert all(". Its fault: " in table.caption for table in tables if table.compatible)


def test_published_numbers_stand_on_no_first_screen(report: Report) -> None:
    assert not any(table.compatible for found in report.sections if found.opening for table in found.tables)


def test_the_lead_counts_the_cases(rich: Told, report: Report) -> None:
    answered = sum(cell.coverage.answered for cell in rich.summary.cells)
    assert report.lead.startswith(f"Study ferries: {answered:,} of 2,688 planned cases answered.")


def test_the_ledger_adds_up(report: Report) -> None:
    line = section(report, "ledger").lines[0]
    numbers = [int(found.replace(",", "")) for found in re.findall(r"([\d,]+) [a-z]", line)]
    planned, answered, errored, missing, *outcomes = numbers
    assert planned == answered + errored + missing
    assert answered == sum(outcomes)


def test_cells_that_hang_on_missing_answers_are_named() -> None:
    models = (model("s", 1.0, (0.9,)), model("m", 2.0, (0.9,)))
    found = told(Truth(models=models, questions=200, missing=Missing(error=0.3)))
    (line,) = [line for line in section(full_report(found.summary, found.analysis), "ledger").lines if "hangs" in line]
    assert re.search(r"s direct \(\+\d+\.\d points, n 200\)", line)


def test_flags_are_told_once_per_code_and_in_full_in_the_audit(rich: Told, report: Report) -> None:
    codes = [row[0] for row in section(report, "flags").tables[0].rows]
    assert len(codes) == len(set(codes))
    assert sum(int(row[3]) for row in section(report, "flags").tables[0].rows) == len(rich.summary.flags)
    assert len(find_table(report, "audit", "Every flag").rows) == len(rich.summary.flags)


def test_a_run_without_flags_says_so(rich: Told) -> None:
    clean = full_report(replace(rich.summary, flags=()), rich.analysis)
    assert section(clean, "flags").lines == ("No flag was raised.",)


def test_what_some_metrics_lack_stands_below_the_others(report: Report) -> None:
    found = section(report, "multi-metric-scaling")
    assert (found.lines, bool(found.tables)) == ((), True)


def test_the_slope_by_the_other_estimator_stands_beside_that_of_least_squares(rich: Told, report: Report) -> None:
    told_of = [line for line in section(report, "direct-scaling").lines if "REML" in line]
    slope = rich.analysis.headline.direct.reml.slope.estimate
    assert [f"{slope:+.3f} [" in line for line in told_of] == [True]


def test_a_reason_against_the_other_estimator_is_told(rich: Told) -> None:
    shares = rich.analysis.headline
    bare = replace(shares, direct=replace(shares.direct, reml=Refused(reason="one cluster")))
    lines = section(full_report(rich.summary, replace(rich.analysis, headline=bare)), "direct-scaling").lines
    assert [line for line in lines if "REML" in line] == [
        "Not computed: the slope by REML with the errors of Knapp and Hartung: one cluster."
    ]


def test_one_model_has_a_reason_for_every_line_over_size(alone: Told) -> None:
    found = full_report(alone.summary, alone.analysis)
    for key in ("direct-scaling", "retrieval-uplift", "multi-metric-scaling", "tiers", "confidence"):
        assert any(line.startswith("Not computed: ") for line in section(found, key).lines), key


def test_a_reason_is_told_once_per_section(alone: Told) -> None:
    for found in full_report(alone.summary, alone.analysis).sections:
        reasons = [line.split(": ", 2)[2] for line in found.lines if line.startswith("Not computed")]
        assert len(reasons) == len(set(reasons))


def test_a_run_without_answers_has_its_reason_in_every_section(silent: Told) -> None:
    found = full_report(silent.summary, silent.analysis)
    assert section(found, "verdicts").lines == (
        "Not computed: every verdict: needs 1 cell with an answer, has 0 of 2.",
    )
    for key in NUMBERED[:10]:
        assert any("needs 1 cell with an answer" in line for line in section(found, key).lines), key


def test_the_uplift_table_tells_the_search_and_its_optimism(rich: Told, report: Report) -> None:
    row = find_table(report, "retrieval-uplift", "Uplift by model").rows[0]
    fit = rich.analysis.headline.uplifts[0].retrieval
    assert row[:2] == ("s", "500M")
    assert row[6] == "2"
    assert isclose(float(row[7]), 100 * fit.optimism, abs_tol=0.05)


def test_the_table_of_tiers_has_the_standing_of_the_analysis(rich: Told, report: Report) -> None:
    rows = find_table(report, "tiers", "Tiers").rows
    assert [row[0] for row in rows] == ["tiny", "small", "medium", "large"]
    assert rows[0][8].startswith(rich.analysis.headline.tiers[0].verdict.standing)


def test_the_six_conditions_have_a_row_per_model(report: Report) -> None:
    assert [row[0] for row in find_table(report, "six-conditions", "Conditions").rows] == ["s", "m", "l", "xl"]


def test_repeats_have_their_noise_beside_the_comparisons(report: Report) -> None:
    assert len(find_table(report, "comparisons", "Noise of a rerun").rows) == 28


def test_what_missing_answers_change_is_told(rich: Told, report: Report) -> None:
    (line,) = [line for line in section(report, "comparisons").lines if line.startswith("Leaving out")]
    assert "changes" in line
    same = full_report(rich.summary, replace(rich.analysis, complete_case=rich.analysis.headline))
    assert any("changes no reading" in line for line in section(same, "comparisons").lines)
    none = full_report(rich.summary, replace(rich.analysis, complete_case=Refused(reason="no answer is missing")))
    assert "Leaving out cases without an answer: no answer is missing." in section(none, "comparisons").lines


def test_a_reading_that_missing_answers_change_is_named(rich: Told) -> None:
    rows = rich.analysis.headline.within
    other = replace(rich.analysis.headline, within=(replace(rows[0], paired=Refused(reason="gone")), *rows[1:]))
    found = full_report(rich.summary, replace(rich.analysis, complete_case=other))
    (line,) = [line for line in section(found, "comparisons").lines if line.startswith("Leaving out")]
    assert re.search(r"changes a reading: s \S+ \(.* becomes none, n \d+\)", line)


def test_the_hardest_questions_come_first(report: Report) -> None:
    shares = [float(row[4]) for row in find_table(report, "questions", "Hardest").rows]
    assert shares == sorted(shares)
    assert len(shares) == 20


def test_every_question_stands_in_one_bin_of_difficulty(report: Report) -> None:
    assert sum(int(row[1]) for row in find_table(report, "questions", "Difficulty").rows) == 48


def test_a_part_that_is_refused_is_told_in_its_section(rich: Told) -> None:
    gone = Refused(reason="gone with the wind")
    shares = replace(
        rich.analysis.headline,
        **dict.fromkeys(
            (
                *("direct", "retrieval", "uplifts", "mean_uplift_by_size", "best_uplift_by_size", "worths"),
                *("compensations", "within", "substitutes", "best_substitutes", "tiers", "effects", "importance"),
            ),
            gone,
        ),
    )
    parts = ("metrics", "confidences", "quantities", "advice", "repeats", "components", "latencies", "votes")
    analysis = replace(
        rich.analysis, headline=shares, **dict.fromkeys((*parts, "questions", "published", "complete_case"), gone)
    )
    found = full_report(rich.summary, analysis)
    for key in ("verdicts", *NUMBERED[:5], *NUMBERED[6:12]):
        assert any("gone with the wind" in line for line in section(found, key).lines), key
    assert not any(table.compatible for each in found.sections for table in each.tables)


def test_a_grounding_metric_gets_its_section(rich: Told) -> None:
    (row,) = rich.analysis.metrics
    analysis = replace(rich.analysis, metrics=(replace(row, metric="faithfulness@1"),))
    found = section(full_report(rich.summary, analysis), "groundedness")
    assert found.lines[0].startswith("faithfulness@1 with retrieval (higher is better): the line runs from 0.")
    assert "faithfulness@1, change by retrieval: " in found.lines[-1]
    assert [cells[1] for cells in found.tables[0].rows] == ["s", "m", "l", "xl"]


def test_claims_lead_and_have_their_numbers(rich: Told) -> None:
    claim = ClaimResult(name="s:rag matches m:direct", verdict="inconclusive", message="+1 point.", n=48, needed=1420)
    found = full_report(rich.summary, rich.analysis, [claim])
    assert (
        section(found, "verdicts").lines[0].startswith("Claim: s:rag matches m:direct: inconclusive, needs about 1420")
    )
    assert section(found, "claims").tables[0].rows == (
        ("s:rag matches m:direct", "inconclusive", "48", "1,420", "+1 point."),
    )


def test_models_without_a_size_are_named_in_the_ledger() -> None:
    models = (model("s", 1.0, (0.3, 0.5)), model("unknown", None, (0.3, 0.5)))  # type: ignore[arg-type]
    found = told(Truth(models=models, questions=30))
    lines = section(full_report(found.summary, found.analysis), "ledger").lines
    assert any(line.startswith("unknown stands on no axis of sizes: ") for line in lines)


def test_the_order_of_the_cases_changes_nothing(alone: Told) -> None:
    from harness.analysis.frame import gather
    from tests.report.planted_runs import planted_results

    results = planted_results(Truth(models=(model("only", 1.0, (0.3, 0.5)),), questions=30, shared=0.3), 1)
    info: RunInfo = alone.summary.info
    tables = gather(results[::-1], run=info)
    again = full_report(summarise(tables, info), analyse(tables, info, info.seed))
    assert again == full_report(alone.summary, alone.analysis)


def test_what_judges_say_is_told_in_the_audit(rich: Told) -> None:
    from pandas import DataFrame

    from harness.analysis.frame import gather
    from harness.analysis.judged import Verdicts, judge_checks, judged_pairs
    from tests.report.planted_runs import planted_results

    names = {"a": "s", "b": "m", "dataset": "d", "judge": "j"}
    choices = [("first", "second"), ("first", "second"), ("second", "first"), ("tie", "tie"), ("first", "first")]
    pairs = DataFrame(
        [
            {**names, "question_id": f"q{place}", "first": first, "choice": choice}
            for place, both in enumerate(choices)
            for first, choice in zip("ab", both, strict=True)
        ]
    )
    results = planted_results(Truth(models=(model("s", 1.0, (0.4, 0.6)),), questions=20), 1)
    tables = gather(results, run=rich.summary.info)
    cases = tables.cases[["model", "condition", "dataset", "question_id"]].assign(verdict="pass", judge="j")
    said = replace(
        rich.analysis,
        preferences=judged_pairs(Verdicts(pairs=pairs)),
        judges=judge_checks(Verdicts(cases=cases), tables.cases),
    )
    found = full_report(rich.summary, said)
    assert find_table(found, "audit", "Pairs in both orders").rows[0][:8] == ("j", "s", "m", "5", "2", "1", "1", "1")
    assert find_table(found, "audit", "Judges against").rows[0][:5] == (
        "j",
        "s:direct",
        "20",
        "0",
        "100.0 [83.9, 100.0]",
    )
    assert len(find_table(found, "audit", "Strengths").rows) == 2
    assert find_table(found, "audit", "Compatible (published formula): pairwise").rows[0][:5] == (
        "j",
        "s",
        "m",
        "4",
        "3",
    )
