"""What the models are taught, as rows of tokens: questions without passages, and passages with questions about them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import permutations
from random import Random

from harness.pocket.asked import Asked, Combined
from harness.pocket.tokenizer import Coder
from harness.pocket.wordings import HOPS, OLDER, UNKNOWN, gap_question, hop_question, question, reckoning, sentence
from harness.pocket.world import ATTRIBUTES, TOWN_YEARS, Entity, World

LINKED = 0.4
"""How often the next passage is about an entity that one before it names."""
CLOSED_ASKS = 24
OPEN_ASKS = 12
"""Questions drawn for a row; those that do not fit are left out."""

Facts = Mapping[str, str]
Ask = tuple[str, str]
"""A question and its answer."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Shares:
    """How often each sort of question is drawn; each group sums to 1.

    `true_context` is the share of passages that tell true facts; the others have random values, so that reading is
    learnt and not remembered. `gaps` is the share of questions about passages that are their sentences with a gap.
    """

    closed: Mapping[str, float] = field(
        default_factory=lambda: {"fact": 0.62, "two_hop": 0.14, "reckoning": 0.14, "older": 0.10}
    )
    opened: Mapping[str, float] = field(
        default_factory=lambda: {
            "fact": 0.66,
            "absent": 0.11,
            "stranger": 0.11,
            "two_hop": 0.07,
            "older": 0.03,
            "reckoning": 0.02,
        }
    )
    passages: tuple[float, ...] = (0.45, 0.35, 0.20)
    true_context: float = 0.15
    gaps: float = 0.4


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """Tokens of a context and of questions that each see the context and themselves, but not one another.

    `segment` is 0 in the context and counts the questions from 1; `place` is the position a token has in a prompt that
    shows the context and its question alone; `answers` are the places in the row whose next token is to be learnt.
    """

    ids: tuple[int, ...]
    segment: tuple[int, ...]
    place: tuple[int, ...]
    answers: tuple[int, ...]


