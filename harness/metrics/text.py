"""How far an answer's words are those of a reference: exact match, F1, containment, length."""

import re
import string
from collections import Counter
from collections.abc import Callable, Sequence

from harness.metrics.unscored import Unscored

_ARTICLES = re.compile(r"\b(?:a|an|the)\b")
_PUNCTUATION = str.maketrans("", "", string.punctuation)
_SENTENCE_END = re.compile(r"(?<=[.!?])\s+|[\r\n]+")
# From here on lie the scripts that write words without spaces between them.
_FIRST_UNSPACED = 0x2E80


def normalise(text: str) -> str:
    """Lower case, without ASCII punctuation and the articles a, an, the, with single spaces; idempotent.

    Source: Rajpurkar et al. 2016, SQuAD, arXiv:1606.05250 (the data set's own evaluation script).
    """
    bare = text.lower().translate(_PUNCTUATION)
    return " ".join(_ARTICLES.sub(" ", bare).split())


def words(text: str) -> list[str]:
    """The words of the normalised text, in order; none for an empty one."""
    return normalise(text).split()


def sentences(text: str) -> list[str]:
    """The sentences of a text: cut after . ! ? before white space, and at line ends."""
    return [part.strip() for part in _SENTENCE_END.split(text) if part.strip()]


def best(measure: Callable[[str, str], float], answer: str, references: Sequence[str]) -> float:
    """The measure's maximum over the references.

    Raises:
        Unscored: there is no reference.
    """
    if not references:
        raise Unscored("the question has no reference answer")
    return max(measure(answer, reference) for reference in references)


def exact_match(answer: str, references: Sequence[str]) -> float:
    """1 if the normalised answer equals a normalised reference, else 0; two empty ones are equal.

    Raises:
        Unscored: there is no reference.
    """
    return best(_same, answer, references)


def f1(answer: str, references: Sequence[str]) -> float:
    """Harmonic mean of precision and recall over token multisets, in [0, 1]; the maximum over the references.

    Two empty texts give 1, one empty text 0.

    Raises:
        Unscored: there is no reference.

    Source: Rajpurkar et al. 2016, SQuAD, arXiv:1606.05250.
    """
    return best(_f1, answer, references)


def contains(answer: str, references: Sequence[str]) -> float:
    """1 if a normalised reference stands in the normalised answer as whole words, else 0.

    Whole words, so that "10" is not found in "2010". A reference without words is only in an answer without words.

    Raises:
        Unscored: there is no reference.
    """
    return best(_holds, answer, references)


def answer_words(answer: str) -> float:
    """How many words, cut at white space, the answer has; 0 for an empty one."""
    return float(len(answer.split()))


def occurs(needle: str, text: str) -> bool:
    """Whether the needle stands in the text as whole words; both are normalised already, the needle not empty.

    Scripts that write without spaces have no word ends, so there any place counts.
    """
    start = text.find(needle)
    while start >= 0:
        end = start + len(needle)
        if not _joined(text[start - 1 : start], needle[0]) and not _joined(text[end : end + 1], needle[-1]):
            return True
        start = text.find(needle, start + 1)
    return False


def _joined(outside: str, inside: str) -> bool:
    spaced = all(ord(letter) < _FIRST_UNSPACED for letter in outside + inside)
    return outside.isalnum() and inside.isalnum() and spaced


def _same(answer: str, reference: str) -> float:
    return float(normalise(answer) == normalise(reference))


def _f1(answer: str, reference: str) -> float:
    said, wanted = words(answer), words(reference)
    if not said or not wanted:
        return float(said == wanted)
    shared = sum((Counter(said) & Counter(wanted)).values())
    return 2 * shared / (len(said) + len(wanted))


def _holds(answer: str, reference: str) -> float:
    said, wanted = normalise(answer), normalise(reference)
    return float(occurs(wanted, said) if wanted else not said)
