"""Any OpenAI-compatible endpoint through the official client: chats and continued texts."""

import math
from collections.abc import Mapping
from typing import Any

from harness.providers.exchange import Asked, Fault, Reply, plain_text
from harness.providers.faults import broken, shown, status_fault
from harness.providers.keys import Key
from harness.providers.official import Client, Json, count, faster_http, get, post
from harness.providers.remote_options import RemoteOptions
from harness.providers.services import ServiceSpec
from harness.records import FinishReason, ModelSpec

FINISHES: Mapping[str, FinishReason] = {
    "stop": "stop",
    "eos": "stop",
    "end_turn": "stop",
    "stop_sequence": "stop",
    "length": "length",
    "max_tokens": "length",
    "content_filter": "content_filter",
    "refusal": "refusal",
}
# A client wants a key even where the server has none.
NO_KEY = "none"
# Told by services in place of a log-probability that is too small for them.
LEAST_LOGPROB = -9999.0
# What services call a field that they do not take.
REFUSING = (400, 422)
LIMIT_FIELDS = ("max_tokens", "max_completion_tokens")


class OpenAIService:
    """One model through `openai.AsyncOpenAI`; see `exchange.Service`.

    A field that a model refuses and that changes no answer (`logprobs`, the name of the token limit) is left out or
    renamed from then on; any other refused field is a failure that says so.
    """

    def __init__(self, model: ModelSpec, options: RemoteOptions, spec: ServiceSpec, key: Key | None) -> None:
        import openai

        self.name = model.server_name or model.name
        self.options = options
        self.wants_logprobs = spec.logprobs if options.logprobs is None else options.logprobs
        self.limit_field = LIMIT_FIELDS[0]
        self.client: Client = openai.AsyncOpenAI(
            api_key=NO_KEY if key is None else key.reveal(),
            base_url=options.base_url,
            max_retries=0,
            timeout=options.timeout_s,
            http_client=faster_http(openai),
        )

    async def ask(self, asked: Asked) -> Reply:
        """See `exchange.Service.ask`."""
        while True:
            wanted = (self.wants_logprobs, self.limit_field)
            try:
                return await self._ask(asked)
            except Fault as fault:
                if not self.adapts(fault) and wanted == (self.wants_logprobs, self.limit_field):
                    raise

    async def probe(self) -> None:
        """See `exchange.Service.probe`."""
        listed = (await get(self.client, "/models")).get("data")
        names = [row.get("id") for row in listed if isinstance(row, Mapping)] if isinstance(listed, list) else []
        if names and self.name not in names:
            known = ", ".join(sorted(map(str, names))[:5])
            raise Fault(reason=f"it has no model {self.name!r}: it has {known}")

    async def close(self) -> None:
        """See `exchange.Service.close`."""
        await self.client.close()

    async def _ask(self, asked: Asked) -> Reply:
        read = chat_reply if asked.chat else text_reply
        return read(await post(self.client, path_of(asked), self.body(asked)))

    def body(self, asked: Asked) -> dict[str, Any]:
        """The request's JSON."""
        content: dict[str, Any]
        if asked.chat:
            content = {"messages": [{"role": turn.role, "content": turn.content} for turn in asked.turns]}
        else:
            content = {"prompt": plain_text(asked.turns)}
        if self.wants_logprobs:
            content["logprobs"] = True if asked.chat else 0
        return self._body(asked, content)

    def _body(self, asked: Asked, content: Mapping[str, Any]) -> dict[str, Any]:
        decoding = asked.decoding
        body = {"model": self.name, **content, self.limit_field: decoding.max_new_tokens}
        body["temperature"] = decoding.temperature
        if decoding.temperature > 0:
            body |= {"top_p": decoding.top_p, "seed": decoding.seed}
        if decoding.stop:
            body["stop"] = list(decoding.stop)
        return {
            **{name: value for name, value in body.items() if name not in self.options.omit},
            **self.options.extra,
        }

    def adapts(self, fault: Fault) -> bool:
        """Whether requests are changed from now on so that the same answer may come of them."""
        field = refused_field(fault)
        if field == "logprobs" and self.wants_logprobs:
            self.wants_logprobs = False
            return True
        if field == LIMIT_FIELDS[0] == self.limit_field:
            self.limit_field = LIMIT_FIELDS[1]
            return True
        return False


