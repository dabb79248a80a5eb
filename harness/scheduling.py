"""Which cases are answered together, and how they go to xdist's workers: whole units, never single items."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

import pytest
from xdist.scheduler import LoadScopeScheduling

from harness.records import Case

UNITS_PER_WORKER = 2
SMALLEST_UNIT = 8
NEARLY_DONE = 2
ALONE = "harness_alone"


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


def start_share(worker: str, workers: int) -> float:
    """How far into a shared unit a worker of that xdist id (gw0, gw1, ...) begins, in [0, 1)."""
    number = worker.removeprefix("gw")
    return int(number) % workers / workers if number.isdecimal() and workers > 0 else 0.0


class UnitScheduling(LoadScopeScheduling):  # type: ignore[misc]  # xdist ships no types
    """xdist's scheduling by scope, with the units of the study as scopes; other items go one by one.

    A worker that dies takes nobody else with it: what is left of its unit is given out case by case, after all whole
    units. `alone` collects the labels of such cases; only workers that start later, and are told of them (ALONE in
    their input), take them and answer each alone, so that what kills one of these is to blame.
    """

    def __init__(self, config: pytest.Config, log: Any, unit_of: Mapping[str, str], alone: set[str]) -> None:  # noqa: ANN401 - xdist's own
        """Schedule items of one unit to one worker."""
        super().__init__(config, log)
        self._unit_of = unit_of
        self._alone = alone
        self._split: set[str] = set()

    def _split_scope(self, nodeid: str) -> str:
        if nodeid in self._split:
            return nodeid
        return self._unit_of.get(self._label(nodeid) or "", nodeid)

    def _reschedule(self, node: Any) -> None:  # noqa: ANN401 - xdist's own
        """Give the worker more when it is almost done: it starts an item only when it holds the next one too."""
        if node.shutting_down or node not in self.registered_collections:
            return
        unit = self._next_for(node)
        while unit is not None and self._pending_of(self.assigned_work[node]) <= NEARLY_DONE:
            self.workqueue.move_to_end(unit, last=False)
            self._assign_work_unit(node)
            unit = self._next_for(node)
        if unit is None:
            node.shutdown()

    def _next_for(self, node: Any) -> str | None:  # noqa: ANN401 - xdist's own
        told = node.workerinput.get(ALONE, ())
        return next((unit for unit in self.workqueue if unit not in self._split or self._label(unit) in told), None)

    def _label(self, item: str) -> str | None:
        return label_in(item, self._unit_of)

    def add_node_collection(self, node: Any, collection: Sequence[str]) -> None:  # noqa: ANN401 - xdist's own
        """Take a worker's items; a late one that found other items is of no use, and would be waited for."""
        super().add_node_collection(node, collection)
        if node not in self.registered_collections:
            node.shutdown()

    def remove_node(self, node: Any) -> str | None:  # noqa: ANN401 - xdist's own
        """Take back what the worker had not finished; returns the item to blame for its death, if one is known."""
        left = [[item for item, done in unit.items() if not done] for unit in self.assigned_work.pop(node).values()]
        pending = [unit for unit in left if unit]
        if not pending:
            return None
        running, *untouched = pending
        for unit in untouched:
            self.workqueue[self._split_scope(unit[0])] = dict.fromkeys(unit, False)
        culprit = running[0] if len(running) == 1 else None
        if culprit is None:
            self._give_out_singly(running)
        for other in self.assigned_work:
            self._reschedule(other)
        return culprit

    def _give_out_singly(self, items: Sequence[str]) -> None:
        self._split.update(items)
        self._alone.update(label for item in items if (label := self._label(item)) is not None)
        self.workqueue.update({item: {item: False} for item in items})


def label_in(nodeid: str, labels: Collection[str]) -> str | None:
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
