"""What passes between a remote provider and the client of one service: a question, a reply, or a fault."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from harness.records import Decoding, FinishReason, Message


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """One question as a service is asked it; without `chat` the turns are one text to be continued."""

    turns: tuple[Message, ...]
    decoding: Decoding
    chat: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """What a service said, with its own counts; `logprobs` is None where the service gave none."""

    text: str
    prompt_tokens: int
    output_tokens: int
    finish_reason: FinishReason
    logprobs: tuple[float, ...] | None = None


@dataclass(slots=True, kw_only=True, eq=False)
class Fault(Exception):
    """Why one try brought no reply, and what follows from that.

    `retry`: another try may do better. `overload`: the service is asked too much at once. `down`: the service may not
    be there at all. `fatal`: no other question would fare better. `billed`: the try may have been charged for.
    `retry_after_s`: how long the service wants to be left alone. `filtered`: a content filter refused the question.
    """

    reason: str
    retry: bool = False
    overload: bool = False
    down: bool = False
    fatal: bool = False
    billed: bool = False
    filtered: bool = False
    retry_after_s: float | None = None

    def __str__(self) -> str:
        return self.reason


class Service(Protocol):
    """The client of one model at one service. All of it runs on the loop of `harness.providers.background`."""

    async def ask(self, asked: Asked) -> Reply:
        """Ask once, without a retry of the client's own.

        Raises:
            Fault: there is no reply.
        """
        ...

    async def probe(self) -> None:
        """Find out without a question whether the model would be answering.

        Raises:
            Fault: it would not; the reason is one line.
        """
        ...

    async def close(self) -> None:
        """Close the connections."""
        ...


def plain_text(turns: Sequence[Message]) -> str:
    """The turns as one text: an answer follows its question after a space, all else a blank line; "" for none."""
    text = ""
    for turn in turns:
        glue = "" if not text else " " if turn.role == "assistant" else "\n\n"
        text += glue + turn.content
    return text
