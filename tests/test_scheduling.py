"""The scheduler's laws over a simulated pool: all that is collected is finished once or blamed, whatever dies when."""

import sys
from collections import Counter
from random import Random
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness import scheduling
from harness.scheduling import CellScheduling, StopEarly, worker_specs
from tests.pools import Node, Pool, config, grid, ids_of, unit_map

draws = st.integers(0, 2**32).map(Random)
pools = st.integers(1, 5)
chosen = st.sets(st.integers(0, 40), max_size=3)


@st.composite
def collections(draw: st.DrawFn) -> list[str]:
    """Labels of cases in units of several weights, with other items before, between and behind; or in any order."""
    shape = draw(st.lists(st.tuples(st.sampled_from("ABC"), st.integers(1, 9), st.booleans()), max_size=8))
    labels = [f"x{n}" for n in range(draw(st.integers(0, 9)))]
    for place, (weights, size, others) in enumerate(shape):
        labels += [f"{weights}:{place}:{n}" for n in range(size)]
        labels += [f"y{place}.{n}" for n in range(size * others)]
    return draw(st.permutations(labels)) if draw(st.booleans()) else labels


def settled(pool: Pool) -> Counter[str]:
    return Counter(pool.ids[place] for place in pool.finished.elements()) + Counter(pool.blamed)


@given(collections(), pools, draws)
def test_every_item_is_finished_once(labels, workers, draw):
    assert settled(Pool(labels, workers, draw).run()) == Counter(ids_of(labels))


@given(collections(), pools, draws, st.integers(1, 12))
def test_every_item_is_finished_or_blamed_once_whoever_dies_when(labels, workers, draw, deaths):
    pool = Pool(labels, workers, draw)
    pool.strays = deaths
    assert settled(pool.run()) == Counter(ids_of(labels))


@given(collections(), pools, draws, chosen, st.dictionaries(st.integers(0, 40), st.integers(1, 2), max_size=3))
def test_only_poison_is_blamed(labels, workers, draw, poison, deaths):
    pool = Pool(labels, workers, draw)
    poison &= set(range(len(labels)))
    # what kills and is no poison is a case that is being answered, until the store sees to it
    others = {place: times for place, times in deaths.items() if place < len(labels) and ":" in labels[place]}
    pool.answering = dict.fromkeys(others, True) | dict.fromkeys(poison, False)
    pool.kills = others | dict.fromkeys(poison, 9)
    pool.run()
    assert sorted(pool.blamed) == sorted(pool.ids[place] for place in poison)
    assert settled(pool) == Counter(pool.ids)


@given(collections(), pools, draws, chosen)
def test_poison_runs_twice_if_a_case_else_once(labels, workers, draw, poison):
    pool = Pool(labels, workers, draw)
    pool.kills = dict.fromkeys(poison & set(range(len(labels))), 9)
    starts = pool.run().starts
    assert starts == {place: 1 + (place in poison and ":" in label) for place, label in enumerate(labels)}


@given(collections(), pools, draws, st.integers(1, 12))
def test_an_item_is_started_again_only_when_a_worker_died_in_it(labels, workers, draw, deaths):
    pool = Pool(labels, workers, draw)
    pool.strays = deaths
    pool.run()
    died_in = Counter(node.running for node in pool.dead)
    assert all(times <= 1 + died_in[place] for place, times in pool.starts.items())


@given(collections(), pools, draws, st.integers(1, 12), st.none() | st.integers(0, 3))
def test_each_dead_worker_is_asked_about_once(labels, workers, draw, deaths, restarts):
    pool = Pool(labels, workers, draw, restarts=restarts)
    pool.strays = deaths
    pool.run()
    assert pool.asked == Counter(node.gateway.id for node in pool.dead if node.known)


@given(collections(), pools, draws, st.integers(1, 12), st.integers(0, 2))
def test_a_session_without_new_workers_ends_and_says_whether_it_was_cut_short(labels, workers, draw, deaths, restarts):
    pool = Pool(labels, workers, draw, restarts=restarts)
    pool.strays = deaths
    pool.run()
    assert pool.sched.has_pending == (settled(pool) != Counter(pool.ids) and pool.somebody_collected)


