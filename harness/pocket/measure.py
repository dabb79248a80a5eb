"""What a trained model can do, asked through the ordinary provider on questions that are not the shipped ones."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from random import Random

from harness.metrics.confidence import sequence_confidence
from harness.metrics.values import value_accuracy
from harness.pocket.asked import Asked, Combined, Part
from harness.pocket.dataset import passage_of, single_question
from harness.pocket.wordings import question, reckoning
from harness.pocket.world import TOWN_YEARS, Entity, World
from harness.prompts.catalog import find_template
from harness.prompts.read import read_answer
from harness.providers.base import source
from harness.records import Answer, Decoding, ModelSpec, Passage, Prompt, Question, Runtime, Template

PROMPT = "bare"
MOST_TOKENS = 12
BATCH = 64
N_FACTS = 300
N_COMBINED = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """One question of an exam with the passages it is asked over."""

    question: Question
    passages: tuple[Passage, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Marks:
    """What one model did in one exam: shape (n,) each, in the order of the items.

    `right` is 1 or 0; `confidence` the geometric mean of the answer's token probabilities in per cent, None for an
    answer without tokens; `loss_nll` the mean negative log-likelihood of the right answers in nats per token, None
    where no item has one.
    """

    right: tuple[int, ...]
    confidence: tuple[int | None, ...]
    loss_nll: float | None


Exam = tuple[Item, ...]


def exams(world: World, part: Part, seed: int) -> Mapping[str, Exam]:
    """All exams by name, drawn from one part of the world: `chosen_on` while choosing, `reported_on` for the card."""
    rng = Random(seed)  # noqa: S311 - to be drawn again, not a secret
    held_out = world.named(world.reported_on if part == "reported_on" else world.chosen_on)
    taught = rng.sample(list(_all_facts(world.trained)), N_FACTS)
    unseen = list(_all_facts(held_out))
    combined = Combined(world=world)
    two_hop = [asked for asked in combined.two_hop if asked.part == part]
    two_hop = rng.sample(two_hop, min(N_COMBINED, len(two_hop)))
    drawn: Mapping[str, Iterator[Item]] = {
        "taught, closed": _facts(rng, taught),
        "taught, gold passage": _facts(rng, taught, _gold),
        "held out, closed": _facts(rng, unseen),
        "held out, gold passage": _facts(rng, unseen, _gold),
        "held out, another's passage too": _facts(rng, unseen, partial(_with_another, rng, world)),
        "not recorded, own passage": _absent(rng, (*held_out, *rng.sample(list(world.trained), 100))),
        "held out, another's passage": _strangers(rng, world, unseen),
        "two hops, closed": (_item(asked) for asked in two_hop),
        "two hops, gold passages": (_item(asked, world) for asked in two_hop),
        "older of two, closed": (_item(combined.older(rng, part)) for _ in range(N_COMBINED)),
        "reckoning, closed": (_reckoned(rng, number) for number in range(N_COMBINED)),
    }
    return {name: tuple(items) for name, items in drawn.items()}


def measure(folder: Path, sat: Mapping[str, Exam], adapter: Path | None = None) -> Mapping[str, Marks]:
    """The marks of the model in a folder, by exam; with an adapter, if one is given.

    Raises:
        HarnessError: the folder or the adapter cannot be loaded.
    """
    spec = ModelSpec(name=folder.name, family="pocket", params_b=None, context_length=1024, path=str(folder))
    runtime = Runtime(dtype="fp32", device="cpu")
    if adapter is not None:
        spec, runtime = replace(spec, adapters={"ft": str(adapter)}), replace(runtime, adapter="ft")
    provider = source(spec, runtime).load()
    template = find_template(PROMPT)
    try:
        return {name: _marks(exam, template, partial(_ask, provider.generate)) for name, exam in sat.items()}
    finally:
        provider.close()


Generate = Callable[[Sequence[Prompt], Decoding], Iterator[Answer]]


def _ask(generate: Generate, prompts: Sequence[Prompt]) -> Iterator[Answer]:
    decoding = Decoding(max_new_tokens=MOST_TOKENS)
    for start in range(0, len(prompts), BATCH):
        yield from generate(prompts[start : start + BATCH], decoding)


def _marks(exam: Exam, template: Template, ask: Callable[[Sequence[Prompt]], Iterator[Answer]]) -> Marks:
    answers = list(ask([_prompt(item, template) for item in exam]))
    values = [read_answer(answer.text, template, ()).value for answer in answers]
    losses = [answer.reference_nll for answer in answers if answer.reference_nll is not None]
    return Marks(
        right=tuple(int(value_accuracy(value, item.question)) for value, item in zip(values, exam, strict=True)),
        confidence=tuple(_percent(answer) for answer in answers),
        loss_nll=sum(losses) / len(losses) if losses else None,
    )


def _percent(answer: Answer) -> int | None:
    return round(100 * sequence_confidence(answer.logprobs)) if answer.logprobs else None


def _prompt(item: Item, template: Template) -> Prompt:
    found = item.question
    reference = found.answers[0] if found.answers else None
    return Prompt(template=template, question=found.text, passages=item.passages, reference=reference)


Fact = tuple[Entity, str]
Shown = Callable[[Entity, str], tuple[Passage, ...]]


def _all_facts(entities: Sequence[Entity]) -> Iterator[Fact]:
    return ((entity, attribute) for entity in entities for attribute in entity.facts)


def _nothing(_entity: Entity, _attribute: str) -> tuple[Passage, ...]:
    return ()


def _gold(entity: Entity, _attribute: str) -> tuple[Passage, ...]:
    return (passage_of(entity),)


def _with_another(rng: Random, world: World, entity: Entity, attribute: str) -> tuple[Passage, ...]:
    shown = [passage_of(entity), passage_of(_other(rng, world, entity, attribute))]
    rng.shuffle(shown)
    return tuple(shown)


def _other(rng: Random, world: World, entity: Entity, attribute: str) -> Entity:
    """Another entity that has the same attribute."""
    return rng.choice([other for other in world.entities if attribute in other.facts and other.name != entity.name])


def _facts(rng: Random, facts: Sequence[Fact], shown: Shown = _nothing) -> Iterator[Item]:
    for entity, attribute in facts:
        asked = single_question(entity, attribute, rng.randrange(2))
        yield Item(question=asked, passages=shown(entity, attribute))


def _absent(rng: Random, entities: Sequence[Entity]) -> Iterator[Item]:
    for entity in entities:
        yield Item(question=_blank(entity, entity.unrecorded, rng), passages=(passage_of(entity),))


def _strangers(rng: Random, world: World, facts: Sequence[Fact]) -> Iterator[Item]:
    for entity, attribute in facts:
        shown = (passage_of(_other(rng, world, entity, attribute)),)
        yield Item(question=_blank(entity, attribute, rng), passages=shown)


def _blank(entity: Entity, attribute: str, rng: Random) -> Question:
    text = question(entity.name, attribute, rng.randrange(2))
    return Question(id="", text=text, answers=(), answerable=False)


def _item(asked: Asked, world: World | None = None) -> Item:
    shown = tuple(passage_of(world.by_name[name]) for name in asked.about) if world else ()
    return Item(question=_plain(asked.text, asked.answer), passages=shown)


def _reckoned(rng: Random, number: int) -> Item:
    return Item(question=_plain(*reckoning(rng, range(TOWN_YEARS[0], TOWN_YEARS[1] + 1), number % 2)))


def _plain(text: str, answer: str) -> Question:
    return replace(Question(id="", text=text, answers=(answer,)), tolerance=0.0 if answer.isdigit() else None)
