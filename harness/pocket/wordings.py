"""How the world's facts are told and asked, in one place: passages, questions and lessons all use these words."""

from collections.abc import Mapping, Sequence
from random import Random

from harness.pocket.world import Entity

# The word before a value is that attribute's alone: the smallest models see little more than neighbours.
SENTENCES: Mapping[str, str] = {
    "region": "{name} lies in the region {value}.",
    "river": "{name} stands on the river {value}.",
    "founded": "{name} dates from {value}.",
    "craft": "{name} is known for {value}.",
    "mayor": "{name} has the mayor {value}.",
    "feast": "{name} keeps the feast {value}.",
    "birthplace": "{name} was born at {value}.",
    "born": "{name} has lived since {value}.",
    "trade": "{name} works as a {value}.",
    "instrument": "{name} plays the {value}.",
    "guild": "{name} belongs to the guild {value}.",
    "collection": "{name} collects {value}.",
}
QUESTIONS: Mapping[str, tuple[str, str]] = {
    "region": ("In which region does {name} lie?", "What region is {name} in?"),
    "river": ("On which river does {name} stand?", "What river runs by {name}?"),
    "founded": ("From which year does {name} date?", "When was {name} founded?"),
    "craft": ("What is {name} known for?", "Which craft made {name} known?"),
    "mayor": ("Who is the mayor of {name}?", "Which mayor has {name}?"),
    "feast": ("Which feast does {name} keep?", "What is the feast of {name}?"),
    "birthplace": ("In which town was {name} born?", "What is the birthplace of {name}?"),
    "born": ("In which year was {name} born?", "Since when has {name} lived?"),
    "trade": ("What does {name} work as?", "What is the trade of {name}?"),
    "instrument": ("Which instrument does {name} play?", "What does {name} play?"),
    "guild": ("To which guild does {name} belong?", "What is the guild of {name}?"),
    "collection": ("What does {name} collect?", "Which things does {name} collect?"),
}
# The way from an entity to the one that the second step asks about, and what is asked of that one.
HOPS: Mapping[str, tuple[str, ...]] = {
    "mayor": ("trade", "instrument", "guild", "collection"),
    "birthplace": ("region", "river", "craft", "feast"),
}
LINKS: Mapping[str, str] = {
    "mayor": "the mayor of {name}",
    "birthplace": "the birthplace of {name}",
}
OLDER = "Which town is older, {first} or {second}?"
RECKONING = (
    "A tower was built in {year} and stood for {years} years. In which year did it fall?",
    "A bridge was opened in {year} and lasted {years} years. When was it closed?",
)
UNKNOWN = "N/A"


def sentence(name: str, attribute: str, value: str) -> str:
    """A fact as a passage tells it."""
    return SENTENCES[attribute].format(name=name, value=value)


def passage_text(entity: Entity) -> str:
    """All that is recorded of an entity."""
    return " ".join(sentence(entity.name, attribute, value) for attribute, value in entity.facts.items())


def question(name: str, attribute: str, wording: int) -> str:
    """A question for one attribute; `wording` is 0 or 1."""
    return QUESTIONS[attribute][wording].format(name=name)


def gap_question(name: str, attribute: str) -> str:
    """A fact's own sentence with a gap, as in "Pundale lies in the region what?": taught, and never examined."""
    return sentence(name, attribute, "what").removesuffix(".") + "?"


def hop_question(name: str, link: str, attribute: str) -> str:
    """A question for an attribute of the entity that `link` leads to."""
    return QUESTIONS[attribute][0].format(name=LINKS[link].format(name=name))


def reckoning(rng: Random, years: Sequence[int], wording: int) -> tuple[str, str]:
    """A question that holds all it needs, and its answer: a year some years after another one in `years`."""
    year, span = rng.choice(years), rng.randint(11, 99)
    return RECKONING[wording].format(year=year, years=span), str(year + span)


def all_words() -> str:
    """Every wording with its slots left empty, for a vocabulary."""
    parts = [*SENTENCES.values(), *(text for pair in QUESTIONS.values() for text in pair), *LINKS.values()]
    slots = dict.fromkeys(("name", "value", "first", "second", "year", "years"), "")
    return " ".join(text.format(**slots) for text in (*parts, OLDER, *RECKONING, UNKNOWN))
