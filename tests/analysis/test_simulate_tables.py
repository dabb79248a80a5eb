"""Planted cases as tables: their details fit their rows, and answers agree exactly where they are right."""

import pytest

from harness.analysis.simulate import METRIC, Missing, PlantedModel, Truth
from harness.analysis.simulate_tables import planted_tables

ACCURACY = {"direct": 0.5, "rag@4bit": 0.7}
CONTEXTS = {"direct": "none", "rag@4bit": "retrieved"}


def made(seed: int = 1):
    model = PlantedModel(name="m", params_b=1.0, accuracy=ACCURACY)
    truth = Truth(models=(model,), questions=200, missing=Missing(error=0.1))
    return planted_tables(truth, seed, CONTEXTS, {"direct": "x"})


def test_details_stand_on_the_rows_of_the_cases() -> None:
    tables = made()
    assert tables.details.index.equals(tables.cases.index)
    rag = tables.cases["condition"] == "rag@4bit"
    assert set(tables.details.loc[rag, "quantisation"]) == {"4bit"}
    assert set(tables.details.loc[~rag, "adapter"]) == {"x"}
    assert set(tables.details.loc[rag, "context"]) == {"retrieved"}


def test_right_answers_agree_wrong_ones_are_one_of_three_and_failures_have_none() -> None:
    tables = made()
    said, score = tables.details["answer"], tables.cases[METRIC]
    assert set(said[score == 1]) == {"right"}
    assert set(said[score == 0]) == {"wrong 0", "wrong 1", "wrong 2"}
    assert said[score.isna()].isna().all()


def test_the_same_seed_gives_the_same_answers() -> None:
    assert made().details.equals(made().details)
    assert not made().details["answer"].equals(made(2).details["answer"])


def test_a_condition_without_a_context_is_a_mistake() -> None:
    model = PlantedModel(name="m", params_b=1.0, accuracy={"odd": 0.5})
    with pytest.raises(ValueError, match="no context is given for condition 'odd'"):
        planted_tables(Truth(models=(model,), questions=3), 1, CONTEXTS)
