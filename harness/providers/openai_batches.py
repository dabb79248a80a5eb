"""The batch API of OpenAI and of endpoints that speak as it does: a file of requests in, a file of replies out.

Source: https://platform.openai.com/docs/api-reference/batch
"""

import json
from collections.abc import Mapping

from harness.providers.batches import Standing, read_alone
from harness.providers.exchange import Asked, Fault, Reply
from harness.providers.faults import shown, status_fault
from harness.providers.official import Json, get, get_rows, post, upload
from harness.providers.openai import OpenAIService, chat_reply, path_of, refused_field, text_reply

OVER = frozenset({"completed", "failed", "expired", "cancelled"})
WINDOW = "24h"
MARK = "pytest_scaling_batch"
LISTED_MOST = 100
PAGES_MOST = 100
OK = 200


class OpenAIBatches:
    """Batches of one model; see `batches.Batches`."""

    def __init__(self, service: OpenAIService) -> None:
        """Batches through the service's client."""
        self.service = service
        self.client = service.client

    async def hand_in(self, token: str, items: Mapping[str, Asked]) -> str:
        """See `batches.Batches.hand_in`. All items are chats, or none is."""
        endpoint = f"/v1{path_of(next(iter(items.values())))}"
        rows = (
            {"custom_id": item, "method": "POST", "url": endpoint, "body": self.service.body(asked)}
            for item, asked in items.items()
        )
        lines = "".join(f"{json.dumps(row)}\n" for row in rows)
        file = await upload(self.client, f"{token}.jsonl", lines.encode())
        body = {"input_file_id": file, "endpoint": endpoint, "completion_window": WINDOW, "metadata": {MARK: token}}
        return _id(await post(self.client, "/batches", body))

    @property
    def is_marked(self) -> bool:
        """See `batches.Batches.is_marked`."""
        return True

    async def find(self, token: str) -> str | None:
        """See `batches.Batches.find`; looked for among the newest PAGES_MOST x LISTED_MOST."""
        after = ""
        for _ in range(PAGES_MOST):
            told = await get(self.client, f"/batches?limit={LISTED_MOST}{after}")
            rows = told.get("data")
            listed = [row for row in rows if isinstance(row, Mapping)] if isinstance(rows, list) else []
            for row in listed:
                marks = row.get("metadata")
                if isinstance(marks, Mapping) and marks.get(MARK) == token:
                    return _id(row)
            if not listed or told.get("has_more") is not True:
                return None
            after = f"&after={_id(listed[-1])}"
        return None

    async def look(self, batch: str) -> Standing:
        """See `batches.Batches.look`."""
        told = await get(self.client, f"/batches/{batch}")
        word = str(told.get("status"))
        return Standing(word=f"{word}{_reason(told)}", is_over=word in OVER)

    async def results(self, batch: str) -> Mapping[str, Reply | Fault]:
        """See `batches.Batches.results`."""
        told = await get(self.client, f"/batches/{batch}")
        files = [told.get(name) for name in ("output_file_id", "error_file_id")]
        rows = [row for file in files if file for row in await get_rows(self.client, f"/files/{file}/content")]
        return {str(row["custom_id"]): _result(row, str(told.get("endpoint"))) for row in rows if "custom_id" in row}

    async def cancel(self, batch: str) -> None:
        """See `batches.Batches.cancel`."""
        await post(self.client, f"/batches/{batch}/cancel", {})

    def adapts(self, faults: Mapping[str, Fault]) -> frozenset[str]:
        """See `batches.Batches.adapts`."""
        fields = {refused_field(fault) for fault in faults.values() if self.service.adapts(fault)}
        return frozenset(item for item, fault in faults.items() if refused_field(fault) in fields)

    async def close(self) -> None:
        """See `batches.Batches.close`."""
        await self.service.close()


def _id(told: Json) -> str:
    found = told.get("id")
    if not isinstance(found, str) or not found:
        raise Fault(reason=f"the service gives the batch no id: {shown(str(dict(told)))}", billed=True)
    return found


def _reason(told: Json) -> str:
    """Why the service took none of it, as it says."""
    errors = told.get("errors")
    rows = errors.get("data") if isinstance(errors, Mapping) else None
    texts = [str(row.get("message")) for row in rows if isinstance(row, Mapping)] if isinstance(rows, list) else []
    return f": {shown(texts[0])}" if texts else ""


def _result(row: Json, endpoint: str) -> Reply | Fault:
    error, response = row.get("error"), row.get("response")
    if isinstance(error, Mapping):
        return Fault(reason=f"{error.get('code')}: {shown(str(error.get('message')))}")
    if not isinstance(response, Mapping) or not isinstance(response.get("body"), Mapping):
        return Fault(reason=f"the batch tells neither a reply nor an error: {shown(str(dict(row)))}")
    status, body = response.get("status_code"), response["body"]
    if status != OK:
        inner = body.get("error")
        told = inner.get("message") if isinstance(inner, Mapping) else body
        return status_fault(status if isinstance(status, int) else 0, str(told), {})
    is_text = endpoint.endswith("/completions") and "chat" not in endpoint
    return read_alone(text_reply if is_text else chat_reply, body)
