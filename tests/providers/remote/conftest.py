"""A made-up service for each test that wants one; connections reach this machine and nothing else."""

import os
import socket
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from made_up_service import Script, Served

from harness.providers import batch_book, remote, spending

KEYS = ("OPENAI", "OPENROUTER", "OLLAMA", "VLLM", "LLAMA", "ANTHROPIC", "AWS")


@pytest.fixture(autouse=True)
def no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    """Like the other providers' tests, but for this machine itself."""
    connect = socket.socket.connect

    def guarded(self: socket.socket, address: Any) -> None:
        if self.family in {socket.AF_INET, socket.AF_INET6} and address[0] not in {"127.0.0.1", "::1"}:
            raise AssertionError(f"a test reached for the network: {address}")
        connect(self, address)

    monkeypatch.setattr(socket.socket, "connect", guarded)


@pytest.fixture(autouse=True)
def clean_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    """No key, proxy or limit of the machine the tests run on, nor of a run in this process before them."""
    for name in list(os.environ):
        if name.split("_")[0] in KEYS or name.lower().endswith("_proxy") or name == "PYTEST_XDIST_WORKER_COUNT":
            monkeypatch.delenv(name)
    batch_book.use_batches(None)
    spending.limit_spending(None, tmp_path / "none", "none")
    yield
    batch_book.use_batches(None)
    spending.limit_spending(None, tmp_path / "none", "none")


@pytest.fixture
def serve() -> Iterator[Callable[..., Served]]:
    """Starts servers, and ends them after the test."""
    running: list[Served] = []

    def start(handler: Any) -> Served:
        running.append(Served(handler))
        return running[-1]

    yield start
    for each in running:
        each.close()


@pytest.fixture
def script(serve: Callable[..., Served]) -> Callable[..., tuple[Script, str]]:
    """Starts a scripted server; returns its script and address."""

    def start(*replies: Any) -> tuple[Script, str]:
        made = Script(*replies)
        return made, serve(made).url

    return start


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Tries follow one another without a wait of their own."""
    monkeypatch.setattr(remote, "BACKOFF_FIRST_S", 0.001)
