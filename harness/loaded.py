"""The one model that a process holds."""

from dataclasses import dataclass, field

from harness.errors import HarnessError
from harness.providers.base import Provider, Source


@dataclass(slots=True)
class Loaded:
    """The model that this process holds, if any; another one is freed before the next is loaded."""

    source: Source | None = None
    provider: Provider | None = None
    loads: int = 0
    failures: dict[str, str] = field(default_factory=dict)

    def holds(self, wanted: Source) -> bool:
        """Whether this model is loaded, or is known not to load."""
        return (self.provider is not None and self.source is wanted) or wanted.fingerprint in self.failures

    def of(self, wanted: Source) -> Provider:
        """The provider of a source; the one held before is freed first. Weights that failed once are not tried again.

        Raises:
            HarnessError: the weights could not be loaded.
        """
        if wanted.fingerprint in self.failures:
            raise HarnessError(self.failures[wanted.fingerprint])
        if self.provider is None or self.source is not wanted:
            self.close()
            self.provider, self.source = self._load(wanted), wanted
            self.loads += 1
        return self.provider

    def refuse(self, wanted: Source, reason: str) -> None:
        """Never load this model here, for that reason."""
        self.failures.setdefault(wanted.fingerprint, f"the model could not be loaded: {reason}")

    def _load(self, wanted: Source) -> Provider:
        try:
            return wanted.load()
        except Exception as error:
            self.refuse(wanted, str(error) if isinstance(error, HarnessError) else f"{type(error).__name__}: {error}")
            raise HarnessError(self.failures[wanted.fingerprint]) from error

    def close(self) -> None:
        """Free the model that is held, if any."""
        if self.provider is not None:
            self.provider.close()
        self.provider = self.source = None
