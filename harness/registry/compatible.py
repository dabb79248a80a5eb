"""The answers of an earlier recommender, kept so that its users can compare: nine models, measured figures only.

It never estimates memory and lets every model pass when it does not know the precision; `recommend` is the real one.
"""

import tomllib
from dataclasses import replace
from functools import cache
from importlib.resources import files
from typing import Any

from harness.records import ModelSpec
from harness.registry.catalog import find_model, load_catalog


def recommend_compatible(hardware: str, *, prefer_reasoning: bool = True) -> str:
    """The name of the model that the earlier recommender gave for a machine's name.

    The first suggested model that is good at reasoning, or simply the first; a machine it does not know gets one fixed
    model.
    """
    machines = {machine.name: machine for machine in load_catalog().hardware}
    if hardware not in machines:
        return str(_data()["unknown_hardware"])
    suggested = machines[hardware].suggested
    good = {model.name for model in compatible_models() if "reasoning" in model.capabilities or not prefer_reasoning}
    return next((name for name in suggested if name in good), suggested[0])


def list_compatible(
    *, max_memory_gb: float | None = None, quantisation: str = "fp16", min_context: int | None = None
) -> tuple[str, ...]:
    """Names of the nine models whose measured memory is at most `max_memory_gb` and context at least `min_context`.

    None sets no bound. A quantisation that it does not know bounds nothing: that is how it was.
    """
    return tuple(
        model.name
        for model in compatible_models()
        if (max_memory_gb is None or model.memory_gb.get(quantisation, 0.0) <= max_memory_gb)
        and (min_context is None or model.context_length >= min_context)
    )


@cache
def compatible_models() -> tuple[ModelSpec, ...]:
    """The nine models, in the old order and with the old context lengths and parameters."""
    catalog, data = load_catalog(), _data()
    models = (find_model(catalog, name) for name in data["order"])
    return tuple(
        replace(
            model,
            context_length=data["context_length"].get(model.name, model.context_length),
            params_b=data["params_b"].get(model.name, model.params_b),
        )
        for model in models
    )


@cache
def _data() -> dict[str, Any]:
    return tomllib.loads(files("harness.registry").joinpath("compatible.toml").read_text(encoding="utf-8"))
