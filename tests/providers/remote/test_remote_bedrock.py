"""Bedrock through boto3: exchanges as its interface describes them, replayed by botocore's own stubber."""

from contextlib import contextmanager

import pytest
from made_up_service import prompts_of, spec_of

from harness.errors import HarnessError
from harness.providers.probe import probe
from harness.providers.remote_source import RemoteSource
from harness.records import Decoding, Runtime
from harness.registry.machine import this_machine

pytest.importorskip("boto3", reason="needs pytest-scaling[bedrock]")
pytestmark = pytest.mark.usefixtures("quick")

REQUEST = {
    "modelId": "made-up",
    "messages": [{"role": "user", "content": [{"text": "tell q0"}]}],
    "system": [{"text": "Be short."}],
    "inferenceConfig": {"maxTokens": 64, "temperature": 0.0},
}


def reply(**changes):
    return {
        "output": {"message": {"role": "assistant", "content": [{"text": "4"}, {"text": "2"}]}},
        "stopReason": "end_turn",
        "usage": {"inputTokens": 5, "outputTokens": 3, "totalTokens": 8},
        "metrics": {"latencyMs": 1},
    } | changes


@pytest.fixture(autouse=True)
def credentials(monkeypatch, tmp_path):
    for name, value in {
        "AWS_ACCESS_KEY_ID": "made-up-id",
        "AWS_SECRET_ACCESS_KEY": "made-up-secret",
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_CONFIG_FILE": str(tmp_path / "none"),
        "AWS_SHARED_CREDENTIALS_FILE": str(tmp_path / "none"),
    }.items():
        monkeypatch.setenv(name, value)


@contextmanager
def stubbed(**options):
    from botocore.stub import Stubber

    provider = RemoteSource(spec_of("bedrock", region="eu-central-1", **options), Runtime()).load()
    with Stubber(provider.service.client) as stubber:
        yield provider, stubber
    provider.close()


def only(provider, decoding=None, *, chat=True):
    (answer,) = provider.generate(prompts_of(1, chat=chat), decoding or Decoding())
    return answer


def test_a_message_is_an_answer():
    with stubbed() as (provider, stubber):
        stubber.add_response("converse", reply(), REQUEST)
        answer = only(provider)
    assert (answer.text, answer.prompt_tokens, answer.output_tokens, answer.finish_reason) == ("42", 5, 3, "stop")


def test_a_question_is_asked_as_the_interface_wants_it():
    settings = {"maxTokens": 7, "temperature": 0.5, "topP": 0.25, "stopSequences": ["\n"]}
    wanted = REQUEST | {"inferenceConfig": settings, "additionalModelRequestFields": {"top_k": 3}}
    with stubbed(extra={"top_k": 3}) as (provider, stubber):
        stubber.add_response("converse", reply(), wanted)
        decoding = Decoding(max_new_tokens=7, temperature=0.5, top_p=0.25, stop=("\n",))
        assert only(provider, decoding).error is None


def test_fields_are_left_out():
    wanted = REQUEST | {"inferenceConfig": {"maxTokens": 64}}
    with stubbed(omit=["temperature"]) as (provider, stubber):
        stubber.add_response("converse", reply(), wanted)
        assert only(provider).error is None


@pytest.mark.parametrize(
    ("reason", "finish"),
    [
        ("guardrail_intervened", "content_filter"),
        ("max_tokens", "length"),
        ("content_filtered", "content_filter"),
    ],
)
def test_a_message_keeps_how_it_ended(reason, finish):
    with stubbed() as (provider, stubber):
        stubber.add_response("converse", reply(stopReason=reason))
        assert only(provider).finish_reason == finish


@pytest.mark.parametrize("code", ["ThrottlingException", "ServiceUnavailableException", "ModelTimeoutException"])
def test_an_overload_is_asked_again(code):
    with stubbed() as (provider, stubber):
        stubber.add_client_error("converse", code, "too much", http_status_code=400)
        stubber.add_response("converse", reply())
        assert only(provider).text == "42"


@pytest.mark.parametrize(
    ("code", "status", "told"),
    [("AccessDeniedException", 403, "403: no access"), ("ValidationException", 400, "400: no access")],
)
def test_a_refusal_is_told(code, status, told):
    with stubbed() as (provider, stubber):
        stubber.add_client_error("converse", code, "no access", http_status_code=status)
        assert told in only(provider).error


@pytest.mark.parametrize(
    ("body", "told"),
    [
        (reply(stopReason="tool_use"), "for the reason 'tool_use'"),
        (reply(output={"message": {"role": "assistant", "content": []}}, stopReason="x"), "for the reason 'x'"),
    ],
)
def test_what_is_no_answer_is_told(body, told):
    with stubbed(tries=1) as (provider, stubber):
        stubber.add_response("converse", body)
        assert told in only(provider).error


def test_a_reply_without_a_message_is_told():
    from harness.providers.bedrock import converse_reply
    from harness.providers.exchange import Fault

    with pytest.raises(Fault, match="no content"):
        converse_reply({"output": {}})


def test_a_text_to_be_continued_is_not_asked():
    with stubbed() as (provider, _):
        assert "takes chats only" in only(provider, chat=False).error


def core_errors():
    from botocore import exceptions as known

    return [
        (known.ReadTimeoutError(endpoint_url="x"), {"retry", "overload", "down", "billed"}),
        (known.NoCredentialsError(), {"fatal"}),
        (known.EndpointConnectionError(endpoint_url="x"), {"retry", "down"}),
        (known.ConnectionClosedError(endpoint_url="x"), {"retry", "down", "billed"}),
        (known.ParamValidationError(report="x"), set()),
    ]


@pytest.mark.parametrize(("error", "expected"), core_errors(), ids=lambda value: type(value).__name__)
def test_what_boto3_finds_out_itself(error, expected):
    from harness.providers.bedrock import _core_fault

    fault = _core_fault(error)
    assert {name for name in ("retry", "overload", "down", "billed", "fatal") if getattr(fault, name)} == expected


def test_nobody_there_is_told():
    with stubbed(base_url="http://127.0.0.1:9", tries=1) as (provider, stubber):
        stubber.deactivate()
        assert "Could not connect" in only(provider).error


def test_a_region_must_be_known():
    with pytest.raises(HarnessError, match="set AWS_REGION"):
        RemoteSource(spec_of("bedrock"), Runtime()).load()


def test_a_profile_must_be_there():
    with pytest.raises(HarnessError, match="nobody"):
        RemoteSource(spec_of("bedrock", profile="nobody"), Runtime()).load()


def test_a_probe_looks_for_credentials(monkeypatch):
    model = spec_of("bedrock", region="eu-central-1")
    assert probe(model, Runtime(), this_machine()).is_ready
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    assert "no credentials" in probe(model, Runtime(), this_machine()).reason
