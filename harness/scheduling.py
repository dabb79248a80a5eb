"""Which cases are answered together, and how they go to xdist's workers: whole units, never single items."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import pytest
from xdist.scheduler import LoadScopeScheduling

from harness.records import Case

UNITS_PER_WORKER = 2
SMALLEST_UNIT = 8


def units(cases: Sequence[Case], workers: int) -> Mapping[str, str]:
    """The unit of each case, by label: a cell, or a shard of it when there are too few cells for the workers.

    The same cases and number of workers give the same units in every process. A shard holds at least SMALLEST_UNIT
    cases, so that it still makes batches.
    """
    cells: dict[str, list[Case]] = {}
    for case in cases:
        cells.setdefault(case.cell.label, []).append(case)
    shards = 1 if workers <= 1 or not cells else max(1, -(-workers * UNITS_PER_WORKER // len(cells)))
    found: dict[str, str] = {}
    for label, members in cells.items():
        size = max(SMALLEST_UNIT, -(-len(members) // shards))
        found |= {case.label: f"{label}/{index // size}" for index, case in enumerate(members)}
    return found


def groups(cases: Iterable[Case], unit_of: Mapping[str, str]) -> list[list[Case]]:
    """The given cases, gathered by unit, in order."""
    gathered: dict[str, list[Case]] = {}
    for case in cases:
        gathered.setdefault(unit_of[case.label], []).append(case)
    return list(gathered.values())


def case_of(item: pytest.Item) -> Case | None:
    """The case that an item was made for."""
    found = getattr(getattr(item, "callspec", None), "params", {}).get("case")
    return found if isinstance(found, Case) else None


class UnitScheduling(LoadScopeScheduling):  # type: ignore[misc]  # xdist ships no types
    """xdist's scheduling by scope, with the units of the study as scopes; other items go one by one."""

    def __init__(self, config: pytest.Config, log: Any, unit_of: Mapping[str, str]) -> None:  # noqa: ANN401 - xdist's own
        """Schedule items of one unit to one worker."""
        super().__init__(config, log)
        self._unit_of = unit_of

    def _split_scope(self, nodeid: str) -> str:
        return self._unit_of.get(label_in(nodeid, self._unit_of) or "", nodeid)


def label_in(nodeid: str, labels: Mapping[str, str]) -> str | None:
    """The case label that a node id's parameter part is, starts with or ends with; None where there is none."""
    _, bracket, rest = nodeid.partition("[")
    if not bracket:
        return None
    whole = rest.removesuffix("]")
    if whole in labels:
        return whole
    parts = whole.split("-")
    tails = ("-".join(parts[start:]) for start in range(1, len(parts)))
    heads = ("-".join(parts[:end]) for end in range(len(parts) - 1, 0, -1))
    return next((part for part in (*tails, *heads) if part in labels), None)
