"""Answers kept for good: one SQLite file, written by the process that made the answer, one transaction per batch.

An answer is found by its key, the hash of everything that can change it. Nothing is overwritten: answering again
adds a row, and the newest row counts. Scores stand beside the answer they belong to and can be recomputed.
"""

import hashlib
import json
import os
import sqlite3
import time
from array import array
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Self, TypeVar

from harness.errors import StoreError
from harness.records import Answer, Score

T = TypeVar("T")

APPLICATION_ID = 0x70736331
VERSION = 1
BUSY_TIMEOUT_S = 60.0
RETRY_S = 0.02
SQL_VARIABLES = 500
# https://www.sqlite.org/fileformat.html, section 1.3: version at byte 60, application at 68, pages at 28.
MAGIC = b"SQLite format 3\0"
HEADER_BYTES = 100
IDENTITY = ("application_id", "user_version")

SCHEMA = f"""
PRAGMA application_id = {APPLICATION_ID};
PRAGMA user_version = {VERSION};
CREATE TABLE requests (
    key TEXT PRIMARY KEY, model TEXT NOT NULL, condition TEXT NOT NULL, fingerprint TEXT NOT NULL,
    prompt TEXT NOT NULL, passages TEXT NOT NULL, decoding TEXT NOT NULL
) WITHOUT ROWID;
CREATE TABLE answers (
    id INTEGER PRIMARY KEY AUTOINCREMENT, key TEXT NOT NULL REFERENCES requests (key),
    text TEXT NOT NULL, prompt_tokens INTEGER NOT NULL, output_tokens INTEGER NOT NULL,
    latency_s REAL NOT NULL, concurrency INTEGER NOT NULL, finish_reason TEXT NOT NULL,
    logprobs BLOB, truncated_passages INTEGER NOT NULL, bos_count INTEGER
);
CREATE INDEX answers_by_key ON answers (key, id);
CREATE TABLE reference_losses (
    key TEXT NOT NULL, reference TEXT NOT NULL, nll REAL, PRIMARY KEY (key, reference)
) WITHOUT ROWID;
CREATE TABLE failures (
    id INTEGER PRIMARY KEY AUTOINCREMENT, key TEXT NOT NULL, reason TEXT NOT NULL
);
CREATE INDEX failures_by_key ON failures (key, id);
CREATE TABLE scores (
    answer_id INTEGER NOT NULL REFERENCES answers (id), gold TEXT NOT NULL,
    metric TEXT NOT NULL, version INTEGER NOT NULL, value REAL, reason TEXT,
    PRIMARY KEY (answer_id, gold, metric, version)
) WITHOUT ROWID;
"""

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


def digest(*parts: str) -> str:
    """SHA-256 of the parts, in order and unambiguously joined, as 64 hex digits."""
    return hashlib.sha256(json.dumps(parts, ensure_ascii=True).encode()).hexdigest()


def check_store(path: Path) -> None:
    """Refuse a file that is no store of this version; an absent file is fine, and nothing is written, not even a lock.

    Raises:
        StoreError: the file is not a store, comes from a newer version, or cannot be read.
    """
    if not os.path.lexists(path):
        _check_folder(path)
        return
    if not path.is_file():
        raise StoreError(f"store {path} is not a file: name an SQLite file with --store, or a path that does not exist")
    try:
        with path.open("rb") as file:
            header = file.read(HEADER_BYTES)
    except OSError as error:
        raise StoreError(f"store {path} cannot be read ({error}): name another file with --store") from error
    if not header:
        return
    if not header.startswith(MAGIC) or len(header) < HEADER_BYTES:
        raise _not_a_store(path)
    version, application = (int.from_bytes(header[start : start + 4], "big") for start in (60, 68))
    _check_version(path, application, version, is_blank=int.from_bytes(header[28:32], "big") <= 1)


def _check_folder(path: Path) -> None:
    """A store that is to be made needs a folder that can be written, or can be made."""
    nearest = next(folder for folder in path.absolute().parents if folder.exists())
    if not nearest.is_dir():
        raise StoreError(f"store {path} cannot be made ({nearest} is a file): name another file with --store")
    if not os.access(nearest, os.W_OK | os.X_OK):
        raise StoreError(f"store {path} cannot be made ({nearest} cannot be written): name another with --store")


