"""A model's table, as TOML gives it, read into a ModelSpec with every key and type checked."""

import math
import re
from collections.abc import Callable, Mapping
from copy import deepcopy
from typing import Any

from harness.errors import StudyError, UnknownName
from harness.records import ModelSpec, Shape
from harness.registry.memory import WEIGHT_BYTES

LABEL = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+-]*")
ADAPTERS = ("ft", "rag-ft")
"""What a model's adapters can be called: trained on questions without passages, and with them."""
LABEL_RULE = "ASCII letters, digits and . _ + -, a letter or digit first"
# Stands for a window that neither the table nor a config.json tells: the shortest of the last generations' models.
ASSUMED_CONTEXT_LENGTH = 4096


class _UnfitError(ValueError):
    """A value of the wrong type; the text says what is allowed."""


def read_model(name: str, table: Mapping[str, object]) -> ModelSpec:
    """The model that `[models.NAME]` describes; keys are the fields of ModelSpec.

    Args:
        name: checked to be a label: it becomes part of case ids and file names.
        table: without `name`; missing keys take the defaults of ModelSpec, `params_b` None, `context_length`
            ASSUMED_CONTEXT_LENGTH.

    Raises:
        StudyError: an unknown key (with the nearest), a wrong type, or no weights named.
    """
    check_label(name)
    place = f"[models.{name}]"
    values = {key: _read(place, key, value, FIELDS) for key, value in table.items()}
    _check_weights(place, values)
    missing: dict[str, Any] = {
        "family": "user",
        "params_b": None,
        "context_length": ASSUMED_CONTEXT_LENGTH,
    }
    return ModelSpec(name=name, **(missing | values))


def check_label(name: str) -> None:
    """Refuse a model's name or alias that cannot be part of a case id.

    Raises:
        StudyError: it is empty or holds anything but LABEL_RULE.
    """
    if not LABEL.fullmatch(name):
        raise StudyError(f"model name {name!r} cannot be part of a case id: use {LABEL_RULE}")


def _check_weights(place: str, values: Mapping[str, object]) -> None:
    if ("package" in values) != ("package_file" in values):
        raise StudyError(f"{place}: package and package_file go together: name the pip requirement and the file in it")
    if values.get("provider", "transformers") == "transformers" and not values.keys() & {"path", "hub_id", "package"}:
        raise StudyError(f"{place} names no weights: add path, hub_id, or package with package_file; or a provider")


def _read(place: str, key: str, value: object, readers: Mapping[str, Callable[[object], object]]) -> Any:  # noqa: ANN401 - the fields' own types differ
    if key not in readers:
        raise StudyError(str(UnknownName(f"key of {place}", key, readers)))
    try:
        return readers[key](value)
    except _UnfitError as error:
        raise StudyError(f"{place}: {key} is {value!r}: it must be {error}") from None


def _text(value: object) -> str:
    if not isinstance(value, str) or not value.strip():
        raise _UnfitError("a non-empty text")
    return value


def _texts(value: object) -> tuple[str, ...]:
    if not isinstance(value, list | tuple) or not all(isinstance(item, str) and item.strip() for item in value):
        raise _UnfitError("a list of non-empty texts")
    return tuple(value)


def _aliases(value: object) -> tuple[str, ...]:
    names = _texts(value)
    if not all(LABEL.fullmatch(name) for name in names):
        raise _UnfitError(f"a list of names of {LABEL_RULE}")
    return names


def _positive(value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value < math.inf:
        raise _UnfitError("a number above 0")
    return float(value)


def _count(value: object) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or value < 1:
        raise _UnfitError("a whole number above 0")
    return value


def _switch(value: object) -> bool:
    if not isinstance(value, bool):
        raise _UnfitError("true or false")
    return value


def _memory(value: object) -> dict[str, float]:
    names = ", ".join(WEIGHT_BYTES)
    if not isinstance(value, Mapping) or not value.keys() <= WEIGHT_BYTES.keys():
        raise _UnfitError(f"a table of gigabytes by precision ({names})")
    try:
        return {key: _positive(figure) for key, figure in value.items()}
    except _UnfitError:
        raise _UnfitError(f"a table of numbers above 0 by precision ({names})") from None


def _options(value: object) -> dict[str, object]:
    if not isinstance(value, Mapping) or not all(isinstance(key, str) for key in value):
        raise _UnfitError("a table")
    return deepcopy(dict(value))


def _adapters(value: object) -> dict[str, str]:
    if not isinstance(value, Mapping) or not value.keys() <= set(ADAPTERS):
        raise _UnfitError(f"a table of folders by adapter ({', '.join(ADAPTERS)})")
    return {key: _text(folder) for key, folder in value.items()}


def _shape(value: object) -> Shape:
    keys = {*SHAPE_FIELDS, "tied_embeddings"}
    if not isinstance(value, Mapping) or not set(SHAPE_FIELDS) <= value.keys() <= keys:
        raise _UnfitError(f"a table of {', '.join(SHAPE_FIELDS)}, and optionally tied_embeddings")
    try:
        sizes = {key: _count(value[key]) for key in SHAPE_FIELDS}
        return Shape(**sizes, tied_embeddings=_switch(value.get("tied_embeddings", False)))
    except _UnfitError:
        raise _UnfitError("a table of whole numbers above 0, with tied_embeddings true or false") from None


SHAPE_FIELDS = (
    "layers",
    "hidden_size",
    "attention_heads",
    "kv_heads",
    "head_dim",
    "intermediate_size",
    "vocab_size",
)

FIELDS: Mapping[str, Callable[[object], object]] = {
    "family": _text,
    "params_b": _positive,
    "context_length": _count,
    "title": _text,
    "aliases": _aliases,
    "active_params_b": _positive,
    "params_source": _text,
    "params_estimated": _switch,
    "memory_gb": _memory,
    "shape": _shape,
    "batch_size": _count,
    "max_new_tokens": _count,
    "capabilities": lambda value: frozenset(_texts(value)),
    "provider": _text,
    "hub_id": _text,
    "revision": _text,
    "path": _text,
    "package": _text,
    "package_file": _text,
    "server_name": _text,
    "licence": _text,
    "options": _options,
    "adapters": _adapters,
}
