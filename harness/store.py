"""Answers kept for good: one SQLite file, written by the process that made the answer, one transaction per batch.

An answer is found by its key, the hash of everything that can change it. Nothing is overwritten: answering again
adds a row, and the newest row counts. Scores stand beside the answer they belong to and can be recomputed.
"""

import hashlib
import json
import sqlite3
from array import array
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from harness.records import Answer, Score
from harness.storefile import StoreFile, chunks, storable, storable_message

ANSWER_COLUMNS = (
    "id, key, text, prompt_tokens, output_tokens, latency_s, concurrency, finish_reason, logprobs, "
    "truncated_passages, bos_count"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """What was asked, kept beside the answer so that it can be read and audited without the study's files."""

    key: str
    model: str
    condition: str
    fingerprint: str
    prompt: str
    passages: tuple[str, ...]
    decoding: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Stored:
    """An answer with its row in the store.

    Its `reference_nll` comes from a table of its own, so that a corrected gold answer does not ask the model again;
    `loss_known` says whether that loss was ever measured (a provider may have found that it cannot be).
    """

    id: int
    answer: Answer
    loss_known: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class ScoreRow:
    """A score and what it was computed against: `gold` is the hash of the question's gold side."""

    answer_id: int
    gold: str
    score: Score


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """Where an answer stands in the store; `ours` is False when another process had answered the same key first."""

    id: int
    ours: bool = True


def digest(*parts: str) -> str:
    """SHA-256 of the parts, in order and unambiguously joined, as 64 hex digits."""
    return hashlib.sha256(json.dumps(parts, ensure_ascii=True).encode()).hexdigest()


class Store:
    """An open store. Use one per process and thread; several processes may share the file."""

    def __init__(self, path: Path) -> None:
        """Open the store, making it and its folder when absent.

        Raises:
            StoreError: as `storefile.check_store`, or the folder cannot be written.
        """
        self.path = path
        self.file = StoreFile(path)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the file; the store is not used again."""
        self.file.close()

    def add_answers(
        self,
        batch: Sequence[tuple[Request, Answer]],
        references: Sequence[str | None],
        *,
        unless_after: int | None = None,
    ) -> tuple[Kept | None, ...]:
        """Keep a batch of answers in one synced transaction, and take back the marks that they were in flight.

        Args:
            batch: what was asked, and the answer; a failure is kept as one, and will be tried again.
            references: `references[i]` is the text that `reference_nll` of answer i was measured on.
            unless_after: leave out an answer whose key has one with a higher id than this, which another process kept
                first; None adds every answer.

        Returns:
            Where each answer stands, in order; None for a failure.
        """
        with self.file.transaction() as connection:
            return tuple(
                _add_answer(connection, request, answer, reference, unless_after)
                for (request, answer), reference in zip(batch, references, strict=True)
            )

    def add_losses(self, losses: Iterable[tuple[str, str, float | None]]) -> None:
        """Keep (key, reference, nll) triples of answers stored without them; None where it cannot be measured."""
        with self.file.transaction() as connection:
            for key, reference, nll in losses:
                _add_loss(connection, key, reference, nll)

    def answers(self, references: dict[str, str | None]) -> dict[str, Stored]:
        """The newest stored answer of each key; `references` maps each wanted key to its gold answer or None."""
        found: dict[str, Stored] = {}
        for keys in chunks(list(references)):
            losses = self._losses(keys, references)
            rows = self.file.select(
                f"SELECT {ANSWER_COLUMNS} FROM answers WHERE id IN "  # noqa: S608 - a constant
                "(SELECT max(id) FROM answers WHERE key IN (%s) GROUP BY key)",
                keys,
            )
            for row in rows:
                key = str(row[1])
                found[key] = Stored(id=int(row[0]), answer=_answer(row, losses.get(key)), loss_known=key in losses)
        return found

    def _losses(self, keys: Sequence[str], references: dict[str, str | None]) -> dict[str, float | None]:
        rows = self.file.select("SELECT key, reference, nll FROM reference_losses WHERE key IN (%s)", keys)
        wanted = {(key, digest(text)) for key in keys if (text := references[key]) is not None}
        return {key: nll for key, reference, nll in rows if (key, reference) in wanted}

    def failures(self, keys: Sequence[str]) -> dict[str, str]:
        """The newest failure of each key that ever failed."""
        found: dict[str, str] = {}
        for chunk in chunks(keys):
            found.update(self.file.select("SELECT key, reason FROM failures WHERE key IN (%s) ORDER BY id", chunk))
        return found

    def add_scores(self, rows: Iterable[ScoreRow]) -> None:
        """Keep scores; one of the same answer, gold side, metric and version is replaced."""
        with self.file.transaction() as connection:
            connection.executemany(
                "INSERT OR REPLACE INTO scores VALUES (?, ?, ?, ?, ?, ?)",
                [_score_row(row) for row in rows],
            )

    def scores(self, answer_ids: Sequence[int]) -> dict[int, list[ScoreRow]]:
        """All scores of the given answers, each with the gold side it was computed against."""
        found: dict[int, list[ScoreRow]] = {}
        for chunk in chunks(answer_ids):
            for answer_id, gold, metric, version, value, reason in self.file.select(
                "SELECT * FROM scores WHERE answer_id IN (%s) ORDER BY answer_id, metric, version", chunk
            ):
                score = Score(metric=metric, version=version, value=value, reason=reason)
                found.setdefault(answer_id, []).append(ScoreRow(answer_id=answer_id, gold=gold, score=score))
        return found

    def add_flip_check(self, answer_id: int, text: str) -> None:
        """Keep what the same prompt was answered when it was asked again by itself."""
        with self.file.transaction() as connection:
            connection.execute("INSERT OR REPLACE INTO flip_checks VALUES (?, ?)", (answer_id, storable(text)))

    def flip_checks(self, answer_ids: Sequence[int]) -> dict[int, str]:
        """What was answered to the same prompt by itself, for each answer that was checked."""
        found: dict[int, str] = {}
        for part in chunks(answer_ids):
            found.update(self.file.select("SELECT answer_id, text FROM flip_checks WHERE answer_id IN (%s)", part))
        return found

    def last_answer_id(self) -> int:
        """The newest answer's row id, 0 in an empty store; it only grows."""
        return int(self.file.select("SELECT coalesce(max(id), 0) FROM answers")[0][0])


def _add_answer(
    connection: sqlite3.Connection, request: Request, answer: Answer, reference: str | None, unless_after: int | None
) -> Kept | None:
    if answer.error is not None:
        failure = (request.key, storable_message(answer.error))
        connection.execute("INSERT INTO failures (key, reason) VALUES (?, ?)", failure)
        return None
    connection.execute("DELETE FROM in_flight WHERE key = ?", (request.key,))
    connection.execute("DELETE FROM deaths WHERE key = ?", (request.key,))
    if unless_after is not None:
        found = connection.execute("SELECT max(id) FROM answers WHERE key = ? AND id > ?", (request.key, unless_after))
        if (first := found.fetchone()[0]) is not None:
            return Kept(id=int(first), ours=False)
    connection.execute("INSERT OR IGNORE INTO requests VALUES (?, ?, ?, ?, ?, ?, ?)", _request_row(request))
    cursor = connection.execute(
        f"INSERT INTO answers ({ANSWER_COLUMNS}) VALUES (NULL, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",  # noqa: S608 - a constant
        _answer_row(request.key, answer),
    )
    if reference is not None:
        _add_loss(connection, request.key, reference, answer.reference_nll)
    return Kept(id=int(cursor.lastrowid or 0))


def _add_loss(connection: sqlite3.Connection, key: str, reference: str, nll: float | None) -> None:
    connection.execute("INSERT OR REPLACE INTO reference_losses VALUES (?, ?, ?)", (key, digest(reference), nll))


def _request_row(request: Request) -> tuple[object, ...]:
    return (
        request.key,
        request.model,
        request.condition,
        request.fingerprint,
        storable(request.prompt),
        json.dumps(request.passages),
        request.decoding,
    )


def _score_row(row: ScoreRow) -> tuple[object, ...]:
    score = row.score
    reason = None if score.reason is None else storable_message(score.reason)
    return row.answer_id, row.gold, storable(score.metric), score.version, score.value, reason


def _answer_row(key: str, answer: Answer) -> tuple[object, ...]:
    logprobs = None if answer.logprobs is None else array("d", answer.logprobs).tobytes()
    return (
        key,
        storable(answer.text),
        answer.prompt_tokens,
        answer.output_tokens,
        answer.latency_s,
        answer.concurrency,
        answer.finish_reason,
        logprobs,
        answer.truncated_passages,
        answer.bos_count,
    )


def _answer(row: Sequence, reference_nll: float | None) -> Answer:  # type: ignore[type-arg]
    return Answer(
        text=row[2],
        prompt_tokens=row[3],
        output_tokens=row[4],
        latency_s=row[5],
        concurrency=row[6],
        finish_reason=row[7],
        logprobs=None if row[8] is None else tuple(array("d", row[8])),
        reference_nll=reference_nll,
        truncated_passages=row[9],
        bos_count=row[10],
    )
