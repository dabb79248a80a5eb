"""Made-up questions over a made-up corpus, for planted models, for tests and for proofs."""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass

from harness.providers.planted_text import draw
from harness.records import AnswerType, Dataset, Passage, Question, Shot

ONSETS = ("Br", "Dal", "Fen", "Gor", "Hol", "Kes", "Lun", "Mar", "Nor", "Ost", "Pel", "Ruv", "Sel", "Tor", "Vel", "Wen")
ENDINGS = ("ano", "beck", "combe", "dale", "eth", "ford", "holm", "ick", "ley", "mere", "ness", "owe", "quay", "stead")
HARBOURS = len(ONSETS) * len(ENDINGS)
# Shares no divisor with the number of names, so that the steps reach every name before one comes again.
STRIDE = 45
GOODS = ("rope", "salt", "glass", "wool", "cider", "lamps", "sailcloth", "tar", "honey", "slate", "paper", "bells")
GIVEN = ("Ada", "Bram", "Cleo", "Dirk", "Elva", "Finn", "Greta", "Hugo", "Ines", "Joost", "Kaia", "Lars")
SURNAMES = ("Arden", "Birk", "Corwen", "Drost", "Ekholm", "Farrow", "Gaunt", "Hale", "Ivers", "Jessop", "Krog", "Lind")
SIDES = ("north", "east", "south", "west")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Pier:
    """What is true of one pier."""

    name: str
    harbour: str
    builder: str
    built: int
    burnt: int
    length_m: int
    least_t: int
    most_t: int
    goods: tuple[str, ...]
    lit: bool
    side: str


@dataclass(frozen=True, slots=True, kw_only=True)
class _Kind:
    """A way to ask; `answer` is filled with the pier's fields."""

    answer_type: AnswerType
    text: str
    answer: str = ""
    unit: str = ""
    task: str = "knowledge"


KINDS = (
    _Kind(answer_type="text", text="Who built {name}?", answer="{builder}"),
    _Kind(answer_type="number", text="How long is {name}, in metres?", answer="{length_m}", unit="metres"),
    _Kind(
        answer_type="range",
        text="Which loads, from the least to the most, does the crane of {name} lift, in tonnes?",
        answer="[{least_t},{most_t}]",
        unit="tonnes",
    ),
    _Kind(answer_type="list", text="Which three goods are dealt in at {name}?", answer="[{goods}]"),
    _Kind(answer_type="boolean", text="True or false: the lamp of {name} is lit in winter.", answer="{lit}"),
    _Kind(
        answer_type="choice",
        text="On which side do ferries moor at {name}: north, east, south or west?",
        answer="{side}",
    ),
    _Kind(
        answer_type="number",
        text="How many years after it was built did {name} burn?",
        answer="{stood}",
        unit="years",
        task="compositional",
    ),
    _Kind(answer_type="number", text="How deep is the water at {name}, in metres?", unit="metres", task="unanswerable"),
)


