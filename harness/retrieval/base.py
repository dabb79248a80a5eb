"""The protocol of a retriever, and the table of the kinds that exist."""

from collections.abc import Sequence
from importlib import import_module
from typing import Protocol, cast

from harness.errors import StudyError, UnknownName
from harness.records import Passage, RetrieverSpec

RETRIEVERS = {"bm25": "harness.retrieval.bm25:Bm25"}


class Retriever(Protocol):
    """Finds passages for questions, in a corpus that it was made with. Making one is cheap; it reads when asked."""

    @property
    def hash(self) -> str:
        """Everything about the retriever, its corpus apart, that can change what it finds."""
        ...

    def search(self, queries: Sequence[str], top_k: int) -> tuple[tuple[Passage, ...], ...]:
        """For each query, in order, at most `top_k` passages, the best first; ties always fall the same way."""
        ...


class RetrieverType(Protocol):
    """What a row of the table resolves to: a class whose instances are Retrievers."""

    def __call__(self, spec: RetrieverSpec, passages: Sequence[Passage]) -> Retriever:
        """Check the spec's options; StudyError or UnknownName when they are not the kind's own."""
        ...


def build_retriever(spec: RetrieverSpec, passages: Sequence[Passage]) -> Retriever:
    """The retriever of a spec over a corpus. The order of the passages changes nothing that it finds.

    Raises:
        UnknownName: the kind, or one of its options, is not known.
        StudyError: top_k is below 1, or an option has a wrong value.
    """
    if spec.top_k < 1:
        raise StudyError(f"top_k of the retrieval is {spec.top_k}: at least 1")
    if spec.kind not in RETRIEVERS:
        raise UnknownName("kind of retrieval", spec.kind, RETRIEVERS)
    module, _, name = RETRIEVERS[spec.kind].partition(":")
    return cast(RetrieverType, getattr(import_module(module), name))(spec, passages)
