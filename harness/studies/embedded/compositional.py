"""Questions that take two facts of the corpus: totals, differences, comparisons, and one fact found by another."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from decimal import Decimal
from itertools import permutations

from harness.records import Passage
from harness.studies.embedded.chance import pick, shuffled
from harness.studies.embedded.drafts import Draft, statement
from harness.studies.embedded.facts import LINK, Fact
from harness.studies.embedded.wordings import MEASURES, PEOPLE

TOTALS = 8
DIFFERENCES = 8
COMPARISONS = 6
SELECTIONS = 6
CHAINS = 6

Pair = tuple[Fact, Fact]


def compositional(facts: Sequence[Fact], passages: Mapping[str, Passage], seed: int) -> tuple[Draft, ...]:
    """Every compositional draft: 34 of five families, each pair of facts from a group that no other measure uses."""
    groups = shuffled(_measured(facts, passages), seed, "groups")
    summed = [group for group in groups if MEASURES[group[0].kind].total][:TOTALS]
    others = [group for group in groups if group not in summed]
    pairs = [pick(list(permutations(group, 2)), seed, f"pair:{group[0].literal}") for group in [*summed, *others]]
    compared = pairs[TOTALS + DIFFERENCES :][:COMPARISONS]
    return (
        *(_total(pair) for pair in pairs[:TOTALS]),
        *(_difference(pair) for pair in pairs[TOTALS:][:DIFFERENCES]),
        *(_comparison(pair, truth=n % 2 == 0) for n, pair in enumerate(compared)),
        *_selections(facts, passages, seed),
        *_chains(facts, seed),
    )


def _measured(facts: Sequence[Fact], passages: Mapping[str, Passage]) -> list[list[Fact]]:
    """Measures of one kind in one document: what can be told apart only by the entity's name."""
    groups: defaultdict[tuple[str, str], list[Fact]] = defaultdict(list)
    for fact in facts:
        if fact.kind in MEASURES:
            groups[passages[fact.passage].document, fact.kind].append(fact)
    return [group for _, group in sorted(groups.items())]


def _total(pair: Pair) -> Draft:
    wording = MEASURES[pair[0].kind]
    return Draft(
        text=wording.total.format(a=pair[0].entity, b=pair[1].entity),
        answers=(_plain(Decimal(pair[0].value) + Decimal(pair[1].value)),),
        family="total",
        answer_type="number",
        unit=wording.unit,
        facts=pair,
    )


def _difference(pair: Pair) -> Draft:
    more, less = _falling(pair)
    wording = MEASURES[more.kind]
    return Draft(
        text=wording.more.format(a=more.entity, b=less.entity),
        answers=(_plain(Decimal(more.value) - Decimal(less.value)),),
        family="difference",
        answer_type="number",
        unit=wording.unit,
        facts=(more, less),
    )


def _comparison(pair: Pair, *, truth: bool) -> Draft:
    more, less = _falling(pair)
    first, second = (more, less) if truth else (less, more)
    text = MEASURES[more.kind].comparison.format(a=first.entity, b=second.entity)
    return statement(text, truth=truth, family="comparison", facts=(first, second))


def _falling(pair: Pair) -> Pair:
    first, second = pair
    return pair if Decimal(first.value) > Decimal(second.value) else (second, first)


def _plain(value: Decimal) -> str:
    """A number as a person writes it: no exponent and no trailing zeros after the point."""
    text = f"{value:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def _selections(facts: Sequence[Fact], passages: Mapping[str, Passage], seed: int) -> list[Draft]:
    """Who made or leads the older, or the younger, of two entities of a document."""
    years = {fact.passage: fact for fact in facts if fact.kind == "year"}
    groups: defaultdict[str, list[Fact]] = defaultdict(list)
    for fact in facts:
        if fact.kind in PEOPLE and fact.passage in years:
            groups[passages[fact.passage].document].append(fact)
    chosen = shuffled((group for _, group in sorted(groups.items())), seed, "selections")[:SELECTIONS]
    pairs = [pick(list(permutations(group, 2)), seed, f"selection:{group[0].literal}") for group in chosen]
    return [_selection(pair, years, older=n % 2 == 0) for n, pair in enumerate(pairs)]


def _selection(pair: Pair, years: Mapping[str, Fact], *, older: bool) -> Draft:
    by_age = sorted(pair, key=lambda fact: int(years[fact.passage].value))
    person = by_age[0 if older else 1]
    which = f"the {'older' if older else 'younger'} of the two, {pair[0].entity} or {pair[1].entity}"
    return Draft(text=PEOPLE[person.kind].format(a=which), answers=names(person.value), family="selection", facts=pair)


def _chains(facts: Sequence[Fact], seed: int) -> list[Draft]:
    """A fact of an entity that is only described, by what another passage says of it."""
    links = shuffled((fact for fact in facts if fact.kind == LINK), seed, "links")[:CHAINS]
    return [_chain(link, facts, seed) for link in links]


def _chain(link: Fact, facts: Sequence[Fact], seed: int) -> Draft:
    known = [fact for fact in facts if fact.entity == link.value and fact.kind in {**MEASURES, **PEOPLE}]
    target = pick(known, seed, f"chain:{link.entity}")
    if target.kind in PEOPLE:
        text, unit, answers = PEOPLE[target.kind], "", names(target.value)
    else:
        text, unit, answers = MEASURES[target.kind].ask, MEASURES[target.kind].unit, (target.value,)
    return Draft(
        text=text.format(a=link.entity),
        answers=answers,
        family="chain",
        answer_type="number" if unit else "text",
        unit=unit,
        facts=(link, target),
    )


def names(person: str) -> tuple[str, ...]:
    """The accepted ways to name a person: in full, without a title, by surname."""
    words = person.removeprefix("Sister ").split()
    return tuple(dict.fromkeys((person, " ".join(words), words[-1])))
