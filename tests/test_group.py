"""Batches that wait, taken and put back."""

from types import SimpleNamespace

from hypothesis import given
from hypothesis import strategies as st

from harness.group import Group

sizes = st.lists(st.integers(1, 4), max_size=6)


def plans(sizes: list[int]) -> list[list[SimpleNamespace]]:
    return [[SimpleNamespace(key=f"{number}.{n}") for n in range(size)] for number, size in enumerate(sizes)]


@given(sizes, st.randoms(use_true_random=False))
def test_every_batch_is_taken_once_whatever_is_put_back(sizes, random):
    waiting = plans(sizes)
    group = Group(waiting)
    taken = []
    group.put_back([])
    while batch := group.take_first():
        if random.random() < 0.3:
            group.put_back(batch)
            group.put_back([])
        else:
            taken += batch
    assert sorted(plan.key for plan in taken) == sorted(plan.key for batch in waiting for plan in batch)
    assert group.left == 0


@given(sizes.filter(bool), st.data())
def test_a_key_brings_its_batch_once(sizes, data):
    waiting = plans(sizes)
    group = Group(waiting)
    batch = data.draw(st.sampled_from(waiting))
    key = data.draw(st.sampled_from(batch)).key
    assert group.take(key) == batch
    assert group.take(key) == []
    group.put_back(batch)
    assert group.take(key) == batch
    assert group.left == group.wanted - len(batch)
