"""Weighted and marginal means: the published numbers, and the interval's rules."""

import numpy as np
import pytest
from hypothesis import given

from harness.analysis.compatible.experiments import RETRIEVAL
from harness.analysis.compatible.means import Bootstrap, marginal_means, weighted_means
from harness.analysis.distributions import generator
from harness.errors import UnknownName
from tests.analysis.compatible.compatible_rows import experiment_frames, frame, golden, golden_rows, row


def bootstrap(draws: int = 200) -> Bootstrap:
    return Bootstrap(rng=generator(7, "weighted means"), draws=draws)


def retrieval_rows():
    rows = golden_rows()
    return rows[rows["kind"] == RETRIEVAL]


def test_the_published_weighted_means_come_out() -> None:
    expected = golden("golden_variance_expected.json")["weighted_mean_stratified_point_only"]
    found = weighted_means(retrieval_rows(), "f1", "model", bootstrap())
    assert [mean.group for mean in found] == [line["model_short"] for line in expected]
    for mean, line in zip(found, expected, strict=True):
        assert (mean.n, mean.least, mean.most) == (line["n"], line["min"], line["max"])
        assert (mean.mean, mean.std) == pytest.approx((line["mean"], line["std"]), rel=1e-12)


def test_the_published_means_weighted_by_model_come_out() -> None:
    expected = golden("golden_variance_expected.json")["weighted_mean_weight_by_model_unstratified"]
    found = weighted_means(retrieval_rows(), "f1", "prompt", bootstrap(), weight_by="model")
    assert [(mean.group, mean.n) for mean in found] == [(line["prompt"], line["n"]) for line in expected]
    for mean, line in zip(found, expected, strict=True):
        assert (mean.mean, mean.std) == pytest.approx((line["mean"], line["std"]), rel=1e-12)


def test_the_published_marginal_means_come_out() -> None:
    expected = golden("golden_variance_expected.json")["marginal_means_prompt_points"]
    found = marginal_means(retrieval_rows(), "f1", "prompt")
    assert [(mean.level, mean.rows, mean.strata) for mean in found] == [
        (line["prompt"], line["n_experiments"], line["n_strata"]) for line in expected
    ]
    for mean, line in zip(found, expected, strict=True):
        assert (mean.mean, mean.raw_mean) == pytest.approx((line["marginal_mean"], line["raw_mean"]), rel=1e-12)


@given(experiment_frames())
def test_an_interval_holds_its_mean_or_is_its_mean(rows) -> None:
    for mean in weighted_means(rows, "f1", "model", bootstrap(50)):
        assert mean.least - 1e-9 <= mean.low <= mean.high <= mean.most + 1e-9
        if mean.no_interval is not None:
            assert mean.low == mean.mean == mean.high


@given(experiment_frames())
def test_a_mean_is_the_mean_of_the_data_sets_means(rows) -> None:
    known = rows[np.isfinite(rows["f1"])]
    for mean in weighted_means(rows, "f1", "model", bootstrap(10)):
        own = known[known["model"] == mean.group]
        by_hand = [own.loc[own["dataset"] == name, "f1"].mean() for name in sorted(set(own["dataset"]))]
        assert mean.mean == pytest.approx(np.mean(by_hand))


def test_the_same_seed_gives_the_same_interval() -> None:
    first, second = (weighted_means(golden_rows(), "f1", "model", bootstrap()) for _ in range(2))
    assert first == second


def test_the_order_of_the_rows_changes_no_interval() -> None:
    rng = np.random.default_rng(1)
    rows = frame(*(row(dataset=f"d{place % 3}", f1=float(f1)) for place, f1 in enumerate(rng.random(30))))
    there, back = (
        weighted_means(made, "f1", "model", Bootstrap(rng=generator(1, "order"), draws=50))
        for made in (rows, rows.sample(frac=1, random_state=1))
    )
    assert [mean.group for mean in there] == [mean.group for mean in back]
    assert [mean.low for mean in there] == pytest.approx([mean.low for mean in back], abs=1e-12)


def test_the_interval_is_as_wide_as_the_bootstraps_variance_says() -> None:
    rng = np.random.default_rng(3)
    scores = {"d1": rng.normal(0.4, 0.1, 60), "d2": rng.normal(0.6, 0.2, 40)}
    rows = frame(*(row(dataset=name, f1=score) for name, values in scores.items() for score in values))
    (mean,) = weighted_means(rows, "f1", "model", bootstrap(20_000))
    se = np.sqrt(sum(values.var() / len(values) for values in scores.values())) / 2
    assert (mean.high - mean.low) / 2 == pytest.approx(1.96 * se, rel=0.04)


@pytest.mark.parametrize(
    ("datasets", "reason"),
    [
        ("ddd", "an interval needs at least 2 data sets, here 1"),
        ("de", "an interval needs at least 3 values, here 2"),
    ],
)
def test_too_little_data_gives_the_point_and_a_reason(datasets, reason) -> None:
    rows = frame(*(row(dataset=name, f1=i / 10) for i, name in enumerate(datasets)))
    (mean,) = weighted_means(rows, "f1", "model", bootstrap())
    assert (mean.low, mean.high, mean.no_interval) == (mean.mean, mean.mean, reason)


def test_rows_in_no_data_set_keep_their_raw_mean() -> None:
    rows = frame(row(dataset=None, f1=0.2), row(dataset=None, f1=0.6))
    (mean,) = weighted_means(rows, "f1", "model", bootstrap())
    assert (mean.mean, mean.strata) == (pytest.approx(0.4), 0)


def test_an_unknown_factor_is_a_users_mistake() -> None:
    with pytest.raises(UnknownName, match="unknown column of the experiment rows 'promt'"):
        marginal_means(golden_rows(), "f1", "promt")


def test_no_rows_give_no_means() -> None:
    empty = frame()
    assert weighted_means(empty, "f1", "model", bootstrap()) == marginal_means(empty, "f1", "prompt") == ()
