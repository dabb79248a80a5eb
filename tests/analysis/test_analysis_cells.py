"""What a cell's summary counts, and over which questions."""

from collections import Counter
from math import inf

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.analysis.cells import CellSummary, Coverage, MetricMean, summarise_cells, summarise_slices
from harness.analysis.frame import gather
from harness.records import CaseResult, Score
from tests.report.made_up_runs import make_cell, make_cell_results, make_info, make_question, make_result, make_run

outcomes = st.lists(st.sampled_from(["correct", "wrong", "blank", "unparsed", "error", None]), min_size=1, max_size=30)


def summary_of(results: list[CaseResult]) -> CellSummary:
    (cell,) = summarise_cells(gather(results, run=make_info(len(results))))
    return cell


@given(outcomes)
def test_every_planned_question_is_counted_once(found: list[str | None]) -> None:
    ledger, counts = summary_of(make_cell_results(found)).coverage, Counter(found)
    assert (ledger.correct, ledger.wrong, ledger.blank, ledger.unparsed, ledger.errored, ledger.missing) == tuple(
        counts[name] for name in ("correct", "wrong", "blank", "unparsed", "error", None)
    )
    assert ledger.answered == ledger.correct + ledger.wrong + ledger.blank + ledger.unparsed
    assert ledger.planned == ledger.answered + ledger.errored + ledger.missing == len(found)


@given(outcomes, st.integers(0, 4))
def test_shares_are_of_planned_and_of_answered_questions(found: list[str | None], clusters: int) -> None:
    share = summary_of(make_cell_results(found, clusters=clusters)).share
    answered = [outcome for outcome in found if outcome not in {"error", None}]
    assert share.intent_to_test.estimate == pytest.approx(found.count("correct") / len(found))
    if answered:
        assert share.complete_case.estimate == pytest.approx(found.count("correct") / len(answered))
    else:
        assert share.complete_case is None


def test_an_answer_that_cannot_be_read_is_answered_and_not_correct() -> None:
    share = summary_of(make_cell_results(["correct", "unparsed"])).share
    assert (share.complete_case.estimate, share.complete_case.n) == (0.5, 2)


def test_questions_that_share_a_cluster_are_one_draw() -> None:
    interval = summary_of(make_cell_results(["correct", "wrong"] * 6, clusters=4)).share.intent_to_test
    assert (interval.n, interval.clusters) == (12, 4)


def test_questions_without_a_cluster_are_independent() -> None:
    interval = summary_of(make_cell_results(["correct", "wrong"] * 6)).share.intent_to_test
    assert (interval.clusters, interval.method) == (12, "Wilson")


def test_equal_cluster_names_of_two_data_sets_are_two_clusters() -> None:
    cell = make_cell()
    questions = [make_question(i, dataset=name, cluster="d") for name in ("a", "b") for i in range(3)]
    results = [make_result(cell, q, "correct") for q in questions]
    labelled = [
        CaseResult(**{name: getattr(r, name) for name in CaseResult.__slots__} | {"case": relabelled(r)})
        for r in results
    ]
    assert summary_of(labelled).share.intent_to_test.clusters == 2


def relabelled(result: CaseResult) -> object:
    case = result.case
    return type(case)(cell=case.cell, question=case.question, label=f"{case.label}-{case.question.dataset}")


def test_a_metric_is_averaged_over_the_cases_it_scored() -> None:
    found = {each.metric: each for each in summary_of(make_cell_results(["correct", "wrong", "unparsed"])).metrics}
    accuracy = found["value_accuracy@1"]
    assert (accuracy.mean.estimate, accuracy.mean.n, accuracy.unscored) == (0.5, 2, 1)
    assert accuracy.reasons == (("no JSON object", 1),)


def test_a_metric_that_scored_nothing_has_no_mean() -> None:
    found = {each.metric: each for each in summary_of(make_cell_results(["unparsed", None])).metrics}
    assert (found["value_accuracy@1"].mean, found["value_accuracy@1"].unscored) == (None, 1)


def test_only_the_most_frequent_reasons_are_kept() -> None:
    def unscored(place: int) -> tuple[Score, ...]:
        return (Score(metric="mrr", version=1, value=None, reason=f"reason {place % 7}"),)

    results = [make_result(make_cell(), make_question(i), "wrong", scores=unscored(i)) for i in range(8)]
    found = next(each for each in summary_of(results).metrics if each.metric == "mrr@1")
    assert found.reasons == (("reason 0", 2), *((f"reason {place}", 1) for place in range(1, 5)))


