"""A model behind an API as it is found: its options, its key and its identity, before anything is sent."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from hashlib import sha256
from importlib import import_module
from importlib.util import find_spec
from typing import Literal, Protocol, cast

from harness.errors import HarnessError, MissingExtra
from harness.providers import batch_book
from harness.providers.base import Provider
from harness.providers.batches import Batches
from harness.providers.exchange import Service
from harness.providers.keys import Key, find_key
from harness.providers.prices import price_of, require_price
from harness.providers.remote_options import RemoteOptions, read_options
from harness.providers.services import SERVICES, ServiceSpec
from harness.providers.spending import is_limited
from harness.records import ModelSpec, Runtime

# Raise it when the same options would be asked for in another way than before.
VERSION = 1


class OpenService(Protocol):
    """What makes the client of one model; only here is the service's package imported."""

    def __call__(self, model: ModelSpec, options: RemoteOptions, spec: ServiceSpec, key: Key | None) -> Service:
        """The client; nothing is sent."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class ClientSpec:
    """An official client: what opens it, what it needs, the extra that installs that, and what speaks its batch API."""

    opens: str
    packages: tuple[str, ...]
    extra: str
    batches: str | None = None


CLIENTS: Mapping[Literal["openai", "anthropic", "bedrock"], ClientSpec] = {
    "openai": ClientSpec(
        opens="harness.providers.openai:OpenAIService",
        packages=("openai", "tenacity"),
        extra="openai",
        batches="harness.providers.openai_batches:OpenAIBatches",
    ),
    "anthropic": ClientSpec(
        opens="harness.providers.anthropic:AnthropicService",
        packages=("anthropic", "tenacity"),
        extra="anthropic",
        batches="harness.providers.anthropic_batches:AnthropicBatches",
    ),
    "bedrock": ClientSpec(
        opens="harness.providers.bedrock:BedrockService", packages=("boto3", "tenacity"), extra="bedrock"
    ),
}


class RemoteSource:
    """A model behind an API; see `base.Source`."""

    def __init__(self, model: ModelSpec, runtime: Runtime) -> None:
        """Read the options and look for the key; nothing is sent.

        Raises:
            MissingExtra: a package of the service's client is not installed.
            HarnessError: an option is wrong, the key is missing, a precision is asked for, or a limit of cost cannot
                be kept.
        """
        self.model = model
        self.spec = SERVICES[model.provider]
        self.options = read_options(model, self.spec)
        self._client = CLIENTS[self.spec.client]
        absent = [name for name in self._client.packages if find_spec(name) is None]
        if absent:
            raise MissingExtra(f"the {model.provider} provider", self._client.extra, absent)
        _refuse_precision(model, runtime, self.spec)
        self.key = _key(model, self.spec)
        if is_limited() and not _is_free(self.spec, self.options):
            require_price(model)

    @cached_property
    def fingerprint(self) -> str:
        """Hash of the service, the address, the exact model id and all that is asked for in another way.

        The weights behind an id are the service's affair: a new id is another model, a changed one cannot be seen.
        """
        told = [
            VERSION,
            self.model.provider,
            self.options.base_url,
            self.options.region,
            self.model.server_name or self.model.name,
            self.model.revision,
            self.options.omit,
            self.options.extra,
            self.options.logprobs,
        ]
        return sha256(json.dumps(told, sort_keys=True, default=str).encode()).hexdigest()

    @property
    def reads_reference(self) -> bool:
        """Never: no service is told the gold answer."""
        return False

    @property
    def place(self) -> str:
        """The service and where it is, as told to users."""
        return " at ".join(filter(None, (self.spec.title, self.options.base_url or self.options.region)))

    def service(self) -> Service:
        """The client."""
        opens = cast(OpenService, _named(self._client.opens))
        return opens(self.model, self.options, self.spec, self.key)

    def load(self) -> Provider:
        """The provider; nothing is sent before the first question."""
        from harness.providers.line import line_to
        from harness.providers.remote import RemoteProvider

        if batch_book.are_used() and self.spec.batches:
            return self._batched()
        return RemoteProvider(self.service(), line_to(self.place, self.options), self.options, price_of(self.model))

    def _batched(self) -> Provider:
        from harness.providers.batch_provider import BatchProvider

        opens = cast(Callable[[Service], Batches], _named(str(self._client.batches)))
        return BatchProvider(opens(self.service()), self.fingerprint, self.options, price_of(self.model))


def _named(place: str) -> object:
    module, _, name = place.partition(":")
    return getattr(import_module(module), name)


def _is_free(spec: ServiceSpec, options: RemoteOptions) -> bool:
    """Whether it is a server of models on this machine; what else answers here may be a proxy that sends a bill."""
    return options.is_loopback and RemoteOptions(base_url=spec.base_url).is_loopback


def _refuse_precision(model: ModelSpec, runtime: Runtime, spec: ServiceSpec) -> None:
    if runtime.quantisation is not None:
        raise HarnessError(
            f"model {model.name!r} is answered by {spec.title}, which chooses its own precision: leave "
            f"{runtime.quantisation} out"
        )


def _key(model: ModelSpec, spec: ServiceSpec) -> Key | None:
    key = find_key(spec.key_variables)
    if key is None and spec.needs_key:
        names = " or ".join(spec.key_variables)
        raise HarnessError(f"model {model.name!r} needs the key of {spec.title}: set {names} in the environment")
    return key
