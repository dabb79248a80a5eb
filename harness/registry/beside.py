"""What the config.json beside a model's weights tells about it."""

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from harness.errors import DataError
from harness.records import ModelSpec
from harness.registry.memory import count_params, shape_from_config


def complete_from_config(model: ModelSpec, stated: frozenset[str]) -> ModelSpec:
    """The model with the sizes that its table leaves out, where a config.json lies beside its weights.

    `stated` names the fields that the table gives; they are never replaced. A config of another kind of network, or
    none at all, leaves the sizes unknown.

    Raises:
        DataError: the config.json cannot be read as a JSON object.
    """
    if model.path is None or {"params_b", "context_length", "shape"} <= stated:
        return model
    config = read_config(Path(model.path))
    if config is None:
        return model
    if "shape" not in stated:
        model = _with_shape(model, config)
    if "params_b" not in stated and model.shape is not None:
        size = count_params(model.shape) / 1e9
        model = replace(model, params_b=size, params_source="counted from config.json", params_estimated=True)
    window = _window(config)
    return model if "context_length" in stated or window is None else replace(model, context_length=window)


def read_config(path: Path) -> Mapping[str, object] | None:
    """The config.json in a folder of weights, or beside a file of weights; None where there is none.

    Raises:
        DataError: it is not a JSON object.
    """
    file = (path.parent if path.suffix == ".gguf" else path) / "config.json"
    if not file.is_file():
        return None
    try:
        config = json.loads(file.read_bytes())
    except (OSError, ValueError) as error:
        raise DataError(f"{file} cannot be read as JSON ({error}): mend it or copy it again") from None
    if not isinstance(config, dict):
        raise DataError(f"{file} holds no JSON object: mend it or copy it again")
    return config


def _with_shape(model: ModelSpec, config: Mapping[str, object]) -> ModelSpec:
    try:
        return replace(model, shape=shape_from_config(config))
    except DataError:
        return model


def _window(config: Mapping[str, object]) -> int | None:
    part = config.get("text_config")
    value = (part if isinstance(part, Mapping) else config).get("max_position_embeddings")
    return value if isinstance(value, int) and not isinstance(value, bool) and value > 0 else None
