"""Units of cases, and how they go to xdist's workers, dead ones too."""

from collections import Counter
from itertools import chain

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.records import Case, Cell, Condition, ModelSpec, Question
from harness.scheduling import ALONE, SMALLEST_UNIT, UnitScheduling, groups, label_in, start_share, units


def cases_of(*sizes: int) -> list[Case]:
    model = ModelSpec(name="m", family="f", params_b=1.0, context_length=100)
    cells = [
        Cell(model=model, condition=Condition(name="direct", context="none"), label=f"c{n}") for n in range(len(sizes))
    ]
    return [
        Case(cell=cell, question=Question(id=f"q{n}", text="?", answers=()), label=f"{cell.label}-q{n}")
        for cell, size in zip(cells, sizes, strict=True)
        for n in range(size)
    ]


studies = st.lists(st.integers(1, 60), max_size=6).map(lambda sizes: cases_of(*sizes))
workers = st.integers(0, 9)


@given(studies, workers)
def test_units_are_a_partition_that_keeps_cells_apart(cases, count):
    unit_of = units(cases, count)
    assert unit_of.keys() == {case.label for case in cases}
    assert len({(unit_of[case.label], case.cell.label) for case in cases}) == len(set(unit_of.values()))


@given(studies, workers)
def test_units_are_the_same_in_every_process(cases, count):
    assert dict(units(cases, count)) == dict(units(list(cases), count))


@given(studies, workers)
def test_only_the_last_unit_of_a_cell_may_be_small(cases, count):
    sizes = Counter(units(cases, count).values())
    last = {case.cell.label: units(cases, count)[case.label] for case in cases}
    assert all(size >= SMALLEST_UNIT or unit in last.values() for unit, size in sizes.items())


@given(studies)
def test_one_process_answers_whole_cells(cases):
    assert len(set(units(cases, 1).values())) == len({case.cell.label for case in cases})


def test_one_cell_is_shared_among_the_workers():
    assert len(set(units(cases_of(200), 4).values())) == 8


@given(studies, workers, st.randoms(use_true_random=False))
def test_groups_hold_the_given_cases_once(cases, count, random):
    chosen = [case for case in cases if random.random() < 0.5]
    gathered = groups(chosen, units(cases, count))
    assert Counter(case.label for group in gathered for case in group) == Counter(case.label for case in chosen)


@given(st.from_regex(r"[a-z0-9.-]{0,8}", fullmatch=True), st.from_regex(r"[a-z0-9.-]{0,8}", fullmatch=True))
def test_a_label_is_found_beside_other_parameters(before, after):
    label = "M-direct-Q1"
    for inside in (label, f"{before}-{label}", f"{label}-{after}"):
        assert label_in(f"t.py::test[{inside}]", {label}) == label


def test_no_label_in_other_items():
    assert label_in("t.py::test", {"a"}) is None
    assert label_in("t.py::test[b-c]", {"a"}) is None


@given(st.integers(0, 50), st.integers(1, 8))
def test_workers_begin_at_different_places(first, count):
    shares = {start_share(f"gw{first + number}", count) for number in range(count)}
    assert len(shares) == count
    assert all(0 <= share < 1 for share in shares)


def test_a_worker_of_another_name_begins_at_the_start():
    assert start_share("remote", 3) == 0.0


class Node:
    """A worker as xdist's schedulers see it."""

    def __init__(self, name: str, alone: tuple[str, ...] = ()) -> None:
        self.name = name
        self.gateway = type("Gateway", (), {"id": name})
        self.workerinput = {ALONE: alone}
        self.sent: list[int] = []
        self.shutting_down = False

    def send_runtest_some(self, indices: list[int]) -> None:
        self.sent.extend(indices)

    def shutdown(self) -> None:
        self.shutting_down = True


