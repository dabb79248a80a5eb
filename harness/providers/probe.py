"""Whether a model can run here and now, and why not: nothing is loaded, and no question is asked."""

from dataclasses import dataclass

from harness.errors import HarnessError
from harness.providers.background import run
from harness.providers.base import source
from harness.providers.exchange import Fault, Service
from harness.providers.remote_source import RemoteSource
from harness.providers.services import SERVICES
from harness.records import Hardware, ModelSpec, Runtime
from harness.registry.machine import fits
from harness.secrets import clean_message

PROBE_S = 10.0
# Nothing of these is loaded into this machine's memory.
WEIGHTLESS = frozenset({*SERVICES, "planted"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Probe:
    """What was found of one model; `reason` says why it cannot run, and is None exactly when it can."""

    model: str
    provider: str
    reason: str | None = None

    @property
    def is_ready(self) -> bool:
        """Whether it can run here and now."""
        return self.reason is None


def probe(model: ModelSpec, runtime: Runtime, hardware: Hardware) -> Probe:
    """Look for the weights, the packages, the memory or the key, and ask a service whether it has the model.

    A service is given ten seconds. Whether a key may use the model is told by some services only when it is asked.
    """
    try:
        if model.provider not in WEIGHTLESS:
            fits(model, hardware, runtime)
        found = source(model, runtime)
        if isinstance(found, RemoteSource):
            _reach(found.service(), found.place)
    except (HarnessError, Fault) as error:
        return Probe(model=model.name, provider=model.provider, reason=clean_message(" ".join(str(error).split())))
    return Probe(model=model.name, provider=model.provider)


def _reach(service: Service, place: str) -> None:
    async def ask() -> None:
        try:
            await service.probe()
        finally:
            await service.close()

    try:
        run(ask(), PROBE_S)
    except TimeoutError:
        raise Fault(reason=f"{place} does not answer within {PROBE_S:g} s: is it running?") from None
    except Fault as fault:
        raise Fault(reason=f"{place}: {fault.reason}") from fault