def planted_dataset(name: str = "planted", *, n: int = 60, n_clusters: int = 12, seed: int = 0) -> Dataset:
    """`n` questions on the piers of made-up harbours, with a passage on each pier and a document on each harbour.

    Question i is about a pier of its own, in harbour i mod `n_clusters`, its cluster. The kinds of question take
    turns: text, number, range, list, boolean and choice of the task "knowledge", a difference of two years of the task
    "compositional", and one of the task "unanswerable", on which no passage says anything and which has no gold
    passage. With the same clusters and seed a larger `n` keeps the questions of a smaller one. Three worked examples
    are about a harbour that no question names.

    Raises:
        ValueError: not 1 <= n_clusters <= n.
    """
    if not 1 <= n_clusters <= n:
        raise ValueError(f"clusters must be between 1 and the number of questions, got {n_clusters} of {n}")
    questions: list[Question] = []
    passages: list[Passage] = []
    for i in range(n):
        cluster, row = i % n_clusters, i // n_clusters
        pier = _pier(_harbour(seed, cluster), row + 1, seed, lit=(cluster + row) // len(KINDS) % 2 == 0)
        passages.append(_passage(pier, f"p{i + 1:04d}"))
        questions.append(_question(pier, (cluster + row) % len(KINDS), passages[-1].id, name))
    shots = _shots()
    told = json.dumps([[asdict(item) for item in part] for part in (questions, passages, shots)], sort_keys=True)
    return Dataset(
        name=name,
        questions=tuple(questions),
        passages=tuple(passages),
        shots=shots,
        hash=hashlib.sha256(told.encode()).hexdigest(),
    )


def _question(pier: _Pier, kind: int, passage: str, dataset: str) -> Question:
    """The question of that kind on the pier; its id follows the passage's."""
    asked = KINDS[kind]
    told = {"goods": ", ".join(pier.goods), "lit": str(pier.lit).lower(), "stood": pier.burnt - pier.built}
    answer = asked.answer.format_map(asdict(pier) | told)
    answerable = asked.task != "unanswerable"
    return Question(
        id="q" + passage.removeprefix("p"),
        text=asked.text.format(name=pier.name),
        answers=(answer,) if answerable else (),
        answer_type=asked.answer_type,
        dataset=dataset,
        unit=asked.unit,
        gold_passages=(passage,) if answerable else (),
        cluster=pier.harbour,
        task=asked.task,
        answerable=answerable,
        options=SIDES if asked.answer_type == "choice" else (),
    )


def _passage(pier: _Pier, passage_id: str) -> Passage:
    lamp = "is lit in winter" if pier.lit else "is not lit in winter"
    title = f"Pier{pier.name.removeprefix('pier')}"
    return Passage(
        id=passage_id,
        title=title,
        document=pier.harbour,
        text=(
            f"{title} was built by {pier.builder} in {pier.built} and burnt in {pier.burnt}. It is "
            f"{pier.length_m} metres long, and its crane lifts {pier.least_t} to {pier.most_t} tonnes. Traders there "
            f"deal in {pier.goods[0]}, {pier.goods[1]} and {pier.goods[2]}. Its lamp {lamp}, and ferries moor on the "
            f"{pier.side} side."
        ),
    )


def _pier(harbour: str, number: int, seed: int, *, lit: bool) -> _Pier:
    key = (seed, harbour, number)
    built = _whole(1720, 1899, "built", *key)
    least_t = _whole(2, 9, "least", *key)
    first = _whole(0, len(GOODS) - 1, "goods", *key)
    return _Pier(
        name=f"pier {number} of {harbour}",
        harbour=harbour,
        builder=f"{_pick(GIVEN, 'given', *key)} {_pick(SURNAMES, 'surname', *key)}",
        built=built,
        burnt=built + _whole(11, 97, "burnt", *key),
        length_m=_whole(40, 399, "length", *key),
        least_t=least_t,
        most_t=least_t + _whole(3, 20, "most", *key),
        # Steps of 5 and 7 from anywhere on a ring of 12 never meet.
        goods=tuple(GOODS[(first + step) % len(GOODS)] for step in (0, 5, 7)),
        lit=lit,
        side=_pick(SIDES, "side", *key),
    )


def _harbour(seed: int, cluster: int) -> str:
    """A name of its own for every cluster: after all of them are used, they come again with a number."""
    place = (int(draw("harbour", seed) * HARBOURS) + cluster * STRIDE) % HARBOURS
    again = cluster // HARBOURS
    name = ONSETS[place % len(ONSETS)] + ENDINGS[place // len(ONSETS)]
    return f"{name} {again + 1}" if again else name


def _shots() -> tuple[Shot, ...]:
    """A text, a number, and one that its passage does not answer."""
    pier = _pier("Ilvermouth", 1, 0, lit=True)
    passage = _passage(pier, "shot1")
    asked = (
        (f"Who built {pier.name}?", pier.builder, (passage.id,)),
        (f"How long is {pier.name}, in metres?", str(pier.length_m), (passage.id,)),
        (f"How deep is the water at {pier.name}, in metres?", "N/A", ()),
    )
    return tuple(Shot(question=text, answer=answer, passages=(passage,), refs=refs) for text, answer, refs in asked)


def _whole(least: int, most: int, *key: object) -> int:
    return least + int(draw("planted", *key) * (most - least + 1))


def _pick(values: Sequence[str], *key: object) -> str:
    return values[_whole(0, len(values) - 1, *key)]
