"""A made-up service in a thread, with scripted replies, and the providers that ask it."""

import asyncio
import importlib.util
import json
import sys
import threading
from dataclasses import replace
from pathlib import Path
from typing import Any

from harness.providers.remote_source import RemoteSource
from harness.records import Decoding, ModelSpec, Prompt, Runtime, Template

FAULTS_FILE = Path(__file__).resolve().parents[3] / "benchmarks" / "service_faults.py"
TEMPLATE = Template(
    name="plain", system="Be short.", user="{question}", user_with_passages="{passages}\n\n{question}",
    reader="line", hash="plain",
)  # fmt: skip


def _load(path: Path) -> Any:
    found = importlib.util.spec_from_file_location("service_faults", path)
    assert found is not None
    assert found.loader is not None
    module = importlib.util.module_from_spec(found)
    sys.modules["service_faults"] = module
    found.loader.exec_module(module)
    return module


faulty = _load(FAULTS_FILE)


class Served:
    """A server on a loop of its own thread."""

    def __init__(self, handler: Any) -> None:
        self.handler = handler
        self.loop = asyncio.new_event_loop()
        self.thread = threading.Thread(target=self.loop.run_forever, daemon=True)
        self.thread.start()
        self.server = asyncio.run_coroutine_threadsafe(faulty.listen(handler), self.loop).result(10)
        self.port = faulty.port_of(self.server)
        self.url = f"http://127.0.0.1:{self.port}/v1"

    def close(self) -> None:
        async def end() -> None:
            self.server.close()
            others = asyncio.all_tasks() - {asyncio.current_task()}
            for task in others:
                task.cancel()
            await asyncio.gather(*others, return_exceptions=True)

        asyncio.run_coroutine_threadsafe(end(), self.loop).result(10)
        self.loop.call_soon_threadsafe(self.loop.stop)
        self.thread.join(10)
        self.loop.close()


class Script:
    """Gives its replies in turn, the last one for ever, and keeps what it was asked."""

    def __init__(self, *replies: Any) -> None:
        self.replies = list(replies)
        self.asked: list[tuple[str, Any]] = []

    async def __call__(self, head: bytes, body: bytes) -> bytes | None:
        told = json.loads(body) if body else None
        self.asked.append((head.decode(), told))
        reply = self.replies.pop(0) if len(self.replies) > 1 else self.replies[0]
        if callable(reply):
            return await reply(told)
        if isinstance(reply, dict):
            return faulty.reply(200, json.dumps(reply).encode())
        return reply

    @property
    def bodies(self) -> list[Any]:
        return [body for _, body in self.asked]


def spec_of(provider: str = "openai_compatible", **options: Any) -> ModelSpec:
    return ModelSpec(
        name="made-up", family="made-up", params_b=None, context_length=4096, provider=provider, options=options
    )


def provider_of(url: str, provider: str = "openai_compatible", **options: Any) -> Any:
    return RemoteSource(spec_of(provider, base_url=url, **options), Runtime()).load()


def prompts_of(count: int, *, chat: bool = True) -> list[Prompt]:
    return [Prompt(template=replace(TEMPLATE, chat=chat), question=f"tell q{number}") for number in range(count)]


def answers_of(url: str, count: int = 1, decoding: Decoding | None = None, **options: Any) -> list[Any]:
    """The answers to so many questions, of a provider that is closed again."""
    provider = provider_of(url, **options)
    try:
        return list(provider.generate(prompts_of(count), decoding or Decoding()))
    finally:
        provider.close()


def said(text: str = "42", **changes: Any) -> dict[str, Any]:
    """The body of a chat completion; `finish_reason` and `logprobs` are those of its choice."""
    body = faulty.completion(text)
    for name in ("finish_reason", "logprobs", "message"):
        if name in changes:
            body["choices"][0][name] = changes.pop(name)
    return body | changes


def status(number: int, message: str = "no", *headers: str, **more: Any) -> bytes:
    return faulty.reply(number, json.dumps({"error": {"message": message, **more}}).encode(), *headers)
