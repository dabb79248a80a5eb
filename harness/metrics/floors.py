"""What answers without knowledge would score: the floors that every accuracy is read against."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from harness.metrics.unscored import Unscored
from harness.metrics.values import accepts_blank, is_unanswerable, truth
from harness.metrics.wattbot import BLANK, Overall, Row, overall
from harness.records import Question


@dataclass(frozen=True, slots=True, kw_only=True)
class Floor:
    """The value accuracy, in [0, 1], that a strategy without knowledge expects over the `n` questions it applies to."""

    name: str
    value: float
    n: int


def always_blank(questions: Sequence[Question]) -> Floor:
    """Answering nothing, ever: right where a blank is accepted.

    Raises:
        Unscored: there is no question.
    """
    if not questions:
        raise Unscored("there is no question")
    share = sum(map(accepts_blank, questions)) / len(questions)
    return Floor(name="always blank", value=share, n=len(questions))


def majority_boolean(questions: Sequence[Question]) -> Floor:
    """Giving every answerable true/false question the more frequent answer.

    Raises:
        Unscored: no answerable question is true/false.
    """
    asked = [question for question in questions if question.answer_type == "boolean" and not is_unanswerable(question)]
    found = Counter(said for question in asked if (said := truth(question.answers[0])) is not None)
    if not found:
        raise Unscored("no true/false question")
    return Floor(name="majority true/false", value=max(found.values()) / found.total(), n=found.total())


def random_choice(questions: Sequence[Question]) -> Floor:
    """Drawing one option of each answerable choice question: the mean of 1 / options.

    Raises:
        Unscored: no answerable question has options.
    """
    counts = [len(question.options) for question in questions if question.options and not is_unanswerable(question)]
    if not counts:
        raise Unscored("no question with options")
    return Floor(name="random choice", value=sum(1 / count for count in counts) / len(counts), n=len(counts))


def floors(questions: Sequence[Question]) -> tuple[Floor, ...]:
    """Every floor that the questions allow, in a fixed order; none without questions."""
    found = []
    for floor in (always_blank, majority_boolean, random_choice):
        try:
            found.append(floor(questions))
        except Unscored:
            continue
    return tuple(found)


def always_blank_overall(gold: Sequence[tuple[str, str]]) -> Overall:
    """The WattBot score of a submission of blanks; `gold` holds each question's value and reference texts.

    Raises:
        Unscored: there is no question.
    """
    return overall([Row(gold_value=value, gold_refs=refs, value=BLANK, refs=BLANK) for value, refs in gold])


def above_floor(value: float, floor: Floor) -> float:
    """How far a score lies above the floor, as a share of the room above it, in (-inf, 1].

    Raises:
        Unscored: the floor is 1, so that there is no room.
    """
    if floor.value >= 1:
        raise Unscored(f"the floor {floor.name!r} is already 1")
    return (value - floor.value) / (1 - floor.value)
