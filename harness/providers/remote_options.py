"""How a model behind an API is asked, read from its options."""

import math
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from harness.errors import StudyError, UnknownName
from harness.providers.services import ServiceSpec
from harness.records import ModelSpec
from harness.secret_names import named_values

# Fields of a request that an answer may be asked for without: the service's own way then holds.
OMITTABLE = ("temperature", "top_p", "seed", "stop")
LOOPBACK = ("localhost", "127.0.0.1", "::1")
WORKERS_VARIABLE = "PYTEST_XDIST_WORKER_COUNT"


@dataclass(frozen=True, slots=True, kw_only=True)
class RemoteOptions:
    """What `model.options` may hold for a model behind an API.

    - `base_url`: where the service is. `region`, `profile`: of Bedrock.
    - `logprobs`: whether log-probabilities are asked for, by default where the service is known to have them.
    - `omit`: request fields to leave out, of OMITTABLE, for models that refuse them. `extra`: fields to add.
    - `max_concurrent` requests at once, `requests_per_minute`, `tokens_per_minute`: of all workers of a run together.
    - `timeout_s` of one try; `deadline_s` and `tries` of one answer, waiting between tries included.
    - `failures_most` in a row over at least `patience_s` seconds stop the cell; after `rest_s` the service is tried
      again.
    - `usd_per_million`: prices as `{input, output}`, for a model that the price table does not know.
    """

    base_url: str | None = None
    region: str | None = None
    profile: str | None = None
    logprobs: bool | None = None
    omit: tuple[str, ...] = ()
    extra: Mapping[str, object] = field(default_factory=dict)
    max_concurrent: int = 64
    requests_per_minute: int | None = None
    tokens_per_minute: int | None = None
    timeout_s: float = 120.0
    deadline_s: float = 600.0
    tries: int = 8
    failures_most: int = 12
    patience_s: float = 10.0
    rest_s: float = 60.0
    usd_per_million: tuple[float, float] | None = None

    @property
    def is_loopback(self) -> bool:
        """Whether the service is on this very machine, where nobody sends a bill."""
        return self.base_url is not None and urlsplit(self.base_url).hostname in LOOPBACK


def read_options(model: ModelSpec, spec: ServiceSpec) -> RemoteOptions:
    """The options of a model at a service.

    Raises:
        StudyError: an unknown option, a wrong value, a key among the options, or no base_url where one is needed.
    """
    place = f"options of {model.provider} model {model.name!r}"
    _refuse_keys(place, model.options)
    for name in model.options:
        if name not in READERS:
            raise StudyError(str(UnknownName(f"key in the {place}:", name, READERS)))
    given = {name: _read(place, name, value) for name, value in model.options.items()}
    found = RemoteOptions(**({"base_url": spec.base_url, "max_concurrent": spec.max_concurrent} | given))  # type: ignore[arg-type] # read by READERS
    if spec.needs_url and found.base_url is None:
        raise StudyError(f"the {place} have no base_url: add the address of the endpoint, as http://127.0.0.1:8000/v1")
    return found


def share(limit: float | None, environ: Mapping[str, str] | None = None) -> float | None:
    """One worker's part of a limit that all workers of a run keep together; None stays None."""
    count = (os.environ if environ is None else environ).get(WORKERS_VARIABLE, "1")
    workers = max(1, int(count)) if count.isascii() and count.isdigit() else 1
    return None if limit is None else limit / workers


def _refuse_keys(place: str, options: Mapping[str, object]) -> None:
    names = sorted(set(named_values({}, [options]).values()))
    held = names or [name for name in options if name in {"api_key", "token", "password"}]
    if held:
        raise StudyError(f"the {place} hold a key ({held[0]}): keys are taken from the environment only, delete it")


def _read(place: str, name: str, value: object) -> object:
    allowed, check = READERS[name]
    found = check(value)
    if found is None:
        raise StudyError(f"the {place}: {name} is {value!r}: it must be {allowed}")
    return found


def _url(value: object) -> str | None:
    if not isinstance(value, str):
        return None
    try:
        parts = urlsplit(value)
        is_url = parts.scheme in {"http", "https"} and bool(parts.hostname) and (parts.port is None or parts.port > 0)
    except ValueError:
        return None
    return value.rstrip("/") if is_url and not parts.username and not parts.query else None


def _text(value: object) -> str | None:
    return value if isinstance(value, str) and value.strip() else None


def _switch(value: object) -> bool | None:
    return value if isinstance(value, bool) else None


def _count(value: object) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) and value > 0 else None


def _positive(value: object) -> float | None:
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return float(value) if is_number and 0 < value < math.inf else None  # type: ignore[operator,arg-type] # a number


def _omit(value: object) -> tuple[str, ...] | None:
    return tuple(value) if isinstance(value, list | tuple) and set(value) <= set(OMITTABLE) else None


def _extra(value: object) -> dict[str, object] | None:
    return dict(value) if isinstance(value, Mapping) and not value.keys() & RESERVED else None


def _prices(value: object) -> tuple[float, float] | None:
    if not isinstance(value, Mapping) or value.keys() != {"input", "output"}:
        return None
    numbers = [0.0 if value[key] == 0 else _positive(value[key]) for key in ("input", "output")]
    return None if None in numbers else (numbers[0], numbers[1])  # type: ignore[return-value] # none is None


RESERVED = {"model", "messages", "prompt", "system", "max_tokens", "max_completion_tokens", "stream", "n", *OMITTABLE}
_COUNT = ("a whole number above 0", _count)
_SECONDS = ("a number of seconds above 0", _positive)
READERS = {
    "base_url": ("an address as http://127.0.0.1:8000/v1, without a user, a password or a query", _url),
    "region": ("the name of a region", _text),
    "profile": ("the name of a profile", _text),
    "logprobs": ("true or false", _switch),
    "omit": (f"a list of any of {', '.join(OMITTABLE)}", _omit),
    "extra": (f"a table without {', '.join(sorted(RESERVED))}", _extra),
    "max_concurrent": _COUNT,
    "requests_per_minute": _COUNT,
    "tokens_per_minute": _COUNT,
    "timeout_s": _SECONDS,
    "deadline_s": _SECONDS,
    "tries": _COUNT,
    "failures_most": _COUNT,
    "patience_s": _SECONDS,
    "rest_s": _SECONDS,
    "usd_per_million": ("a table of input and output, in dollars per million tokens, 0 or more", _prices),
}
