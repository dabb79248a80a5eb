"""Variance shares: the published numbers, and eta squared by another route."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.analysis.compatible.variance import (
    VarianceShares,
    variance_shares,
    variance_shares_by_metric,
    variance_shares_by_tier,
)
from harness.errors import UnknownName
from tests.analysis.compatible.compatible_rows import experiment_frames, frame, golden, golden_rows, row


def percents(found: VarianceShares) -> dict[str, float]:
    return {share.factor: share.percent for share in found.shares}


def published(name: str) -> dict[str, float]:
    expected = golden("golden_variance_expected.json")[name]
    return {"model" if factor == "model_short" else factor: percent for factor, percent in expected.items()}


@pytest.mark.parametrize(("by_dataset", "name"), [(True, "stratified"), (False, "unstratified")])
def test_the_published_shares_come_out(by_dataset, name) -> None:
    expected = published(f"identify_bottlenecks_{name}")
    found = percents(variance_shares(golden_rows(), "f1", by_dataset=by_dataset))
    assert found == pytest.approx(expected, rel=1e-12)


def test_the_published_order_comes_out() -> None:
    found = percents(variance_shares(golden_rows(), "f1"))
    assert list(found) == list(published("identify_bottlenecks_stratified"))


def test_the_published_table_of_several_metrics_comes_out() -> None:
    expected = golden("golden_variance_expected.json")["multi_metric_bottlenecks_df"]
    found = variance_shares_by_metric(golden_rows(), ["f1", "faithfulness"])
    lines = [(share.factor, of.metric, share.percent) for of in found for share in of.shares]
    assert [line[:2] for line in lines] == [
        (line["factor"].replace("model_short", "model"), line["metric"]) for line in expected
    ]
    assert [line[2] for line in lines] == pytest.approx([line["variance_pct"] for line in expected], rel=1e-12)


def test_a_metric_without_variance_has_a_reason() -> None:
    found = variance_shares(golden_rows(), "faithfulness")
    assert found.shares == ()
    assert found.reason is not None


def test_shares_are_marginal_and_say_so() -> None:
    found = variance_shares(golden_rows(), "f1")
    assert sum(share.percent for share in found.shares) > 100
    assert found.compatible
    assert "marginal" in found.fault


@given(st.lists(st.tuples(st.sampled_from("abc"), st.integers(0, 9)), min_size=3, max_size=20))
def test_a_share_is_one_minus_the_residual_share_scaled(pairs) -> None:
    values = np.array([value / 10 for _, value in pairs])
    levels = np.array([level for level, _ in pairs])
    rows = frame(*(row(prompt=level, f1=value) for level, value in zip(levels, values, strict=True)))
    found = variance_shares(rows, "f1", ["prompt"])
    if len(set(levels)) < 2 or len(set(values)) < 2:
        assert found.shares == ()
        return
    residual = np.sum(
        [np.sum((values[levels == level] - values[levels == level].mean()) ** 2) for level in set(levels)]
    )
    eta_squared = 1 - residual / np.sum((values - values.mean()) ** 2)
    n = len(values)
    assert found.shares[0].percent == pytest.approx(100 * eta_squared * (n - 1) / n, abs=1e-9)


@given(experiment_frames())
def test_every_share_is_between_0_and_100(rows) -> None:
    found = variance_shares(rows, "f1")
    assert all(-1e-9 <= share.percent <= 100 for share in found.shares)
    assert (found.reason is None) == bool(found.shares)


@given(experiment_frames(), st.randoms(use_true_random=False))
def test_the_order_of_the_rows_changes_nothing(rows, random) -> None:
    order = list(range(len(rows)))
    random.shuffle(order)
    assert percents(variance_shares(rows.iloc[order], "f1")) == pytest.approx(percents(variance_shares(rows, "f1")))


def test_a_data_set_of_two_rows_is_skipped() -> None:
    rows = frame(*(row(dataset="two", prompt=p, f1=f) for p, f in (("a", 0.1), ("b", 0.9))))
    assert variance_shares(rows, "f1").shares == ()


def test_rows_without_a_level_are_left_out_of_their_factor() -> None:
    known = frame(*(row(prompt=p, f1=f) for p, f in (("a", 0.1), ("a", 0.3), ("b", 0.9), ("b", 0.8))))
    both = pd.concat([known, frame(row(prompt=None, f1=0.0))])
    assert variance_shares(both, "f1", ["prompt"]).shares == variance_shares(known, "f1", ["prompt"]).shares


def test_direct_rows_are_not_looked_at() -> None:
    direct = frame(*(row(kind="direct", prompt=p, f1=f) for p, f in (("a", 0.1), ("b", 0.9), ("b", 0.8))))
    assert variance_shares(direct, "f1").rows == 0


def test_each_tier_of_ten_rows_has_shares_of_its_own() -> None:
    rows = pd.concat(
        [
            frame(*(row(tier="tiny", prompt="ab"[i % 2], f1=i / 10) for i in range(10))),
            frame(*(row(tier="small", prompt="ab"[i % 2], f1=i / 10) for i in range(9))),
        ]
    )
    tiny, small = variance_shares_by_tier(rows, "f1")
    alone = variance_shares(rows[rows["tier"] == "tiny"], "f1")
    assert (tiny.tier, tiny.shares) == ("tiny", alone.shares)
    assert (small.tier, small.shares, small.reason) == ("small", (), "9 retrieval rows, at least 10 are needed")


def test_rows_without_tiers_have_no_shares_by_tier() -> None:
    assert variance_shares_by_tier(golden_rows(), "f1") == ()


def test_an_unknown_metric_is_a_users_mistake() -> None:
    with pytest.raises(UnknownName, match="unknown metric 'f2'"):
        variance_shares(golden_rows(), "f2")
