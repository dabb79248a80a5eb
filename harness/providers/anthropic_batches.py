"""Anthropic's Message Batches. They take no mark: one whose handing in was cut off cannot be found again.

Source: https://docs.anthropic.com/en/api/creating-message-batches
"""

from collections.abc import Mapping

from harness.providers.anthropic import ONLY_CHATS, AnthropicService, message_reply
from harness.providers.batches import Standing, read_alone
from harness.providers.exchange import Asked, Fault, Reply
from harness.providers.faults import shown
from harness.providers.official import Json, get, get_rows, post

PATH = "/v1/messages/batches"
OVER = "ended"


class AnthropicBatches:
    """Batches of one model; see `batches.Batches`."""

    def __init__(self, service: AnthropicService) -> None:
        """Batches through the service's client."""
        self.service = service
        self.client = service.client

    async def hand_in(self, token: str, items: Mapping[str, Asked]) -> str:
        """See `batches.Batches.hand_in`; `token` is not sent."""
        del token
        if not all(asked.chat for asked in items.values()):
            raise Fault(reason=ONLY_CHATS)
        requests = [{"custom_id": item, "params": self.service.body(asked)} for item, asked in items.items()]
        told = await post(self.client, PATH, {"requests": requests})
        found = told.get("id")
        if not isinstance(found, str) or not found:
            raise Fault(reason=f"the service gives the batch no id: {shown(str(dict(told)))}", billed=True)
        return found

    @property
    def is_marked(self) -> bool:
        """See `batches.Batches.is_marked`."""
        return False

    async def find(self, token: str) -> str | None:
        """See `batches.Batches.find`."""
        raise Fault(reason=f"Anthropic's batches take no mark, so that {token} cannot be looked for")

    async def look(self, batch: str) -> Standing:
        """See `batches.Batches.look`."""
        word = str((await get(self.client, f"{PATH}/{batch}")).get("processing_status"))
        return Standing(word=word, is_over=word == OVER)

    async def results(self, batch: str) -> Mapping[str, Reply | Fault]:
        """See `batches.Batches.results`."""
        rows = await get_rows(self.client, f"{PATH}/{batch}/results")
        return {str(row["custom_id"]): _result(row.get("result")) for row in rows if "custom_id" in row}

    async def cancel(self, batch: str) -> None:
        """See `batches.Batches.cancel`."""
        await post(self.client, f"{PATH}/{batch}/cancel", {})

    def adapts(self, faults: Mapping[str, Fault]) -> frozenset[str]:
        """None: no field that this service refuses can be left out without another answer."""
        del faults
        return frozenset()

    async def close(self) -> None:
        """See `batches.Batches.close`."""
        await self.service.close()


def _result(result: object) -> Reply | Fault:
    kind = result.get("type") if isinstance(result, Mapping) else None
    if isinstance(result, Mapping) and kind == "succeeded" and isinstance(result.get("message"), Mapping):
        return read_alone(message_reply, result["message"])
    return Fault(reason=_told(result, str(kind)))


def _told(result: object, kind: str) -> str:
    error: Json | object = result.get("error") if isinstance(result, Mapping) else None
    inner = error.get("error", error) if isinstance(error, Mapping) else None
    if isinstance(inner, Mapping):
        return f"{inner.get('type')}: {shown(str(inner.get('message')))}"
    return f"the batch tells {kind} of it"
