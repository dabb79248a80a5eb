"""The services behind an API by name: where each is, which client speaks to it, and where its key stands."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

HOSTED_CONCURRENT = 64
# A server on one's own machine answers a few at a time and lets the others wait, which would be measured as latency.
LOCAL_CONCURRENT = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceSpec:
    """One service. `base_url` None: the client's own, or the user must give one where `needs_url`.

    `key_variables` are looked at in order; where none is set, `needs_key` decides whether that is an error.
    `prices` names the service's part of the price table, and `batches` says whether its batch API is spoken here.
    """

    client: Literal["openai", "anthropic", "bedrock"]
    title: str
    base_url: str | None = None
    needs_url: bool = False
    key_variables: tuple[str, ...] = ()
    needs_key: bool = False
    logprobs: bool = False
    max_concurrent: int = HOSTED_CONCURRENT
    prices: str | None = None
    batches: bool = False


SERVICES: Mapping[str, ServiceSpec] = {
    "openai": ServiceSpec(
        client="openai",
        title="OpenAI",
        base_url="https://api.openai.com/v1",
        key_variables=("OPENAI_API_KEY",),
        needs_key=True,
        logprobs=True,
        prices="openai",
        batches=True,
    ),
    "openrouter": ServiceSpec(
        client="openai",
        title="OpenRouter",
        base_url="https://openrouter.ai/api/v1",
        key_variables=("OPENROUTER_API_KEY",),
        needs_key=True,
        prices="openrouter",
    ),
    "ollama": ServiceSpec(
        client="openai",
        title="Ollama",
        base_url="http://127.0.0.1:11434/v1",
        key_variables=("OLLAMA_API_KEY",),
        max_concurrent=LOCAL_CONCURRENT,
    ),
    "vllm-serve": ServiceSpec(
        client="openai",
        title="vLLM's server",
        base_url="http://127.0.0.1:8000/v1",
        key_variables=("VLLM_API_KEY",),
        logprobs=True,
    ),
    "llamacpp": ServiceSpec(
        client="openai",
        title="llama.cpp's server",
        base_url="http://127.0.0.1:8080/v1",
        key_variables=("LLAMA_API_KEY",),
        max_concurrent=LOCAL_CONCURRENT,
    ),
    "transformers-serve": ServiceSpec(
        client="openai",
        title="transformers serve",
        base_url="http://127.0.0.1:8000/v1",
        max_concurrent=LOCAL_CONCURRENT,
    ),
    "openai_compatible": ServiceSpec(
        client="openai",
        title="the endpoint",
        needs_url=True,
        key_variables=("OPENAI_COMPATIBLE_API_KEY",),
        batches=True,
    ),
    "anthropic": ServiceSpec(
        client="anthropic",
        title="Anthropic",
        base_url="https://api.anthropic.com",
        key_variables=("ANTHROPIC_API_KEY", "ANTHROPIC_AUTH_TOKEN"),
        needs_key=True,
        prices="anthropic",
        batches=True,
    ),
    "bedrock": ServiceSpec(client="bedrock", title="Bedrock", prices="bedrock"),
}


def is_remote(provider: str) -> bool:
    """Whether models of this provider are asked through an API, so that no memory of this machine bounds a batch."""
    return provider in SERVICES
