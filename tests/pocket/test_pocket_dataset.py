"""The world as a data set: what ships is what would be made, and asks nothing that was for choosing."""

from collections import Counter

import pytest

from harness.datasets.load import load_dataset
from harness.pocket.asked import Combined, part_of
from harness.pocket.build import FOLDER, world_files
from harness.pocket.dataset import Counts, passage_id, passages, questions, shots
from harness.pocket.wordings import question
from harness.pocket.world import make_world
from harness.records import DatasetSpec, Question
from harness.retrieval.select import gold_lookup, select_passages

WORLD = make_world()
QUESTIONS = questions(WORLD)
SHIPPED = load_dataset(DatasetSpec(name="pocket", builtin="pocket"))
ENTITIES = {passage_id(name): entity for name, entity in WORLD.by_name.items()}


def of(task: str) -> list[Question]:
    return [asked for asked in QUESTIONS if asked.task == task]


def test_the_shipped_files_are_what_the_world_gives() -> None:
    for name, text in world_files(WORLD).items():
        assert (FOLDER / name).read_text(encoding="ascii") == text, name


def test_the_builtin_set_reads_back_what_was_written() -> None:
    named = [(asked.id, asked.text, asked.answers, asked.gold_passages) for asked in QUESTIONS]
    assert [(q.id, q.text, q.answers, q.gold_passages) for q in SHIPPED.questions] == named
    assert SHIPPED.passages == passages(WORLD)
    assert SHIPPED.shots == shots(WORLD)


def test_there_are_as_many_questions_of_each_task_as_asked_for() -> None:
    counts = Counts()
    assert Counter(asked.task for asked in QUESTIONS) == {
        "knowledge": counts.knowledge,
        "held-out": counts.held_out,
        "unanswerable": counts.unanswerable,
        "two-hop": counts.two_hop,
        "temporal": counts.older + counts.reckoning,
    }


@pytest.mark.parametrize(("task", "part"), [("knowledge", "trained"), ("held-out", "reported_on")])
def test_a_fact_is_asked_of_its_part_of_the_world(task: str, part: str) -> None:
    names = {entity.name for entity in WORLD.trained} if part == "trained" else WORLD.reported_on
    assert {ENTITIES[asked.cluster].name for asked in of(task)} <= names


def test_nothing_is_asked_that_was_for_choosing() -> None:
    gold = {passage for asked in QUESTIONS for passage in (*asked.gold_passages, asked.cluster)}
    assert not gold & {passage_id(name) for name in WORLD.chosen_on}


def test_combined_questions_are_of_the_reported_part() -> None:
    assert {part_of(asked.text) for asked in of("two-hop")} == {"reported_on"}
    older = [asked for asked in of("temporal") if asked.gold_passages]
    for asked in older:
        pair = sorted(ENTITIES[passage].name for passage in asked.gold_passages)
        assert part_of("|".join(pair)) == "reported_on"


def test_the_gold_passages_hold_the_answer() -> None:
    gold = gold_lookup(SHIPPED.passages)
    for asked in QUESTIONS:
        if asked.gold_passages:
            shown = select_passages("gold", asked, (), gold, 1)
            assert any(asked.answers[0] in passage.text for passage in shown) or asked.task == "temporal"


def test_what_cannot_be_answered_is_recorded_nowhere() -> None:
    for asked in of("unanswerable"):
        entity = ENTITIES[asked.cluster]
        assert asked.text in {question(entity.name, entity.unrecorded, wording) for wording in (0, 1)}


def test_years_are_exact_numbers() -> None:
    years = [asked for asked in QUESTIONS if asked.answers and asked.answers[0].isdigit()]
    assert years
    assert all((asked.answer_type, asked.tolerance) == ("number", 0) for asked in years)


def test_worked_examples_are_about_none_of_the_questions_entities() -> None:
    assert {shot.refs[0] for shot in shots(WORLD)}.isdisjoint(asked.cluster for asked in QUESTIONS)


def test_fewer_questions_can_be_asked_for() -> None:
    few = Counts(knowledge=2, held_out=1, unanswerable=1, two_hop=1, older=1, reckoning=1)
    assert len(questions(WORLD, few)) == 7
    assert len(Combined(world=WORLD).two_hop) > 7
