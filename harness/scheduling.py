"""How items go to xdist's workers: cases in whole units, to a worker that holds their weights.

xdist's worker starts an item only when it holds the next one or a shutdown. So a worker is given more before it is
down to its last item, and is shut down as soon as nothing is left for it.
"""

from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import groupby
from typing import Any

import pytest
from xdist.remote import Producer
from xdist.report import report_collection_diff

from harness.backlog import Backlog, Parcel
from harness.units import Unit, label_in

NEARLY_DONE = 2
CHUNKS_PER_WORKER = 4


@dataclass(slots=True, kw_only=True)
class Worker:
    """What is known of one worker: the items it holds unfinished, in the order sent, and the weights it ends up with.

    `past_cases` is one that has been sent items from behind the last case, so that no case may stand behind them.
    `waits` is one that was sent the first claim: it is sent neither more nor a shutdown, and so does not begin it,
    until it is the only worker and nothing else is left.
    """

    held: dict[int, None] = field(default_factory=dict)
    weights: str | None = None
    collected: bool = False
    past_cases: bool = False
    waits: bool = False


def worker_specs(config: pytest.Config) -> list[str]:
    """One execnet spec per worker that xdist is to start, from `--tx`, which `-n` sets: 2*popen is popen twice.

    xdist has a function of its own for this, under another name in 3.6 than in 3.8.
    """
    parts = [(text, *text.partition("*")) for text in config.getoption("tx")]
    found = ([spec] * int(times) if times.isdecimal() else [text] for text, times, _, spec in parts)
    return [spec for specs in found for spec in specs]


