"""The generator of temporal and compositional questions: the same bytes, and true ones."""

import re
import shutil
from collections.abc import Sequence
from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.errors import DataError
from harness.studies.embedded import chance, generate
from harness.studies.embedded.calendar_words import (
    MONTHS,
    WEEKDAYS,
    clock_answers,
    clock_of,
    date_answers,
    minutes_of,
    spoken_date,
    whole_years,
)
from harness.studies.embedded.chronicle import chronicle
from harness.studies.embedded.compositional import compositional, names
from harness.studies.embedded.drafts import Draft, line, numbered
from harness.studies.embedded.facts import FOLDER, LINK, Fact, check_facts, read_facts, read_passages
from harness.studies.embedded.reckoning import reckoning
from harness.studies.embedded.wordings import MEASURES, PEOPLE

SEEDS = st.integers(0, 2**32)
DATES = st.dates(date(1600, 1, 1), date(2100, 12, 31))
PASSAGES = read_passages()
FACTS = read_facts()


def _family(drafts: Sequence[Draft], family: str) -> list[Draft]:
    found = [draft for draft in drafts if draft.family == family]
    assert found
    return found


def _read_date(text: str) -> date:
    day, month, year = text.split()
    return date(int(year), MONTHS.index(month) + 1, int(day))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for path in FOLDER.glob("*.jsonl"):
        shutil.copy(path, tmp_path)
    return tmp_path