def refused_field(fault: Fault) -> str | None:
    """The field of a request that the service does not take, and that an answer does not hang on; else None."""
    if not fault.reason.startswith(tuple(f"{status}:" for status in REFUSING)):
        return None
    if "logprobs" in fault.reason:
        return "logprobs"
    return LIMIT_FIELDS[0] if all(name in fault.reason for name in LIMIT_FIELDS) else None


def path_of(asked: Asked) -> str:
    """Where a question is sent, beneath the base URL."""
    return "/chat/completions" if asked.chat else "/completions"


def chat_reply(body: Json) -> Reply:
    """The reply in the body of a chat completion.

    Raises:
        Fault: an error in the body, no choice, or anything that is not as the interface says.
    """
    choice = _choice(body)
    message = choice.get("message")
    if not isinstance(message, Mapping):
        raise broken(f"the reply has no message: {shown(str(choice))}")
    refusal = message.get("refusal")
    text = refusal if isinstance(refusal, str) and refusal else message.get("content")
    content = choice.get("logprobs")
    rows = content.get("content") if isinstance(content, Mapping) else None
    return _reply(
        body,
        choice,
        "" if text is None else text,
        "refusal" if isinstance(refusal, str) and refusal else None,
        [row.get("logprob") if isinstance(row, Mapping) else None for row in rows] if isinstance(rows, list) else None,
    )


def text_reply(body: Json) -> Reply:
    """The reply in the body of a completion; raises as `chat_reply`."""
    choice = _choice(body)
    content = choice.get("logprobs")
    rows = content.get("token_logprobs") if isinstance(content, Mapping) else None
    return _reply(body, choice, choice.get("text"), None, rows if isinstance(rows, list) else None)


def _choice(body: Json) -> Json:
    _raise_error(body.get("error"))
    choices = body.get("choices")
    if not isinstance(choices, list):
        raise broken(f"the reply has no choices: {shown(str(dict(body)))}")
    if not choices:
        raise broken("the reply has an empty list of choices")
    if not isinstance(choices[0], Mapping):
        raise broken(f"the reply's choice is no object: {shown(str(choices[0]))}")
    _raise_error(choices[0].get("error"))
    return choices[0]


def _raise_error(error: object) -> None:
    """An error inside a reply with status 200, as routers of several services send it."""
    if isinstance(error, Mapping):
        code = error.get("code")
        told = f"{error.get('message') or dict(error)}"
        raise status_fault(code, told, {}) if isinstance(code, int) else broken(shown(f"{code}: {told}"))
    if error:
        raise broken(shown(str(error)))


def _reply(body: Json, choice: Json, text: object, finish: FinishReason | None, logprobs: list[object] | None) -> Reply:
    if not isinstance(text, str):
        raise broken(f"the reply's text is no text: {shown(repr(text))}")
    usage = body.get("usage")
    return Reply(
        text=text,
        prompt_tokens=count(usage, "prompt_tokens"),
        output_tokens=count(usage, "completion_tokens"),
        finish_reason=finish or _finish(choice.get("finish_reason")),
        logprobs=_logprobs(logprobs),
    )


def _finish(reason: object) -> FinishReason:
    if not isinstance(reason, str) or reason not in FINISHES:
        raise Fault(reason=f"the answer ended for the reason {reason!r}: known are {', '.join(FINISHES)}", billed=True)
    return FINISHES[reason]


def _logprobs(values: list[object] | None) -> tuple[float, ...] | None:
    """All of them, or None: a list with a hole would be taken for the whole answer's."""
    if not values:
        return None
    numbers = [value for value in values if isinstance(value, int | float) and not isinstance(value, bool)]
    are_sound = len(numbers) == len(values) and all(math.isfinite(n) and LEAST_LOGPROB <= n <= 0 for n in numbers)
    return tuple(map(float, numbers)) if are_sound else None
