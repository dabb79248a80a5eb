"""Models of Bedrock through boto3: the Converse API, with the credentials of boto3's own chain."""

import asyncio
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from harness.errors import HarnessError
from harness.providers.anthropic import ONLY_CHATS, parted
from harness.providers.exchange import Asked, Fault, Reply
from harness.providers.faults import broken, shown, status_fault
from harness.providers.keys import Key
from harness.providers.official import Json, count
from harness.providers.remote_options import RemoteOptions
from harness.providers.services import ServiceSpec
from harness.records import FinishReason, ModelSpec

FINISHES: Mapping[str, FinishReason] = {
    "end_turn": "stop",
    "stop_sequence": "stop",
    "max_tokens": "length",
    "model_context_window_exceeded": "length",
    "guardrail_intervened": "content_filter",
    "content_filtered": "content_filter",
    "refusal": "refusal",
}
PROMPT_COUNTS = ("inputTokens", "cacheReadInputTokens", "cacheWriteInputTokens")
# Codes whose HTTP status says something else than what they mean, each with the status that does.
CODES = {
    "ThrottlingException": 429,
    "TooManyRequestsException": 429,
    "ModelTimeoutException": 504,
    "ModelNotReadyException": 503,
    "ServiceUnavailableException": 503,
    "ExpiredTokenException": 401,
    "UnrecognizedClientException": 401,
    "InvalidSignatureException": 401,
}
NO_REGION = "no region is set: add region to the model's options, or set AWS_REGION"


class BedrockService:
    """One model through `bedrock-runtime`; see `exchange.Service`. Requests run in threads: boto3 has no other way."""

    def __init__(self, model: ModelSpec, options: RemoteOptions, spec: ServiceSpec, key: Key | None) -> None:
        """`spec` and `key` are not used.

        Raises:
            HarnessError: no region is known, or there is no such profile.
        """
        import boto3
        from botocore.config import Config
        from botocore.exceptions import BotoCoreError

        del spec, key
        self.name = model.server_name or model.name
        self.options = options
        config = Config(
            retries={"total_max_attempts": 1},
            read_timeout=options.timeout_s,
            connect_timeout=min(options.timeout_s, 10.0),
            max_pool_connections=options.max_concurrent,
        )
        try:
            self.session = boto3.Session(profile_name=options.profile, region_name=options.region)
            self.client: Any = self.session.client("bedrock-runtime", config=config, endpoint_url=options.base_url)
        except BotoCoreError as error:
            problem = NO_REGION if type(error).__name__ == "NoRegionError" else shown(str(error))
            raise HarnessError(f"model {model.name!r}: {problem}") from error
        self.threads = ThreadPoolExecutor(max_workers=options.max_concurrent, thread_name_prefix="bedrock")

    async def ask(self, asked: Asked) -> Reply:
        """See `exchange.Service.ask`."""
        if not asked.chat:
            raise Fault(reason=ONLY_CHATS)
        request = self._request(asked)
        return converse_reply(await self._in_thread(lambda: self.client.converse(**request)))

    async def probe(self) -> None:
        """Whether credentials are found; only a question tells whether they may use the model."""
        credentials = await self._in_thread(self.session.get_credentials)
        if credentials is None:
            raise Fault(reason="no credentials: set them in the environment, or name a profile")

    async def close(self) -> None:
        """See `exchange.Service.close`."""
        self.threads.shutdown(wait=False, cancel_futures=True)
        self.client.close()

    async def _in_thread(self, call: Callable[[], Any]) -> Any:  # noqa: ANN401 - boto3 has no types
        from botocore.exceptions import BotoCoreError, ClientError

        try:
            return await asyncio.get_running_loop().run_in_executor(self.threads, call)
        except ClientError as error:
            raise _client_fault(error.response) from error
        except BotoCoreError as error:
            raise _core_fault(error) from error

    def _request(self, asked: Asked) -> dict[str, Any]:
        decoding = asked.decoding
        system, turns = parted(asked.turns)
        settings: dict[str, Any] = {"maxTokens": decoding.max_new_tokens, "temperature": decoding.temperature}
        if decoding.temperature > 0 and decoding.top_p < 1:
            settings["topP"] = decoding.top_p
        if decoding.stop:
            settings["stopSequences"] = list(decoding.stop)
        names = {"top_p": "topP", "stop": "stopSequences"}
        omitted = {names.get(name, name) for name in self.options.omit}
        request: dict[str, Any] = {
            "modelId": self.name,
            "messages": [{"role": turn.role, "content": [{"text": turn.content}]} for turn in turns],
            "inferenceConfig": {name: value for name, value in settings.items() if name not in omitted},
        }
        if system:
            request["system"] = [{"text": system}]
        if self.options.extra:
            request["additionalModelRequestFields"] = dict(self.options.extra)
        return request


def converse_reply(body: Json) -> Reply:
    """The reply in what Converse gives back.

    Raises:
        Fault: anything that is not as the interface says.
    """
    output = body.get("output")
    message = output.get("message") if isinstance(output, Mapping) else None
    blocks = message.get("content") if isinstance(message, Mapping) else None
    if not isinstance(blocks, list) or not all(isinstance(block, Mapping) for block in blocks):
        raise broken(f"the reply has no content: {shown(str({name: body[name] for name in body if name == 'output'}))}")
    reason = body.get("stopReason")
    if not isinstance(reason, str) or reason not in FINISHES:
        raise Fault(reason=f"the answer ended for the reason {reason!r}: known are {', '.join(FINISHES)}", billed=True)
    usage = body.get("usage")
    return Reply(
        text="".join(str(block["text"]) for block in blocks if "text" in block),
        prompt_tokens=count(usage, *PROMPT_COUNTS),
        output_tokens=count(usage, "outputTokens"),
        finish_reason=FINISHES[reason],
    )


def _client_fault(response: Json) -> Fault:
    error, told = response.get("Error", {}), response.get("ResponseMetadata", {})
    code = str(error.get("Code"))
    status = CODES.get(code, told.get("HTTPStatusCode", 0))
    headers = {name.lower(): str(value) for name, value in told.get("HTTPHeaders", {}).items()}
    return status_fault(status, f"{error.get('Message')} {code}", headers)


def _core_fault(error: Exception) -> Fault:
    """What boto3 found out without a reply; the names of its classes are its interface."""
    kind, reason = type(error).__name__, shown(str(error))
    if kind == "ReadTimeoutError":
        return Fault(reason=reason, retry=True, overload=True, down=True, billed=True)
    if kind in {"NoCredentialsError", "PartialCredentialsError", "TokenRetrievalError", "UnauthorizedSSOTokenError"}:
        return Fault(reason=reason, fatal=True)
    if kind in {"EndpointConnectionError", "ConnectTimeoutError", "ProxyConnectionError"}:
        return Fault(reason=reason, retry=True, down=True)
    if kind in {"ConnectionClosedError", "HTTPClientError", "ResponseStreamingError", "IncompleteReadError"}:
        return Fault(reason=reason, retry=True, down=True, billed=True)
    return Fault(reason=f"{kind}: {reason}")