class TestFile:
    def test_generator_makes_the_shipped_bytes(self) -> None:
        assert generate.questions_text().encode() == (FOLDER / "questions.jsonl").read_bytes()

    def test_check_passes_on_the_shipped_file(self) -> None:
        assert generate.main(["--check"]) == 0

    def test_check_notices_a_changed_generated_row(self, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
        path = folder / "questions.jsonl"
        path.write_text(path.read_text().replace('"302"', '"303"'))
        assert (generate.main(["--check"], folder), capsys.readouterr().err.count("\n")) == (1, 1)

    def test_check_writes_nothing(self, folder: Path) -> None:
        path = folder / "questions.jsonl"
        path.write_text(path.read_text().replace('"302"', '"303"'))
        before = path.read_bytes()
        generate.main(["--check"], folder)
        assert path.read_bytes() == before

    def test_writing_mends_a_changed_generated_row(self, folder: Path) -> None:
        path = folder / "questions.jsonl"
        path.write_text(path.read_text().replace('"302"', '"303"'))
        generate.main([], folder)
        assert path.read_bytes() == (FOLDER / "questions.jsonl").read_bytes()

    def test_hand_written_rows_are_kept_as_they_are(self, folder: Path) -> None:
        path = folder / "questions.jsonl"
        path.write_text(path.read_text().replace('{"id": "k001", ', '{"id":  "k001",  '))
        generate.main([], folder)
        assert path.read_text().startswith('{"id":  "k001",  ')

    def test_another_seed_makes_other_questions(self) -> None:
        assert generate.generated(seed=1) != generate.generated(seed=2)


class TestChance:
    @given(SEEDS, st.text(), st.integers(-50, 50), st.integers(0, 100))
    def test_between_stays_within(self, seed: int, label: str, low: int, width: int) -> None:
        assert low <= chance.between(low, low + width, seed, label) <= low + width

    def test_between_reaches_every_number(self) -> None:
        assert {chance.between(1, 6, seed, "die") for seed in range(200)} == {1, 2, 3, 4, 5, 6}

    def test_between_needs_an_interval(self) -> None:
        with pytest.raises(ValueError, match="no whole number between 2 and 1"):
            chance.between(2, 1, 0, "")

    @given(SEEDS, st.lists(st.integers()))
    def test_shuffled_keeps_every_item(self, seed: int, items: list[int]) -> None:
        assert sorted(chance.shuffled(items, seed, "x")) == sorted(items)

    def test_shuffled_depends_on_the_seed(self) -> None:
        assert chance.shuffled(range(20), 1, "x") != chance.shuffled(range(20), 2, "x")

    def test_choices_are_the_same_everywhere(self) -> None:
        assert chance.shuffled("abcdef", 7, "fixed") == list("dfceba")


class TestCalendarWords:
    @given(DATES, DATES)
    def test_whole_years_are_birthdays_passed(self, one: date, other: date) -> None:
        start, end = sorted((one, other))
        birthdays = [(start.month, start.day, year) for year in range(start.year + 1, end.year + 1)]
        passed = [day for day in birthdays if (day[2], day[0], day[1]) <= (end.year, end.month, end.day)]
        assert whole_years(start, end) == len(passed)

    def test_whole_years_need_an_order(self) -> None:
        with pytest.raises(ValueError, match="give the earlier date first"):
            whole_years(date(1901, 1, 1), date(1900, 1, 1))

    @given(st.integers(0, 1439))
    def test_clock_reads_back(self, minutes: int) -> None:
        assert minutes_of(clock_of(minutes)) == minutes

    @given(st.integers(0, 1439), st.integers(0, 3))
    def test_clock_goes_round(self, minutes: int, days: int) -> None:
        assert clock_of(minutes + days * 1440) == clock_of(minutes)

    @given(DATES)
    def test_spoken_date_reads_back(self, when: date) -> None:
        assert _read_date(spoken_date(when)) == when

    def test_date_is_accepted_in_five_forms(self) -> None:
        assert date_answers(date(1908, 3, 1)) == ("1 March 1908", "March 1, 1908", "1908-03-01", "1 March", "March 1")

    @pytest.mark.parametrize(
        ("minutes", "forms"),
        [
            (0, ("00:00", "0:00", "12:00 am", "00:00 am")),
            (445, ("07:25", "7:25", "7:25 am", "07:25 am")),
            (720, ("12:00", "12:00 pm")),
            (785, ("13:05", "1:05 pm", "13:05 pm")),
        ],
    )
    def test_time_is_accepted_in_either_clock(self, minutes: int, forms: tuple[str, ...]) -> None:
        assert clock_answers(minutes) == forms


class TestFacts:
    def test_every_kind_of_measure_and_person_has_a_fact(self) -> None:
        assert {*MEASURES, *PEOPLE} <= {fact.kind for fact in FACTS}

    @pytest.mark.parametrize(
        ("changes", "message"),
        [
            ({"passage": "nowhere"}, "names passage 'nowhere', which the corpus lacks"),
            ({"literal": "85 passengers"}, "'85 passengers' is not in passage 'ferry-heron'"),
            ({"value": "85"}, "value '85' of the Heron is not in its literal '84 passengers'"),
            ({"kind": LINK, "value": "Atlantis"}, "link to 'Atlantis' leads nowhere"),
            ({"kind": LINK, "value": "Toveny", "literal": "Skerrow"}, "'Skerrow' is not in passage 'isle-toveny'"),
        ],
    )
    def test_fact_that_its_passage_does_not_say_is_refused(self, changes: dict[str, str], message: str) -> None:
        wrong = replace(FACTS[0], **changes)
        with pytest.raises(DataError, match=re.escape(message)):
            check_facts((wrong, *FACTS[1:]), PASSAGES)

    def test_date_that_its_passage_does_not_say_is_refused(self) -> None:
        dated = next(fact for fact in FACTS if fact.kind == "date")
        with pytest.raises(DataError, match="mend one"):
            check_facts([replace(dated, value="1911-04-02")], PASSAGES)

    def test_no_fact_is_given_twice(self) -> None:
        assert len({(fact.entity, fact.kind) for fact in FACTS}) == len(FACTS)


class TestReckoning:
    @given(SEEDS)
    def test_weekdays_are_counted_day_by_day(self, seed: int) -> None:
        for draft in _family(reckoning(seed), "weekday"):
            found = re.search(r"on a (\w+)\..* (\d+) days (later|earlier)\?", draft.text)
            assert found is not None
            step = 1 if found[3] == "later" else -1
            day = WEEKDAYS.index(found[1])
            for _ in range(int(found[2])):
                day = (day + step) % 7
            assert draft.answers == (WEEKDAYS[day],)

    @given(SEEDS)
    def test_spans_are_the_days_between(self, seed: int) -> None:
        for draft in _family(reckoning(seed), "span"):
            start, end = (_read_date(text) for text in re.findall(r"\d+ [A-Z]\w+ \d{4}", draft.text))
            assert draft.answers == (str(end.toordinal() - start.toordinal()),)

    @given(SEEDS)
    def test_dates_are_as_many_days_later_as_said(self, seed: int) -> None:
        for draft in _family(reckoning(seed), "date"):
            found = re.search(r"on (\d+ \w+ \d{4}) and finished (\d+) days later", draft.text)
            assert found is not None
            assert _read_date(draft.answers[0]) - _read_date(found[1]) == timedelta(days=int(found[2]))

    @given(SEEDS)
    def test_journeys_pass_midnight_once(self, seed: int) -> None:
        for draft in _family(reckoning(seed), "journey"):
            leaves, arrives = (minutes_of(text) for text in re.findall(r"\d\d:\d\d", draft.text))
            assert draft.answers == (str(arrives + 1440 - leaves),)

    @given(SEEDS)
    def test_next_bus_is_the_first_that_has_not_left(self, seed: int) -> None:
        for draft in _family(reckoning(seed), "timetable"):
            bus, now = (minutes_of(text) for text in re.findall(r"\d\d:\d\d", draft.text))
            every = int(re.findall(r"every (\d+) minutes", draft.text)[0])
            while bus < now:
                bus += every
            assert draft.answers[0] == clock_of(bus)

    @given(SEEDS)
    def test_ranks_follow_from_what_is_said(self, seed: int) -> None:
        for draft in _family(reckoning(seed), "rank"):
            pattern = r"(\w+) arrived after (\w+) but before (\w+), and (\w+) arrived after \3\. .* arrived (\w+)\?"
            found = re.fullmatch(pattern, draft.text)
            assert found is not None
            second, first, third, fourth, which = found.groups()
            order = [first, second, third, fourth]
            assert draft.answers == (order[0 if which == "first" else -1],)

    @given(SEEDS)
    def test_there_are_seventeen(self, seed: int) -> None:
        assert len(reckoning(seed)) == 17


class TestChronicle:
    @given(SEEDS)
    def test_there_are_seventeen(self, seed: int) -> None:
        assert len(chronicle(FACTS, seed)) == 17

    @given(SEEDS)
    def test_events_are_used_once(self, seed: int) -> None:
        events = [fact.event for draft in chronicle(FACTS, seed) for fact in draft.facts if fact.event]
        assert len(set(events)) == len(events)

    @given(SEEDS)
    def test_gap_leads_from_one_year_to_the_other(self, seed: int) -> None:
        for draft in _family(chronicle(FACTS, seed), "gap"):
            earlier, later = draft.facts
            assert int(earlier.value) + int(draft.answers[0]) == int(later.value) > int(earlier.value)

    @given(SEEDS)
    def test_orders_are_told_as_they_happened(self, seed: int) -> None:
        for draft in _family(chronicle(FACTS, seed), "order"):
            first, second = draft.facts
            assert draft.answers == (str(int(first.value) < int(second.value)).lower(),)

    def test_shipped_answers_are_those_worked_out_by_hand(self) -> None:
        rows = {row.id: row.answers[0] for row in generate.generated()}
        assert {name: rows[name] for name in ("t001", "t004", "t009", "t011", "t013", "t014", "t015", "t017")} == {
            "t001": "44",  # 3 November 1846 to 2 October 1891: a month short of 45
            "t004": "20",  # 1829 to 1849
            "t009": "1976",  # 1876 and 100
            "t011": "07:25",  # 05:50 and 95 minutes
            "t013": "2 November 1931",  # 27 October, seven days
            "t014": "3 July 1911",  # 26 June, eight days
            "t015": "1 March 1908",  # 26 February, five days of a leap year
            "t017": "7 March 1932",  # 22 February and 14 days of a leap year
        }


class TestCompositional:
    @given(SEEDS)
    def test_there_are_thirty_four_from_two_passages_each(self, seed: int) -> None:
        drafts = compositional(FACTS, PASSAGES, seed)
        assert [len({fact.passage for fact in draft.facts}) for draft in drafts] == [2] * 34

    @given(SEEDS)
    def test_total_less_one_part_is_the_other(self, seed: int) -> None:
        for draft in _family(compositional(FACTS, PASSAGES, seed), "total"):
            one, other = (Decimal(fact.value) for fact in draft.facts)
            assert Decimal(draft.answers[0]) - one == other

    @given(SEEDS)
    def test_difference_and_the_less_make_the_more(self, seed: int) -> None:
        for draft in _family(compositional(FACTS, PASSAGES, seed), "difference"):
            more, less = (Decimal(fact.value) for fact in draft.facts)
            assert Decimal(draft.answers[0]) + less == more > less

    @given(SEEDS)
    def test_comparison_is_true_when_the_first_is_more(self, seed: int) -> None:
        for draft in _family(compositional(FACTS, PASSAGES, seed), "comparison"):
            first, second = (Decimal(fact.value) for fact in draft.facts)
            assert draft.answers == (str(first > second).lower(),)

    @given(SEEDS)
    def test_selection_names_the_person_of_the_right_age(self, seed: int) -> None:
        years = {fact.passage: int(fact.value) for fact in FACTS if fact.kind == "year"}
        for draft in _family(compositional(FACTS, PASSAGES, seed), "selection"):
            wanted = min if "the older of the two" in draft.text else max
            person = wanted(draft.facts, key=lambda fact: years[fact.passage])
            assert draft.answers == names(person.value)

    @given(SEEDS)
    def test_chain_asks_for_what_the_link_leads_to(self, seed: int) -> None:
        for draft in _family(compositional(FACTS, PASSAGES, seed), "chain"):
            link, target = draft.facts
            assert (link.value, link.entity in draft.text, draft.answers[0]) == (target.entity, True, target.value)

    @given(SEEDS)
    def test_chain_does_not_name_what_it_describes(self, seed: int) -> None:
        for draft in _family(compositional(FACTS, PASSAGES, seed), "chain"):
            assert draft.facts[1].entity.lower() not in draft.text.lower()

    @given(SEEDS)
    def test_no_group_of_facts_is_measured_twice(self, seed: int) -> None:
        drafts = compositional(FACTS, PASSAGES, seed)
        measured = [draft.facts[0] for draft in drafts if draft.family in {"total", "difference", "comparison"}]
        groups = [(PASSAGES[fact.passage].document, fact.kind) for fact in measured]
        assert len(set(groups)) == len(groups) == 22

    def test_people_are_accepted_without_a_title(self) -> None:
        assert names("Sister Ursa Bream") == ("Sister Ursa Bream", "Ursa Bream", "Bream")

    def test_shipped_answers_are_those_worked_out_by_hand(self) -> None:
        rows = {row.id: row.answers[0] for row in generate.generated()}
        assert {name: rows[name] for name in ("c001", "c002", "c012", "c018", "c023", "c029")} == {
            "c001": "302",  # 214 and 88
            "c002": "105",  # 48 and 57
            "c012": "3",  # 8.5 less 5.5
            "c018": "false",  # 109 against 142
            "c023": "Barnaby Quist",  # 1759 before 1903
            "c029": "18400",  # the library named after Edda Calloway
        }


class TestDrafts:
    fact = Fact(passage="ferry-heron", entity="the Heron", kind="passengers", value="84", literal="84 passengers")

    def test_cluster_is_the_document_of_the_first_fact(self) -> None:
        (question,) = numbered([Draft(text="?", answers=("84",), family="f", facts=(self.fact,))], "temporal", PASSAGES)
        assert (question.id, question.cluster, question.gold_passages) == ("t001", "ferries", ("ferry-heron",))

    def test_cluster_is_the_family_without_facts(self) -> None:
        (question,) = numbered([Draft(text="?", answers=("x",), family="weekday")], "temporal", PASSAGES)
        assert (question.cluster, question.gold_passages) == ("weekday", ())

    def test_two_facts_of_a_passage_are_one_gold_passage(self) -> None:
        (question,) = numbered(
            [Draft(text="?", answers=("x",), family="f", facts=(self.fact, self.fact))], "temporal", PASSAGES
        )
        assert question.gold_passages == ("ferry-heron",)

    def test_line_leaves_a_missing_tolerance_out(self) -> None:
        (question,) = numbered([Draft(text="?", answers=("x",), family="f")], "temporal", PASSAGES)
        assert "tolerance" not in line(question)
