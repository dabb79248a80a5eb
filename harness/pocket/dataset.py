"""The world in the harness's own format: its corpus, and questions that no recipe was chosen on."""

import json
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from random import Random

from harness.pocket.asked import Asked, Combined
from harness.pocket.wordings import passage_text, question, reckoning
from harness.pocket.world import SEED, TOWN_YEARS, Entity, World
from harness.records import Passage, Question, Shot

N_SHOTS = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Counts:
    """How many questions of each task; of those on single facts, at most one for each entity."""

    knowledge: int = 168
    held_out: int = 22
    unanswerable: int = 12
    two_hop: int = 22
    older: int = 8
    reckoning: int = 8


def passages(world: World) -> tuple[Passage, ...]:
    """One passage for each entity, with all that is recorded of it."""
    return tuple(map(passage_of, world.entities))


def passage_of(entity: Entity) -> Passage:
    """The passage about an entity."""
    return Passage(id=passage_id(entity.name), title=entity.name, text=passage_text(entity))


def passage_id(name: str) -> str:
    """The id of an entity's passage."""
    return re.sub(r"[^a-z]+", "-", name.lower())


def questions(world: World, counts: Counts | None = None, seed: int = SEED) -> tuple[Question, ...]:
    """The questions that ship: drawn from the part of the world that is for reporting."""
    counts, rng = counts or Counts(), Random(seed + 1)  # noqa: S311 - to be drawn again, not a secret
    combined = Combined(world=world)
    drafts = [
        *_facts(rng, _drawn(rng, world.trained, counts.knowledge), "knowledge"),
        *_facts(rng, _drawn(rng, world.named(world.reported_on), counts.held_out), "held-out"),
        *_unrecorded(rng, _drawn(rng, _reported(world), counts.unanswerable)),
        *_two_hop(rng, combined, counts.two_hop),
        *(_combined(combined.older(rng, "reported_on"), "temporal") for _ in range(counts.older)),
        *_reckoning(rng, counts.reckoning),
    ]
    return tuple(_numbered(drafts))


def single_question(entity: Entity, attribute: str, wording: int) -> Question:
    """The question for one recorded attribute, without an id; `wording` is 0 or 1."""
    text = question(entity.name, attribute, wording)
    return _question(text, entity.facts[attribute], (entity.name,), "knowledge")


def shots(world: World) -> tuple[Shot, ...]:
    """Worked examples about entities that no shipped question on a single fact is about."""
    entities = world.named(world.chosen_on)[:: len(world.chosen_on) // N_SHOTS][:N_SHOTS]
    asked = [(entity, single_question(entity, list(entity.facts)[place], 0)) for place, entity in enumerate(entities)]
    return tuple(
        Shot(
            question=found.text,
            answer=found.answers[0],
            passages=(passage_of(entity),),
            refs=found.gold_passages,
            explanation=f"The passage on {entity.name} says so.",
        )
        for entity, found in asked
    )


def shot_line(found: Shot) -> str:
    """A worked example as one line of JSON."""
    shown = [{name: value for name, value in asdict(passage).items() if value} for passage in found.passages]
    return json.dumps({**asdict(found), "passages": shown})


def question_line(found: Question) -> str:
    """A question as one line of JSON."""
    names = ("answers", "answer_type", "gold_passages", "cluster", "task", "answerable")
    fields = {name: getattr(found, name) for name in names}
    more = {} if found.tolerance is None else {"tolerance": found.tolerance}
    return json.dumps({"id": found.id, "question": found.text, **fields, **more})


def passage_line(found: Passage) -> str:
    """A passage as one line of JSON."""
    return json.dumps({name: value for name, value in asdict(found).items() if value})


def file_text(lines: Iterable[str]) -> str:
    """Lines as a file holds them."""
    return "".join(f"{line}\n" for line in lines)


def _reported(world: World) -> tuple[Entity, ...]:
    """All entities but those that the recipe was chosen on."""
    return tuple(entity for entity in world.entities if entity.name not in world.chosen_on)


def _drawn(rng: Random, entities: Sequence[Entity], count: int) -> list[Entity]:
    return rng.sample(list(entities), count)


def _facts(rng: Random, entities: Iterable[Entity], task: str) -> Iterator[Question]:
    for entity in entities:
        attribute = rng.choice(list(entity.facts))
        yield replace(single_question(entity, attribute, rng.randrange(2)), task=task)


def _unrecorded(rng: Random, entities: Iterable[Entity]) -> Iterator[Question]:
    for entity in entities:
        text = question(entity.name, entity.unrecorded, rng.randrange(2))
        yield Question(
            id="", text=text, answers=(), cluster=passage_id(entity.name), task="unanswerable", answerable=False
        )


def _two_hop(rng: Random, combined: Combined, count: int) -> Iterator[Question]:
    """At most one question for each first entity."""
    found = [asked for asked in combined.two_hop if asked.part == "reported_on"]
    rng.shuffle(found)
    firsts = list({asked.about[0]: asked for asked in found}.values())[:count]
    return (_combined(asked, "two-hop") for asked in firsts)


def _combined(asked: Asked, task: str) -> Question:
    return _question(asked.text, asked.answer, asked.about, task)


def _reckoning(rng: Random, count: int) -> Iterator[Question]:
    for number in range(count):
        text, answer = reckoning(rng, range(TOWN_YEARS[0], TOWN_YEARS[1] + 1), number % 2)
        yield _question(text, answer, (), "temporal")


def _question(text: str, answer: str, about: Sequence[str], task: str) -> Question:
    number = answer.isdigit()
    gold = tuple(map(passage_id, about))
    return Question(
        id="",
        text=text,
        answers=(answer,),
        answer_type="number" if number else "text",
        tolerance=0 if number else None,
        gold_passages=gold,
        cluster=gold[0] if gold else "reckoning",
        task=task,
    )


def _numbered(drafts: Iterable[Question]) -> Iterator[Question]:
    """The drafts with ids, without one that asks what another asked."""
    counts: dict[str, int] = {}
    for draft in {draft.text: draft for draft in drafts}.values():
        number = counts[draft.task] = counts.get(draft.task, 0) + 1
        yield replace(draft, id=f"{draft.task}-{number:03d}")
