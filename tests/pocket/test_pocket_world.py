"""The world: the same for the same seed, its names distinct, and its parts kept apart."""

from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.pocket.asked import Combined, part_of
from harness.pocket.wordings import (
    HOPS,
    QUESTIONS,
    SENTENCES,
    gap_question,
    hop_question,
    passage_text,
    question,
    reckoning,
)
from harness.pocket.words import first_names, other_names, surnames, town_names
from harness.pocket.world import (
    ATTRIBUTES,
    N_HELD_OUT_PEOPLE,
    N_HELD_OUT_TOWNS,
    N_PEOPLE,
    N_TOWNS,
    Entity,
    make_world,
)

WORLD = make_world()
COMBINED = Combined(world=WORLD)
SEEDS = st.integers(0, 50)


def drawing(seed: int) -> Random:
    return Random(seed)  # noqa: S311 - a world, not a secret


@pytest.mark.parametrize("names", [town_names, surnames, first_names, other_names])
@given(seed=SEEDS, count=st.integers(0, 60))
def test_names_are_distinct_words(names, seed: int, count: int) -> None:
    found = names(drawing(seed), count)
    assert len(set(found)) == count
    assert all(name.isalpha() and name.istitle() for name in found)


@settings(max_examples=5, deadline=None)
@given(seed=SEEDS)
def test_a_seed_makes_one_world(seed: int) -> None:
    assert make_world(seed) == make_world(seed)


@settings(max_examples=5, deadline=None)
@given(seed=SEEDS)
def test_every_world_has_as_many_entities_as_it_should(seed: int) -> None:
    world = make_world(seed)
    assert len(world.by_name) == len(world.entities) == N_TOWNS + N_PEOPLE
    assert len(world.chosen_on | world.reported_on) == N_HELD_OUT_TOWNS + N_HELD_OUT_PEOPLE


def test_two_seeds_make_two_worlds() -> None:
    assert make_world(1).by_name.keys() != WORLD.by_name.keys()


def test_the_parts_of_the_world_share_no_entity() -> None:
    trained = {entity.name for entity in WORLD.trained}
    assert not trained & WORLD.chosen_on
    assert not trained & WORLD.reported_on
    assert not WORLD.chosen_on & WORLD.reported_on
    assert len(trained) + len(WORLD.chosen_on) + len(WORLD.reported_on) == len(WORLD.entities)


@pytest.mark.parametrize("part", ["chosen_on", "reported_on"])
def test_both_kinds_are_held_out(part: str) -> None:
    found = WORLD.named(getattr(WORLD, part))
    assert {entity.kind for entity in found} == {"town", "person"}


def test_no_word_is_the_name_of_two_things() -> None:
    names = [name.split()[-1] for name in WORLD.by_name]
    names += [value for attribute in ("region", "river", "feast", "guild") for value in WORLD.pools[attribute]]
    assert len(set(names)) == len(names)


@pytest.mark.parametrize("entity", WORLD.entities[::40], ids=lambda entity: entity.name)
def test_an_entity_lacks_one_attribute_and_has_values_of_the_pools(entity: Entity) -> None:
    assert {*entity.facts, entity.unrecorded} == set(ATTRIBUTES[entity.kind])
    assert entity.unrecorded not in entity.facts
    assert all(value in WORLD.pools[attribute] for attribute, value in entity.facts.items())


def test_every_attribute_can_be_told_and_asked() -> None:
    attributes = {attribute for names in ATTRIBUTES.values() for attribute in names}
    assert attributes == SENTENCES.keys() == QUESTIONS.keys() == WORLD.pools.keys()


def test_the_word_before_a_value_tells_its_attribute() -> None:
    before = [text.format(name="", value="|").split("|")[0].split()[-1] for text in SENTENCES.values()]
    assert len(set(before)) == len(before)


@pytest.mark.parametrize("entity", WORLD.entities[::40], ids=lambda entity: entity.name)
def test_a_passage_tells_all_that_is_recorded_and_no_more(entity: Entity) -> None:
    text = passage_text(entity)
    assert all(value in text for value in entity.facts.values())
    assert text.count(entity.name) == len(entity.facts)


def test_questions_name_who_they_are_about() -> None:
    assert question("Pundale", "river", 0) == "On which river does Pundale stand?"
    assert gap_question("Pundale", "river") == "Pundale stands on the river what?"
    assert hop_question("Pundale", "mayor", "trade") == "What does the mayor of Pundale work as?"


@given(st.integers(0, 1000), st.sampled_from([0, 1]))
def test_a_reckoning_can_be_done_from_its_words(seed: int, wording: int) -> None:
    text, answer = reckoning(drawing(seed), range(1100, 1900), wording)
    year, years = (int(word) for word in text.replace(".", " ").split() if word.isdigit())
    assert int(answer) == year + years


def test_a_second_hop_leads_to_the_fact_of_the_entity_in_between() -> None:
    assert COMBINED.two_hop
    for asked in COMBINED.two_hop:
        first, second = (WORLD.by_name[name] for name in asked.about)
        assert second.name in {first.facts.get(link) for link in HOPS}
        assert asked.answer in second.facts.values()


def test_two_hops_are_asked_over_taught_entities_alone() -> None:
    trained = {entity.name for entity in WORLD.trained}
    assert all(trained.issuperset(asked.about) for asked in COMBINED.two_hop)


def test_the_parts_of_the_two_hops_are_of_their_sizes() -> None:
    parts = [asked.part for asked in COMBINED.two_hop]
    assert parts.count("taught") > 0.6 * len(parts)
    assert parts.count("reported_on") > parts.count("chosen_on") > 30


@given(st.integers(0, 1000), st.sampled_from(["taught", "chosen_on", "reported_on"]))
def test_the_older_town_is_the_answer(seed: int, part) -> None:
    asked = COMBINED.older(drawing(seed), part)
    years = {name: int(WORLD.by_name[name].facts["founded"]) for name in asked.about}
    assert years[asked.answer] == min(years.values())
    assert len(set(years.values())) == 2


def test_a_pair_of_towns_is_in_one_part_in_either_order() -> None:
    asked = COMBINED.older(drawing(0), "reported_on")
    assert part_of("|".join(sorted(asked.about))) == "reported_on"