@given(collections(), pools, draws, st.dictionaries(st.integers(0, 40), st.integers(1, 2), max_size=3))
def test_late_workers_with_other_items_run_nothing_and_the_session_ends(labels, workers, draw, deaths):
    pool = Pool(labels, workers, draw)
    pool.kills = {place: times for place, times in deaths.items() if place < len(labels)}
    pool.answering = dict.fromkeys(pool.kills, True)
    pool.run(lambda node: ["other.py::test"] if node in pool.nodes[workers:] else pool.ids)
    assert not any(node.ran for node in pool.nodes[workers:])
    assert bool(pool.config.hook.reports) == pool.sched.has_pending == (settled(pool) != Counter(pool.ids))


@given(st.integers(1, 6), st.integers(1, 6), st.integers(1, 5), st.integers(1, 6), draws)
def test_loads_are_few_however_fast_each_worker_is(models, units, cases, workers, draw):
    pool = Pool(grid(models, units, cases), workers, draw).run()
    assert pool.loads() <= models + workers * (workers - 1) // 2


@given(draws)
def test_two_workers_load_once_more_than_there_are_models(draw):
    assert Pool(grid(5, 3, 10), 2, draw).run().loads() <= 6


@given(st.integers(1, 4), st.integers(1, 6), draws)
def test_no_worker_is_idle_while_there_are_units(models, workers, draw):
    pool = Pool(grid(models, workers, 4), workers, draw).run()
    assert all(node.ran for node in pool.nodes)


@given(st.integers(0, 9), st.integers(0, 4), st.integers(1, 5), st.integers(0, 9), draws)
def test_one_worker_keeps_the_order_of_the_collection(before, models, units, behind, draw):
    labels = [f"a{n}" for n in range(before)] + grid(models, units, 3) + [f"z{n}" for n in range(behind)]
    assert Pool(labels, 1, draw).run().nodes[0].ran == list(range(len(labels)))


@given(st.integers(1, 3), st.integers(1, 9), pools, draws, st.integers(1, 9))
def test_no_case_is_queued_behind_an_item_that_follows_the_cases(models, behind, workers, draw, deaths):
    labels = grid(models, 4, 3) + [f"z{n}" for n in range(behind)]
    pool = Pool(labels, workers, draw)
    pool.strays = deaths
    pool.run()
    assert all(node.ran.index(place) == n for node in pool.nodes for n, place in enumerate(_cases_first(node, labels)))


def _cases_first(node: Node, labels: list[str]) -> list[int]:
    return sorted(node.ran, key=lambda place: ":" not in labels[place])


def lines_run(size: int, others: int, draw: Random) -> list[int]:
    """Lines of the scheduler that run for each finished item of two workers, and comparisons of whole node ids."""
    counted = [0]

    class Id(str):
        __slots__ = ()
        __hash__ = str.__hash__

        def __eq__(self, other: object) -> bool:
            counted[0] += 1
            return str.__eq__(self, other)

    pool = Pool(grid(4, size, 8) + [f"z{n}" for n in range(others)], 2, draw)
    pool.ids = [Id(nodeid) for nodeid in pool.ids]
    real = pool.sched.mark_test_complete
    steps: list[int] = []

    def trace(frame: Any, event: str, _: object) -> Any:
        counted[0] += event == "line"
        return trace if frame.f_code.co_filename == scheduling.__file__ else None

    def measured(node: Node, place: int) -> None:
        counted[0] = 0
        before = sys.gettrace()
        sys.settrace(trace)
        try:
            real(node, place)
            assert pool.sched.tests_finished in {True, False}
        finally:
            sys.settrace(before)
        steps.append(counted[0])

    pool.sched.mark_test_complete = measured
    pool.run()
    return steps


