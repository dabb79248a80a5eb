"""Which cases are answered together, and which weights must be loaded for them: the same in every process."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

from harness.records import Case, Cell

T = TypeVar("T")

UNITS_PER_WORKER = 4
SMALLEST_UNIT = 8
WHOLE_BATCH = 32
"""A unit that is answered as one batch of so many takes less per case than smaller ones; see `batching.CPU_ROWS`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Unit:
    """Cases of one cell that one process answers together.

    `weights` is the same for units that one loaded model can answer: the model's name, then the condition's own
    precision and adapter where it has them.
    """

    label: str
    weights: str


def units(cases: Sequence[Case], workers: int) -> Mapping[str, Unit]:
    """The unit of each case, by the case's label: a cell, or a shard of it; in linear time.

    The same cases and number of workers give the same units in every process. With one worker or none a unit is a
    whole cell. With more, a cell is cut that is larger than a worker's share of all cases / UNITS_PER_WORKER and than
    a whole batch, or than the share itself where that is less, so that no worker is left with a long last unit: into
    runs of its cases whose sizes differ by at most one, as many for each worker where that leaves none smaller than
    SMALLEST_UNIT, which still makes batches. No cases: no units.
    """
    cells: dict[str, list[Case]] = {}
    for case in cases:
        cells.setdefault(case.cell.label, []).append(case)
    largest = _largest(len(cases), workers)
    return {
        case.label: unit
        for members in cells.values()
        for case, unit in zip(members, _cut(members, _shards(len(members), largest, workers)), strict=True)
    }


def _largest(cases: int, workers: int) -> int:
    if workers <= 1:
        return max(1, cases)
    share = -(-cases // workers)
    return max(SMALLEST_UNIT, min(WHOLE_BATCH, share), -(-share // UNITS_PER_WORKER))


def _shards(size: int, largest: int, workers: int) -> int:
    """Into how many units a cell of `size` cases is cut."""
    needed = -(-size // largest)
    even = -(-needed // workers) * workers if needed > 1 else needed
    most = max(1, size // SMALLEST_UNIT)
    return even if even <= most else min(needed, most)


def _cut(members: Sequence[Case], shards: int) -> Iterable[Unit]:
    weights = weights_of(members[0].cell)
    made = [Unit(label=f"{members[0].cell.label}/{number}", weights=weights) for number in range(shards)]
    return (made[place * shards // len(members)] for place in range(len(members)))


def weights_of(cell: Cell) -> str:
    """What has to be loaded to answer the cell, as a name: two cells with the same name share one loaded model."""
    quantisation, adapter = cell.condition.quantisation or "", cell.condition.adapter
    own = quantisation if adapter is None else f"{quantisation}+{adapter}"
    return f"{cell.model.name}@{own}" if own else cell.model.name


def groups(cases: Iterable[Case], unit_of: Mapping[str, Unit]) -> list[list[Case]]:
    """The given cases, gathered by unit, in order.

    Raises:
        KeyError: a case has no unit.
    """
    gathered: dict[str, list[Case]] = {}
    for case in cases:
        gathered.setdefault(unit_of[case.label].label, []).append(case)
    return list(gathered.values())


def case_of(item: object) -> Case | None:
    """The case that a pytest item was made for; None for any other item."""
    found = getattr(getattr(item, "callspec", None), "params", {}).get("case")
    return found if isinstance(found, Case) else None


def gathered(items: Sequence[T]) -> list[T]:
    """The items with the cases of the same weights behind one another, the first seen first; other items stay put.

    A plugin that shuffles tests would have a model loaded anew for almost every case.
    """
    places: dict[str, list[T]] = {}
    for item in items:
        case = case_of(item)
        if case is not None:
            places.setdefault(weights_of(case.cell), []).append(item)
    ordered = iter([item for together in places.values() for item in together])
    return [item if case_of(item) is None else next(ordered) for item in items]


def label_in(nodeid: str, labels: Collection[str]) -> str | None:
    """The case label that is a node id's parameter part, or a run of its parameters; None where there is none.

    Parameters are joined by "-", which a label may hold as well; of several labels that fit, the longest is meant.
    """
    _, _, test = nodeid.partition("::")
    whole = test.partition("[")[2].removesuffix("]")
    if whole in labels:
        return whole
    parts = whole.split("-")
    lengths = range(len(parts) - 1, 0, -1)
    runs = ("-".join(parts[at : at + length]) for length in lengths for at in range(len(parts) - length + 1))
    return next((run for run in runs if run in labels), None)
