"""The table of facts that questions are made from, each held against the words of its passage."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from harness.errors import DataError
from harness.records import Passage
from harness.studies.embedded.calendar_words import spoken_date, spoken_day

FOLDER = Path(__file__).parent
LINK = "link"


@dataclass(frozen=True, slots=True, kw_only=True)
class Fact:
    """What one passage says of one entity.

    `literal` stands word for word in the passage and holds the value. `event` names what happened, for a year or a
    date. Of kind `link`, the entity is a description and the value is the entity that it describes.
    """

    passage: str
    entity: str
    kind: str
    value: str
    literal: str
    event: str = ""


def read_passages(folder: Path = FOLDER) -> dict[str, Passage]:
    """The corpus by passage id, in the order of the file."""
    lines = (folder / "corpus.jsonl").read_text(encoding="ascii").splitlines()
    passages = [Passage(**json.loads(line)) for line in lines]
    return {passage.id: passage for passage in passages}


def read_facts(folder: Path = FOLDER) -> tuple[Fact, ...]:
    """The facts, in the order of the file.

    Raises:
        DataError: a fact is not what its passage says.
    """
    lines = (folder / "facts.jsonl").read_text(encoding="ascii").splitlines()
    facts = tuple(Fact(**json.loads(line)) for line in lines)
    check_facts(facts, read_passages(folder))
    return facts


def check_facts(facts: Iterable[Fact], passages: Mapping[str, Passage]) -> None:
    """Hold every fact against its passage.

    Raises:
        DataError: the passage is unknown, the literal is not in it, the value is not in the literal, or a link
            describes an entity of no other fact or one whose passages do not hold the literal.
    """
    facts = tuple(facts)
    for fact in facts:
        text = _text(fact, passages)
        if fact.literal not in text:
            raise DataError(f"fact {fact.literal!r} is not in passage {fact.passage!r}: copy its words from there")
        if fact.kind == LINK:
            _check_link(fact, facts, passages)
        elif _written(fact) not in fact.literal.replace(",", ""):
            raise DataError(f"value {fact.value!r} of {fact.entity} is not in its literal {fact.literal!r}: mend one")


def _text(fact: Fact, passages: Mapping[str, Passage]) -> str:
    try:
        return passages[fact.passage].text
    except KeyError:
        raise DataError(f"a fact of {fact.entity} names passage {fact.passage!r}, which the corpus lacks") from None


def _written(fact: Fact) -> str:
    """The value as the corpus writes it."""
    if fact.kind == "date":
        return spoken_date(date.fromisoformat(fact.value))
    if fact.kind == "begins":
        month, day = fact.value.split("-")
        return spoken_day(int(month), int(day))
    return fact.value


def _check_link(link: Fact, facts: tuple[Fact, ...], passages: Mapping[str, Passage]) -> None:
    targets = [fact for fact in facts if fact.entity == link.value]
    if not targets:
        raise DataError(f"link to {link.value!r} leads nowhere: no fact is about it; add one or correct the name")
    for target in targets:
        if link.literal not in _text(target, passages):
            raise DataError(f"link {link.literal!r} is not in passage {target.passage!r}: both ends must say it")