class Run:
    """A scheduler over two cells of three cases, with two workers that have begun."""

    def __init__(self, pytester: pytest.Pytester, *sizes: int, others: tuple[str, ...] = ()) -> None:
        config = pytester.parseconfig("--tx=2*popen")
        cases = cases_of(*sizes)
        self.ids = [f"t.py::test[{case.label}]" for case in cases] + list(others)
        self.alone: set[str] = set()
        self.scheduler = UnitScheduling(config, None, units(cases, 1), self.alone)
        self.nodes = [Node("gw0"), Node("gw1")]
        for node in self.nodes:
            self.scheduler.add_node(node)
        for node in self.nodes:
            self.scheduler.add_node_collection(node, self.ids)
        self.scheduler.schedule()

    def begin(self, node: Node, ids: list[str] | None = None) -> None:
        self.scheduler.add_node(node)
        self.scheduler.add_node_collection(node, self.ids if ids is None else ids)
        self.scheduler.schedule()

    def work(self, node: Node, *, until: str = "") -> list[str]:
        """Run what the worker was sent, up to and without `until`."""
        done = []
        while node.sent and self.ids[node.sent[0]] != until:
            index = node.sent.pop(0)
            done.append(self.ids[index])
            self.scheduler.mark_test_complete(node, index)
        return done


def test_a_unit_goes_to_one_worker(pytester):
    run = Run(pytester, 3, 3, 3)
    done = [run.work(node) for node in run.nodes]
    assert sorted(chain(*done)) == sorted(run.ids)
    assert all(len({name[: len("t.py::test[c0")] for name in ids}) * 3 == len(ids) for ids in done)


def test_other_items_go_one_by_one(pytester):
    run = Run(pytester, 3, others=("t.py::a", "t.py::b", "t.py::c"))
    done = [run.work(node) for node in run.nodes]
    assert sorted(chain(*done)) == sorted(run.ids)


def test_a_dead_workers_unit_is_given_out_case_by_case_and_nobody_is_blamed(pytester):
    run = Run(pytester, 3, 3)
    dead = run.nodes[0]
    assert run.scheduler.remove_node(dead) is None
    assert run.alone == {"c0-q0", "c0-q1", "c0-q2"}
    assert run.scheduler.has_pending


def test_a_case_that_kills_alone_is_blamed_and_not_run_again(pytester):
    run = Run(pytester, 3, 3)
    run.scheduler.remove_node(run.nodes[0])
    run.work(run.nodes[1])
    poison = run.ids[1]
    one = Node("gw2", tuple(sorted(run.alone)))
    run.begin(one)
    run.work(one, until=poison)
    assert run.scheduler.remove_node(one) == poison
    other = Node("gw3", tuple(sorted(run.alone)))
    run.begin(other)
    assert poison not in run.work(other)
    assert not run.scheduler.has_pending


def test_a_worker_that_answers_whole_units_is_given_none_of_the_single_cases(pytester):
    run = Run(pytester, 3, 3, 3)
    run.scheduler.remove_node(run.nodes[0])
    assert run.work(run.nodes[1]) == run.ids[3:]
    assert run.nodes[1].shutting_down
    told = Node("gw2", tuple(sorted(run.alone)))
    run.begin(told)
    assert run.work(told) == run.ids[:3]


def test_a_worker_that_died_before_it_began_leaves_nothing(pytester):
    run = Run(pytester, 3, 3)
    late = Node("gw2")
    run.scheduler.add_node(late)
    run.scheduler.schedule()
    assert run.scheduler.remove_node(late) is None


def test_two_deaths_at_once_do_not_stop_the_run(pytester):
    run = Run(pytester, 3, 3, 3, 3)
    for node in run.nodes:
        run.scheduler.remove_node(node)
    first, second = Node("gw2", tuple(run.alone)), Node("gw3", tuple(run.alone))
    run.scheduler.add_node(first)
    run.scheduler.add_node(second)
    run.scheduler.add_node_collection(first, run.ids)
    run.scheduler.schedule()
    assert sorted(run.work(first)) == sorted(run.ids)


def test_a_late_worker_with_other_items_is_sent_home(pytester):
    run = Run(pytester, 3, 3)
    run.scheduler.log = lambda *_: None
    late = Node("gw2")
    run.scheduler.remove_node(run.nodes[0])
    run.begin(late, ["t.py::other"])
    assert late.shutting_down
    assert late.sent == []
