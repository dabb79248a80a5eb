"""Planted case rows with the detail columns that the whole analysis reads beside them."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from harness.analysis.distributions import generator
from harness.analysis.frame import CaseTables
from harness.analysis.simulate import METRIC, Truth, simulate
from harness.records import Context

if TYPE_CHECKING:
    from pandas import DataFrame

WRONG_ANSWERS = 3  # different wrong answers to a question


def planted_tables(
    truth: Truth, seed: int, contexts: Mapping[str, Context], adapters: Mapping[str, str] | None = None
) -> CaseTables:
    """The planted cases as tables; right answers to a question agree, wrong ones are one of three.

    A condition named NAME@QUANTISATION has that precision and the context of NAME.

    Args:
        truth: what is planted.
        seed: of every draw.
        contexts: the context of each condition of the truth.
        adapters: the adapter of the conditions that have one.

    Raises:
        ValueError: as simulate, or a condition has no context.
    """
    cases = simulate(truth, seed)
    return CaseTables(
        results=(), cases=cases, details=planted_details(cases, seed, contexts, adapters or {}), reasons={}
    )


def planted_details(
    cases: "DataFrame", seed: int, contexts: Mapping[str, Context], adapters: Mapping[str, str]
) -> "DataFrame":
    """The detail columns of planted cases, on the same rows."""
    from pandas import DataFrame

    conditions = cases["condition"].astype("object")
    if unknown := sorted(set(conditions.unique()) - set(contexts)):
        raise ValueError(f"no context is given for condition {unknown[0]!r}")
    precisions = {name: name.partition("@")[2] or None for name in contexts}
    wrong = generator(seed, "wrong answers").integers(0, WRONG_ANSWERS, len(cases)).astype(np.str_)
    said = np.where(cases[METRIC] == 1, "right", np.char.add("wrong ", wrong)).astype(object)
    said[cases[METRIC].isna()] = None
    columns = {
        "context": conditions.map(dict(contexts)),
        "quantisation": conditions.map(precisions),
        "adapter": conditions.map(dict(adapters)),
        "question_hash": cases["question_id"],
        "answer": said,
        "scorer": METRIC,
    }
    texts = DataFrame(columns, index=cases.index).astype("string")
    return texts.assign(guess=0.0)
