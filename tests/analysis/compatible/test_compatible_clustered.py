"""The CR1 standard error: its formula by hand, its fault by simulation, and what has no interval."""

from math import sqrt

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from harness.analysis.compatible.clustered import cr1_mean
from harness.analysis.intervals import clustered_error, iid_error

clustered = st.lists(st.tuples(st.floats(0, 1), st.sampled_from("abcde")), min_size=2, max_size=30).filter(
    lambda rows: len({name for _, name in rows}) > 1
)


@given(clustered)
def test_the_error_is_that_of_the_cluster_sums(rows: list[tuple[float, str]]) -> None:
    values, names = np.array([value for value, _ in rows]), np.array([name for _, name in rows])
    sums = [float(np.sum(values[names == name] - values.mean())) for name in set(names)]
    expected = sqrt(len(sums) / (len(sums) - 1) * sum(one**2 for one in sums)) / len(values)
    assert cr1_mean(values, names.tolist()).se == pytest.approx(expected, abs=1e-12)


@given(clustered)
def test_two_equal_clusters_have_the_corrected_error(
    rows: list[tuple[float, str]],
) -> None:
    values = [value for value, _ in rows]
    even = [str(place % 2) for place in range(len(rows) // 2 * 2)]
    kept = values[: len(even)]
    assert cr1_mean(kept, even).se == pytest.approx(clustered_error(kept, even).se, abs=1e-12)


@given(st.lists(st.floats(0, 1), min_size=2, max_size=30))
def test_single_questions_give_the_error_of_independent_ones(values: list[float]) -> None:
    found = cr1_mean(values, np.arange(len(values)))
    assert found.se == pytest.approx(iid_error(values).se, abs=1e-12)


def test_the_interval_is_t_on_clusters_less_one() -> None:
    found = cr1_mean([0.0, 1.0, 1.0, 0.0, 1.0, 1.0], list("aabbcc"), level=0.9)
    assert found.high - found.mean == pytest.approx(stats.t.ppf(0.95, 2) * found.se)
    assert (found.n, found.clusters, found.compatible) == (6, 3, True)
    assert "too small" in found.fault


def test_one_cluster_and_clusters_of_one_mean_have_a_reason() -> None:
    one, same = cr1_mean([0.0, 1.0], ["a", "a"]), cr1_mean([0.0, 1.0, 0.0, 1.0], list("aabb"))
    assert (one.se, one.low, one.reason) == (None, None, "all 2 questions are in one cluster")
    assert (same.se, same.low, same.reason) == (0.0, None, "all 2 clusters have the same mean")


@pytest.mark.parametrize(("values", "names"), [([], []), ([float("nan")], ["a"]), ([1.0, 0.0], ["a"])])
def test_what_has_no_mean_is_a_mistake(values: list[float], names: list[str]) -> None:
    with pytest.raises(ValueError, match=r"values"):
        cr1_mean(values, names)
