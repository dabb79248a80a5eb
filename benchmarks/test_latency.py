"""Latency and time to first token of the study's models, one prompt at a time and nothing else running.

Measured when asked for, by name or with the rest of the benchmarks, and left out of a run over all cases:

    pytest benchmarks/test_latency.py
    pytest benchmarks --benchmark-only
"""

import os
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from importlib.util import find_spec
from itertools import cycle
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from harness.fixtures import SESSION, Model
from harness.planning import Planner, Sources
from harness.records import Answer, Case, Cell, Decoding, Prompt
from harness.study import Study

if TYPE_CHECKING:
    from pytest_benchmark.fixture import BenchmarkFixture

ROUNDS = 10
WARMUPS = 2
HERE = Path(__file__)
AMONG_OTHERS = "PYTEST_XDIST_WORKER" in os.environ


def _is_asked_for(words: Sequence[str]) -> bool:
    return any(HERE.stem in word or word == "--benchmark-only" for word in words)


# Pytest asks the module whether it holds tests, and tells it no options. A worker, which has no command line, finds the
# tests and takes them out again where nobody asked for them.
__test__ = find_spec("pytest_benchmark") is not None if AMONG_OTHERS else _is_asked_for(sys.argv[1:])

if __test__:
    pytest.importorskip("pytest_benchmark", reason="latency is measured by pytest-benchmark, not installed here")
pytestmark = pytest.mark.skipif(AMONG_OTHERS, reason="latency is measured with nothing else running: leave -n out")


class Unasked:
    """A plugin that takes this file's tests out of the run."""

    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        items[:] = [item for item in items if item.path != HERE]


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Each test once per cell; in a worker, which measures nothing, once."""
    config = metafunc.config
    if not AMONG_OTHERS:
        cells = config.stash[SESSION].study.cells
        metafunc.parametrize("cell", cells, ids=[cell.label.replace(":", "-") for cell in cells])
        return
    metafunc.parametrize("cell", [None], ids=["each"])
    if not _is_asked_for(config.args) and not config.pluginmanager.hasplugin(Unasked.__name__):
        config.pluginmanager.register(Unasked(), Unasked.__name__)


@pytest.fixture
def case(cell: Cell, study: Study) -> Case:
    """The cell's first case; `model` is the handle on its model."""
    return next(case for case in study.cases if case.cell == cell)


@pytest.fixture
def prompts(cell: Cell, study: Study) -> Sequence[Prompt]:
    """As many prompts of the cell as are measured, without the gold answer, whose loss would be measured as well."""
    planner = Planner(study, Sources(study))
    cases = [case for case in study.cases if case.cell == cell]
    return [replace(planner.plan(case).prompt, reference=None) for case in cases[:ROUNDS]]


def measure(benchmark: "BenchmarkFixture", model: Model, prompts: Sequence[Prompt], decoding: Decoding) -> None:
    """Time one prompt after the other, each by itself; sizes go beside the times."""
    answers: list[Answer] = []
    following: Iterator[Prompt] = cycle(prompts)
    provider = model.provider

    def ask(prompt: Prompt) -> None:
        answers.extend(provider.generate([prompt], decoding))

    def setup() -> tuple[tuple[Prompt], dict[str, object]]:
        return (next(following),), {}

    pedantic: Callable[..., object] = benchmark.pedantic
    pedantic(ask, setup=setup, rounds=ROUNDS, warmup_rounds=WARMUPS)
    errors = [answer.error for answer in answers if answer.error is not None]
    assert not errors, errors[0]
    measured = answers[WARMUPS:]
    benchmark.extra_info["concurrency"] = 1
    benchmark.extra_info["prompt_tokens"] = [answer.prompt_tokens for answer in measured]
    benchmark.extra_info["output_tokens"] = [answer.output_tokens for answer in measured]


def test_latency(benchmark: "BenchmarkFixture", model: Model, prompts: Sequence[Prompt], study: Study) -> None:
    benchmark.group = "latency of an answer"
    measure(benchmark, model, prompts, study.decoding)


def test_time_to_first_token(
    benchmark: "BenchmarkFixture", model: Model, prompts: Sequence[Prompt], study: Study
) -> None:
    benchmark.group = "time to first token"
    measure(benchmark, model, prompts, replace(study.decoding, max_new_tokens=1))
