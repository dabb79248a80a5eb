"""Did retrieval bring what the answer needs: rankings against gold passages, and the answer in the context."""

import math
from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from typing import Literal

from harness.metrics.text import normalise, occurs, sentences
from harness.metrics.unscored import Unscored

Quadrant = Literal["right, in context", "right, not in context", "wrong, in context", "wrong, not in context"]
QUADRANTS: tuple[Quadrant, ...] = (
    "right, in context",
    "right, not in context",
    "wrong, in context",
    "wrong, not in context",
)
_SHORTEST_NEEDLE = 2
_SHORTEST_SENTENCE = 3
_ENOUGH_OVERLAP = 0.8


def hit_at(k: int, ranking: Sequence[str], gold: Collection[str]) -> float:
    """1 if a gold passage is among the first k, else 0.

    A passage ranked twice counts at its first place, here and below.

    Raises:
        Unscored: nothing was ranked, or there is no gold passage.
        ValueError: k is below 1.
    """
    return float(any(_relevant(ranking, gold, k)))


def recall_at(k: int, ranking: Sequence[str], gold: Collection[str]) -> float:
    """Share of the gold passages among the first k, in [0, 1].

    Raises:
        Unscored: nothing was ranked, or there is no gold passage.
        ValueError: k is below 1.
    """
    return sum(_relevant(ranking, gold, k)) / len(set(gold))


def reciprocal_rank(ranking: Sequence[str], gold: Collection[str]) -> float:
    """One over the rank of the first gold passage, 0 if none is ranked; its mean over questions is the MRR.

    Raises:
        Unscored: nothing was ranked, or there is no gold passage.
    """
    relevant = _relevant(ranking, gold, max(1, len(ranking)))
    return 1 / (relevant.index(True) + 1) if any(relevant) else 0.0


def ndcg_at(k: int, ranking: Sequence[str], gold: Collection[str]) -> float:
    """Normalised discounted cumulative gain of the first k with binary relevance, in [0, 1]; 1 for the ideal order.

    Raises:
        Unscored: nothing was ranked, or there is no gold passage.
        ValueError: k is below 1.

    Source: Jarvelin and Kekalainen 2002, ACM TOIS 20(4), with gain 1 and discount log2(rank + 1).
    """
    relevant = _relevant(ranking, gold, k)
    return _gain(relevant) / _gain([True] * min(k, len(set(gold))))


def answer_in_context(references: Sequence[str], passages: Sequence[str]) -> float:
    """1 if a normalised reference of two or more characters stands in a whole passage, as whole words, else 0.

    Raises:
        Unscored: no reference is long enough, or there is no passage.
    """
    needles = [needle for needle in map(normalise, references) if len(needle) >= _SHORTEST_NEEDLE]
    if not needles:
        raise Unscored("no reference of two or more characters")
    texts = [normalise(passage) for passage in _some(passages)]
    return float(any(occurs(needle, text) for needle in needles for text in texts))


def context_recall(reference: str, passages: Sequence[str]) -> float:
    """Share of the reference's sentences that the passages hold, in [0, 1].

    Sentences of three or more words count. One is held if, normalised, it stands in a passage, or if at least 0.8 of
    its distinct words stand anywhere in the passages.

    Raises:
        Unscored: the reference has no such sentence, or there is no passage.
    """
    wanted = [normalise(part) for part in sentences(reference) if len(part.split()) >= _SHORTEST_SENTENCE]
    wanted = [sentence for sentence in wanted if sentence]
    if not wanted:
        raise Unscored("the reference has no sentence of three or more words")
    texts = [normalise(passage) for passage in _some(passages)]
    known = {word for text in texts for word in text.split()}
    return sum(_held(sentence, texts, known) for sentence in wanted) / len(wanted)


def quadrant(*, right: bool, in_context: bool) -> Quadrant:
    """Which of the four a case is: what was known without the context, and what was missed in it."""
    if right:
        return "right, in context" if in_context else "right, not in context"
    return "wrong, in context" if in_context else "wrong, not in context"


def quadrants(cases: Iterable[tuple[bool, bool]]) -> dict[Quadrant, int]:
    """How many (right, in context) pairs fall into each quadrant; all four are named, and all are 0 without cases."""
    found = Counter(quadrant(right=right, in_context=in_context) for right, in_context in cases)
    return {name: found[name] for name in QUADRANTS}


def _relevant(ranking: Sequence[str], gold: Collection[str], k: int) -> list[bool]:
    if k < 1:
        raise ValueError(f"k is {k}; at least 1 passage must be looked at")
    if not gold:
        raise Unscored("the question names no gold passage")
    unique = list(dict.fromkeys(_some(ranking)))
    return [passage in gold for passage in unique[:k]]


def _some(passages: Sequence[str]) -> Sequence[str]:
    if not passages:
        raise Unscored("no passage was retrieved")
    return passages


def _gain(relevant: Sequence[bool]) -> float:
    return sum(1 / math.log2(rank + 1) for rank, is_gold in enumerate(relevant, start=1) if is_gold)


def _held(sentence: str, texts: Sequence[str], known: Collection[str]) -> bool:
    distinct = set(sentence.split())
    overlap = sum(word in known for word in distinct) / len(distinct)
    return overlap >= _ENOUGH_OVERLAP or any(occurs(sentence, text) for text in texts)
