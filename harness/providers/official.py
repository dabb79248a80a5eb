"""Requests through the official clients of OpenAI and Anthropic, which are built alike; their replies as plain JSON."""

import asyncio
import json
from collections.abc import Iterator, Mapping
from typing import Any, Protocol, cast

from harness.providers.exchange import Fault
from harness.providers.faults import broken, shown, status_fault

Json = Mapping[str, Any]
# The client's own classes, and those beneath them: of a connection that never was, and of one that was cut. A client
# over aiohttp calls all of these a timeout.
LOST = frozenset({"APIConnectionError", "APITimeoutError"})
UNSENT = frozenset({"ConnectionRefusedError", "gaierror", "ConnectError", "ClientConnectorError"})
CUT = frozenset({"ServerDisconnectedError", "ConnectionResetError", "ClientPayloadError", "ClientOSError", "ReadError"})


class Client(Protocol):
    """What is used of `openai.AsyncOpenAI` and `anthropic.AsyncAnthropic`."""

    async def post(self, path: str, *, cast_to: Any, body: object) -> object:  # noqa: ANN401 - the client's own
        """Send JSON."""
        ...

    async def get(self, path: str, *, cast_to: Any) -> object:  # noqa: ANN401 - the client's own
        """Fetch JSON."""
        ...

    async def close(self) -> None:
        """Close the connections."""
        ...


def faster_http(package: Any) -> Any:  # noqa: ANN401 - a module, and its client
    """The HTTP client that takes half the processor's time per request, where aiohttp is installed; else None."""
    try:
        return package.DefaultAioHttpClient()
    except RuntimeError:
        return None


async def post(client: Client, path: str, body: Json) -> Json:
    """Send a request once and read the reply as a JSON object.

    Raises:
        Fault: an error status, a cut connection, a timeout of the client's, another content type, or no JSON object.
    """
    return await _guarded(client.post(path, cast_to=object, body=body))


async def get(client: Client, path: str) -> Json:
    """Fetch a JSON object.

    Raises:
        Fault: as `post`.
    """
    return await _guarded(client.get(path, cast_to=object))


async def get_rows(client: Client, path: str) -> list[Json]:
    """Fetch a text of JSON objects, one a line; a line that is none is left out.

    Raises:
        Fault: as `post`, but for what the text holds.
    """
    text = await _sent(client.get(path, cast_to=str))
    lines = str(text).split("\n")  # JSON may hold the other ends of line that `splitlines` knows, as U+2028
    return [row for line in lines if (row := _object(line)) is not None]


def _object(line: str) -> Json | None:
    try:
        found = json.loads(line)
    except ValueError:
        return None
    return found if isinstance(found, Mapping) else None


async def _guarded(request: Any) -> Json:  # noqa: ANN401 - a coroutine of the client's
    found = await _sent(request)
    if not isinstance(found, Mapping):
        raise broken(f"the reply is no JSON object: {shown(str(found))}")
    return cast(Json, found)


async def _sent(request: Any) -> object:  # noqa: ANN401 - a coroutine of the client's
    try:
        found: object = await request
    except (asyncio.CancelledError, TimeoutError):
        raise
    except ValueError as error:  # what is no JSON, or no UTF-8
        raise broken(f"the reply is no JSON: {shown(str(error))}") from error
    except Exception as error:
        raise _fault(error) from error
    return found


def _fault(error: Exception) -> Fault:
    """What the client raised, told apart by what it carries: both packages have classes of the same shape."""
    status = getattr(error, "status_code", None)
    if isinstance(status, int):
        response: Any = getattr(error, "response", None)
        headers = {name.lower(): value for name, value in getattr(response, "headers", {}).items()}
        return status_fault(status, _told(error), headers)
    chain = list(_causes(error))
    names = {type(each).__name__ for each in chain}
    if not names & LOST:
        return Fault(reason=f"{type(error).__name__}: {shown(str(error))}")
    reason = f"no connection: {shown(str(chain[-1]) or type(chain[-1]).__name__)}"
    if names & UNSENT:
        return Fault(reason=reason, retry=True, down=True)
    if names & CUT or "APITimeoutError" not in names:
        return Fault(reason=reason, retry=True, down=True, billed=True)
    return Fault(reason="no reply in time", retry=True, overload=True, down=True, billed=True)


def _causes(error: BaseException) -> Iterator[BaseException]:
    """The error and what it came from, the first cause last."""
    found: BaseException | None = error
    while found is not None:
        yield found
        found = found.__cause__ or found.__context__


def _told(error: Exception) -> str:
    """The service's own words and code; the client's message where the body is not of the known shape."""
    body: Any = getattr(error, "body", None)
    inner = body.get("error", body) if isinstance(body, Mapping) else body
    if not isinstance(inner, Mapping):
        return str(inner if isinstance(inner, str) and inner.strip() else error)
    parts = [inner.get("message") or inner.get("detail"), inner.get("code"), inner.get("type"), inner.get("param")]
    return " ".join(str(part) for part in parts if part) or str(error)


async def upload(client: Any, name: str, lines: bytes) -> str:  # noqa: ANN401 - openai.AsyncOpenAI
    """Send a file that a batch is made of; its id.

    Raises:
        Fault: as `post`.
    """
    return str(getattr(await _sent(client.files.create(file=(name, lines), purpose="batch")), "id", ""))


def count(usage: object, *names: str) -> int:
    """The sum of the counts of those names, each a whole number of at least 0; the first must be there.

    Raises:
        Fault: the service gives no such count, or one that is no count.
    """
    values = [usage.get(name) if isinstance(usage, Mapping) else None for name in names]
    if values[0] is None:
        raise Fault(reason=f"the service does not say how many tokens ({names[0]}) the answer took", billed=True)
    for name, value in zip(names, values, strict=True):
        if value is not None and (isinstance(value, bool) or not isinstance(value, int) or value < 0):
            raise Fault(reason=f"the service counts {value!r} tokens ({name}): a whole number is possible", billed=True)
    return sum(value or 0 for value in values)