class Teacher:
    """Draws rows without end; the same for the same world, coder and seed."""

    def __init__(self, world: World, coder: Coder, seed: int, shares: Shares | None = None) -> None:
        self._world, self._coder = world, coder
        self._rng = Random(seed)  # noqa: S311 - to be drawn again, not a secret
        self._shares = shares or Shares()
        self._combined = Combined(world=world)
        self._two_hop = [asked for asked in self._combined.two_hop if asked.part == "taught"]
        self._facts = [(entity, attribute) for entity in world.trained for attribute in entity.facts]

    def closed_row(self, width: int) -> Row:
        """A row of questions without passages, at most `width` tokens."""
        return self._row((), self._closed_asks(), width)

    def open_row(self, width: int) -> Row:
        """A row of passages with questions about them, at most `width` tokens."""
        shown = self._shown()
        text = "\n\n".join(
            f"[{number}] {name}: " + " ".join(sentence(name, attribute, value) for attribute, value in facts.items())
            for number, (name, facts) in enumerate(shown.items(), 1)
        )
        return self._row(self._coder(text), self._open_asks(shown), width)

    def _row(self, context: Sequence[int], asks: Sequence[Ask], width: int) -> Row:
        coder = self._coder
        # The mark of the user's turn is the context's first token.
        ids = [coder.user, *context] if context else []
        segment, place, answers = [0] * len(ids), list(range(len(ids))), list[int]()
        start = len(ids)
        for number, (text, answer) in enumerate(asks, 1):
            before = (*(() if context else (coder.user,)), *coder(text), coder.assistant)
            block = (*before, *coder(answer), coder.end)
            if len(ids) + len(block) > width:
                break
            answers += range(len(ids) + len(before) - 1, len(ids) + len(block) - 1)
            ids += block
            segment += [number] * len(block)
            place += range(start, start + len(block))
        return Row(ids=tuple(ids), segment=tuple(segment), place=tuple(place), answers=tuple(answers))

    def _closed_asks(self) -> list[Ask]:
        kinds = self._rng.choices(list(self._shares.closed), list(self._shares.closed.values()), k=CLOSED_ASKS)
        return [self._closed(kind) for kind in kinds]

    def _closed(self, kind: str) -> Ask:
        rng = self._rng
        if kind == "two_hop":
            return _ask(rng.choice(self._two_hop))
        if kind == "older":
            return _ask(self._combined.older(rng, "taught"))
        if kind == "reckoning":
            return reckoning(rng, range(TOWN_YEARS[0], TOWN_YEARS[1] + 1), rng.randrange(2))
        entity, attribute = rng.choice(self._facts)
        return question(entity.name, attribute, rng.randrange(2)), entity.facts[attribute]

    def _shown(self) -> dict[str, Facts]:
        rng = self._rng
        count = rng.choices(range(1, len(self._shares.passages) + 1), self._shares.passages)[0]
        true = rng.random() < self._shares.true_context
        shown: dict[str, Facts] = {}
        entity = rng.choice(self._world.trained if true else self._world.entities)
        while len(shown) < count:
            shown[entity.name] = entity.facts if true else self._made_up(entity)
            linked = [shown[entity.name][link] for link in HOPS if link in shown[entity.name]]
            entity = self._next(linked, true=true)
        names = list(shown)
        rng.shuffle(names)
        return {name: shown[name] for name in names}

    def _next(self, linked: Sequence[str], *, true: bool) -> Entity:
        rng = self._rng
        if linked and rng.random() < LINKED:
            entity = self._world.by_name[rng.choice(linked)]
            if not true or entity in self._world.trained:
                return entity
        return rng.choice(self._world.trained if true else self._world.entities)

    def _made_up(self, entity: Entity) -> Facts:
        rng = self._rng
        names = ATTRIBUTES[entity.kind]
        kept = sorted(rng.sample(names, rng.randint(2, len(names) - 1)), key=names.index)
        return {attribute: rng.choice(self._world.pools[attribute]) for attribute in kept}

    def _open_asks(self, shown: Mapping[str, Facts]) -> list[Ask]:
        kinds = self._rng.choices(list(self._shares.opened), list(self._shares.opened.values()), k=OPEN_ASKS)
        found = (self._open(kind, shown) for kind in kinds)
        return [ask for ask in found if ask is not None]

    def _open(self, kind: str, shown: Mapping[str, Facts]) -> Ask | None:
        rng = self._rng
        if kind == "reckoning":
            return reckoning(rng, range(TOWN_YEARS[0], TOWN_YEARS[1] + 1), rng.randrange(2))
        if kind == "two_hop":
            return self._hop(shown)
        if kind == "older":
            return self._older(shown)
        name = rng.choice(list(shown))
        attribute = rng.choice(list(shown[name]))
        if kind == "fact":
            return self._wording(name, attribute), shown[name][attribute]
        kind_of = self._world.by_name[name].kind
        if kind == "stranger":
            stranger = rng.choice(self._world.entities)
            usable = stranger.kind == kind_of and stranger.name not in shown
            return (self._wording(stranger.name, attribute), UNKNOWN) if usable else None
        absent = [other for other in ATTRIBUTES[kind_of] if other not in shown[name]]
        return self._wording(name, rng.choice(absent)), UNKNOWN

    def _wording(self, name: str, attribute: str) -> str:
        if self._rng.random() < self._shares.gaps:
            return gap_question(name, attribute)
        return question(name, attribute, self._rng.randrange(2))

    def _hop(self, shown: Mapping[str, Facts]) -> Ask | None:
        ways = [
            (name, link, attribute, shown[facts[link]][attribute])
            for name, facts in shown.items()
            for link, attributes in HOPS.items()
            if facts.get(link) in shown
            for attribute in attributes
            if attribute in shown[facts[link]]
        ]
        if not ways:
            return None
        name, link, attribute, value = self._rng.choice(ways)
        return hop_question(name, link, attribute), value

    def _older(self, shown: Mapping[str, Facts]) -> Ask | None:
        dated = {name: facts["founded"] for name, facts in shown.items() if "founded" in facts}
        pairs = [pair for pair in permutations(dated, 2) if dated[pair[0]] != dated[pair[1]]]
        if not pairs:
            return None
        first, second = self._rng.choice(pairs)
        older = min((first, second), key=dated.__getitem__)
        return OLDER.format(first=first, second=second), older


def _ask(asked: Asked) -> Ask:
    return asked.text, asked.answer
