"""Anthropic through its official client: exchanges as its interface describes them, replayed by its transport."""

import json

import pytest
from made_up_service import prompts_of, spec_of

from harness.providers import anthropic
from harness.providers.probe import probe
from harness.providers.remote_source import RemoteSource
from harness.records import Decoding, Message, Runtime
from harness.registry.machine import this_machine

httpx2 = pytest.importorskip("httpx2", reason="the official clients bring httpx2")
pytest.importorskip("anthropic", reason="needs pytest-scaling[anthropic]")
pytestmark = pytest.mark.usefixtures("quick")

MESSAGE = {
    "id": "msg_1",
    "type": "message",
    "role": "assistant",
    "model": "made-up",
    "content": [{"type": "thinking", "thinking": "hm"}, {"type": "text", "text": "4"}, {"type": "text", "text": "2"}],
    "stop_reason": "end_turn",
    "usage": {"input_tokens": 5, "cache_read_input_tokens": 7, "output_tokens": 3},
}


class Recorded:
    """Replies in turn, the last for ever; keeps the requests."""

    def __init__(self, *replies):
        self.replies = list(replies)
        self.requests = []

    def __call__(self, request):
        self.requests.append(request)
        code, body, *headers = self.replies.pop(0) if len(self.replies) > 1 else self.replies[0]
        return httpx2.Response(code, json=body, headers=dict(headers))

    @property
    def bodies(self):
        return [json.loads(request.content) for request in self.requests]


@pytest.fixture
def replay(monkeypatch):
    def start(*replies):
        recorded = Recorded(*replies)
        client = httpx2.AsyncClient(transport=httpx2.MockTransport(recorded))
        monkeypatch.setattr(anthropic, "faster_http", lambda _package: client)
        monkeypatch.setenv("ANTHROPIC_API_KEY", "sk-ant-0123456789")
        return recorded

    return start


def answers_of(count=1, decoding=None, *, chat=True, **options):
    provider = RemoteSource(spec_of("anthropic", **options), Runtime()).load()
    try:
        return list(provider.generate(prompts_of(count, chat=chat), decoding or Decoding()))
    finally:
        provider.close()


def test_a_message_is_an_answer(replay):
    replay((200, MESSAGE))
    (answer,) = answers_of()
    assert (answer.text, answer.prompt_tokens, answer.output_tokens) == ("42", 12, 3)
    assert (answer.finish_reason, answer.logprobs, answer.error) == ("stop", None, None)


def test_a_question_is_asked_as_the_interface_wants_it(replay):
    recorded = replay((200, MESSAGE))
    answers_of(decoding=Decoding(max_new_tokens=7, temperature=0.5, top_p=0.9, stop=("\n",)))
    assert recorded.bodies == [
        {
            "model": "made-up",
            "max_tokens": 7,
            "system": "Be short.",
            "messages": [{"role": "user", "content": "tell q0"}],
            "temperature": 0.5,
            "top_p": 0.9,
            "stop_sequences": ["\n"],
        }
    ]


def test_the_key_is_sent(replay):
    recorded = replay((200, MESSAGE))
    answers_of()
    headers = recorded.requests[0].headers
    assert "sk-ant-0123456789" in {headers.get("x-api-key"), headers.get("authorization", "").removeprefix("Bearer ")}


def test_fields_are_left_out(replay):
    recorded = replay((200, MESSAGE))
    answers_of(decoding=Decoding(stop=("\n",)), omit=["temperature", "stop"])
    assert recorded.bodies[0].keys() == {"model", "max_tokens", "system", "messages"}


def test_a_token_goes_as_a_bearer(replay, monkeypatch):
    recorded = replay((200, MESSAGE))
    monkeypatch.delenv("ANTHROPIC_API_KEY")
    monkeypatch.setenv("ANTHROPIC_AUTH_TOKEN", "token-0123456789")
    answers_of()
    assert recorded.requests[0].headers["authorization"] == "Bearer token-0123456789"


@pytest.mark.parametrize(
    ("reason", "finish"), [("max_tokens", "length"), ("refusal", "refusal"), ("stop_sequence", "stop")]
)
def test_a_message_keeps_how_it_ended(replay, reason, finish):
    replay((200, MESSAGE | {"stop_reason": reason}))
    assert answers_of()[0].finish_reason == finish


OVERLOADED = {"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}}


def test_an_overload_is_asked_again_once_it_may_be(replay):
    recorded = replay((529, OVERLOADED, ("retry-after", "0.01")), (200, MESSAGE))
    assert answers_of()[0].text == "42"
    assert len(recorded.requests) == 2


@pytest.mark.parametrize(
    ("reply", "told"),
    [
        (
            (401, {"type": "error", "error": {"type": "authentication_error", "message": "invalid x-api-key"}}),
            "401: inv",
        ),
        ((400, {"error": {"message": "Your credit balance is too low"}}), "credit balance"),
        ((200, MESSAGE | {"stop_reason": "tool_use"}), "for the reason 'tool_use'"),
        ((200, {"content": [3]}), "no content"),
        ((200, MESSAGE | {"content": [{"type": "text", "text": None}]}), "text is no text"),
        ((200, MESSAGE | {"usage": {}}), "does not say how many tokens (input_tokens)"),
    ],
)
def test_what_is_no_answer_is_told(replay, reply, told):
    replay(reply)
    assert told in answers_of(tries=2)[0].error


def test_a_text_to_be_continued_is_not_asked(replay):
    recorded = replay((200, MESSAGE))
    assert "takes chats only" in answers_of(chat=False)[0].error
    assert not recorded.requests


def test_system_words_are_parted_from_the_turns():
    turns = tuple(Message(role=role, content=role) for role in ("system", "user", "assistant", "user"))
    system, others = anthropic.parted(turns)
    assert system == "system"
    assert [turn.role for turn in others] == ["user", "assistant", "user"]


@pytest.mark.parametrize(
    ("reply", "told"), [((200, {"id": "made-up"}), None), ((404, {"error": {"message": "no model"}}), "404: no model")]
)
def test_a_probe_looks_for_the_model(replay, reply, told):
    recorded = replay(reply)
    found = probe(spec_of("anthropic"), Runtime(), this_machine())
    assert recorded.requests[0].url.path == "/v1/models/made-up"
    assert found.is_ready if told is None else told in found.reason
