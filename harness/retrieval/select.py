"""The passages that a condition shows with a question."""

from collections.abc import Iterable, Mapping, Sequence

from harness.errors import DataError
from harness.metrics.text import normalise
from harness.records import Context, Passage, Question

Gold = Mapping[str, tuple[Passage, ...]]

# Passages that hold an answer are left out of distractors, so more have to be found than are shown.
_SPARE_FACTOR = 4
_SPARE = 16


def gold_lookup(passages: Iterable[Passage]) -> Gold:
    """The passages that an id in `gold_passages` names: one passage, or all of a document in the corpus's order.

    A passage's id wins over a document of the same name.
    """
    ones: dict[str, tuple[Passage, ...]] = {}
    documents: dict[str, tuple[Passage, ...]] = {}
    for passage in passages:
        ones[passage.id] = (passage,)
        if passage.document:
            documents[passage.document] = (*documents.get(passage.document, ()), passage)
    return {**documents, **ones}


def pool_size(context: Context, top_k: int) -> int:
    """How many retrieved passages `select_passages` needs to see; 0 when it looks at none."""
    match context:
        case "none":
            return 0
        case "retrieved":
            return top_k
        case "gold" | "distractor":
            return top_k * _SPARE_FACTOR + _SPARE


def select_passages(
    context: Context, question: Question, retrieved: Sequence[Passage], gold: Gold, top_k: int
) -> tuple[Passage, ...]:
    """The passages shown with the question, in the order in which they are shown.

    - none: no passage.
    - retrieved: the first `top_k` retrieved.
    - gold: all gold passages, in the question's order, also when there are more than `top_k`. A question that can be
      answered and names none stands on its own and gets none. One that cannot be answered has no gold passage: it gets
      its distractors, so that abstaining is tested under the same look of a prompt.
    - distractor: the first `top_k` retrieved that are not gold and hold no answer: no accepted answer is, normalised,
      a part of the normalised title and text (an answer of one character: a word of it).

    Args:
        context: what the condition shows.
        question: what is asked.
        retrieved: passages found for the question, the best first, at least `pool_size` when the corpus has so many.
        gold: see `gold_lookup`.
        top_k: the number of passages, at least 1.

    Raises:
        DataError: a gold passage is needed that is not in the corpus.
    """
    match context:
        case "none":
            return ()
        case "retrieved":
            return tuple(retrieved[:top_k])
        case "gold" if question.answerable:
            return _gold(question, gold)
        case "gold" | "distractor":
            return _distractors(question, retrieved, gold)[:top_k]


def _gold(question: Question, gold: Gold) -> tuple[Passage, ...]:
    missing = [name for name in question.gold_passages if name not in gold]
    if missing:
        names = ", ".join(map(repr, missing[:5]))
        raise DataError(f"question {question.id!r} names gold passages that are not in its corpus: {names}")
    found = [passage for name in question.gold_passages for passage in gold[name]]
    return tuple({passage.id: passage for passage in found}.values())


def _distractors(question: Question, retrieved: Sequence[Passage], gold: Gold) -> tuple[Passage, ...]:
    left_out = {passage.id for name in question.gold_passages for passage in gold.get(name, ())}
    left_out |= set(question.gold_passages)
    answers = [answer for answer in map(normalise, question.answers) if answer]
    return tuple(passage for passage in retrieved if passage.id not in left_out and not _holds_any(passage, answers))


def _holds_any(passage: Passage, answers: Sequence[str]) -> bool:
    text = normalise(f"{passage.title} {passage.text}")
    return any(answer in (text if len(answer) > 1 else text.split()) for answer in answers)
