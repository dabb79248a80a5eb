from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.claims.results import judge
from harness.claims.trends import Trend, trending
from harness.errors import HarnessError, UnknownName
from tests.claims.grounds import drawn, make_ground

N = 400


def shares(direct, rag) -> dict[str, float]:
    pairs = zip("sml", direct, rag, strict=True)
    return {f"{model}_{name}": value for model, a, b in pairs for name, value in (("direct", a), ("rag", b))}


def planted(direct=(0.2, 0.5, 0.8), rag=(0.8, 0.8, 0.85), *, seed=3, **changes):
    return make_ground(drawn(np.random.default_rng(seed), N, **shares(direct, rag)), **changes)


def verdict(ground, **trend) -> str:
    fields = {"quantity": "uplift", "way": "shrinks", "condition": "rag"}
    return judge([trending(ground, Trend(**{**fields, **trend}))])[0].verdict


def test_an_uplift_that_shrinks_is_found():
    assert verdict(planted()) == "holds"
    assert verdict(planted(), way="grows") == "fails"


def test_an_uplift_that_is_the_same_for_all_is_not_told():
    flat = planted((0.3, 0.5, 0.4), (0.6, 0.8, 0.7))
    assert {verdict(flat), verdict(flat, way="grows")} == {"inconclusive"}


def test_accuracy_that_grows_is_found_under_the_direct_condition():
    found = trending(planted(), Trend(quantity="accuracy", way="grows"))
    assert judge([found])[0].verdict == "holds"
    assert found.claim == "the share right (direct) grows with size"
    assert found.numbers.startswith("By size: s ")
    assert "per tenfold size +" in found.numbers


@settings(max_examples=10)
@given(st.integers(0, 50))
def test_growing_and_shrinking_are_each_others_contrary(seed):
    ground = planted(seed=seed)
    up, down = (trending(ground, Trend(quantity="accuracy", way=way)) for way in ("grows", "shrinks"))
    assert (up.support, up.against) == (down.against, down.support)
    assert up.support + up.against == pytest.approx(1)


def test_a_gap_that_shrinks_is_found_in_one_task_alone():
    tasks = ["easy" if n % 2 else "hard" for n in range(N)]
    cells = drawn(np.random.default_rng(2), N, **shares((0.5, 0.5, 0.5), (0.5, 0.5, 0.5)))
    over = {"s": 0.4, "m": 0.2, "l": 0.0}
    hard = np.arange(N) % 2 == 0
    stated = [np.where(hard, 0.5 + over[name[0]], 0.6 + 0.01 * np.sin(np.arange(N))) for name in cells]
    ground = make_ground(cells, tasks=tasks, confidence=stated)
    assert verdict(ground, quantity="gap", condition=None, task="hard") == "holds"
    assert verdict(ground, quantity="gap", condition=None, task="easy") == "inconclusive"


def test_a_loss_that_shrinks_is_told_without_percent():
    cells = drawn(np.random.default_rng(1), N, **shares((0.5, 0.5, 0.5), (0.5, 0.5, 0.5)))
    mean = {"s": 3.0, "m": 2.0, "l": 1.05}
    rows = [mean[name[0]] + np.random.default_rng(7).random(N) for name in cells]
    found = trending(make_ground(cells, metrics={"loss@1": rows}), Trend(quantity="loss", way="shrinks"))
    assert judge([found])[0].verdict == "holds"
    assert "s 3.5" in found.numbers
    assert "points" not in found.numbers


def test_two_models_have_a_slope_and_no_verdict():
    cells = drawn(np.random.default_rng(1), N, s_direct=0.2, l_direct=0.9)
    found = trending(make_ground(cells), Trend(quantity="accuracy", way="grows"))
    assert found.support is None
    assert found.why == "an interval needs at least 3 models, here 2"
    assert "per tenfold size" in found.numbers


def test_one_model_has_no_slope():
    found = trending(make_ground(drawn(np.random.default_rng(1), N, s_direct=0.2)), Trend(quantity="loss", way="grows"))
    assert found.why


def test_models_that_scatter_are_told_to_be_too_few():
    ground = planted((0.2, 0.8, 0.5), (0.8, 0.8, 0.8))
    found = trending(ground, Trend(quantity="accuracy", way="grows"))
    assert "more models would tell, not more questions" in found.why


def test_a_slope_on_the_other_side_says_so():
    assert "the contrary was measured" in trending(planted(), Trend(quantity="accuracy", way="shrinks")).why