class CellScheduling:
    """xdist's Scheduling protocol, with the units of a study as what is handed out.

    A worker gets units of the weights it holds, then of weights that nobody works on, then helps where most is left
    per worker. Other items go in chunks, in their turn. Claims go to one worker, when all others have ended: what these
    answered and scored is then in the store.

    When a worker dies, what it had not finished is handed out again in units. Nobody is blamed when it was loading or
    answering: the store knows what was in flight. When it was not, the item that ran, the first unfinished one, is
    blamed: a case only if it happens twice, the second time in a unit of its own.

    Args:
        config: pytest's, in the controller.
        log: xdist's, or None.
        unit_of: the unit of every case, by label.
        was_answering: called once for every worker that dies after it was ready: whether it was loading or answering.
        claim_labels: the parameter that makes an item a claim.
    """

    def __init__(
        self,
        config: pytest.Config,
        log: Any,  # noqa: ANN401 - xdist's own
        unit_of: Mapping[str, Unit],
        was_answering: Callable[[Any], bool],
        claim_labels: Collection[str] = (),
    ) -> None:
        self.config = config
        self.log = Producer("cellsched") if log is None else log.cellsched
        self._unit_of = unit_of
        self._was_answering = was_answering
        self._claim_labels = claim_labels
        self._claims: set[int] = set()
        self._wanted = len(worker_specs(config))
        self._workers: dict[Any, Worker] = {}
        self._ids: list[str] = []
        self._collected: list[str] = []
        self._differing: dict[str, list[str]] = {}
        self._unit_at: list[Unit | None] | None = None
        self._last_case = -1
        self._backlog = Backlog()
        self._died_once: set[int] = set()
        self._given_up = False
        self._withdrawn = 0

    @property
    def nodes(self) -> list[Any]:
        """The workers that are ready and have neither finished nor died."""
        return list(self._workers)

    @property
    def collection_is_completed(self) -> bool:
        """Whether as many workers have collected as the run began with."""
        return len(self._collected) >= self._wanted

    @property
    def tests_finished(self) -> bool:
        """Whether xdist may shut everything down: all is handed out and no worker holds more than its last item.

        Also when something is left that nobody takes, because the workers that came last collected other items.
        """
        if not self.collection_is_completed:
            return False
        if self._backlog:
            return self._given_up
        if len(self._workers) > 1 and any(worker.waits for worker in self._workers.values()):
            return False
        return all(len(worker.held) < NEARLY_DONE for worker in self._workers.values())

    @property
    def has_pending(self) -> bool:
        """Whether some collected item is neither finished nor blamed; after the session: whether it was cut short."""
        if self._unit_at is None:
            return bool(self._ids) and not self.collection_is_completed
        return bool(self._backlog or self._withdrawn) or any(worker.held for worker in self._workers.values())

    def add_node(self, node: Any) -> None:  # noqa: ANN401 - xdist has no public types
        """Take in a worker that is ready to collect."""
        self._workers[node] = Worker()

    def add_node_collection(self, node: Any, collection: Sequence[str]) -> None:  # noqa: ANN401 - xdist has no public types
        """Take a worker's items: the first list is kept, the others are compared; a late one that differs goes home."""
        if node not in self._workers:  # it came while xdist was shutting down, and was told to
            return
        ids = list(collection)
        if not self._collected:
            self._ids = ids
        elif ids != self._ids:
            self._differing[node.gateway.id] = ids
            if self.collection_is_completed:
                self.log(f"{node.gateway.id} collected other tests than {self._collected[0]}, and is not used")
                node.shutdown()
                return
        self._collected.append(node.gateway.id)
        self._workers[node].collected = True

    def schedule(self) -> None:
        """Hand out what waits; at the first call after comparing what the workers collected."""
        if self._unit_at is None:
            if self._collections_differ():
                self.log("**Different tests collected, aborting run**")
                return
            self._unit_at = [self._unit_of.get(label_in(nodeid, self._unit_of) or "") for nodeid in self._ids]
            self._claims = set(self._claim_places(self._unit_at))
            self._fill(self._unit_at)
        self._feed(*self._workers)

    def _collections_differ(self) -> bool:
        for name, ids in self._differing.items():
            reason = report_collection_diff(self._ids, ids, self._collected[0], name)
            report = pytest.CollectReport(nodeid=name, outcome="failed", longrepr=reason, result=[])
            self.config.hook.pytest_collectreport(report=report)
        return bool(self._differing)

    def _claim_places(self, unit_at: Sequence[Unit | None]) -> list[int]:
        if not self._claim_labels:
            return []
        own = (place for place, unit in enumerate(unit_at) if unit is None)
        return [place for place in own if label_in(self._ids[place], self._claim_labels) is not None]

    def _fill(self, unit_at: Sequence[Unit | None]) -> None:
        gathered: dict[str, list[int]] = {}
        for (unit, _), run in groupby(range(len(unit_at)), key=lambda place: (unit_at[place], place in self._claims)):
            places = list(run)
            if unit is None:
                self._backlog.add(self._parcel(range(places[0], places[-1] + 1)))
            else:
                gathered.setdefault(unit.label, []).extend(places)
                self._last_case = places[-1]
        for places in gathered.values():
            self._backlog.add(self._parcel(places))

    def _parcel(self, places: Sequence[int]) -> Parcel:
        unit = self._unit(places[0])
        return Parcel(items=places, weights=None if unit is None else unit.weights, claims=places[0] in self._claims)

    def _unit(self, place: int) -> Unit | None:
        return None if self._unit_at is None else self._unit_at[place]

    def mark_test_complete(self, node: Any, item_index: int, duration: float = 0) -> None:  # noqa: ANN401, ARG002 - xdist's signature
        """Note that a worker finished an item, and give it more when it is nearly done."""
        del self._workers[node].held[item_index]
        self._feed(node)

    def mark_test_pending(self, item: str) -> None:
        """Queue an item once more, before what waits: a plugin runs a test again that a worker died in."""
        self._backlog.put_back(self._parcel([self._ids.index(item)]))

    def withdraw(self) -> None:
        """Take back from every worker what it has not begun, as the run is to stop: a unit may be hours of work."""
        for node, worker in self._workers.items():
            self._steal(node, worker)

    def _steal(self, node: Any, worker: Worker) -> None:  # noqa: ANN401 - xdist has no public types
        """A worker has its next item in hand beside the one it runs; it gives back all that is asked, or none."""
        waiting = list(worker.held)[NEARLY_DONE:]
        if waiting:
            with suppress(OSError):  # it is dead, and xdist is about to say so
                node.send_steal(waiting)

    def remove_pending_tests_from_node(self, node: Any, indices: Sequence[int]) -> None:  # noqa: ANN401 - xdist has no public types
        """Note what a worker gave back; when it was at one of them already, ask for what is left."""
        worker = self._workers.get(node)
        if worker is None:
            return
        for place in indices:
            del worker.held[place]
            self._withdrawn += 1
        if not indices:
            self._steal(node, worker)

    def remove_node(self, node: Any) -> str | None:  # noqa: ANN401 - xdist has no public types
        """Forget a worker that finished or died; what it had not finished is queued again, without what is blamed.

        No living worker has room for it now: each holds enough or is being shut down. One that waits with claims may
        be the last now, and begin.

        Returns:
            The item to blame for its death, or None.

        Raises:
            KeyError: the worker was never ready.
        """
        worker = self._workers.pop(node)
        culprit = None
        if worker.held or not hasattr(node, "workeroutput"):
            culprit = self._take_back(list(worker.held), answering=self._was_answering(node))
        self._feed(*(other for other, each in self._workers.items() if each.waits))
        return None if culprit is None else self._ids[culprit]

    def _take_back(self, unfinished: list[int], *, answering: bool) -> int | None:
        """Queue what a dead worker held; returns the item that is blamed, which is not queued."""
        culprit = None
        if unfinished and not answering:
            ran = unfinished.pop(0)
            if self._unit(ran) is None or ran in self._died_once:
                culprit = ran
            else:
                self._died_once.add(ran)
                self._backlog.add(self._parcel([ran]))
        runs = groupby(
            unfinished, key=lambda place: (self._unit(place), place > self._last_case, place in self._claims)
        )
        for parcel in reversed([self._parcel(list(places)) for _, places in runs]):
            self._backlog.put_back(parcel)
        return culprit

    def _feed(self, *nodes: Any) -> None:  # noqa: ANN401 - xdist has no public types
        """Give each worker that is nearly done a parcel, in turns, until all hold enough or nothing is left."""
        while nodes:
            nodes = tuple(node for node in nodes if self._give(node, self._workers[node]))
        if self._differing and self._backlog and not self._given_up:
            idle = all(node.shutting_down or worker.waits for node, worker in self._workers.items())
            self._given_up = idle and self._collections_differ()

    def _give(self, node: Any, worker: Worker) -> bool:  # noqa: ANN401 - xdist has no public types
        """Send one parcel to a worker that is nearly done, or shut it down; returns whether it was sent one."""
        if not worker.collected or node.shutting_down or len(worker.held) > NEARLY_DONE:
            return False
        if worker.waits and not self._claims_may_begin:
            return False
        parcel = self._backlog.take(self._weights_for(worker), self._chunk) or self._claims_for(worker)
        if parcel is None:
            node.shutdown()
            return False
        try:
            node.send_runtest_some(list(parcel.items))
        except OSError:  # it is dead, and xdist is about to say so
            self._backlog.put_back(parcel)
            return False
        worker.held.update(dict.fromkeys(parcel.items))
        worker.weights = parcel.weights or worker.weights
        worker.past_cases = worker.past_cases or parcel.items[0] > self._last_case
        worker.waits = worker.waits or parcel.claims
        return True

    @property
    def _claims_may_begin(self) -> bool:
        return len(self._workers) == 1 and not self._backlog.before_claims

    def _claims_for(self, worker: Worker) -> Parcel | None:
        """The first claim, for the worker that is to wait with it; all of them when it may begin."""
        if any(other.waits for other in self._workers.values() if other is not worker):
            return None
        return self._backlog.take_claims(len(self._ids) if worker.waits else 1)

    def _weights_for(self, worker: Worker) -> str | None:
        waiting = self._backlog.cases
        if worker.past_cases or not waiting:
            return None
        if worker.weights in waiting:
            return worker.weights
        at_work = Counter(other.weights for node, other in self._workers.items() if not node.shutting_down)
        return max(waiting, key=lambda weights: (not at_work[weights], waiting[weights] / (at_work[weights] + 1)))

    @property
    def _chunk(self) -> int:
        left, workers = self._backlog.others, len(self._workers)
        share = 1 if left <= NEARLY_DONE * workers else max(NEARLY_DONE, left // (CHUNKS_PER_WORKER * workers))
        return min(share, self.config.getoption("maxschedchunk") or share)


class StopEarly:
    """A plugin of the controller: at the last failure that --maxfail bears, workers give back what they have not begun.

    xdist itself lets each worker finish all that it was sent.
    """

    def __init__(self, scheduler: CellScheduling, most: int) -> None:
        """Stop the workers of `scheduler` at `most` failures, as xdist counts them."""
        self._scheduler = scheduler
        self._left = most

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Count a failure."""
        if report.failed:
            self._left -= 1
            if self._left == 0:
                self._scheduler.withdraw()
