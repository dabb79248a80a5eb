"""Lines over model size read off a table of scores: both fits, bands, uplift, worth and compensation."""

from math import log10

import numpy as np
import pytest

from harness.analysis.by_model_size import compensations, rules_of, size_line, uplift_lines, worths
from harness.analysis.ratios import compensation_ratio
from harness.analysis.refusals import Refused
from harness.analysis.scaling_fit import FitRules, fit_scaling
from harness.analysis.searched import search_models
from tests.analysis.planted_scores import arm, planted_table, score_table

SIZES = {f"m{place}": size for place, size in enumerate((0.5, 2.0, 8.0, 30.0))}
MEANS = {
    key: value
    for name, size in SIZES.items()
    for key, value in {
        (name, "direct"): 1 / (1 + np.exp(-(log10(size) - 0.5))),
        (name, "rag"): 1 / (1 + np.exp(-(0.7 * log10(size) + 0.3))),
    }.items()
}


def found(**more: object):
    table = planted_table(MEANS, SIZES, n=1000, **more)
    return table, search_models(table, 1)


def test_a_planted_line_is_recovered_by_both_fits() -> None:
    line = size_line(*found())
    assert line.fit.slope.estimate == pytest.approx(1.0, abs=0.02)
    assert line.reml.slope.estimate == pytest.approx(1.0, abs=0.02)
    assert (line.fit.rules.estimator, line.reml.rules.estimator) == ("least squares", "REML")
    assert line.reml.slope == fit_scaling(line.points, FitRules(estimator="REML")).slope


def test_the_bands_run_from_half_of_the_smallest_to_twice_the_largest() -> None:
    (bands,) = size_line(*found()).bands
    sizes = [one.params_b for one in bands.bands]
    assert (sizes[0], sizes[-1]) == (0.25, 60.0)
    assert sizes == sorted(sizes)
    assert not any(one.extrapolated for one in bands.bands)


def test_a_score_that_is_better_when_lower_is_fitted_in_its_own_direction() -> None:
    line = size_line(*found(higher_is_better=False))
    assert line.points[0].mean == pytest.approx(MEANS["m0", "direct"], abs=1e-3)


def test_retrieval_has_its_own_line_and_uplift_falls_with_size() -> None:
    assert size_line(*found(), retrieval=True).fit.slope.estimate == pytest.approx(0.7, abs=0.02)
    mean, best = uplift_lines(*found())
    assert mean.uplifts == pytest.approx(best.uplifts)
    assert mean.slope.estimate < 0


def test_the_worth_of_retrieval_is_told_for_every_model_that_has_it() -> None:
    told = worths(*found())
    assert [worth.model for worth in told] == list(SIZES)
    gain = (0.7 * log10(2.0) + 0.3) - (log10(2.0) - 0.5)
    assert told[1].worth.multiplier.estimate == pytest.approx(10**gain, rel=0.06)


def test_compensation_is_told_for_every_pair() -> None:
    table, searches = found()
    told = compensations(table, searches)
    assert len(told) == 6
    columns = [table.scores[:, place] for place in (0, 1, 2)]
    expected = compensation_ratio(np.column_stack([columns[0], columns[1], columns[2]]), table.clusters)
    assert told[0].ratio.estimate == pytest.approx(expected.estimate)


def test_one_model_has_no_line_and_says_who_is_left_out() -> None:
    table = planted_table({("a", "direct"): 0.5, ("a", "rag"): 0.6, ("b", "direct"): 0.5}, {"a": 1.0, "b": None})
    searches = search_models(table, 1)
    why = "needs 2 models with known size, has 1 (1 without size or cells)"
    assert (size_line(table, searches).reason, worths(table, searches).reason) == (why, why)
    assert [one.reason for one in uplift_lines(table, searches)] == [why, why]
    assert isinstance(compensations(table, searches), Refused)


def test_models_without_size_are_named_beside_the_line() -> None:
    means = {(name, "direct"): 0.5 for name in ("a", "b", "c")}
    table = planted_table(means, {"a": 1.0, "b": 2.0, "c": None})
    assert size_line(table, search_models(table, 1)).unsized == ("c",)


def test_without_retrieval_nothing_is_worth_anything() -> None:
    table = planted_table({("a", "direct"): 0.5, ("b", "direct"): 0.6}, {"a": 1.0, "b": 2.0})
    assert worths(table, search_models(table, 1)).reason == "needs 1 model with retrieval cells, has 0"


def test_no_size_is_gained_by_a_score_that_is_better_when_lower() -> None:
    assert "no size is gained" in worths(*found(higher_is_better=False)).reason


def test_no_common_question_has_a_reason() -> None:
    arms = [arm("a", "direct", 1.0), arm("b", "direct", 2.0), arm("a", "rag", 1.0)]
    table = score_table(arms, [[1.0, np.nan, 1.0], [np.nan, 0.0, 1.0]])
    searches = search_models(table, 1)
    assert "none of 2 questions" in size_line(table, searches).reason
    assert "has 0" in worths(table, searches)[0].worth.reason


def test_one_cluster_has_a_line_and_no_known_sampling_errors() -> None:
    arms = [arm("a", "direct", 1.0), arm("b", "direct", 2.0)]
    table = score_table(arms, [[1.0, 1.0], [0.0, 1.0]], clusters=np.zeros(2, dtype=np.intp))
    line = size_line(table, search_models(table, 1))
    assert [point.se for point in line.points] == [None, None]
    assert line.reml.reason == "needs 2 clusters of questions for a standard error, has 1"


def test_models_of_one_size_have_no_line_to_be_worth_anything_on() -> None:
    table = planted_table({("a", "direct"): 0.5, ("a", "rag"): 0.7, ("b", "direct"): 0.6}, {"a": 1.0, "b": 1.0})
    searches = search_models(table, 1)
    assert size_line(table, searches).bands == ()
    assert "same size" in worths(table, searches)[0].worth.reason


def test_shares_are_fitted_above_chance_and_other_scores_as_they_are() -> None:
    table = planted_table(MEANS, SIZES, chance=0.25)
    assert rules_of(table) == FitRules(chance=0.25)
    assert rules_of(planted_table(MEANS, SIZES, share=False, chance=0.25)) == FitRules(share=False)