def test_failed_calls_count_both_ways():
    cells = drawn(np.random.default_rng(5), N, **shares((0.2, 0.5, 0.8), (0.8, 0.8, 0.85)))
    whole = trending(make_ground(cells), Trend(quantity="accuracy", way="grows"))
    cells["l:direct"][:150] = np.nan
    holed = trending(make_ground(cells), Trend(quantity="accuracy", way="grows"))
    assert holed.support > whole.support


def test_many_models_are_told_in_part():
    names = [f"{name}{n}" for n in range(4) for name in "sml"]
    cells = drawn(np.random.default_rng(3), 60, **{f"{name}_direct": 0.5 for name in names})
    ground = make_ground(cells)
    (grid,) = ground.grids
    sized = tuple(replace(arm, size=replace(arm.size, params_b=1.0 + place)) for place, arm in enumerate(grid.arms))
    found = trending(replace(ground, grids=(replace(grid, arms=sized),)), Trend(quantity="accuracy", way="grows"))
    assert "and 6 more" in found.numbers


def test_models_that_are_asked_other_questions_are_left_out_by_name():
    first = planted()
    other = make_ground(drawn(np.random.default_rng(1), 9, xl_direct=0.5, xl_rag=0.5))
    both = replace(first, grids=(*first.grids, *other.grids), cells={**first.cells, **other.cells})
    found = trending(both, Trend(quantity="uplift", way="shrinks", condition="rag"))
    assert found.n == N
    assert found.numbers.endswith("xl is asked other questions.")


def test_an_uplift_over_other_questions_is_none():
    rag = make_ground(drawn(np.random.default_rng(1), 9, s_rag=0.5, m_rag=0.5, l_rag=0.5))
    direct = make_ground(drawn(np.random.default_rng(1), 9, s_direct=0.5, m_direct=0.5, l_direct=0.5))
    both = replace(rag, grids=(*rag.grids, *direct.grids), cells={**rag.cells, **direct.cells})
    found = trending(both, Trend(quantity="uplift", way="shrinks", condition="rag"))
    assert found.why == "the questions that s answers directly are others"


def test_a_run_that_leaves_out_models_tells_no_trend():
    found = trending(planted(elsewhere=("xl:rag",)), Trend(quantity="uplift", way="shrinks", condition="rag"))
    assert (found.untested, found.why) == (True, "this run leaves out 1 of the models under rag")
    assert trending(planted(elsewhere=("s:oracle",)), Trend(quantity="gap", way="grows", condition="oracle")).untested


def test_a_model_left_out_that_is_asked_other_questions_is_not_missed():
    trend = Trend(quantity="uplift", way="shrinks", condition="rag")
    found = trending(planted(elsewhere=("xl:rag",), unlike=frozenset({"xl:rag"})), trend)
    assert found == trending(planted(), trend)


def test_a_task_of_a_data_set_left_out_is_untested():
    trend = Trend(quantity="accuracy", way="grows", task="of another set")
    found = trending(planted(elsewhere=("xl:rag",), unlike=frozenset({"xl:rag"})), trend)
    assert found.untested
    with pytest.raises(UnknownName):
        trending(planted(elsewhere=("xl:rag",)), trend)


def test_questions_in_one_cluster_have_no_line():
    ground = planted(clusters=np.zeros(N, dtype=int))
    assert trending(ground, Trend(quantity="accuracy", way="grows")).why.startswith("its questions come in one cluster")


def test_a_task_of_which_no_question_was_asked_is_no_mistake():
    ground = planted(tasks=["easy"] * N)
    found = trending(
        replace(ground, tasks=frozenset({"easy", "hard"})), Trend(quantity="gap", way="grows", task="hard")
    )
    assert found.why == "no question of the task hard was asked"


def test_mistakes_are_told():
    with pytest.raises(UnknownName, match=r"unknown condition 'ragg': did you mean 'rag'\?"):
        trending(planted(), Trend(quantity="uplift", way="grows", condition="ragg"))
    with pytest.raises(UnknownName, match="unknown task 'x'"):
        trending(planted(), Trend(quantity="gap", way="grows", task="x"))
    for condition in ("direct", None):
        with pytest.raises(HarnessError, match="the uplift of direct over itself is no claim"):
            trending(planted(), Trend(quantity="uplift", way="grows", condition=condition))
