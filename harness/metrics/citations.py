"""Citations "[n]" in an answer against the numbered passages it was given."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from harness.metrics.unscored import Unscored

# A citation's number has a few digits; longer ones are years of garbage, and int() refuses the longest.
_MARK = re.compile(r"\[([0-9]{1,9})\]")
_LEADING_MARK = re.compile(r"\s*\[[0-9]+\]")
_TOKEN = re.compile(r"[A-Za-z0-9']+")
_SHORTEST_COVERED = 4
_SHORTEST_GROUNDED = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Citations:
    """What an answer cites; passages are numbered from 1.

    `referenced` are the numbers cited, `extra` those of them that no passage has, `missing` the passages not cited.
    `coverage` maps each passage cited to the share of its words of four or more letters that the answer repeats.
    """

    referenced: tuple[int, ...]
    missing: tuple[int, ...]
    extra: tuple[int, ...]
    coverage: Mapping[int, float]
    total_contexts: int

    @property
    def mean_coverage(self) -> float:
        """Mean over the passages cited, in [0, 1]; 0 if none is."""
        return sum(self.coverage.values()) / len(self.coverage) if self.coverage else 0.0


def citations(answer: str, contexts: Sequence[str]) -> Citations:
    """Read the citations of an answer; a context's own leading "[n]" is not part of its words."""
    referenced = sorted({int(number) for number in _MARK.findall(answer)})
    numbers = range(1, len(contexts) + 1)
    return Citations(
        referenced=tuple(referenced),
        missing=tuple(number for number in numbers if number not in referenced),
        extra=tuple(number for number in referenced if number not in numbers),
        coverage={number: _coverage(answer, contexts[number - 1]) for number in referenced if number in numbers},
        total_contexts=len(contexts),
    )


def citation_precision(found: Citations) -> float:
    """Share of the numbers cited that a passage has, in [0, 1].

    Raises:
        Unscored: nothing is cited.
    """
    if not found.referenced:
        raise Unscored("the answer cites nothing")
    return (len(found.referenced) - len(found.extra)) / len(found.referenced)


def citation_precision_compatible(found: Citations) -> float:
    """Precision as once published: 1 where nothing is cited."""
    return citation_precision(found) if found.referenced else 1.0


def citation_recall(found: Citations) -> float:
    """Share of all passages that are cited, in [0, 1].

    Raises:
        Unscored: there is no passage.
    """
    if not found.total_contexts:
        raise Unscored("no passage to cite")
    return (found.total_contexts - len(found.missing)) / found.total_contexts


def grounded_fraction(answer: str, contexts: Sequence[str]) -> float:
    """Share of the answer's tokens of three or more characters that stand in any passage, in [0, 1].

    An answer or passages without such tokens give 0, as once published; `grounding.token_overlap` is unscored there.
    """
    said = _tokens(answer)
    known = {token for context in contexts for token in _tokens(context)}
    return sum(token in known for token in said) / len(said) if said else 0.0


def _coverage(answer: str, context: str) -> float:
    said = set(answer.lower().split())
    text = _LEADING_MARK.sub("", context, count=1) if _LEADING_MARK.match(context) else context
    wanted = [word for word in text.lower().split() if len(word) >= _SHORTEST_COVERED]
    return sum(word in said for word in wanted) / len(wanted) if wanted else 0.0


def _tokens(text: str) -> list[str]:
    return [token.lower() for token in _TOKEN.findall(text) if len(token) >= _SHORTEST_GROUNDED]
