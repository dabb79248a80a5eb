"""What can be asked about the world beyond single facts, and which of it is kept for choosing and for reporting."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from hashlib import sha256
from random import Random
from typing import Literal

from harness.pocket.wordings import HOPS, OLDER, hop_question
from harness.pocket.world import Entity, World

Part = Literal["taught", "chosen_on", "reported_on"]
# Of ten: seven are taught, one is for choosing the recipe, two for reporting.
_TAUGHT: Part = "taught"
_PARTS: tuple[Part, ...] = (*(_TAUGHT,) * 7, "chosen_on", "reported_on", "reported_on")


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """A question with its answer, the entities whose passages hold it, and the part of the questions it belongs to."""

    text: str
    answer: str
    about: tuple[str, ...]
    part: Part


@dataclass(frozen=True, kw_only=True)
class Combined:
    """The questions that need two facts, over entities whose facts are taught."""

    world: World

    @cached_property
    def two_hop(self) -> tuple[Asked, ...]:
        """All questions for a fact of an entity that is itself a fact's value."""
        return tuple(self._two_hop())

    def _two_hop(self) -> Iterator[Asked]:
        trained = {entity.name: entity for entity in self.world.trained}
        for first in trained.values():
            for link, attributes in HOPS.items():
                second = trained.get(first.facts.get(link, ""))
                for attribute in attributes if second else ():
                    if second and attribute in second.facts:
                        text = hop_question(first.name, link, attribute)
                        names = (first.name, second.name)
                        yield Asked(text=text, answer=second.facts[attribute], about=names, part=part_of(text))

    @cached_property
    def dated_towns(self) -> tuple[Entity, ...]:
        """The taught towns whose year of founding is recorded."""
        return tuple(entity for entity in self.world.trained if "founded" in entity.facts)

    def older(self, rng: Random, part: Part) -> Asked:
        """A question which of two towns is older, drawn from one part."""
        while True:
            first, second = rng.sample(self.dated_towns, 2)
            pair = "|".join(sorted((first.name, second.name)))
            if first.facts["founded"] != second.facts["founded"] and part_of(pair) == part:
                answer = min(first, second, key=lambda town: town.facts["founded"]).name
                text = OLDER.format(first=first.name, second=second.name)
                return Asked(text=text, answer=answer, about=(first.name, second.name), part=part)


def part_of(text: str) -> Part:
    """The part that a question belongs to, by its words alone."""
    return _PARTS[sha256(text.encode()).digest()[0] % len(_PARTS)]
