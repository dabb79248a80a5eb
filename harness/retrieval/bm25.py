"""Retrieval by shared words: BM25 as bm25s computes it, with a fixed way to cut text into words.

Source: Robertson and Zaragoza 2009, The Probabilistic Relevance Framework: BM25 and Beyond; the variants are those of
Kamphuis et al. 2020, Which BM25 Do You Mean?
"""

import re
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from functools import cached_property
from importlib.metadata import version
from pathlib import Path
from shutil import rmtree
from typing import Any, cast
from unicodedata import normalize

from harness.cache import cache_dir, digest, publish
from harness.errors import StudyError, UnknownName
from harness.records import Passage, RetrieverSpec

VARIANTS = ("lucene", "robertson", "atire")
STOPWORDS = ("en", "none")
# Raised when the words of a text, or the order of what is found, change for another reason than an option.
_VERSION = 1
_WORD = re.compile(r"\w+")


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """The options: `k1` >= 0, `b` in [0, 1], the formula, words left out, and whether titles are searched."""

    k1: float = 1.5
    b: float = 0.75
    variant: str = "lucene"
    stopwords: str = "en"
    titles: bool = True


class Bm25:
    """BM25 over one corpus; the index is made when first needed and kept in the cache between runs.

    A passage that shares no word with the query is not found, so fewer than `top_k` may come back. Equal scores are
    ordered by passage id.
    """

    def __init__(self, spec: RetrieverSpec, passages: Sequence[Passage]) -> None:
        self._settings = _settings(spec.options)
        self._passages = sorted(passages, key=lambda passage: passage.id)
        self.hash = digest(["bm25", _VERSION, self._settings, spec.top_k])

    def search(self, queries: Sequence[str], top_k: int) -> tuple[tuple[Passage, ...], ...]:
        """For each query at most `top_k` passages, the best first.

        Raises:
            ValueError: top_k is below 1.
        """
        if top_k < 1:
            raise ValueError(f"top_k is {top_k}: at least 1")
        return tuple(self._find(query, top_k) for query in queries)

    def _find(self, query: str, top_k: int) -> tuple[Passage, ...]:
        if self._index is None:
            return ()
        words = [word for word in self._cut(query) if word in self._index.vocab_dict]
        if not words:
            return ()
        scores = self._index.get_scores(words)
        shared = scores.nonzero()[0]
        ranks = shared[(-scores[shared]).argsort(kind="stable")]
        return tuple(self._passages[rank] for rank in ranks[:top_k])

    @cached_property
    def _cut(self) -> Callable[[str], list[str]]:
        from bm25s.stopwords import STOPWORDS_EN

        left_out = frozenset(STOPWORDS_EN if self._settings.stopwords == "en" else ())
        return lambda text: [word for word in _WORD.findall(normalize("NFKC", text).lower()) if word not in left_out]

    @cached_property
    def _index(self) -> Any | None:  # noqa: ANN401  bm25s has no types
        folder = cache_dir("bm25", digest([_VERSION, self._settings, version("bm25s"), self._passages]))
        kept = _load(folder, len(self._passages))
        if kept is not None:
            return kept
        index = self._build()
        if index is not None:
            _keep(index, folder, len(self._passages))
        return index

    def _build(self) -> Any | None:  # noqa: ANN401  bm25s has no types
        import bm25s

        words = [self._cut(self._searched(passage)) for passage in self._passages]
        if not any(words):
            return None
        settings = self._settings
        index = bm25s.BM25(k1=settings.k1, b=settings.b, method=settings.variant)
        index.index(words, show_progress=False)
        return index

    def _searched(self, passage: Passage) -> str:
        return f"{passage.title}\n{passage.text}" if self._settings.titles else passage.text


def _load(folder: Path, n_passages: int) -> Any | None:  # noqa: ANN401  bm25s has no types
    import bm25s

    # Whatever is wrong with a kept index, a fresh one mends it.
    with suppress(Exception):
        index = bm25s.BM25.load(folder, mmap=True, allow_pickle=False, show_progress=False)
        if index.scores["num_docs"] == n_passages:
            return index
    return None


def _keep(index: Any, folder: Path, n_passages: int) -> None:  # noqa: ANN401  bm25s has no types
    # A cache that cannot be written costs the time of another build, not the run.
    with suppress(OSError):
        # Another process may have finished the same index meanwhile: only a broken one is taken away.
        if folder.is_dir() and _load(folder, n_passages) is None:
            rmtree(folder)
        publish(folder, lambda fresh: index.save(fresh, allow_pickle=False, show_progress=False))


def _settings(options: Mapping[str, object]) -> Settings:
    known = asdict(Settings())
    for name, value in options.items():
        if name not in known:
            raise UnknownName("option of bm25", name, known)
        _check(name, value)
    texts = {name: float(cast(float, value)) if name in {"k1", "b"} else value for name, value in options.items()}
    return Settings(**cast(Mapping[str, Any], texts))


def _check(name: str, value: object) -> None:
    number = isinstance(value, int | float) and not isinstance(value, bool)
    right, allowed = {
        "k1": (number and 0 <= cast(float, value) < float("inf"), "a number of at least 0"),
        "b": (number and 0 <= cast(float, value) <= 1, "a number from 0 to 1"),
        "variant": (value in VARIANTS, f"one of {', '.join(VARIANTS)}"),
        "stopwords": (value in STOPWORDS, f"one of {', '.join(STOPWORDS)}"),
        "titles": (isinstance(value, bool), "true or false"),
    }[name]
    if not right:
        raise StudyError(f"option {name} of bm25 is {value!r}: {allowed}")
