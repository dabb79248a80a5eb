"""Anthropic's models through its official client: the Messages API."""

from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

from harness.providers.exchange import Asked, Fault, Reply
from harness.providers.faults import broken, shown
from harness.providers.keys import Key
from harness.providers.official import Client, Json, count, faster_http, get, post
from harness.providers.remote_options import RemoteOptions
from harness.providers.services import ServiceSpec
from harness.records import FinishReason, Message, ModelSpec

TOKEN_VARIABLE = "ANTHROPIC_AUTH_TOKEN"  # noqa: S105 - the variable's name
ONLY_CHATS = "this service takes chats only: use a template with chat, or another provider"
FINISHES: Mapping[str, FinishReason] = {
    "end_turn": "stop",
    "stop_sequence": "stop",
    "max_tokens": "length",
    "model_context_window_exceeded": "length",
    "refusal": "refusal",
}
# All of these were read by the model, whatever they cost.
PROMPT_COUNTS = ("input_tokens", "cache_creation_input_tokens", "cache_read_input_tokens")


class AnthropicService:
    """One model through `anthropic.AsyncAnthropic`; see `exchange.Service`. It has no seed and no log-probabilities."""

    def __init__(self, model: ModelSpec, options: RemoteOptions, spec: ServiceSpec, key: Key | None) -> None:
        import anthropic

        self.name = model.server_name or model.name
        self.options = options
        del spec
        secret = None if key is None else key.reveal()
        is_token = key is not None and key.variable == TOKEN_VARIABLE
        self.client: Client = anthropic.AsyncAnthropic(
            api_key=None if is_token else secret,
            auth_token=secret if is_token else None,
            base_url=options.base_url,
            max_retries=0,
            timeout=options.timeout_s,
            http_client=faster_http(anthropic),
        )

    async def ask(self, asked: Asked) -> Reply:
        """See `exchange.Service.ask`."""
        if not asked.chat:
            raise Fault(reason=ONLY_CHATS)
        return message_reply(await post(self.client, "/v1/messages", self.body(asked)))

    async def probe(self) -> None:
        """See `exchange.Service.probe`."""
        await get(self.client, f"/v1/models/{quote(self.name, safe='')}")

    async def close(self) -> None:
        """See `exchange.Service.close`."""
        await self.client.close()

    def body(self, asked: Asked) -> dict[str, Any]:
        """The request's JSON."""
        decoding = asked.decoding
        system, turns = parted(asked.turns)
        body: dict[str, Any] = {
            "model": self.name,
            "max_tokens": decoding.max_new_tokens,
            "messages": [{"role": turn.role, "content": turn.content} for turn in turns],
            "temperature": decoding.temperature,
        }
        if decoding.temperature > 0 and decoding.top_p < 1:
            body["top_p"] = decoding.top_p
        if system:
            body["system"] = system
        if decoding.stop:
            body["stop_sequences"] = list(decoding.stop)
        omitted = {"stop_sequences" if name == "stop" else name for name in self.options.omit}
        return {
            **{name: value for name, value in body.items() if name not in omitted},
            **self.options.extra,
        }


def parted(turns: tuple[Message, ...]) -> tuple[str, tuple[Message, ...]]:
    """The system's words, "" without any, and the other turns."""
    system = "\n\n".join(turn.content for turn in turns if turn.role == "system")
    return system, tuple(turn for turn in turns if turn.role != "system")


def message_reply(body: Json) -> Reply:
    """The reply in the body of a message.

    Raises:
        Fault: anything that is not as the interface says.
    """
    blocks = body.get("content")
    if not isinstance(blocks, list) or not all(isinstance(block, Mapping) for block in blocks):
        raise broken(f"the reply has no content: {shown(str(dict(body)))}")
    texts = [block.get("text") for block in blocks if block.get("type") == "text"]
    if not all(isinstance(text, str) for text in texts):
        raise broken(f"the reply's text is no text: {shown(repr(texts))}")
    reason = body.get("stop_reason")
    if not isinstance(reason, str) or reason not in FINISHES:
        raise Fault(reason=f"the answer ended for the reason {reason!r}: known are {', '.join(FINISHES)}", billed=True)
    usage = body.get("usage")
    return Reply(
        text="".join(map(str, texts)),
        prompt_tokens=count(usage, *PROMPT_COUNTS),
        output_tokens=count(usage, "output_tokens"),
        finish_reason=FINISHES[reason],
    )