@pytest.mark.parametrize("seed", range(3))
def test_a_finished_item_costs_the_same_in_a_collection_of_any_size(seed):
    small, large = (lines_run(*size, Random(seed)) for size in ((4, 100), (64, 1600)))  # noqa: S311 - an order of events
    assert max(large) <= max(small) + 5
    assert sum(large) / len(large) <= 1.1 * sum(small) / len(small)


@pytest.mark.parametrize(
    ("tx", "specs"),
    [
        (["popen", "popen"], ["popen", "popen"]),
        (["2*popen//chdir=a", "ssh=some*where"], ["popen//chdir=a", "popen//chdir=a", "ssh=some*where"]),
        ([], []),
    ],
)
def test_one_spec_for_each_worker(tx, specs):
    assert worker_specs(SimpleNamespace(getoption={"tx": tx}.__getitem__)) == specs


class Begun:
    """A scheduler and its workers that have collected; events one by one."""

    def __init__(self, labels: list[str], workers: int = 2, *, chunk: int | None = None) -> None:
        self.ids = ids_of(labels)
        self.weights = [label.partition(":")[0] for label in labels]
        self.answering = False
        self.config = config(workers, chunk)
        self.sched = CellScheduling(self.config, None, unit_map(labels), lambda _: self.answering)
        self.sched.log = lambda *_: None
        self.nodes = [Node(f"gw{n}") for n in range(workers)]
        for node in self.nodes:
            self.sched.add_node(node)
        for node in self.nodes:
            self.collect(node)
        self.sched.schedule()

    def collect(self, node: Node, ids: list[str] | None = None) -> None:
        node.state = "collected"
        self.sched.add_node_collection(node, self.ids if ids is None else ids)

    def join(self, ids: list[str] | None = None) -> Node:
        """A replacement."""
        node = Node(f"gw{len(self.nodes)}")
        self.nodes.append(node)
        self.sched.add_node(node)
        self.collect(node, ids)
        self.sched.schedule()
        return node

    def finish(self, node: Node, until: int | None = None) -> None:
        """Finish what the worker holds, up to and without an item."""
        while node.may_start and node.queue[0] != until:
            self.finish_one(node)

    def finish_one(self, node: Node) -> None:
        place, node.running = node.start(), None
        self.sched.mark_test_complete(node, place)


def test_a_unit_goes_to_one_worker():
    run = Begun(grid(2, 1, 4))
    assert [list(node.queue) for node in run.nodes] == [[0, 1, 2, 3], [4, 5, 6, 7]]


def test_cases_of_one_unit_go_together_wherever_they_were_collected():
    run = Begun(["a:0:0", "a:0:1", "b:0:0", "a:0:2"])
    assert [list(node.queue) for node in run.nodes] == [[0, 1, 3], [2]]


def test_weights_that_nobody_works_on_come_before_those_with_more_left():
    run = Begun([*grid(1, 4, 3), *(f"b:0:{n}" for n in range(3))])
    assert [list(node.queue) for node in run.nodes] == [[0, 1, 2], [12, 13, 14]]


def test_a_worker_helps_where_most_is_left_for_each():
    run = Begun([*(f"a:{n // 3}:{n % 3}" for n in range(15)), *(f"b:{n // 3}:{n % 3}" for n in range(12))], workers=4)
    assert [run.weights[node.queue[0]] for node in run.nodes] == ["a", "b", "a", "b"]


def test_a_worker_is_shut_down_before_it_waits_for_its_last_item():
    run = Begun(grid(1, 1, 3), workers=1)
    assert not run.nodes[0].shutting_down
    run.finish_one(run.nodes[0])
    assert run.nodes[0].shutting_down


def test_more_workers_than_items():
    run = Begun(["a:0:0", "b:0:0", "z"], workers=8)
    assert [list(node.queue) for node in run.nodes] == [[0], [1], [2], [], [], [], [], []]
    assert all(node.shutting_down for node in run.nodes)
    assert run.sched.tests_finished


def test_nothing_collected_is_a_finished_session():
    run = Begun([])
    assert run.sched.tests_finished
    assert not run.sched.has_pending


