"""The protocol of a provider, and the table of the ones that exist."""

from collections.abc import Iterator, Sequence
from importlib import import_module
from typing import Protocol, cast

from harness.errors import HarnessError, UnknownName
from harness.providers.services import SERVICES
from harness.records import Answer, Decoding, FinishReason, ModelSpec, Prompt, Runtime

PROVIDERS = {
    "transformers": "harness.providers.transformers:TransformersSource",
    "vllm": "harness.providers.vllm:VllmSource",
    "optimum": "harness.providers.optimum:OptimumSource",
    "openvino": "harness.providers.optimum:OptimumSource",
    "planted": "harness.providers.planted:PlantedSource",
    **dict.fromkeys(SERVICES, "harness.providers.remote_source:RemoteSource"),
}

ADAPTING = frozenset({"transformers", "vllm", "optimum", "openvino", "planted"})
"""Providers that apply a model's adapters; a planted model needs none to answer as one."""


def failed(reason: str, latency_s: float = 0.0, finish: FinishReason = "error") -> Answer:
    """The answer that was not given, with why, after so many seconds of trying."""
    return Answer(text="", prompt_tokens=0, output_tokens=0, latency_s=latency_s, finish_reason=finish, error=reason)


class Provider(Protocol):
    """A loaded model that answers prompts, in order: `out[i]` answers `prompts[i]`, and a failure is an Answer's error.

    The prompts of one call are one batch: the caller has sorted and sized it. Answers are yielded as soon as they are
    complete. Where a prompt has a `reference`, its answer carries `reference_nll` if the provider can measure it.
    """

    def generate(self, prompts: Sequence[Prompt], decoding: Decoding) -> Iterator[Answer]:
        """One answer per prompt, in order."""
        ...

    def reference_nll(self, prompts: Sequence[Prompt]) -> Iterator[float | None]:
        """Mean negative log-likelihood of each prompt's reference, in nats per token; None where there is none."""
        ...

    def close(self) -> None:
        """Free the memory; the provider is not used again."""
        ...


class Source(Protocol):
    """A model that can be loaded here: found and identified, not yet loaded. Making one imports nothing heavy.

    Making one raises WeightsMissing, ModelTooLarge or MissingExtra, each one line with the way out.
    """

    @property
    def fingerprint(self) -> str:
        """Everything about weights, tokenizer, precision and software that can change an answer, as one hash."""
        ...

    @property
    def reads_reference(self) -> bool:
        """Whether answers depend on the prompt's reference, as only a planted model's do."""
        ...

    def load(self) -> Provider:
        """Load the weights; only here are heavy packages imported."""
        ...


class SourceType(Protocol):
    """What a row of the table resolves to: a class whose instances are Sources."""

    def __call__(self, model: ModelSpec, runtime: Runtime) -> Source:
        """Look for the model; see Source for what is raised."""
        ...


def source(model: ModelSpec, runtime: Runtime) -> Source:
    """The model's source, by the name of its provider.

    Raises:
        UnknownName: the provider is not in the table.
        HarnessError: an adapter is asked for of a provider that applies none.
        WeightsMissing, ModelTooLarge, MissingExtra: the model cannot be loaded here.
    """
    try:
        module, _, name = PROVIDERS[model.provider].partition(":")
    except KeyError:
        raise UnknownName("provider", model.provider, PROVIDERS) from None
    if runtime.adapter is not None and model.provider not in ADAPTING:
        raise HarnessError(
            f"model {model.name!r}: provider {model.provider!r} applies no adapters, and {runtime.adapter!r} is asked "
            "for: leave out its conditions, or run the model through transformers"
        )
    return cast(SourceType, getattr(import_module(module), name))(model, runtime)
