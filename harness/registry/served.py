"""`PROVIDER/NAME`: a model that nobody described, asked for by the name that its service has for it."""

import re
from collections.abc import Sequence
from dataclasses import replace

from harness.errors import StudyError, UnknownName
from harness.providers.base import PROVIDERS
from harness.providers.services import is_remote
from harness.records import ModelSpec
from harness.registry.spec_fields import ASSUMED_CONTEXT_LENGTH

NOT_IN_LABELS = re.compile(r"[^A-Za-z0-9._+-]+")


def served_model(models: Sequence[ModelSpec], pattern: str) -> ModelSpec | None:
    """The model that `PROVIDER/NAME` stands for; None for a pattern without a slash.

    For a service NAME is the service's own, as in `ollama/qwen2.5:7b-instruct-q4_K_M`; one that a model of that
    provider has as `server_name`, name or alias is that model. A provider that runs models here takes any model of the
    catalogue.

    Args:
        models: the catalogue.
        pattern: what was asked for; the name of a service's model may hold slashes.

    Raises:
        UnknownName: no such provider, or no such model for a provider that runs models here.
        StudyError: no name, a glob, or a name whose label another model has.
    """
    provider, slash, name = pattern.partition("/")
    if not slash:
        return None
    if provider not in PROVIDERS:
        raise UnknownName("provider", provider, PROVIDERS)
    if not name.strip() or set(name) & set("*?["):
        raise StudyError(f"model {pattern!r} names no model of {provider}: write {provider}/NAME, without * ? [")
    if not is_remote(provider):
        return _run_here(models, provider, name)
    return _known(models, provider, name) or _made(models, provider, name)


def _run_here(models: Sequence[ModelSpec], provider: str, name: str) -> ModelSpec:
    wanted = name.casefold()
    for model in models:
        if wanted in _names(model):
            return model if model.provider == provider else replace(model, provider=provider)
    raise UnknownName("model", name, [each for model in models for each in (model.name, *model.aliases)])


def _known(models: Sequence[ModelSpec], provider: str, name: str) -> ModelSpec | None:
    of_provider = [model for model in models if model.provider == provider]
    by_server = [model for model in of_provider if model.server_name == name]
    return next(iter(by_server or [model for model in of_provider if name.casefold() in _names(model)]), None)


def _made(models: Sequence[ModelSpec], provider: str, name: str) -> ModelSpec:
    label = NOT_IN_LABELS.sub("-", f"{provider}-{name}").rstrip("-")
    if any(label.casefold() in _names(model) for model in models):
        raise StudyError(
            f"model {provider + '/' + name!r} would be called {label!r}, as another model is: describe it as "
            "[models.NAME] with a server_name"
        )
    return ModelSpec(
        name=label,
        family=provider,
        params_b=None,
        context_length=ASSUMED_CONTEXT_LENGTH,
        title=f"{provider}/{name}",
        provider=provider,
        server_name=name,
    )


def _names(model: ModelSpec) -> set[str]:
    return {name.casefold() for name in (model.name, *model.aliases)}