def test_what_it_took_is_counted_over_the_answers() -> None:
    results = [
        make_result(make_cell(), make_question(i), "correct", latency_s=second, prompt_tokens=10 * i)
        for i, second in enumerate([1.0, 2.0, 9.0])
    ]
    cell = summary_of([*results, make_result(make_cell(), make_question(3), "error")])
    assert (cell.latency_s.median, cell.latency_s.most, cell.latency_s.n) == (2.0, 9.0, 3)
    assert (cell.prompt_tokens.total, cell.prompt_tokens.mean) == (30.0, 10.0)


def test_what_nothing_reports_is_none() -> None:
    cell = summary_of(make_cell_results([None]))
    assert (cell.latency_s, cell.output_tokens, cell.cost_usd, cell.loss_nll.mean) == (None, None, None, None)


def test_an_unknown_size_stays_unknown() -> None:
    cell = summary_of([make_result(make_cell(params_b=None), make_question(0), "correct")])
    assert (cell.params_b, cell.tier) == (None, None)


@pytest.mark.parametrize("params_b", [0.0, -1.0, inf])
def test_a_size_that_no_model_can_have_is_none(params_b: float) -> None:
    assert summary_of([make_result(make_cell(params_b=params_b), make_question(0), "correct")]).params_b is None


def test_truncated_cut_and_refused_answers_are_counted() -> None:
    results = [
        make_result(make_cell(), make_question(0), "wrong", truncated_passages=2),
        make_result(make_cell(), make_question(1), "wrong", finish_reason="length"),
        make_result(make_cell(), make_question(2), "blank", finish_reason="refusal"),
        make_result(make_cell(), make_question(3), "blank", finish_reason="content_filter"),
    ]
    ledger: Coverage = summary_of(results).coverage
    assert (ledger.truncated, ledger.cut, ledger.refused) == (1, 1, 2)


def test_slices_by_task_add_up_to_the_cell() -> None:
    results = make_run({"direct": 0.5}, n=30, tasks=("b", "a", "c"))
    tables = gather(results, run=make_info(30))
    slices = summarise_slices(tables, "task")
    assert [part.name for part in slices] == ["a", "b", "c"]
    assert sum(part.share.correct for part in slices) == summarise_cells(tables)[0].share.correct


def test_one_task_needs_no_slices() -> None:
    assert summarise_slices(gather(make_run({"direct": 0.5}, n=4), run=make_info(4)), "task") == ()


def own_scores(values: list[float], metric: str = "mine") -> MetricMean:
    cell = make_cell()
    results = [
        make_result(cell, make_question(i), "correct", scores=(Score(metric=metric, version=0, value=value),))
        for i, value in enumerate(values)
    ]
    (summary,) = summarise_cells(gather(results, run=make_info(len(results))))
    return next(found for found in summary.metrics if found.metric == f"{metric}@0")


@pytest.mark.parametrize(("value", "reason"), [(float("inf"), "the value is inf"), (float("nan"), "the value is nan")])
def test_a_value_that_is_no_finite_number_is_unscored_and_told(value: float, reason: str) -> None:
    found = own_scores([0.5, 0.25, value])
    assert (found.mean.estimate, found.mean.n, found.unscored, found.reasons) == (0.375, 2, 1, ((reason, 1),))


def test_an_infinite_loss_is_left_out_and_counted() -> None:
    losses = (1.0, 2.0, float("inf"))
    results = [make_result(make_cell(), make_question(i), "correct", reference_nll=x) for i, x in enumerate(losses)]
    (summary,) = summarise_cells(gather(results, run=make_info(3)))
    assert (summary.loss_nll.mean.estimate, summary.loss_nll.unscored) == (1.5, 1)


def test_a_latency_that_is_no_finite_number_is_left_out() -> None:
    results = [make_result(make_cell(), make_question(i), "correct", latency_s=x) for i, x in enumerate((1.0, inf))]
    (summary,) = summarise_cells(gather(results, run=make_info(2)))
    assert (summary.latency_s.n, summary.latency_s.mean) == (1, 1.0)


@pytest.mark.parametrize(
    ("values", "metric", "method"),
    [([1.0, 0.0, 1.0], "mine", "Wilson"), ([0.5, 0.0], "mine", "t"), ([1.0, 0.0], "answer_words", "t")],
)
def test_a_metric_of_zeros_and_ones_has_the_interval_of_a_share(values: list[float], metric: str, method: str) -> None:
    assert own_scores(values, metric).mean.method == method


def test_a_loss_of_zeros_and_ones_is_no_share() -> None:
    results = [make_result(make_cell(), make_question(i), "correct", reference_nll=float(i)) for i in range(2)]
    (summary,) = summarise_cells(gather(results, run=make_info(2)))
    assert summary.loss_nll.mean.method == "t"
