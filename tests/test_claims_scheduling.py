"""Claims among a pool's items: one worker runs them, last of all, whatever dies when; nothing waits for ever."""

from collections import Counter
from random import Random

from hypothesis import given
from hypothesis import strategies as st

from tests.pools import Pool, grid, ids_of

draws = st.integers(0, 2**32).map(Random)
pools = st.integers(1, 5)
LABELS = ("k0", "k1", "k2", "k3")


@st.composite
def collections(draw: st.DrawFn) -> list[str]:
    """Cases of some models, with other items before and behind, then one claim or more."""
    models, units, cases = (draw(st.integers(0, 4)) for _ in range(3))
    before, behind = ([f"{name}{n}" for n in range(draw(st.integers(0, 5)))] for name in "xz")
    return [*before, *grid(models, units, cases), *behind, *LABELS[: draw(st.integers(1, 4))]]


def pool_of(labels: list[str], workers: int, draw: Random, *, restarts: int | None = None) -> Pool:
    pool = Pool(labels, workers, draw, restarts=restarts)
    pool.ids = [
        f"c.py::test[{label}]" if label in LABELS else name for label, name in zip(labels, ids_of(labels), strict=True)
    ]
    pool.sched._claim_labels = LABELS
    return pool


def settled(pool: Pool) -> Counter[str]:
    return Counter(pool.ids[place] for place in pool.finished.elements()) + Counter(pool.blamed)


def begins(pool: Pool) -> list[bool]:
    """For each claim that ends, whether all other items had ended, filled while the pool runs."""
    seen: list[bool] = []
    others = sum(label not in LABELS for label in pool.labels)
    mark = pool.sched.mark_test_complete

    def complete(node, place):
        mark(node, place)
        if pool.labels[place] in LABELS:
            done = sum(pool.labels[other] not in LABELS for other in pool.finished)
            seen.append(done + len(set(pool.blamed)) >= others)

    pool.sched.mark_test_complete = complete
    return seen


@given(collections(), pools, draws)
def test_every_item_is_finished_once(labels, workers, draw):
    assert settled(pool_of(labels, workers, draw).run()) == Counter(_ids(labels))


@given(collections(), pools, draws)
def test_claims_run_on_one_worker_when_all_others_have_ended(labels, workers, draw):
    pool = pool_of(labels, workers, draw).run()
    runners = [node for node in pool.nodes if any(labels[place] in LABELS for place in node.ran)]
    assert len(runners) == 1
    claims = [place for place in runners[0].ran if labels[place] in LABELS]
    assert claims == runners[0].ran[-len(claims) :] == sorted(claims)


@given(collections(), pools, draws)
def test_no_claim_ends_before_anything_else_has(labels, workers, draw):
    pool = pool_of(labels, workers, draw)
    seen = begins(pool)
    pool.run()
    assert seen
    assert all(seen)


@given(collections(), pools, draws, st.integers(1, 12))
def test_every_item_is_finished_or_blamed_once_whoever_dies_when(labels, workers, draw, deaths):
    pool = pool_of(labels, workers, draw)
    pool.strays = deaths
    assert settled(pool.run()) == Counter(_ids(labels))


@given(collections(), pools, draws, st.dictionaries(st.integers(0, 40), st.integers(1, 3), max_size=4))
def test_no_claim_ends_before_what_a_dead_worker_held(labels, workers, draw, deaths):
    pool = pool_of(labels, workers, draw)
    pool.kills = {place: times for place, times in deaths.items() if place < len(labels) and ":" in labels[place]}
    pool.answering = dict.fromkeys(pool.kills, True)
    seen = begins(pool)
    pool.run()
    assert all(seen)


@given(collections(), pools, draws, st.integers(1, 12), st.integers(0, 2))
def test_a_session_without_new_workers_ends(labels, workers, draw, deaths, restarts):
    pool = pool_of(labels, workers, draw, restarts=restarts)
    pool.strays = deaths
    pool.run()
    assert pool.sched.has_pending == (settled(pool) != Counter(pool.ids) and pool.somebody_collected)


@given(collections(), pools, draws, st.dictionaries(st.integers(0, 40), st.integers(1, 2), max_size=3))
def test_a_session_whose_late_workers_collect_other_items_ends(labels, workers, draw, deaths):
    pool = pool_of(labels, workers, draw)
    pool.kills = {place: times for place, times in deaths.items() if place < len(labels)}
    pool.answering = dict.fromkeys(pool.kills, True)
    pool.run(lambda node: ["other.py::test"] if node in pool.nodes[workers:] else pool.ids)
    assert not any(node.ran for node in pool.nodes[workers:])


@given(st.integers(0, 9), st.integers(0, 4), st.integers(1, 5), draws)
def test_one_worker_keeps_the_order_of_the_collection(before, models, units, draw):
    labels = [f"a{n}" for n in range(before)] + grid(models, units, 3) + list(LABELS)
    assert pool_of(labels, 1, draw).run().nodes[0].ran == list(range(len(labels)))


def _ids(labels: list[str]) -> list[str]:
    return pool_of(labels, 1, Random(0)).ids  # noqa: S311 - orders, not secrets
