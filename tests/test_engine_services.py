"""The engine over providers whose answers arrive in any order, cost money, and may not be asked for."""

from dataclasses import replace
from pathlib import Path

import pytest

from harness.engine import Engine, Rules
from harness.flights import Flights, bury
from harness.providers.spending import REFUSAL
from harness.records import Answer, Selection
from harness.store import Store
from harness.study import build_study
from harness.studyfile import builtin_text, parse_study

FILE = parse_study(builtin_text("planted"), "planted")
SERVED = {"base_url": "http://127.0.0.1:9/v1", "usd_per_million": {"input": 0, "output": 1_000_000}}


class Arriving:
    """Answers in parts of two from the last to the first; after `most` answers it raises `error`."""

    def __init__(self, *, most=10**6, error=None, refused=()):
        self.most, self.error, self.refused = most, error, refused
        self.asked = []

    def generate(self, prompts, decoding):
        told = {place: answer for part in self.arriving(prompts, decoding) for place, answer in part}
        return iter([told[place] for place in range(len(prompts))])

    def arriving(self, prompts, decoding):
        del decoding
        places = list(range(len(prompts)))[::-1][: self.most]
        for start in range(0, len(places), 2):
            part = places[start : start + 2]
            self.asked.extend(prompts[place].question for place in part)
            yield [(place, self.answer(prompts[place].question)) for place in part]
        if self.error is not None:
            raise self.error

    def answer(self, question):
        if any(word in question for word in self.refused):
            error = f"{REFUSAL} 1 leaves too little"
            return Answer(text="", prompt_tokens=0, output_tokens=0, latency_s=0.0, finish_reason="error", error=error)
        return Answer(text=question, prompt_tokens=1, output_tokens=2, latency_s=0.1, concurrency=8)

    def reference_nll(self, prompts):
        return iter([None] * len(prompts))

    def close(self):
        pass


class Source:
    fingerprint = "served"
    reads_reference = False

    def __init__(self, provider):
        self._provider = provider

    def load(self):
        return self._provider


@pytest.fixture
def study():
    made = build_study(FILE, Selection(models=("planted-3b",), conditions=("direct",), limit=7), Path())
    (cell,) = made.cells
    served = replace(cell, model=replace(cell.model, provider="openai_compatible", options=SERVED))
    cases = tuple(replace(case, cell=served) for case in made.cases)
    return replace(made, cells=(served,), cases=cases)


def make(tmp_path, study, provider, **rules):
    engine = Engine(study, Store(tmp_path / "s.sqlite"), Rules(**rules))
    engine.sources.of = lambda _cell: source
    source = Source(provider)
    engine.select([study.cases])
    return engine


def test_each_question_gets_its_own_answer_whatever_comes_first(tmp_path, study):
    engine = make(tmp_path, study, Arriving())
    assert [engine.answer(case).text for case in study.cases] == [case.question.text for case in study.cases]
    assert engine.answered == len(study.cases)


def test_answers_are_stored_before_the_others_are_there(tmp_path, study):
    provider = Arriving()
    counts = []
    engine = make(tmp_path, study, provider)
    inner = provider.answer

    def counted(question):
        counts.append(engine.store.last_answer_id())
        return inner(question)

    provider.answer = counted
    engine.answer(study.cases[0])
    assert counts == [0, 0, 2, 2, 4, 4, 6]


def test_what_came_before_an_error_is_kept_and_the_rest_fails_with_its_reason(tmp_path, study):
    engine = make(tmp_path, study, Arriving(most=4, error=RuntimeError("the client broke")))
    answers = [engine.answer(case) for case in study.cases]
    assert [answer.error for answer in answers].count(None) == 4
    assert [answer.error for answer in answers].count("RuntimeError: the client broke") == 3


def test_a_provider_that_leaves_some_out_fails_those(tmp_path, study):
    engine = make(tmp_path, study, Arriving(most=6))
    (reason,) = [error for case in study.cases if (error := engine.answer(case).error) is not None]
    assert "fewer answers" in reason


def test_what_a_limit_kept_from_being_asked_is_not_stored_as_a_failure(tmp_path, study):
    refused = study.cases[2].question.text
    engine = make(tmp_path, study, Arriving(refused=(refused,)))
    plan = engine.planned(study.cases[2])
    answers = [engine.answer(case) for case in study.cases]
    assert [answer.error is None for answer in answers].count(False) == 1
    assert answers[2].error.startswith(REFUSAL)
    assert engine.store.failures([plan.key]) == {}
    assert engine.bill.not_asked == 1


def test_a_bill_counts_what_was_answered_now(tmp_path, study):
    engine = make(tmp_path, study, Arriving())
    for case in study.cases:
        engine.answer(case)
    assert (engine.bill.priced, engine.bill.usd) == (7, pytest.approx(14.0))
    again = make(tmp_path, study, Arriving())
    again.answer(study.cases[0])
    assert again.bill.priced == 0


def leave_dead(tmp_path, engine, study, *, reason=None):
    """Another process died with all questions in flight."""
    store = Store(tmp_path / "s.sqlite")
    Flights(store.file, "other/main").begin([engine.planned(case).key for case in study.cases])
    bury(store.file, "other/main", witnessed=True, reason=reason)
    store.close()


def sizes_of(provider):
    sizes = []
    inner = provider.arriving

    def noted(prompts, decoding):
        sizes.append(len(prompts))
        return inner(prompts, decoding)

    provider.arriving = noted
    return sizes


def test_a_death_beside_questions_to_a_service_says_nothing_of_them(tmp_path, study):
    provider = Arriving()
    sizes = sizes_of(provider)
    engine = make(tmp_path, study, provider)
    leave_dead(tmp_path, engine, study)
    engine.answer(study.cases[0])
    assert sizes == [7]


def test_questions_that_the_watchdog_ended_a_process_at_are_asked_by_themselves(tmp_path, study):
    provider = Arriving()
    sizes = sizes_of(provider)
    engine = make(tmp_path, study, provider)
    leave_dead(tmp_path, engine, study, reason="no answer within 5 s")
    engine.answer(study.cases[0])
    assert sizes == [1] * 7


def test_an_interrupt_keeps_what_came_and_asks_for_the_rest_again(tmp_path, study):
    provider = Arriving(most=4, error=KeyboardInterrupt())
    engine = make(tmp_path, study, provider)
    with pytest.raises(KeyboardInterrupt):
        engine.answer(study.cases[0])
    provider.most, provider.error = 10**6, None
    assert all(engine.answer(case).error is None for case in study.cases)
    assert sorted(provider.asked) == sorted(case.question.text for case in study.cases)
