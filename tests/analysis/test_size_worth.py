"""What retrieval is worth in size: planted worth, coverage, and every way in which it is undefined."""

from dataclasses import replace
from math import log10

import numpy as np
import pytest

from harness.analysis.model_sizes import ModelSize
from harness.analysis.ratios import contains
from harness.analysis.scaling_fit import FitRules
from harness.analysis.size_worth import RetrievalScores, RetrievalWorth, retrieval_worth

SIZES = (0.5, 1.5, 4.0, 12.0, 30.0, 70.0)
SLOPE = 1.0
GAIN = 0.7  # on the logit: worth 10^.7 = 5.01 times the parameters
REML = FitRules(estimator="REML")


def logistic(value: np.ndarray | float) -> np.ndarray:
    return 1 / (1 + np.exp(-np.asarray(value)))


def exactly(p: float, n: int = 1000) -> np.ndarray:
    return (np.arange(n) < round(p * n)).astype(float)


def planted(
    seed: int = 0, *, n: int = 600, scatter: float = 0.1, gain: float = GAIN, slope: float = SLOPE
) -> RetrievalScores:
    """Right and wrong answers that share the difficulty of their question, in clusters of 3."""
    rng = np.random.default_rng(seed)
    shifts = rng.normal(0, scatter, len(SIZES))
    levels = slope * np.log10(SIZES) - 0.8 + shifts
    luck = rng.random((n, 1)) * 0.5 + rng.random((n, len(SIZES) + 1)) * 0.5
    # the sum of two uniforms on [0, .5] is triangular: through its distribution function it is uniform again
    even = np.where(luck < 0.5, 2 * luck**2, 1 - 2 * (1 - luck) ** 2)
    right = (even < logistic(np.append(levels, levels[1] + gain))).astype(float)
    return RetrievalScores(
        sizes=tuple(ModelSize(model=f"m{place}", params_b=size) for place, size in enumerate(SIZES)),
        direct=right[:, :-1],
        retrieval=right[:, -1],
        clusters=tuple(f"q{place}" for place in range(n)),
        model="m1",
    )


def test_a_planted_worth_is_recovered() -> None:
    """No question or model noise but rounding to thousandths: 10^.7 times the parameters, and 1.5 of them."""
    levels = np.log10(SIZES) - 0.8
    made = replace(
        planted(n=1000),
        direct=np.column_stack([exactly(float(p)) for p in logistic(levels)]),
        retrieval=exactly(float(logistic(levels[1] + GAIN))),
    )
    found = retrieval_worth(made, FitRules())
    assert found.multiplier.estimate == pytest.approx(10**GAIN, rel=0.02)
    assert found.catch_up_b.estimate == pytest.approx(1.5 * 10**GAIN, rel=0.02)
    assert found.catch_up_b.extrapolated is False


@pytest.mark.parametrize("rules", [FitRules(), REML, FitRules(share=False)])
def test_the_sets_contain_their_estimates(rules: FitRules) -> None:
    found = retrieval_worth(planted(1), rules)
    for ratio in (found.multiplier, found.catch_up_b):
        assert ratio.reason is None
        assert ratio.confidence.low < ratio.estimate < ratio.confidence.high


def test_the_unit_of_the_size_scales_the_catch_up_and_leaves_the_factor() -> None:
    plain = planted(2)
    other = replace(plain, sizes=tuple(replace(size, params_b=size.params_b * 1000) for size in plain.sizes))
    before, after = retrieval_worth(plain, FitRules()), retrieval_worth(other, FitRules())
    assert after.multiplier.confidence.high == pytest.approx(before.multiplier.confidence.high)
    assert after.catch_up_b.confidence.high == pytest.approx(before.catch_up_b.confidence.high * 1000)


def test_a_catch_up_far_above_the_largest_model_is_marked() -> None:
    found = retrieval_worth(planted(3, gain=3.0), FitRules())
    assert found.catch_up_b.estimate > 140
    assert found.catch_up_b.extrapolated is True


def undefined(found: RetrievalWorth) -> str:
    for ratio in (found.multiplier, found.catch_up_b):
        assert (ratio.estimate, ratio.confidence.kind, ratio.extrapolated) == (None, "undefined", None)
        assert ratio.reason == ratio.confidence.reason
    return found.multiplier.reason


def test_a_flat_slope_leaves_the_worth_undefined() -> None:
    assert "spans 0" in undefined(retrieval_worth(planted(4, slope=0.0, scatter=0.5), FitRules()))