def test_few_other_items_are_spread():
    run = Begun([f"z{n}" for n in range(6)], workers=4)
    assert [len(node.queue) for node in run.nodes] == [2, 2, 1, 1]


def test_many_other_items_go_in_chunks_of_a_workers_quarter():
    run = Begun([f"z{n}" for n in range(80)], workers=2)
    assert [len(node.queue) for node in run.nodes] == [10, 8]


def test_a_chunk_is_no_larger_than_xdists_own_option_says():
    run = Begun([f"z{n}" for n in range(80)], workers=2, chunk=4)
    assert [len(node.queue) for node in run.nodes] == [4, 4]


def test_an_item_that_is_no_case_is_blamed_at_once():
    run = Begun([f"z{n}" for n in range(8)])
    assert run.sched.remove_node(run.nodes[0]) == run.ids[run.nodes[0].queue[0]]


def test_a_case_is_blamed_when_it_happens_twice():
    run = Begun(grid(2, 1, 4))
    run.finish(run.nodes[0], until=1)
    assert run.sched.remove_node(run.nodes[0]) is None
    again = run.join()
    run.finish(again, until=1)
    assert list(again.queue) == [1]
    assert run.sched.remove_node(again) == run.ids[1]


def test_who_dies_answering_blames_nobody_however_often():
    run = Begun(grid(1, 1, 4), workers=1)
    run.answering = True
    for _ in range(3):
        assert run.sched.remove_node(run.nodes[-1]) is None
        assert list(run.join().queue) == [0, 1, 2, 3]


def test_what_a_dead_worker_held_comes_before_what_waits():
    run = Begun(grid(1, 4, 4), workers=1)
    run.answering = True
    run.sched.remove_node(run.nodes[0])
    assert list(run.join().queue) == [0, 1, 2, 3]


def test_what_a_dead_worker_held_keeps_its_order():
    run = Begun(grid(1, 4, 2), workers=1)
    run.answering = True
    held = list(run.nodes[0].queue)
    run.sched.remove_node(run.nodes[0])
    assert held == [0, 1, 2, 3]
    assert list(run.join().queue) == held


def test_items_from_before_and_behind_the_cases_are_handed_out_apart_after_a_death():
    run = Begun(["x", *grid(1, 1, 3), "y", "z"])
    assert [list(node.queue) for node in run.nodes] == [[0, 4, 5], [1, 2, 3]]
    run.answering = True
    for node in reversed(run.nodes):
        run.sched.remove_node(node)
    assert list(run.join().queue) == [0, 1, 2, 3]


def test_the_unit_of_a_dead_worker_waits_for_another_where_all_are_being_shut_down():
    run = Begun(grid(2, 1, 3))
    run.answering = True
    run.finish_one(run.nodes[1])
    assert run.nodes[1].shutting_down
    run.sched.remove_node(run.nodes[0])
    assert not run.sched.tests_finished
    assert list(run.join().queue) == [0, 1, 2]


def test_workers_that_collected_other_items_at_the_start_run_nothing():
    sched = CellScheduling(config(2), None, {}, lambda _: False)
    sched.log = lambda *_: None
    nodes = [Node("gw0"), Node("gw1")]
    for node, ids in zip(nodes, (["a.py::test"], ["b.py::test"]), strict=True):
        sched.add_node(node)
        sched.add_node_collection(node, ids)
    sched.schedule()
    (report,) = sched.config.hook.reports
    assert "Different tests were collected between gw0 and gw1" in report.longrepr
    assert not nodes[0].queue
    assert sched.tests_finished


def test_a_late_worker_with_other_items_is_sent_home():
    run = Begun(grid(2, 2, 4))
    run.answering = True
    run.sched.remove_node(run.nodes[0])
    assert run.join(["other.py::test"]).shutting_down
    assert not run.config.hook.reports
    assert not run.sched.tests_finished


