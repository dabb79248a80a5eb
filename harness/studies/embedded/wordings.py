"""How a fact of each kind is asked for, alone and together with another one."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Wording:
    """Sentences with places {a} and {b} for entities; `total` is empty where a sum would mean nothing."""

    unit: str
    ask: str
    more: str
    comparison: str
    total: str = ""


MEASURES = {
    "passengers": Wording(
        unit="passengers",
        ask="How many passengers can {a} carry?",
        more="How many more passengers can {a} carry than {b}?",
        comparison="{a} can carry more passengers than {b}",
        total="How many passengers can {a} and {b} carry together?",
    ),
    "height": Wording(
        unit="metres",
        ask="How many metres high is {a}?",
        more="How many metres higher is {a} than {b}?",
        comparison="{a} is higher than {b}",
    ),
    "steps": Wording(
        unit="steps",
        ask="How many steps are there in {a}?",
        more="How many more steps are there in {a} than in {b}?",
        comparison="there are more steps in {a} than in {b}",
        total="How many steps does a visitor take who climbs both {a} and {b} once?",
    ),
    "bells": Wording(
        unit="bells",
        ask="How many bells hang in {a}?",
        more="How many more bells hang in {a} than in {b}?",
        comparison="more bells hang in {a} than in {b}",
        total="How many bells are there altogether in {a} and {b}?",
    ),
    "water": Wording(
        unit="million cubic metres",
        ask="How many million cubic metres of water does {a} hold back?",
        more="How many million cubic metres of water does {a} hold back more than {b}?",
        comparison="{a} holds back more water than {b}",
        total="How many million cubic metres of water do {a} and {b} hold back together?",
    ),
    "span": Wording(
        unit="metres",
        ask="How many metres long is {a}?",
        more="How many metres longer is {a} than {b}?",
        comparison="{a} is longer than {b}",
        total="What is the combined length, in metres, of {a} and {b}?",
    ),
    "trees": Wording(
        unit="trees",
        ask="How many trees grow in {a}?",
        more="How many more trees grow in {a} than in {b}?",
        comparison="more trees grow in {a} than in {b}",
        total="How many trees grow in {a} and {b} taken together?",
    ),
    "members": Wording(
        unit="members",
        ask="How many members does {a} have?",
        more="How many more members does {a} have than {b}?",
        comparison="{a} has more members than {b}",
        total="How many members do {a} and {b} have between them?",
    ),
    "route": Wording(
        unit="kilometres",
        ask="How many kilometres long is {a}?",
        more="How many kilometres longer is {a} than {b}?",
        comparison="{a} is longer than {b}",
        total="How many kilometres does one cover who follows {a} and {b} once each from end to end?",
    ),
    "locks": Wording(
        unit="locks",
        ask="How many locks does {a} have?",
        more="How many more locks does {a} have than {b}?",
        comparison="{a} has more locks than {b}",
        total="How many locks are there on {a} and {b} together?",
    ),
    "pupils": Wording(
        unit="pupils",
        ask="How many pupils does {a} have?",
        more="How many more pupils does {a} have than {b}?",
        comparison="{a} has more pupils than {b}",
        total="How many pupils are there at {a} and {b} together?",
    ),
    "population": Wording(
        unit="inhabitants",
        ask="What is the population of {a}?",
        more="By how many is the population of {a} larger than that of {b}?",
        comparison="the population of {a} is larger than that of {b}",
        total="What is the combined population of {a} and {b}?",
    ),
    "area": Wording(
        unit="square kilometres",
        ask="How many square kilometres does {a} cover?",
        more="How many square kilometres larger is {a} than {b}?",
        comparison="{a} is larger than {b}",
        total="What is the combined area, in square kilometres, of {a} and {b}?",
    ),
    "altitude": Wording(
        unit="metres",
        ask="At what altitude, in metres, is {a}?",
        more="How many metres higher above the sea is {a} than {b}?",
        comparison="{a} lies higher above the sea than {b}",
    ),
    "rescues": Wording(
        unit="lives",
        ask="How many lives has {a} saved?",
        more="How many more lives has {a} saved than {b}?",
        comparison="{a} has saved more lives than {b}",
        total="How many lives have been saved altogether by {a} and {b}?",
    ),
    "depth": Wording(
        unit="metres",
        ask="How many metres deep is {a}?",
        more="How many metres deeper is {a} than {b}?",
        comparison="{a} is deeper than {b}",
    ),
    "rooms": Wording(
        unit="rooms",
        ask="How many rooms does {a} have?",
        more="How many more rooms does {a} have than {b}?",
        comparison="{a} has more rooms than {b}",
        total="How many rooms do {a} and {b} offer together?",
    ),
    "volumes": Wording(
        unit="volumes",
        ask="How many volumes does {a} hold?",
        more="How many more volumes does {a} hold than {b}?",
        comparison="{a} holds more volumes than {b}",
        total="How many volumes do {a} and {b} hold between them?",
    ),
}

PEOPLE = {
    "designer": "Who designed {a}?",
    "engineer": "Who was the engineer of {a}?",
    "layout": "Who laid out {a}?",
    "founder": "Who founded {a}?",
    "planter": "Who planted {a}?",
    "curator": "Who is the curator of {a}?",
    "captain": "Who is the captain of {a}?",
}
