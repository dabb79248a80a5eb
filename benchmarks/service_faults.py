"""A made-up OpenAI-compatible server with a latency and a capacity, and a proxy that breaks some of what passes it.

The server answers each question with its last word, so that an answer tells which question it belongs to. What is above
its capacity is refused with 429. `GET /stats` tells what it was asked.

Run: python benchmarks/service_faults.py [--latency-s 0.05] [--capacity 64] [--fault-share 0.2] [--upstream PORT]
     The first line that is printed is the port; the process ends with its standard input.
"""

import argparse
import asyncio
import json
import random
import sys
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field

FAULTS = ("429", "500", "cut", "drip", "type")
DRIP_S = 0.2
Handler = Callable[[bytes, bytes], Awaitable[bytes | None]]


def reply(status: int, body: bytes, *headers: str, content_type: str = "application/json") -> bytes:
    """An HTTP response."""
    lines = [f"HTTP/1.1 {status} -", f"content-type: {content_type}", f"content-length: {len(body)}", *headers]
    return "\r\n".join([*lines, "", ""]).encode() + body


def completion(text: str) -> dict[str, object]:
    """The body of a chat completion."""
    return {
        "id": "made-up",
        "object": "chat.completion",
        "created": 1,
        "model": "made-up",
        "choices": [{"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": text}}],
        "usage": {"prompt_tokens": 10, "completion_tokens": 2, "total_tokens": 12},
    }


class Connection(asyncio.Protocol):
    """One connection: requests are put together and answered one after the other; None cuts it."""

    def __init__(self, handler: Handler) -> None:
        self.handler = handler
        self.received = b""
        self.tasks: set[asyncio.Task[None]] = set()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        self.received += data
        head, end, rest = self.received.partition(b"\r\n\r\n")
        length = content_length(head)
        if end and len(rest) >= length:
            self.received = rest[length:]
            task = asyncio.ensure_future(self._answer(head, rest[:length]))
            self.tasks.add(task)
            task.add_done_callback(self.tasks.discard)

    async def _answer(self, head: bytes, body: bytes) -> None:
        told = await self.handler(head, body)
        if told is None:
            self.transport.abort()
        elif self.transport.is_closing():
            return
        elif told.startswith(b"drip"):
            for byte in told[4:]:
                if self.transport.is_closing():
                    return
                self.transport.write(bytes([byte]))
                await asyncio.sleep(DRIP_S)
        else:
            self.transport.write(told)


def content_length(head: bytes) -> int:
    """The length that the header tells, 0 without one."""
    for line in head.lower().split(b"\r\n"):
        if line.startswith(b"content-length:"):
            return int(line.partition(b":")[2])
    return 0


@dataclass
class Server:
    """The server; `asked` counts what it was asked and answered, by the question's last word."""

    latency_s: float = 0.05
    capacity: int = 64
    busy: int = 0
    most: int = 0
    refused: int = 0
    asked: Counter[str] = field(default_factory=Counter)

    async def __call__(self, head: bytes, body: bytes) -> bytes:
        if head.startswith(b"GET /stats"):
            told = {"most": self.most, "refused": self.refused, "asked": self.asked}
            return reply(200, json.dumps(told).encode())
        if head.startswith(b"GET"):
            return reply(200, json.dumps({"object": "list", "data": [{"id": "made-up"}]}).encode())
        if self.busy >= self.capacity:
            self.refused += 1
            return reply(429, b'{"error": {"message": "too many at once"}}')
        self.busy += 1
        self.most = max(self.most, self.busy)
        try:
            await asyncio.sleep(self.latency_s)
        finally:
            self.busy -= 1
        word = json.loads(body)["messages"][-1]["content"].split()[-1]
        self.asked[word] += 1
        return reply(200, json.dumps(completion(word)).encode())


@dataclass
class Proxy:
    """Breaks a share of the requests, drawn by the seed, and passes the others on to a server on this machine."""

    upstream: Handler | int
    share: float
    kinds: Sequence[str] = FAULTS
    seed: int = 0
    broken: Counter[str] = field(default_factory=Counter)

    def __post_init__(self) -> None:
        self.random = random.Random(self.seed)  # noqa: S311 - to be drawn again

    async def __call__(self, head: bytes, body: bytes) -> bytes | None:
        if head.startswith(b"GET") or self.random.random() >= self.share:
            return await self._pass(head, body)
        kind = self.random.choice(self.kinds)
        self.broken[kind] += 1
        if kind == "429":
            return reply(429, b'{"error": {"message": "slow down"}}', "retry-after: 0.05")
        if kind == "500":
            return reply(500, b'{"error": {"message": "something broke"}}')
        answered = await self._pass(head, body)  # what follows is lost on its way back
        if kind == "type":
            return reply(200, b"<html>Sign in</html>", content_type="text/html")
        return b"drip" + (answered or b"") if kind == "drip" else None

    async def _pass(self, head: bytes, body: bytes) -> bytes | None:
        if not isinstance(self.upstream, int):
            return await self.upstream(head, body)
        reader, writer = await asyncio.open_connection("127.0.0.1", self.upstream)
        try:
            lines = [line for line in head.split(b"\r\n") if not line.lower().startswith(b"connection:")]
            writer.write(b"\r\n".join([*lines, b"connection: close", b"", b""]) + body)
            await writer.drain()
            return await reader.read()
        finally:
            writer.close()


async def listen(handler: Handler) -> asyncio.Server:
    """Start to listen on a free port of this machine."""
    return await asyncio.get_running_loop().create_server(lambda: Connection(handler), "127.0.0.1", 0, backlog=512)


def port_of(server: asyncio.Server) -> int:
    """The port of a server that listens."""
    return int(server.sockets[0].getsockname()[1])


async def run(told: argparse.Namespace) -> None:
    handler: Handler = told.upstream or Server(latency_s=told.latency_s, capacity=told.capacity)
    if told.fault_share or told.upstream:
        handler = Proxy(upstream=handler, share=told.fault_share, seed=told.seed)
    server = await listen(handler)
    print(port_of(server), flush=True)
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--latency-s", type=float, default=0.05)
    parser.add_argument("--capacity", type=int, default=64)
    parser.add_argument("--fault-share", type=float, default=0.0)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--upstream", type=int)
    asyncio.run(run(parser.parse_args()))


if __name__ == "__main__":
    main()
