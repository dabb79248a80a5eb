"""Answers as they come: in parts, none twice, none missing, and in order where that is asked for."""

import threading
import time
from queue import SimpleQueue

import pytest
from hypothesis import given
from hypothesis import strategies as st
from made_up_service import prompts_of, provider_of, said, status

from harness.providers import arriving
from harness.providers.arriving import Arriving, in_order, parts
from harness.records import Decoding

pytestmark = pytest.mark.usefixtures("quick")


def queued(*items):
    found = SimpleQueue()
    for item in items:
        found.put(item)
    return found


@given(st.integers(0, 200))
def test_every_answer_is_in_one_part(count):
    told = list(parts(queued(*((place, str(place)) for place in range(count)), None)))
    assert [pair for part in told for pair in part] == [(place, str(place)) for place in range(count)]
    assert all(1 <= len(part) <= arriving.PART_MOST for part in told)


def test_a_part_does_not_wait_for_the_next_answer(monkeypatch):
    monkeypatch.setattr(arriving, "GATHER_S", 0.01)
    found = queued((0, "a"))
    assert next(parts(found)) == [(0, "a")]


def test_what_comes_soon_after_is_in_the_same_part(monkeypatch):
    monkeypatch.setattr(arriving, "GATHER_S", 5.0)
    found = queued((0, "a"))
    threading.Timer(0.05, lambda: (found.put((1, "b")), found.put(None))).start()
    assert list(parts(found)) == [[(0, "a"), (1, "b")]]


@given(st.permutations(range(12)), st.lists(st.integers(1, 4), min_size=12, max_size=12))
def test_answers_come_in_order_from_any_parts(places, sizes):
    left = [(place, f"a{place}") for place in places]
    cut = []
    for size in sizes:
        cut.append(left[:size])
        left = left[size:]
    assert list(in_order(iter([*cut, left]))) == [f"a{place}" for place in range(12)]


def test_answers_behind_a_gap_are_not_told():
    assert list(in_order(iter([[(1, "b")]]))) == []


def test_a_slow_question_does_not_hold_the_others_back(script):
    async def slow(body):
        import asyncio

        from made_up_service import faulty

        word = body["messages"][-1]["content"].split()[-1]
        await asyncio.sleep(1.5 if word == "q0" else 0.0)
        import json

        return faulty.reply(200, json.dumps(said(word)).encode())

    provider = provider_of(script(slow)[1])
    assert isinstance(provider, Arriving)
    began, came = time.perf_counter(), {}
    for part in provider.arriving(prompts_of(5), Decoding()):
        came.update({place: time.perf_counter() - began for place, _ in part})
    provider.close()
    assert max(came[place] for place in range(1, 5)) < 1.2 < came[0]


def test_a_failure_arrives_like_an_answer(script):
    provider = provider_of(script(status(400, "no"))[1])
    told = [pair for part in provider.arriving(prompts_of(3), Decoding()) for pair in part]
    provider.close()
    assert sorted(place for place, _ in told) == [0, 1, 2]
    assert all("400" in answer.error for _, answer in told)
