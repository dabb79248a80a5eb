"""Token counts of a service: the most that a prompt can be, and which counts cannot be right."""

from collections.abc import Sequence

from harness.providers.exchange import Reply
from harness.records import Message

# A chat template writes a frame around each turn, and some a system text of its own with the date.
TURN_TOKENS = 32
START_TOKENS = 512


def most_prompt_tokens(turns: Sequence[Message]) -> int:
    """No fewer tokens than any service counts for the turns: one per byte of UTF-8, and room for the template."""
    return START_TOKENS + sum(TURN_TOKENS + len(turn.content.encode("utf-8", "replace")) for turn in turns)


def usage_problem(reply: Reply, most_prompt_tokens: int) -> str | None:
    """Why a reply's own counts cannot be right, or None.

    Answers are compared by their tokens and paid by them, so a reply with impossible counts is a failure.
    """
    if not 1 <= reply.prompt_tokens <= most_prompt_tokens:
        return f"the service counts {reply.prompt_tokens} prompt tokens: 1 to {most_prompt_tokens} are possible"
    if reply.output_tokens < (1 if reply.text else 0):
        return f"the service counts {reply.output_tokens} output tokens for {len(reply.text)} characters"
    return None
