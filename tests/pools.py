"""A pool of made-up workers around a scheduler: they follow xdist's rules, in any order of events, and may die."""

from collections import Counter, deque
from collections.abc import Callable, Mapping, Sequence
from random import Random
from types import SimpleNamespace

from harness.scheduling import CellScheduling
from harness.units import Unit

MOST_STEPS = 100_000


class Node:
    """A worker as the controller sees it, and what it does: it starts an item when the next or a shutdown is there."""

    def __init__(self, name: str) -> None:
        self.gateway = SimpleNamespace(id=name)
        self.shutting_down = False
        self.state = "new"
        self.known = False
        self.queue: deque[int] = deque()
        self.running: int | None = None
        self.ran: list[int] = []

    def send_runtest_some(self, indices: list[int]) -> None:
        assert type(indices) is list, "execnet sends lists only"
        assert self.state == "collected"
        assert not self.shutting_down
        self.queue.extend(indices)

    def shutdown(self) -> None:
        self.shutting_down = True

    @property
    def may_start(self) -> bool:
        return self.running is None and len(self.queue) > 1 - (self.shutting_down and self.state == "collected")

    def start(self) -> int:
        self.running = self.queue.popleft()
        self.ran.append(self.running)
        return self.running


class Hook:
    """pytest's hooks, as far as a scheduler calls them."""

    def __init__(self) -> None:
        self.reports: list[object] = []

    def pytest_collectreport(self, report: object) -> None:
        self.reports.append(report)


def config(workers: int, maxschedchunk: int | None = None) -> SimpleNamespace:
    options = {"tx": [f"{workers}*popen"], "maxschedchunk": maxschedchunk}
    return SimpleNamespace(hook=Hook(), getoption=options.__getitem__)


def ids_of(labels: Sequence[str]) -> list[str]:
    """Node ids: a label with a colon is a case's, any other an item of its own."""
    return [f"t.py::test[{label}]" if ":" in label else f"o.py::{label}" for label in labels]


def unit_map(labels: Sequence[str]) -> dict[str, Unit]:
    """Units of case labels, which read weights:unit:number."""
    return {
        label: Unit(label=label.rpartition(":")[0], weights=label.partition(":")[0]) for label in labels if ":" in label
    }


def grid(models: int, units: int, cases: int) -> list[str]:
    """Labels of so many models, units of each and cases of each unit."""
    return [f"m{m}:{u}:{c}" for m in range(models) for u in range(units) for c in range(cases)]


class Pool:
    """A session of xdist: what its controller does with each event, without processes.

    `kills` says for an item that starts how often it still kills its worker, `answering` whether the scheduler is told
    that it died while answering then. With `strays`, so many workers die at any moment, with anything told.
    """

    def __init__(self, labels: Sequence[str], workers: int, draw: Random, *, restarts: int | None = None) -> None:
        self.labels = list(labels)
        self.ids = ids_of(labels)
        self.draw = draw
        self.restarts = restarts
        self.kills: dict[int, int] = {}
        self.answering: Mapping[int, bool] = {}
        self.strays = 0
        self.somebody_collected = False
        self.config = config(workers)
        self.asked: Counter[str] = Counter()
        self.sched = CellScheduling(self.config, None, unit_map(labels), self._was_answering)
        self.sched.log = lambda *_: None
        self.nodes: list[Node] = []
        self.active: list[Node] = []
        self.shutting_down = False
        self.finished: Counter[int] = Counter()
        self.blamed: list[str] = []
        self.dead: list[Node] = []
        self._dying_of: int | None = None
        self._collects: Callable[[Node], list[str]] = lambda _: self.ids
        for _ in range(workers):
            self._begin()

    def _begin(self) -> None:
        node = Node(f"gw{len(self.nodes)}")
        self.nodes.append(node)
        self.active.append(node)

    def _was_answering(self, node: Node) -> bool:
        self.asked[node.gateway.id] += 1
        if self._dying_of is None:
            return self.draw.random() < 0.5
        return self.answering.get(self._dying_of, False)

    def run(self, collects: Callable[[Node], list[str]] | None = None) -> "Pool":
        """Until the session ends, in an order of events that is drawn; a deadlock fails."""
        self._collects = collects or self._collects
        for _ in range(MOST_STEPS):
            if self.shutting_down and not self.active:
                return self
            assert self.active, "xdist: unexpectedly no active workers available"
            steps = [(node, step) for node in self.active if (step := self._step_of(node)) is not None]
            assert steps, "deadlock"
            node, step = self.draw.choice(steps)
            if self.strays and self.draw.random() < 0.1:
                self.strays -= 1
                self._die(self.draw.choice(self.active))
            else:
                step(node)
        raise AssertionError("no end")

    def _step_of(self, node: Node) -> Callable[[Node], None] | None:
        if node.state == "new":
            return self._ready
        if node.running is not None:
            return self._end_item
        if node.may_start:
            return Node.start
        if node.state == "ready":
            return self._collect
        return self._end if node.shutting_down and not node.queue else None

    def _ready(self, node: Node) -> None:
        node.state = "ready"
        if self.shutting_down:
            node.shutdown()
        else:
            self.sched.add_node(node)
            node.known = True
        self._check()

    def _collect(self, node: Node) -> None:
        node.state = "collected"
        if not self.shutting_down:
            self.somebody_collected = True
            self.sched.add_node_collection(node, list(self._collects(node)))
            if self.sched.collection_is_completed:
                self.sched.schedule()
        self._check()

    def _end_item(self, node: Node) -> None:
        place = node.running
        assert place is not None
        if self.kills.get(place):
            self.kills[place] -= 1
            self._die(node, place)
            return
        node.running = None
        self.finished[place] += 1
        self.sched.mark_test_complete(node, place)
        self._check()

    def _end(self, node: Node) -> None:
        node.workeroutput = {}
        if node in self.sched.nodes:
            assert self.sched.remove_node(node) is None, "xdist asserts that who finishes blames nobody"
        self.active.remove(node)
        self._check()

    def _die(self, node: Node, of: int | None = None) -> None:
        self._dying_of = of
        self.dead.append(node)
        try:
            culprit = self.sched.remove_node(node)
        except KeyError:
            culprit = None
        if culprit:
            self.blamed.append(culprit)
        if self.restarts is not None and len(self.dead) > self.restarts:
            self._shut_down()
        else:
            self.shutting_down = False
            self._begin()
        self.active.remove(node)
        self._check()

    def _check(self) -> None:
        if self.sched.tests_finished:
            self._shut_down()

    def _shut_down(self) -> None:
        if not self.shutting_down:
            self.shutting_down = True
            for node in self.sched.nodes:
                node.shutdown()

    @property
    def starts(self) -> Counter[int]:
        """How often each item was started."""
        return Counter(place for node in self.nodes for place in node.ran)

    def loads(self) -> int:
        """How often a worker came upon a case of other weights than those it held, in the order it ran them."""
        found = 0
        for node in self.nodes:
            weights = [self.labels[place].partition(":")[0] for place in node.ran if ":" in self.labels[place]]
            found += sum(n == 0 or weights[n - 1] != name for n, name in enumerate(weights))
        return found
