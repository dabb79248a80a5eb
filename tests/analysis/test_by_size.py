"""Effects and gaps against size: planted lines found, models without a size or a condition left out."""

import numpy as np
import pytest

from harness.analysis.by_size import effects_by_size, model_sizes, quantities_by_size
from harness.analysis.interaction import condition_effects
from harness.analysis.simulate import PlantedModel, Truth, simulate

SIZES = (0.5, 2.0, 8.0, 32.0)


def planted(**more: object):
    models = tuple(
        PlantedModel(
            name=f"m{size}",
            params_b=size,
            accuracy={"direct": 0.3 + 0.2 * np.log10(size / 0.5), "rag": 0.6},
            gap=0.2 - 0.1 * np.log10(size / 0.5),
            loss_nll=3 - np.log10(size / 0.5),
        )
        for size in SIZES
    )
    options = {"questions": 600, "shared": 0.5, "tasks": ("a", "b"), **more}
    return simulate(Truth(models=models, **options), 1)


def test_the_planted_lines_are_covered() -> None:
    (effect,) = effects_by_size(planted())
    assert effect.contrast.name == "2-1"
    assert effect.line.slope.low <= -0.2 <= effect.line.slope.high
    slopes = {(line.quantity, line.condition): line.line.slope for line in quantities_by_size(planted())}
    for key, value in {("accuracy", "direct"): 0.2, ("gap", "direct"): -0.1, ("loss", "direct"): -1.0}.items():
        assert slopes[key].low <= value <= slopes[key].high
    assert len(slopes) == 6


def test_the_points_of_the_line_are_the_effects_of_the_models() -> None:
    cases = planted()
    (line,) = effects_by_size(cases)
    effects = [found.difference.estimate for found in condition_effects(cases, seed=1)]
    assert line.line.uplifts == pytest.approx(effects)
    assert line.line.models == tuple(size.model for size in model_sizes(cases))


def test_a_model_without_the_condition_or_the_size_is_left_out() -> None:
    cases = planted()
    cases = cases[(cases["model"] != "m2.0") | (cases["condition"] == "direct")]
    cases.loc[cases["model"] == "m8.0", "params_b"] = np.nan
    (line,) = effects_by_size(cases)
    assert line.line.models == ("m0.5", "m32.0")
    assert [name for name, _ in line.line.left_out] == ["m8.0"]


def test_tasks_have_their_own_lines_and_a_quantity_without_values_has_none() -> None:
    cases = planted()
    cases["loss_nll"] = np.nan
    found = quantities_by_size(cases, by_task=True)
    assert {(line.quantity, line.condition, line.task) for line in found} == {
        (quantity, condition, task)
        for quantity in ("accuracy", "gap")
        for condition in ("direct", "rag")
        for task in ("a", "b")
    }
    assert {line.line.n for line in found} == {300}


def test_no_cases_give_no_lines() -> None:
    assert effects_by_size(planted()[:0]) == ()
    assert quantities_by_size(planted()[:0]) == ()
