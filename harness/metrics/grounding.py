"""Is the answer supported by its passages: by natural-language inference, or by shared words without a model."""

from collections.abc import Sequence
from typing import NamedTuple, Protocol

from harness.metrics.text import words
from harness.metrics.unscored import Unscored

CONTRADICTED = 0.7


class Inference(NamedTuple):
    """Probabilities that a premise entails a hypothesis, says nothing about it, or contradicts it; they sum to 1."""

    entailment: float
    neutral: float
    contradiction: float


class Entailment(Protocol):
    """A model for natural-language inference; `out[i]` judges `pairs[i]`, a (premise, hypothesis)."""

    def __call__(self, pairs: Sequence[tuple[str, str]]) -> Sequence[Inference]:
        """One inference per pair, in order."""
        ...


def hypothesis(question: str, answer: str) -> str:
    """The answer as a full sentence, the form that inference models are trained on."""
    return f"The answer to {question.strip().rstrip('?').rstrip()} is {answer.strip().rstrip('.')}."


def faithfulness(sentence: str, passages: Sequence[str], entailment: Entailment) -> float:
    """The strongest entailment of a hypothesis by any passage, in [0, 1]; 0 without passages, as once published."""
    return max((found.entailment for found in _inferences(sentence, passages, entailment)), default=0.0)


def hallucination(sentence: str, passages: Sequence[str], entailment: Entailment) -> float:
    """How far a hypothesis goes beyond the passages, in [0, 1], lower is better; 1 without passages, as published.

    The strongest contradiction where it is above 0.7, else 1 less the strongest entailment. An empty answer, which
    makes no claim, is 0: the caller sees to that, since a hypothesis is never empty.
    """
    found = _inferences(sentence, passages, entailment)
    contradiction = max((inference.contradiction for inference in found), default=0.0)
    if contradiction > CONTRADICTED:
        return contradiction
    return 1 - max((inference.entailment for inference in found), default=0.0)


def token_overlap(answer: str, passages: Sequence[str]) -> float:
    """Share of the answer's distinct normalised words that stand in the passages, in [0, 1].

    A stand-in for faithfulness where no inference model is at hand: it cannot see a contradiction.

    Raises:
        Unscored: the answer has no words, or there is no passage.
    """
    said = set(words(answer))
    if not said:
        raise Unscored("the answer has no words")
    if not passages:
        raise Unscored("no passage in the prompt")
    known = {word for passage in passages for word in words(passage)}
    return len(said & known) / len(said)


def _inferences(sentence: str, passages: Sequence[str], entailment: Entailment) -> Sequence[Inference]:
    pairs = [(passage, sentence) for passage in passages]
    return entailment(pairs) if pairs else ()
