"""Answers in the order in which they come: what costs money is kept at once, not when a batch's slowest is there."""

from collections.abc import Generator, Iterator, Sequence
from contextlib import closing
from queue import Empty, SimpleQueue
from time import perf_counter
from typing import Protocol, runtime_checkable

from harness.records import Answer, Decoding, Prompt

# Answers that come within so many seconds of the first are kept together: each keeping waits for the disk.
GATHER_S = 0.1
PART_MOST = 32

Placed = tuple[int, Answer]


@runtime_checkable
class Arriving(Protocol):
    """A provider that tells answers before those to earlier prompts are there."""

    def arriving(self, prompts: Sequence[Prompt], decoding: Decoding) -> Iterator[Sequence[Placed]]:
        """Each prompt's place and answer once, in parts of at least one, in any order."""
        ...


def parts(found: "SimpleQueue[Placed | None]") -> Iterator[list[Placed]]:
    """What the queue gives until None comes, in parts of 1 to PART_MOST that came within GATHER_S seconds."""
    is_open = True
    while is_open:
        first = found.get()
        if first is None:
            return
        part, until = [first], perf_counter() + GATHER_S
        while is_open and len(part) < PART_MOST and (left_s := until - perf_counter()) > 0:
            try:
                told = found.get(timeout=left_s)
            except Empty:
                break
            if told is None:
                is_open = False
            else:
                part.append(told)
        yield part


def in_order(arrived: Iterator[Sequence[Placed]]) -> Iterator[Answer]:
    """The answers from place 0 on, each as soon as all before it are there; those behind a gap are not told."""
    waiting: dict[int, Answer] = {}
    following = 0
    for part in arrived:
        waiting.update(part)
        while following in waiting:
            yield waiting.pop(following)
            following += 1


def all_in_order(arrived: Generator[Sequence[Placed]]) -> Iterator[Answer]:
    """As `in_order`; one that is left early closes what it reads from."""
    with closing(arrived):
        yield from in_order(arrived)
