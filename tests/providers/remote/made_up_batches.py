"""A made-up service with OpenAI's batch API: answers questions with their last word."""

import asyncio
import json
import re
from typing import Any

from made_up_service import faulty


class BatchService:
    """Batches end after `looks` looks; `broken` maps a question's last word to the line of its result, None for none.

    `end` is how they end; `refuse` gives the replies to the next handings in, in turn.
    """

    def __init__(self, *, looks: int = 1, end: str = "completed") -> None:
        self.looks = looks
        self.end = end
        self.broken: dict[str, Any] = {}
        self.refuse: list[Any] = []
        self.files: dict[str, list[Any]] = {}
        self.batches: dict[str, dict[str, Any]] = {}
        self.cancelled: list[str] = []
        self.looked = 0
        self.lost_replies = 0
        self.page = 100

    @property
    def asked(self) -> list[str]:
        """The last word of every question that was handed in."""
        return [word_of(row) for batch in self.batches.values() for row in self.files[batch["input_file_id"]]]

    async def __call__(self, head: bytes, body: bytes) -> bytes | None:
        await asyncio.sleep(0)
        method, path = head.decode().split(" ")[:2]
        if (method, path) == ("POST", "/v1/files"):
            return told(self._upload(body))
        if (method, path) == ("POST", "/v1/batches"):
            return self._hand_in(json.loads(body))
        if path.startswith("/v1/batches?"):
            return told(self._list(path))
        if path.endswith("/cancel"):
            self.cancelled.append(path.split("/")[-2])
            return told(self._finish(path.split("/")[-2], "cancelled"))
        if path.startswith("/v1/batches/"):
            return told(self._look(path.rsplit("/", 1)[-1]))
        name = path.split("/")[-2]
        lines = "".join(f"{json.dumps(row) if isinstance(row, dict) else row}\n" for row in self.files[name])
        return faulty.reply(200, lines.encode(), content_type="application/octet-stream")

    def _list(self, path: str) -> dict[str, Any]:
        names = list(self.batches)
        after = re.search("after=([^&]+)", path)
        start = names.index(after[1]) + 1 if after else 0
        page = names[start : start + self.page]
        return {"data": [self.batches[name] for name in page], "has_more": start + self.page < len(names)}

    def _upload(self, body: bytes) -> dict[str, Any]:
        rows = [json.loads(line) for line in re.findall(rb'^\{"custom_id".*\}$', body, re.MULTILINE)]
        name = f"file-{len(self.files)}"
        self.files[name] = rows
        return {"id": name, "object": "file", "bytes": 1, "created_at": 1, "filename": "x", "purpose": "batch"}

    def _hand_in(self, body: dict[str, Any]) -> bytes | None:
        if self.refuse and (reply := self.refuse.pop(0)) is not None:
            return reply
        name = f"batch_{len(self.batches)}"
        self.batches[name] = {"id": name, "status": "in_progress", **body}
        if self.lost_replies:
            self.lost_replies -= 1
            return None
        return told(self.batches[name])

    def _look(self, name: str) -> dict[str, Any]:
        self.looked += 1
        if self.looked >= self.looks and self.batches[name]["status"] == "in_progress":
            self._finish(name, self.end)
        return self.batches[name]

    def _finish(self, name: str, word: str) -> dict[str, Any]:
        batch = self.batches[name]
        batch["status"] = word
        rows = self.files[batch["input_file_id"]] if word == "completed" or self.broken else []
        found = [self._result(row) for row in rows]
        self.files[f"out-{name}"] = [row for row in found if row is not None]
        batch["output_file_id"] = f"out-{name}"
        return batch

    def _result(self, row: dict[str, Any]) -> Any:
        word = word_of(row)
        if word in self.broken:
            made = self.broken[word]
            return made(row) if callable(made) else made
        body = faulty.completion(word)
        if "prompt" in row["body"]:
            body["choices"] = [{"text": word, "finish_reason": "stop"}]
        return {"custom_id": row["custom_id"], "response": {"status_code": 200, "body": body}, "error": None}


def word_of(row: dict[str, Any]) -> str:
    body = row["body"]
    return (body["prompt"] if "prompt" in body else body["messages"][-1]["content"]).split()[-1]


def told(body: dict[str, Any]) -> bytes:
    return faulty.reply(200, json.dumps(body).encode())