def test_when_only_such_a_worker_came_the_session_ends_and_says_why():
    run = Begun(grid(1, 1, 4), workers=1)
    run.answering = True
    run.sched.remove_node(run.nodes[0])
    run.join(["other.py::test"])
    assert run.sched.tests_finished
    assert run.sched.has_pending
    assert len(run.config.hook.reports) == 1


def test_a_worker_that_cannot_be_reached_is_sent_nothing_until_its_death_is_told():
    run = Begun(grid(1, 3, 4), workers=1)

    def broken(_: list[int]) -> None:
        raise OSError("cannot send (already closed?)")

    run.nodes[0].send_runtest_some = broken
    run.finish(run.nodes[0])
    assert not run.sched.tests_finished
    assert run.sched.remove_node(run.nodes[0]) is None
    again = run.join()
    run.finish(again)
    assert not run.sched.has_pending


def test_a_worker_that_was_never_ready_is_unknown():
    with pytest.raises(KeyError):
        Begun(grid(1, 1, 4)).sched.remove_node(Node("gw9"))


def test_a_worker_that_came_while_xdist_was_shutting_down_is_let_go():
    run = Begun(grid(1, 1, 4))
    late = Node("gw2")
    run.sched.add_node_collection(late, run.ids)
    run.sched.schedule()
    assert not late.queue


def test_a_worker_that_died_before_it_collected_is_waited_for():
    sched = CellScheduling(config(2), None, {}, lambda _: False)
    first, dead = Node("gw0"), Node("gw1")
    for node in (first, dead):
        sched.add_node(node)
    assert not sched.has_pending
    sched.add_node_collection(first, ["a.py::test"])
    assert sched.remove_node(dead) is None
    assert not sched.collection_is_completed
    assert not sched.tests_finished
    assert sched.has_pending


def test_a_worker_that_died_after_it_collected_is_not_waited_for():
    sched = CellScheduling(config(2), None, {}, lambda _: False)
    dead, other = Node("gw0"), Node("gw1")
    for node in (dead, other):
        sched.add_node(node)
        node.state = "collected"
    sched.add_node_collection(dead, ["a.py::test"])
    assert sched.remove_node(dead) is None
    sched.add_node_collection(other, ["a.py::test"])
    sched.schedule()
    assert list(other.queue) == [0]


def test_a_blamed_item_that_a_plugin_wants_again_is_handed_out_again():
    run = Begun([f"z{n}" for n in range(4)], workers=1)
    culprit = run.sched.remove_node(run.nodes[0])
    run.sched.mark_test_pending(culprit)
    assert run.join().queue[0] == 0


def test_only_one_list_of_the_collection_is_kept():
    run = Begun(grid(4, 4, 4), workers=4)
    lists = [value for value in vars(run.sched).values() if isinstance(value, list) and value == run.ids]
    assert len(lists) == 1
    assert not run.sched._differing


def test_what_is_withdrawn_is_neither_run_nor_given_out_again():
    pool = Pool(grid(1, 2, 8), 2, Random(1))  # noqa: S311 - orders, not secrets
    steals = {}
    for node in pool.active:
        node.send_steal = lambda places, node=node: steals.setdefault(node, []).append(places)
        pool._ready(node)
    for node in pool.active:
        pool._collect(node)
    pool.sched.withdraw()
    for node, (places,) in steals.items():
        assert places == list(pool.sched._workers[node].held)[2:]
        pool.sched.remove_pending_tests_from_node(node, [])
        assert steals[node][1] == places, "it was at one of them, and is asked for the rest again"
        pool.sched.remove_pending_tests_from_node(node, places)
        assert len(pool.sched._workers[node].held) == 2
    assert len(steals) == 2
    assert pool.sched.has_pending
    pool.sched.remove_pending_tests_from_node(object(), [])


def test_failures_are_counted_to_the_last_that_is_borne():
    stopped = []
    stop = StopEarly(SimpleNamespace(withdraw=lambda: stopped.append(1)), 2)
    for failed in (True, False, True, True):
        stop.pytest_runtest_logreport(SimpleNamespace(failed=failed))
    assert stopped == [1]
