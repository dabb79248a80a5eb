from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest

from harness.claims.ground import direct_name, ground_of, models_under, over_repeats, scores, spot_of, stick_of
from harness.claims.results import Undecided
from harness.errors import HarnessError, UnknownName
from tests.claims.grounds import exactly, make_ground
from tests.report.made_up_runs import make_cell, make_question, make_result


def study_of(results, **changes):
    fields = {
        "name": "made-up",
        "primary": "auto",
        "margin": 0.05,
        "seed": 0,
        "cases": [result.case for result in results],
        "datasets": {
            "made-up": SimpleNamespace(gamma=0.0, questions=[make_question(0), make_question(1, task="rare")])
        },
        "elsewhere": ("big:rag",),
        "unlike": frozenset(),
    }
    return SimpleNamespace(**{**fields, **changes})


def results_of(cell, outcomes, **changes):
    return [make_result(cell, make_question(n, **changes), outcome) for n, outcome in enumerate(outcomes)]


@pytest.fixture(scope="module")
def ground():
    results = [
        *results_of(make_cell("tiny"), ["correct", "wrong", "unparsed", "error"]),
        *results_of(make_cell("tiny", condition="rag"), ["correct", None, "correct", "correct"]),
        *results_of(make_cell("tiny", condition="oracle"), ["error"] * 4),
        *results_of(make_cell("apart", params_b=1.0), ["correct", "wrong"], dataset="other"),
    ]
    return ground_of(study_of(results), results)


def test_cells_are_counted(ground):
    asked = ground.cells["tiny:direct"]
    assert (asked.planned, asked.unasked, asked.failed) == (4, 0, 1)
    assert ground.cells["tiny:rag"].unasked == 1


def test_tasks_are_those_of_the_data_whether_asked_or_not(ground):
    assert ground.tasks == {"knowledge", "rare"}


def test_cells_of_other_data_stand_in_a_grid_of_their_own(ground):
    assert len(ground.grids) == 2
    assert spot_of(ground, "apart:direct").arm.model == "apart"
    assert spot_of(ground, "apart:direct").grid is not spot_of(ground, "tiny:direct").grid


def test_an_unread_answer_is_wrong_and_a_failed_call_is_not_counted(ground):
    spot = spot_of(ground, "tiny:direct")
    stick = stick_of(spot.grid, "correct")
    assert np.array_equal(scores(spot, stick), [1.0, 0.0, 0.0, np.nan], equal_nan=True)
    assert scores(spot, stick, "not right").tolist() == [1.0, 0.0, 0.0, 0.0]


def test_an_unread_answer_has_the_worst_score(ground):
    spot = spot_of(ground, "tiny:direct")
    assert scores(spot, stick_of(spot.grid, "value_accuracy"))[:3].tolist() == [1.0, 0.0, 0.0]


@pytest.mark.parametrize(
    ("name", "why", "untested"),
    [
        ("tiny:rag", "1 of the 4 cases of tiny:rag have no answer yet", False),
        ("tiny:oracle", "nothing can be said of tiny:oracle: none of its 4 cases has an answer", False),
        ("big:rag", "this run leaves out big:rag", True),
    ],
)
def test_a_cell_that_cannot_be_judged_says_why(ground, name, why, untested):
    with pytest.raises(Undecided) as caught:
        spot_of(ground, name)
    assert (caught.value.why, caught.value.untested) == (why, untested)


def test_an_unknown_cell_is_a_mistake(ground):
    with pytest.raises(UnknownName, match=r"unknown cell 'tiny:dirct': did you mean 'tiny:direct'\?"):
        spot_of(ground, "tiny:dirct")


def test_repeats_are_averaged_over_those_that_are_there():
    values = np.array([[1.0, np.nan, np.nan], [0.0, 1.0, np.nan]])
    assert np.array_equal(over_repeats(values), [0.5, 1.0, np.nan], equal_nan=True)


def test_models_under_a_condition_keep_their_order(ground):
    assert models_under(ground, "direct") == ("tiny", "apart")


def test_a_condition_that_the_run_leaves_out_is_no_mistake():
    ground = make_ground(exactly(3, s_direct=1), elsewhere=("s:rag",))
    with pytest.raises(Undecided, match="leaves out the condition rag"):
        models_under(ground, "rag")


def test_the_direct_condition_is_found_by_name_or_by_what_it_shows():
    assert direct_name(make_ground(exactly(3, s_direct=1, s_rag=1))) == "direct"
    assert direct_name(make_ground(exactly(3, s_rag=1))) == "rag"
    with pytest.raises(HarnessError, match=r"which condition is meant\? Name one of rag, oracle"):
        direct_name(make_ground(exactly(3, s_rag=1, s_oracle=1)))


def test_a_condition_without_passages_stands_for_direct():
    ground = make_ground(exactly(3, s_rag=1, s_oracle=1))
    (grid,) = ground.grids
    bare = replace(grid.arms[0], condition="rag", context="none")
    changed = replace(ground, grids=(replace(grid, arms=(bare, grid.arms[1])),))
    assert direct_name(changed) == "rag"