def _check_version(path: Path, application: int, version: int, *, is_blank: bool) -> None:
    """A process that died while making a store leaves a file without tables, which the next one takes over."""
    if application != APPLICATION_ID and not (application == 0 and is_blank):
        raise _not_a_store(path)
    if version > VERSION:
        raise StoreError(
            f"store {path} has format {version}, this pytest-scaling reads up to {VERSION}: upgrade it, or name "
            "another file with --store"
        )


def _not_a_store(path: Path) -> StoreError:
    return StoreError(f"store {path} is not a store of pytest-scaling: name another file with --store")


@contextmanager
def _told(path: Path) -> Iterator[None]:
    try:
        yield
    except sqlite3.DatabaseError as error:
        raise StoreError(f"store {path} cannot be used ({error}): name another file with --store") from error


class Store:
    """An open store. Use one per process and thread; several processes may share the file."""

    def __init__(self, path: Path) -> None:
        """Open the store, making it and its folder when absent.

        Raises:
            StoreError: as `check_store`, or the folder cannot be written.
        """
        self.path = path
        check_store(path)
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise StoreError(f"store {path} cannot be made ({error}): name another file with --store") from error
        with _told(path):
            self._connection = sqlite3.connect(path, timeout=BUSY_TIMEOUT_S, isolation_level=None)
            try:
                self._prepare()
            except BaseException:
                self._connection.close()
                raise

    def _prepare(self) -> None:
        self._check_tables()
        self._use_wal()
        self._connection.execute("PRAGMA synchronous = FULL")
        with self._transaction():
            if self._connection.execute("PRAGMA application_id").fetchone()[0] != APPLICATION_ID:
                for statement in SCHEMA.split(";"):
                    self._connection.execute(statement)

    def _check_tables(self) -> None:
        """All in one read transaction: another process may be making the tables at this moment."""
        connection = self._connection
        connection.execute("BEGIN")
        application, version = (connection.execute(f"PRAGMA {name}").fetchone()[0] for name in IDENTITY)
        tables = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]
        connection.execute("COMMIT")
        _check_version(self.path, application, version, is_blank=tables == 0)

    def _use_wal(self) -> None:
        """The change to WAL does not wait for other processes as every other statement does; so wait here."""
        until = time.monotonic() + BUSY_TIMEOUT_S
        while True:
            try:
                self._connection.execute("PRAGMA journal_mode = WAL")
            except sqlite3.OperationalError as error:
                if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY or time.monotonic() > until:
                    raise
                time.sleep(RETRY_S)
            else:
                return

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the file; the store is not used again."""
        self._connection.close()

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        with _told(self.path):
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                yield
                self._connection.execute("COMMIT")
            except BaseException:
                # a full disk ends the transaction by itself
                if self._connection.in_transaction:
                    self._connection.execute("ROLLBACK")
                raise

    def add_answers(self, batch: Sequence[tuple[Request, Answer]], references: Sequence[str | None]) -> tuple[int, ...]:
        """Keep a batch of answers in one synced transaction; returns their row ids, in order.

        A failed answer is kept as a failure and gets the id 0; it is not an answer and will be tried again.
        `references[i]` is the text that `reference_nll` of answer i was measured on.
        """
        ids: list[int] = []
        with self._transaction():
            for (request, answer), reference in zip(batch, references, strict=True):
                ids.append(self._add_answer(request, answer))
                if reference is not None and answer.error is None:
                    self._add_loss(request.key, reference, answer.reference_nll)
        return tuple(ids)

    def _add_answer(self, request: Request, answer: Answer) -> int:
        if answer.error is not None:
            self._connection.execute(
                "INSERT INTO failures (key, reason) VALUES (?, ?)", (request.key, storable(answer.error))
            )
            return 0
        self._connection.execute(
            "INSERT OR IGNORE INTO requests VALUES (?, ?, ?, ?, ?, ?, ?)",
            (
                request.key,
                request.model,
                request.condition,
                request.fingerprint,
                storable(request.prompt),
                json.dumps(request.passages),
                request.decoding,
            ),
        )
        cursor = self._connection.execute(
            f"INSERT INTO answers ({ANSWER_COLUMNS}) VALUES (NULL, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",  # noqa: S608 - a constant
            _answer_row(request.key, answer),
        )
        return int(cursor.lastrowid or 0)

    def _add_loss(self, key: str, reference: str, nll: float | None) -> None:
        self._connection.execute(
            "INSERT OR REPLACE INTO reference_losses VALUES (?, ?, ?)", (key, digest(reference), nll)
        )

    def add_losses(self, losses: Iterable[tuple[str, str, float | None]]) -> None:
        """Keep (key, reference, nll) triples of answers stored without them; None where it cannot be measured."""
        with self._transaction():
            for key, reference, nll in losses:
                self._add_loss(key, reference, nll)

    def answers(self, references: dict[str, str | None]) -> dict[str, Stored]:
        """The newest stored answer of each key; `references` maps each wanted key to its gold answer or None."""
        found: dict[str, Stored] = {}
        for keys in _chunks(list(references)):
            losses = self._losses(keys, references)
            rows = self._select(
                f"SELECT {ANSWER_COLUMNS} FROM answers WHERE id IN "  # noqa: S608 - a constant
                "(SELECT max(id) FROM answers WHERE key IN (%s) GROUP BY key)",
                keys,
            )
            for row in rows:
                key = str(row[1])
                found[key] = Stored(id=int(row[0]), answer=_answer(row, losses.get(key)), loss_known=key in losses)
        return found

    def _losses(self, keys: Sequence[str], references: dict[str, str | None]) -> dict[str, float | None]:
        rows = self._select("SELECT key, reference, nll FROM reference_losses WHERE key IN (%s)", keys)
        wanted = {(key, digest(text)) for key in keys if (text := references[key]) is not None}
        return {key: nll for key, reference, nll in rows if (key, reference) in wanted}

    def failures(self, keys: Sequence[str]) -> dict[str, str]:
        """The newest failure of each key that ever failed."""
        found: dict[str, str] = {}
        for chunk in _chunks(keys):
            found.update(self._select("SELECT key, reason FROM failures WHERE key IN (%s) ORDER BY id", chunk))
        return found

    def add_scores(self, rows: Iterable[ScoreRow]) -> None:
        """Keep scores; one of the same answer, gold side, metric and version is replaced."""
        with self._transaction():
            self._connection.executemany(
                "INSERT OR REPLACE INTO scores VALUES (?, ?, ?, ?, ?, ?)",
                [_score_row(row) for row in rows],
            )

    def scores(self, answer_ids: Sequence[int]) -> dict[int, list[ScoreRow]]:
        """All scores of the given answers, each with the gold side it was computed against."""
        found: dict[int, list[ScoreRow]] = {}
        for chunk in _chunks(answer_ids):
            for answer_id, gold, metric, version, value, reason in self._select(
                "SELECT * FROM scores WHERE answer_id IN (%s) ORDER BY answer_id, metric, version", chunk
            ):
                score = Score(metric=metric, version=version, value=value, reason=reason)
                found.setdefault(answer_id, []).append(ScoreRow(answer_id=answer_id, gold=gold, score=score))
        return found

    def last_answer_id(self) -> int:
        """The newest answer's row id, 0 in an empty store; it only grows."""
        with _told(self.path):
            return int(self._connection.execute("SELECT coalesce(max(id), 0) FROM answers").fetchone()[0])

    def _select(self, statement: str, values: Sequence[str] | Sequence[int]) -> list[tuple]:  # type: ignore[type-arg]
        with _told(self.path):
            return self._connection.execute(statement % ",".join("?" * len(values)), values).fetchall()


def _chunks(values: Sequence[T]) -> Iterator[Sequence[T]]:
    for start in range(0, len(values), SQL_VARIABLES):
        yield values[start : start + SQL_VARIABLES]


def storable(text: str) -> str:
    """The text with lone surrogates, which UTF-8 cannot hold, replaced by question marks."""
    return text.encode("utf-8", "replace").decode("utf-8")


def _score_row(row: ScoreRow) -> tuple[object, ...]:
    score = row.score
    reason = None if score.reason is None else storable(score.reason)
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
