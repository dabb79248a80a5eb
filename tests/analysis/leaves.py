"""Every leaf of a result, for tests of what must hold of all of them."""

from collections.abc import Iterator, Mapping
from dataclasses import fields, is_dataclass
from math import isfinite

import numpy as np

UNBOUNDED = {"ccg"}  # documented as infinite where the accuracy slope is flat


def walk(value: object, path: str = "") -> Iterator[tuple[str, object]]:
    """Every leaf of a result with its path; arrays count as one leaf."""
    if is_dataclass(value) and not isinstance(value, type):
        for field in fields(value):
            yield from walk(getattr(value, field.name), f"{path}.{field.name}")
    elif isinstance(value, tuple | list):
        for place, part in enumerate(value):
            yield from walk(part, f"{path}[{place}]")
    elif isinstance(value, Mapping):
        for name, part in value.items():
            yield from walk(part, f"{path}[{name!r}]")
    else:
        yield path, value


def not_numbers(value: object) -> list[str]:
    """The paths of the floats that are no finite number, but for the fields that say so."""
    bad = []
    for path, leaf in walk(value):
        numbers = leaf.ravel().tolist() if isinstance(leaf, np.ndarray) else [leaf]
        odd = [one for one in numbers if isinstance(one, float) and not isfinite(one)]
        if odd and path.rpartition(".")[2] not in UNBOUNDED:
            bad.append(f"{path} = {odd[0]}")
    return bad
