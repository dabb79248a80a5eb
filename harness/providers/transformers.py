"""The door to models that run through transformers: found, checked and identified here, loaded behind it."""

from functools import cached_property
from importlib.util import find_spec

from harness.collecting import import_uncollected
from harness.errors import HarnessError, MissingExtra, WeightsMissing
from harness.providers.adapters import Adapter, find_adapter
from harness.providers.base import Provider
from harness.providers.precision import Precision, precision
from harness.providers.weights import COMMIT, Located, fingerprint, locate
from harness.records import ModelSpec, Runtime

NEEDED = ("torch", "transformers", "safetensors", "jinja2")


class TransformersSource:
    """A model whose weights are on this machine, with `Runtime.download` fetched first; see `base.Source`."""

    def __init__(self, model: ModelSpec, runtime: Runtime) -> None:
        """Look for the weights.

        Raises:
            WeightsMissing: they, or the runtime's adapter, are not here.
            MissingExtra: torch or transformers is not installed.
            HarnessError: the device, the quantisation, an option, an adapter or remote code is refused.
        """
        _require_packages()
        _refuse_options(model)
        _refuse_unpinned_code(model, runtime)
        self.model = model
        self.runtime = runtime
        self.precision = precision(runtime)
        self.adapter = _adapter(model, runtime, self.precision)
        self.located = _locate(model, runtime)

    @cached_property
    def fingerprint(self) -> str:
        """See `weights.fingerprint`."""
        return fingerprint(self.located, self.precision, None if self.adapter is None else self.adapter.content)

    @property
    def reads_reference(self) -> bool:
        """Never: the reference is scored after the prompt is read, and is cut away again before the answer."""
        return False

    def load(self) -> Provider:
        """Convert what needs converting, and load.

        Raises:
            HarnessError: the weights cannot be read, or the device is not what it seemed.
        """
        import_uncollected("harness.providers.causal_lm")
        from harness.providers.causal_lm import load

        return load(self.model, self.runtime, self.located, self.precision, self.adapter)


def _require_packages() -> None:
    absent = [name for name in NEEDED if find_spec(name) is None]
    if absent:
        raise MissingExtra("the transformers provider", "hf", absent)


def _refuse_options(model: ModelSpec) -> None:
    if model.options:
        raise HarnessError(
            f"model {model.name!r}: the transformers provider takes no options, got {', '.join(model.options)}"
        )


def _refuse_unpinned_code(model: ModelSpec, runtime: Runtime) -> None:
    if runtime.trust_remote_code and not COMMIT.fullmatch(model.revision or ""):
        raise HarnessError(
            f"model {model.name!r}: code from its repository runs only at a pinned commit, revision is "
            f"{model.revision!r}: set revision to the 40 hex digits of one, or leave trust_remote_code off"
        )


def _adapter(model: ModelSpec, runtime: Runtime, found: Precision) -> Adapter | None:
    if runtime.adapter is None:
        return None
    if found.bits is not None:
        raise HarnessError(
            f"model {model.name!r}: adapter {runtime.adapter!r} cannot be laid into weights of {found.bits} bits: use "
            "bf16, fp16 or fp32"
        )
    return find_adapter(model, runtime.adapter)


def _locate(model: ModelSpec, runtime: Runtime) -> Located:
    try:
        return locate(model)
    except WeightsMissing:
        if not runtime.download:
            raise
    from harness.providers.fetch import fetch

    fetch(model, lambda _: None)
    return locate(model)
