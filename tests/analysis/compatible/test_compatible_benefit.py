"""Benefits over direct answering: the published numbers, and that the three kinds add up."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.analysis.compatible.benefit import benefit_distribution, best_retrieval, retrieval_benefits
from tests.analysis.compatible.compatible_rows import experiment_frames, frame, golden, golden_rows, row


def test_the_published_distribution_comes_out() -> None:
    expected = golden("golden_variance_expected.json")["rag_benefit_distribution"]
    found = benefit_distribution(golden_rows(), "f1")
    assert (found.helps, found.hurts, found.neutral) == tuple(expected[f"n_{k}"] for k in ("helps", "hurts", "neutral"))
    numbers = ("helps_percent", "hurts_percent", "mean_when_helps", "mean_when_hurts", "best", "worst")
    assert [getattr(found, name) for name in numbers] == pytest.approx(list(expected.values())[3:], rel=1e-12)


def test_the_published_best_three_come_out() -> None:
    expected = golden("golden_variance_expected.json")["best_rag_vs_direct_top3"]
    found = best_retrieval(golden_rows(), "f1", k=3)
    assert [(best.model, best.dataset, best.cells) for best in found] == [
        (line["model_short"], line["dataset"], line["n_rag_configs"]) for line in expected
    ]
    for best, line in zip(found, expected, strict=True):
        numbers = (best.direct_mean, best.best_k_mean, best.best, best.advantage, best.advantage_percent)
        names = ("direct_mean", "top_rag_mean", "best_rag", "rag_advantage", "rag_advantage_pct")
        assert numbers == pytest.approx(tuple(line[name] for name in names), rel=1e-11)


@given(experiment_frames())
def test_helping_hurting_and_neutral_cells_are_all_cells(rows) -> None:
    found = benefit_distribution(rows, "f1")
    retrieval = rows[(rows["kind"] == "rag") & np.isfinite(rows["f1"])]
    assert found.helps + found.hurts + found.neutral == found.n == len(retrieval) - found.left_out
    assert (found.reason is None) == (found.n > 0)
    if found.n:
        assert found.helps_percent + found.hurts_percent + found.neutral_percent == pytest.approx(100)
        assert found.worst <= found.best


@given(experiment_frames())
def test_a_benefit_is_a_cell_minus_its_own_direct_mean(rows) -> None:
    direct = rows[(rows["kind"] == "direct") & np.isfinite(rows["f1"])]
    for line in retrieval_benefits(rows, "f1").itertuples():
        own = direct[(direct["model"] == line.model) & (direct["dataset"] == line.dataset)]["f1"]
        by_hand = line.f1 - own.mean() if len(own) else np.nan
        assert line.benefit == pytest.approx(by_hand, nan_ok=True)


@given(experiment_frames(), st.integers(min_value=1, max_value=6))
def test_more_cells_in_the_mean_never_raise_it(rows, k) -> None:
    fewer, more = best_retrieval(rows, "f1", k), best_retrieval(rows, "f1", k + 1)
    assert all(a.best >= a.best_k_mean - 1e-12 >= b.best_k_mean - 2e-12 for a, b in zip(fewer, more, strict=True))


def test_the_thresholds_are_not_within_help_or_hurt() -> None:
    rows = frame(row(kind="direct", f1=0.0), row(f1=0.01), row(f1=-0.01), row(f1=0.011), row(f1=-0.011))
    found = benefit_distribution(rows, "f1")
    assert (found.helps, found.hurts, found.neutral) == (1, 1, 2)


def test_a_direct_mean_of_0_gives_no_percentage() -> None:
    (best,) = best_retrieval(frame(row(kind="direct", f1=0.0), row(f1=0.5)), "f1")
    assert (best.advantage, best.advantage_percent) == (0.5, None)


def test_retrieval_without_direct_is_counted_and_left_out() -> None:
    found = benefit_distribution(frame(row(f1=0.5)), "f1")
    assert (found.n, found.left_out, found.best) == (0, 1, None)


def test_the_best_cell_names_the_noise_of_choosing_it() -> None:
    (best,) = best_retrieval(frame(row(kind="direct"), row()), "f1")
    assert best.compatible
    assert "2.3/3.2/3.9/4.6" in best.fault


def test_no_best_cells_are_a_mistake() -> None:
    with pytest.raises(ValueError, match="k must be at least 1"):
        best_retrieval(frame(), "f1", k=0)