def test_two_models_leave_the_worth_undefined() -> None:
    made = planted(5)
    few = replace(made, sizes=made.sizes[:2], direct=made.direct[:, :2])
    assert undefined(retrieval_worth(few, FitRules())) == "an interval needs at least 3 models, here 2"


def test_one_size_leaves_the_worth_undefined() -> None:
    made = planted(5)
    same = replace(made, sizes=tuple(replace(size, params_b=1.0) for size in made.sizes))
    assert "same size" in undefined(retrieval_worth(same, FitRules()))


def test_retrieval_at_chance_has_no_place_on_the_logit() -> None:
    made = planted(6)
    found = retrieval_worth(replace(made, retrieval=exactly(0.1, 600)), FitRules(chance=0.1))
    assert "with retrieval scores no better than chance" in undefined(found)


def test_a_model_outside_the_fit_needs_no_size() -> None:
    made = planted(7)
    unknown = replace(made, sizes=(made.sizes[0], ModelSize(model="m1", params_b=None), *made.sizes[2:]))
    found = retrieval_worth(unknown, FitRules())
    assert found.fit.left_out == (("m1", "its size is not known"),)
    assert found.multiplier.confidence.low < found.multiplier.estimate < found.multiplier.confidence.high


def test_a_model_outside_the_fit_may_score_at_chance_where_the_fit_has_no_value() -> None:
    made = planted(7)
    direct = made.direct.copy()
    direct[:, 1] = exactly(0.1, 600)
    unknown = replace(made, direct=direct, sizes=(made.sizes[0], ModelSize(model="m1", params_b=None), *made.sizes[2:]))
    assert "directly scores no better than chance" in undefined(retrieval_worth(unknown, FitRules(chance=0.1)))


def test_a_model_of_another_family_has_no_intercept() -> None:
    made = planted(8)
    families = ("a", None, "a", "b", "b", "a")
    sizes = tuple(replace(size, family=name) for size, name in zip(made.sizes, families, strict=True))
    more = (replace(sizes[1], params_b=None, family="c"), ModelSize(model="m6", params_b=7.0, family="b"))
    direct = np.column_stack([made.direct, made.direct[:, 2]])
    other = replace(made, sizes=(sizes[0], more[0], *sizes[2:], more[1]), direct=direct)
    again = replace(other, sizes=(*other.sizes, ModelSize(model="m7", params_b=9.0, family="a")))
    found = retrieval_worth(replace(again, direct=np.column_stack([direct, made.direct[:, 3]])), FitRules())
    assert "no intercept for the family of m1" in undefined(found)


def test_a_worth_that_is_no_number_any_more_is_undefined() -> None:
    """A slope known almost exactly and almost 0 under a huge gain: identity scale, scores outside [0, 1]."""
    rng = np.random.default_rng(0)
    made = planted(9)
    direct = np.array([1e-3 * log10(size) for size in SIZES]) + rng.normal(0, 1e-7, (600, 6))
    found = retrieval_worth(replace(made, direct=direct, retrieval=direct[:, 1] + 5), FitRules(share=False))
    assert "the slope is too flat" in undefined(found)


def test_an_unknown_model_is_refused() -> None:
    with pytest.raises(ValueError, match="no model 'x'"):
        retrieval_worth(replace(planted(), model="x"), FitRules())


def test_columns_and_models_must_agree() -> None:
    made = planted()
    with pytest.raises(ValueError, match="5 columns of direct scores for 6 models"):
        retrieval_worth(replace(made, direct=made.direct[:, :5]), FitRules())


@pytest.mark.parametrize("rules", [FitRules(), REML])
def test_the_sets_cover_the_planted_worth(rules: FitRules) -> None:
    """300 replications of 6 models, 282 questions, scatter .1; nominal .95, less 2 standard errors.

    The sets are wide: the few degrees of freedom of the fit stand for the questions' variance too. Truth is the gain of
    this model over the planted slope, and for the catch-up the size at which the planted line reaches what this model
    scores with retrieval, its own scatter included.
    """
    factors, sizes = 0, 0
    for seed in range(300):
        made = planted(1000 + seed, n=282)
        shift = np.random.default_rng(1000 + seed).normal(0, 0.1, len(SIZES))[1]
        found = retrieval_worth(made, rules)
        factors += contains(found.multiplier.confidence, 10**GAIN)
        sizes += contains(found.catch_up_b.confidence, 1.5 * 10 ** (GAIN + shift))
    assert 0.925 <= factors / 300 < 1
    assert 0.925 <= sizes / 300 < 1
