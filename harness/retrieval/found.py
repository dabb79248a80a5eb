"""What a retriever finds for a list of questions, kept between runs, so that not every process searches anew."""

import json
from collections.abc import Sequence
from contextlib import suppress
from importlib.metadata import version
from pathlib import Path
from shutil import rmtree

from harness.cache import cache_dir, digest, publish
from harness.records import Passage, RetrieverSpec
from harness.retrieval.base import build_retriever

_VERSION = 1
_FILE = "ids.json"
PACKAGES = {"bm25": ("bm25s", "numpy")}
"""The packages whose versions can change what a kind of retriever finds."""


def find(
    spec: RetrieverSpec, passages: Sequence[Passage], queries: Sequence[str], top_k: int
) -> tuple[tuple[Passage, ...], ...]:
    """As `search` of the spec's retriever; read from the user's cache where the same search was kept there.

    Raises:
        HarnessError: as build_retriever.
        ValueError: top_k is below 1.
    """
    retriever = build_retriever(spec, passages)
    versions = [version(name) for name in PACKAGES.get(spec.kind, ())]
    corpus = sorted(passages, key=lambda passage: passage.id)
    folder = cache_dir("found", digest([_VERSION, retriever.hash, versions, corpus, list(queries), top_k]))
    by_id = {passage.id: passage for passage in passages}
    kept = _load(folder, by_id, len(queries))
    if kept is None:
        kept = retriever.search(queries, top_k)
        _keep(kept, folder, by_id)
    return kept


def _load(folder: Path, by_id: dict[str, Passage], n_queries: int) -> tuple[tuple[Passage, ...], ...] | None:
    # Whatever is wrong with what was kept, another search mends it.
    with suppress(OSError, ValueError, KeyError, TypeError):
        ids = json.loads((folder / _FILE).read_text(encoding="utf-8"))
        found = tuple(tuple(by_id[name] for name in names) for names in ids)
        if len(found) == n_queries:
            return found
    return None


def _keep(found: Sequence[Sequence[Passage]], folder: Path, by_id: dict[str, Passage]) -> None:
    text = json.dumps([[passage.id for passage in passages] for passages in found])
    # A cache that cannot be written costs the time of another search, not the run.
    with suppress(OSError):
        if folder.is_dir() and _load(folder, by_id, len(found)) is None:
            rmtree(folder)
        publish(folder, lambda fresh: (fresh / _FILE).write_text(text, encoding="utf-8"))
