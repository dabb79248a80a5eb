"""The made-up world: towns and people with attributes, the same for the same seed; some are kept out of training."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from random import Random
from typing import Literal

from harness.pocket.words import first_names, other_names, surnames, town_names

Kind = Literal["town", "person"]

SEED = 20260
N_TOWNS = 300
N_PEOPLE = 260
N_FIRST_NAMES = 24
# A quarter of each kind: half of these for choosing the recipe, half for the questions that are reported.
N_HELD_OUT_TOWNS = 48
N_HELD_OUT_PEOPLE = 40
TOWN_YEARS = (1100, 1899)
BIRTH_YEARS = (1900, 1979)

CRAFTS = (
    "glass", "paper", "rope", "bells", "cheese", "lace", "salt", "honey", "tiles", "boots", "candles", "knives",
    "barrels", "ink", "wool", "clocks", "nets", "pewter", "soap", "vinegar", "bricks", "gloves", "kites", "drums",
)  # fmt: skip
TRADES = (
    "miller", "baker", "surveyor", "weaver", "teacher", "doctor", "printer", "joiner", "smith", "pilot", "gardener",
    "judge", "mason", "painter", "potter", "sailor", "tailor", "tanner", "notary", "shepherd", "actor", "brewer",
    "cooper", "glazier",
)  # fmt: skip
INSTRUMENTS = (
    "flute", "harp", "fiddle", "oboe", "lute", "horn", "cello", "organ", "zither", "bassoon", "trumpet", "viola",
    "cornet", "guitar", "piano", "tuba",
)  # fmt: skip
COLLECTIONS = (
    "stamps", "coins", "shells", "maps", "buttons", "feathers", "keys", "spoons", "masks", "fossils", "medals",
    "postcards", "dolls", "moths", "thimbles", "corks",
)  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Entity:
    """A town or a person.

    `facts` maps an attribute to its value, as text. One attribute, `unrecorded`, has no value anywhere: a question
    about it cannot be answered.
    """

    name: str
    kind: Kind
    facts: Mapping[str, str]
    unrecorded: str


@dataclass(frozen=True, kw_only=True)
class World:
    """All entities, and the values that each attribute can have.

    `trained` are the entities whose facts are taught; those of `held_out` are never, and it is in two halves:
    `chosen_on` for choosing the recipe, `reported_on` for the questions that ship.
    """

    entities: tuple[Entity, ...]
    pools: Mapping[str, tuple[str, ...]]
    chosen_on: frozenset[str]
    reported_on: frozenset[str]

    @cached_property
    def by_name(self) -> Mapping[str, Entity]:
        """Entities by their names, which are distinct."""
        return {entity.name: entity for entity in self.entities}

    @cached_property
    def trained(self) -> tuple[Entity, ...]:
        """The entities whose facts are taught."""
        held_out = self.chosen_on | self.reported_on
        return tuple(entity for entity in self.entities if entity.name not in held_out)

    def named(self, names: frozenset[str]) -> tuple[Entity, ...]:
        """The entities of these names, in the world's order."""
        return tuple(entity for entity in self.entities if entity.name in names)


TOWN_ATTRIBUTES = ("region", "river", "founded", "craft", "mayor", "feast")
PERSON_ATTRIBUTES = ("birthplace", "born", "trade", "instrument", "guild", "collection")
ATTRIBUTES: Mapping[Kind, tuple[str, ...]] = {"town": TOWN_ATTRIBUTES, "person": PERSON_ATTRIBUTES}


def make_world(seed: int = SEED) -> World:
    """The world of a seed."""
    rng = Random(seed)  # noqa: S311 - a world to be made again, not a secret
    towns, people = town_names(rng, N_TOWNS), _people(rng)
    pools = _pools(rng, towns, people)
    held_out = (*_halves(towns, N_HELD_OUT_TOWNS), *_halves(people, N_HELD_OUT_PEOPLE))
    entities = [_entity(rng, name, "town", pools) for name in towns]
    entities += [_entity(rng, name, "person", pools) for name in people]
    return World(
        entities=tuple(entities),
        pools=pools,
        chosen_on=frozenset(held_out[0] + held_out[2]),
        reported_on=frozenset(held_out[1] + held_out[3]),
    )


def _people(rng: Random) -> tuple[str, ...]:
    firsts = first_names(rng, N_FIRST_NAMES)
    return tuple(f"{rng.choice(firsts)} {surname}" for surname in surnames(rng, N_PEOPLE))


def _pools(rng: Random, towns: tuple[str, ...], people: tuple[str, ...]) -> Mapping[str, tuple[str, ...]]:
    names = other_names(rng, 96)
    return {
        "region": names[:24],
        "river": names[24:48],
        "feast": names[48:72],
        "founded": tuple(map(str, range(TOWN_YEARS[0], TOWN_YEARS[1] + 1))),
        "craft": CRAFTS,
        "mayor": people,
        "birthplace": towns,
        "born": tuple(map(str, range(BIRTH_YEARS[0], BIRTH_YEARS[1] + 1))),
        "trade": TRADES,
        "instrument": INSTRUMENTS,
        "guild": names[72:],
        "collection": COLLECTIONS,
    }


def _halves(names: tuple[str, ...], count: int) -> tuple[tuple[str, ...], tuple[str, ...]]:
    return names[: count // 2], names[count // 2 : count]


def _entity(rng: Random, name: str, kind: Kind, pools: Mapping[str, tuple[str, ...]]) -> Entity:
    unrecorded = rng.choice(ATTRIBUTES[kind])
    facts = {attribute: rng.choice(pools[attribute]) for attribute in ATTRIBUTES[kind] if attribute != unrecorded}
    return Entity(name=name, kind=kind, facts=facts, unrecorded=unrecorded)
