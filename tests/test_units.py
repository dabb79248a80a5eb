"""Units of cases: the laws by which every process cuts them the same way."""

from collections import Counter
from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.records import Case, Cell, Condition, ModelSpec, Question
from harness.units import (
    SMALLEST_UNIT,
    UNITS_PER_WORKER,
    WHOLE_BATCH,
    case_of,
    gathered,
    groups,
    label_in,
    units,
    weights_of,
)


def cell_of(label: str, model: str = "m", **condition) -> Cell:
    spec = ModelSpec(name=model, family="f", params_b=1.0, context_length=100)
    return Cell(model=spec, condition=Condition(name="direct", context="none", **condition), label=label)


def cases_of(*sizes: int) -> list[Case]:
    return [
        Case(cell=cell, question=Question(id=f"q{n}", text="?", answers=()), label=f"{cell.label}-q{n}")
        for cell, size in ((cell_of(f"c{place}"), size) for place, size in enumerate(sizes))
        for n in range(size)
    ]


studies = st.lists(st.integers(1, 90), max_size=6).map(lambda sizes: cases_of(*sizes))
workers = st.integers(0, 9)


@given(studies, workers)
def test_units_are_a_partition_that_keeps_cells_apart(cases, count):
    unit_of = units(cases, count)
    assert unit_of.keys() == {case.label for case in cases}
    assert len({(unit_of[case.label].label, case.cell.label) for case in cases}) == len(
        {unit.label for unit in unit_of.values()}
    )


@given(studies, workers)
def test_units_are_the_same_in_every_process(cases, count):
    assert dict(units(cases, count)) == dict(units(list(cases), count))


@given(studies, workers)
def test_a_unit_is_a_run_of_its_cell(cases, count):
    order = [units(cases, count)[case.label].label for case in cases]
    assert [label for n, label in enumerate(order) if n == 0 or order[n - 1] != label] == list(dict.fromkeys(order))


@given(studies, st.integers(2, 9))
def test_units_of_a_cell_differ_by_one_case_at_most(cases, count):
    sizes = Counter(unit.label for unit in units(cases, count).values())
    by_cell: dict[str, list[int]] = {}
    for label, size in sizes.items():
        by_cell.setdefault(label.partition("/")[0], []).append(size)
    assert all(max(found) - min(found) <= 1 for found in by_cell.values())


@given(studies, st.integers(2, 9))
def test_a_unit_is_smaller_than_the_smallest_only_where_its_cell_is(cases, count):
    cells = Counter(case.cell.label for case in cases)
    sizes = Counter(unit.label for unit in units(cases, count).values())
    assert all(size >= min(SMALLEST_UNIT, cells[label.partition("/")[0]]) for label, size in sizes.items())


@given(studies, st.integers(2, 9))
def test_no_unit_is_larger_than_a_workers_share(cases, count):
    share = -(-len(cases) // count)
    largest = max(min(share, WHOLE_BATCH), -(-share // UNITS_PER_WORKER), 2 * SMALLEST_UNIT - 1)
    sizes = Counter(unit.label for unit in units(cases, count).values())
    assert all(size <= largest for size in sizes.values())


@pytest.mark.parametrize("size", [40, 100, 200, 1000])
def test_a_cell_alone_is_cut_into_as_many_units_for_each_worker(size):
    sizes = Counter(unit.label for unit in units(cases_of(size), 2).values())
    assert len(sizes) % 2 == 0
    assert max(sizes.values()) - min(sizes.values()) <= 1


@given(studies, st.integers(0, 1))
def test_one_process_answers_whole_cells(cases, count):
    assert len({unit.label for unit in units(cases, count).values()}) == len({case.cell.label for case in cases})


def test_one_cell_is_shared_among_the_workers():
    assert Counter(Counter(unit.label for unit in units(cases_of(200), 2).values()).values()) == {25: 8}


@given(studies, workers, st.randoms(use_true_random=False))
def test_groups_hold_the_given_cases_once(cases, count, random):
    chosen = [case for case in cases if random.random() < 0.5]
    gathered = groups(chosen, units(cases, count))
    assert Counter(case.label for group in gathered for case in group) == Counter(case.label for case in chosen)


@given(studies, workers)
def test_a_group_is_a_unit(cases, count):
    unit_of = units(cases, count)
    gathered = [{unit_of[case.label].label for case in group} for group in groups(cases, unit_of)]
    assert gathered == [{label} for label in dict.fromkeys(unit.label for unit in unit_of.values())]


@pytest.mark.parametrize(
    ("condition", "expected"),
    [
        ({}, "m"),
        ({"quantisation": "4bit"}, "m@4bit"),
        ({"adapter": "law"}, "m@+law"),
        ({"quantisation": "4bit", "adapter": "law"}, "m@4bit+law"),
    ],
)
def test_weights_are_the_model_and_what_the_condition_changes(condition, expected):
    assert weights_of(cell_of("c", **condition)) == expected


def test_cells_that_share_weights_say_so():
    cases = cases_of(20, 20)
    assert {unit.weights for unit in units(cases, 2).values()} == {"m"}


words = st.from_regex(r"[a-z0-9.-]{0,8}", fullmatch=True)


@given(words, words)
def test_a_label_is_found_beside_other_parameters(before, after):
    label = "M-direct-Q1"
    for inside in (label, f"{before}-{label}", f"{label}-{after}", f"{before}-{label}-{after}"):
        assert label_in(f"t.py::test[{inside}]", {label}) == label


def test_the_longest_label_is_meant():
    assert label_in("t.py::test[a-b-c-d]", {"b", "b-c", "a"}) == "b-c"


@pytest.mark.parametrize("nodeid", ["t.py::test", "t.py::test[b-c]", "t.py", "t.py::test[]", "[a]/t.py::test"])
def test_no_label_in_other_items(nodeid):
    assert label_in(nodeid, {"a"}) is None


def test_a_folder_may_have_brackets():
    assert label_in("some[x]/t.py::test[a]", {"a", "x"}) == "a"


def test_an_item_knows_its_case():
    case = cases_of(1)[0]
    assert case_of(SimpleNamespace(callspec=SimpleNamespace(params={"case": case}))) is case


@pytest.mark.parametrize(
    "item", [SimpleNamespace(), SimpleNamespace(callspec=SimpleNamespace(params={"case": "a user's own"}))]
)
def test_other_items_have_no_case(item):
    assert case_of(item) is None


def item_of(case: Case | None) -> SimpleNamespace:
    return SimpleNamespace(callspec=SimpleNamespace(params={} if case is None else {"case": case}))


@given(st.lists(st.sampled_from(["a", "b", "c", None]), max_size=30))
def test_cases_of_one_model_are_gathered_and_nothing_else_moves(models):
    items = [
        item_of(None if model is None else Case(cell=cell_of("c", model), question=None, label=str(number)))
        for number, model in enumerate(models)
    ]
    ordered = gathered(items)
    assert [case_of(item) is None for item in ordered] == [model is None for model in models]
    assert [item for item in ordered if case_of(item) is None] == [item for item in items if case_of(item) is None]
    found = [(case_of(item).model, int(case_of(item).label)) for item in ordered if case_of(item)]
    first = {model: models.index(model) for model, _ in found}
    assert found == sorted(found, key=lambda entry: (first[entry[0]], entry[1]))
    assert len(found) == sum(model is not None for model in models)
