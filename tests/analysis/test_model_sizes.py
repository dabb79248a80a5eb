"""Usable sizes, and the design of a line over them."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.analysis.model_sizes import ModelSize, design_of, size_of, usable

sizes = st.lists(st.one_of(st.none(), st.floats()), max_size=8)


def models(params_b: list[float | None], families: str = "") -> list[ModelSize]:
    return [
        ModelSize(model=f"m{place}", params_b=size, family=families[place] if families else None)
        for place, size in enumerate(params_b)
    ]


@given(sizes)
def test_every_model_has_a_size_above_zero_or_a_reason(params_b: list[float | None]) -> None:
    places, left_out = usable(models(params_b), "total")
    assert sorted([*places, *(int(name[1:]) for name, _ in left_out)]) == list(range(len(params_b)))
    assert all(0 < params_b[place] < float("inf") for place in places)
    assert all("\n" not in why for _, why in left_out)


@given(st.lists(st.floats(1e-3, 1e3), min_size=2, max_size=8, unique=True))
def test_a_design_has_its_centre_at_the_mean_and_full_rank(params_b: list[float]) -> None:
    design = design_of(models(params_b), "total")
    if not isinstance(design, str):
        assert np.sum(design.matrix[:, -1]) == pytest.approx(0, abs=1e-9)
        assert np.linalg.matrix_rank(design.matrix) == 2


def test_a_mixture_of_experts_counts_its_active_parameters_when_asked() -> None:
    experts = ModelSize(model="m", params_b=40.0, active_params_b=8.0)
    assert (size_of(experts, "total"), size_of(experts, "active")) == (40.0, 8.0)
    assert size_of(ModelSize(model="m", params_b=4.0), "active") == 4.0


def test_families_have_indicators_and_may_be_ignored() -> None:
    made = models([1.0, 2.0, 4.0, 1.0, 2.0, 4.0], "aaabbb")
    design = design_of(made, "total")
    assert design.intercepts == ("a", "b")
    assert design.matrix[:, :2].sum(axis=1).tolist() == [1.0] * 6
    assert design_of(made, "total", by_family=False).intercepts == ("all",)


def test_a_model_twice_and_an_unknown_kind_are_mistakes() -> None:
    with pytest.raises(ValueError, match="'m0' stands twice"):
        usable(models([1.0]) * 2, "total")
    with pytest.raises(ValueError, match="not 'both'"):
        usable(models([1.0]), "both")


@pytest.mark.parametrize(
    ("params_b", "why"), [([], "here 0"), ([1.0], "here 1"), ([2.0, 2.0], "all 2 models have the same size")]
)
def test_no_line_has_a_reason(params_b: list[float | None], why: str) -> None:
    assert why in design_of(models(params_b), "total")
