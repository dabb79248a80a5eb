"""The clustered intervals that other reports give: in a table and in summary.json, only where there are clusters."""

import json
from collections.abc import Sequence

import pytest

from harness.analysis.frame import CaseTables, gather
from harness.analysis.simulate import PlantedModel, Truth
from harness.analysis.summary import summarise
from harness.records import CaseResult
from harness.report.clustered import clustered_means, clustered_tables
from harness.report.document import summary_json
from tests.report.made_up_runs import make_info, make_run
from tests.report.planted_runs import planted_results


def tables(results: Sequence[CaseResult]) -> CaseTables:
    return gather(results, run=make_info(len(results)))


@pytest.fixture(scope="module")
def clustered() -> CaseTables:
    return tables(make_run({"direct": 0.2, "rag": 0.6}, n=24, clusters=6))


def test_each_cell_has_the_share_that_its_summary_tells(clustered: CaseTables) -> None:
    found = clustered_means(clustered)
    shares = {cell.cell: cell.share.intent_to_test for cell in summarise(clustered, make_info(48)).cells}
    assert {cell: (mean.mean, mean.n, mean.clusters) for cell, mean in found.items()} == {
        cell: (pytest.approx(share.estimate), share.n, share.clusters) for cell, share in shares.items()
    }


def test_the_table_is_marked_as_compatible_and_tells_its_fault(clustered: CaseTables) -> None:
    (table,) = clustered_tables(clustered_means(clustered))
    assert table.compatible
    assert "covers .889/.909/.926" in table.caption
    assert [row[1:3] for row in table.rows] == [("24", "6"), ("24", "6")]


def test_questions_that_share_no_cluster_need_no_such_interval() -> None:
    truth = Truth(models=(PlantedModel(name="m", params_b=1.0, accuracy={"direct": 0.5}),), questions=6, clusters=0)
    assert clustered_means(tables(planted_results(truth, 1))) == {}
    assert clustered_tables({}) == ()


def test_a_cell_without_an_interval_has_its_reason() -> None:
    one = tables(make_run({"direct": 0.5}, n=4, clusters=1))
    (table,) = clustered_tables(clustered_means(one))
    assert table.rows[0][-2:] == ("-", "all 4 questions are in one cluster")


def test_summary_json_holds_every_interval(clustered: CaseTables) -> None:
    summary, found = summarise(clustered, make_info(48)), clustered_means(clustered)
    told = json.loads(summary_json(summary, clustered=found))["compatible_intervals"]
    assert {cell: mean["se"] for cell, mean in told.items()} == {cell: mean.se for cell, mean in found.items()}
    assert "compatible_intervals" not in json.loads(summary_json(summary))
