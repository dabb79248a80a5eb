"""The engine over the planted provider and over providers that misbehave."""

import warnings
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.engine import Engine, Limit, Rules
from harness.errors import HarnessError
from harness.flights import Flights, bury, last_death_id
from harness.loaded import Loaded
from harness.planning import Planner, Sources
from harness.records import Answer, Selection
from harness.results import case_results, rescore, scores_again
from harness.store import Store
from harness.study import Study, build_study
from harness.studyfile import builtin_text, parse_study

FILE = parse_study(builtin_text("planted"), "planted")


def planted(**fields) -> Study:
    chosen = {"models": ("planted-3b",), "conditions": ("direct", "rag"), "limit": 12} | fields
    return build_study(FILE, Selection(**chosen), Path())


def make(tmp_path: Path, study: Study | None = None, **options) -> Engine:
    store = Store(tmp_path / "s.sqlite")
    if options.pop("rerun", False):
        options["since"] = (store.last_answer_id(), last_death_id(store.file))
    return Engine(study or planted(), store, Rules(**options))


def answer_all(engine: Engine) -> list[Answer]:
    study = engine.study
    engine.select([[case for case in study.cases if case.cell == cell] for cell in study.cells])
    return [engine.answer(case) for case in study.cases]


class Wrapped:
    """A planted source whose provider is changed by `change`."""

    def __init__(self, source, change):
        self._source = source
        self._change = change
        self.fingerprint = source.fingerprint
        self.reads_reference = source.reads_reference

    def load(self):
        return self._change(self._source.load())


class Misbehaving:
    """A provider that fails as told, else answers as the one it wraps."""

    def __init__(self, provider, *, most=10**6, error=RuntimeError, drop=0, poison=None):
        self._provider, self._most, self._error, self._drop, self._poison = provider, most, error, drop, poison
        self.sizes = []

    def generate(self, prompts, decoding):
        self.sizes.append(len(prompts))
        if len(prompts) > self._most or any(self._poison and self._poison in prompt.question for prompt in prompts):
            raise self._error("too much")
        yield from list(self._provider.generate(prompts, decoding))[: len(prompts) - self._drop]

    def reference_nll(self, prompts):
        raise self._error(f"cannot measure {len(prompts)}")

    def close(self):
        self._provider.close()


def misbehave(engine: Engine, **how) -> Misbehaving:
    made = []

    def change(provider):
        made.append(Misbehaving(provider, **how))
        return made[-1]

    for cell in engine.study.cells:
        original = engine.sources.of(cell)
        key = next(key for key, value in engine.sources._found.items() if value is original)
        if not isinstance(original, Wrapped):
            engine.sources._found[key] = Wrapped(original, change)
    return made


class OutOfMemoryError(RuntimeError):
    """Named as torch names its own."""


def test_a_case_makes_its_batch_and_no_other(tmp_path):
    engine = make(tmp_path, planted(batch_size=5))
    cases = engine.study.cases
    engine.select([cases[:12], cases[12:]])
    engine.answer(cases[0])
    assert engine.answered in {2, 5}
    for case in cases[:12]:
        engine.answer(case)
    assert engine.answered == 12


def test_a_case_outside_any_group_is_answered_alone(tmp_path):
    engine = make(tmp_path)
    engine.answer(engine.study.cases[3])
    assert engine.answered == 1


def test_stored_answers_load_no_model(tmp_path):
    first = answer_all(make(tmp_path))
    engine = make(tmp_path)
    assert answer_all(engine) == first
    assert (engine.loaded.loads, engine.answered) == (0, 0)


def test_rerun_answers_each_once_more(tmp_path):
    answer_all(make(tmp_path))
    engine = make(tmp_path, rerun=True)
    answer_all(engine)
    answer_all(engine)
    assert engine.answered == 24


@given(st.randoms(use_true_random=False), st.integers(1, 30))
def test_answers_depend_on_neither_order_nor_batch(tmp_path_factory, random, batch_size):
    study = planted(batch_size=batch_size)
    engine = make(tmp_path_factory.mktemp("e"), study)
    cases = list(study.cases)
    random.shuffle(cases)
    engine.select([cases])
    found = {case.label: engine.answer(case) for case in cases}
    alone = make(tmp_path_factory.mktemp("e"), study)
    timeless = [replace(found[case.label], concurrency=1) for case in study.cases]
    assert timeless == [replace(alone.answer(case), concurrency=1) for case in study.cases]


def test_batches_are_as_large_as_asked_and_longest_first(tmp_path):
    engine = make(tmp_path, planted(batch_size=5, conditions=("direct",)))
    made = misbehave(engine)
    answer_all(engine)
    assert sorted(made[0].sizes) == [2, 5, 5]


def test_a_batch_holds_no_more_tokens_than_its_limit(tmp_path):
    engine = make(tmp_path, planted(conditions=("direct",)), limit_of=lambda _: Limit(rows=100, tokens=1))
    made = misbehave(engine)
    answer_all(engine)
    assert made[0].sizes == [1] * 12


class Told:
    """Progress that remembers, or does something meanwhile."""

    def __init__(self, meanwhile=lambda: None):
        self.lines = []
        self._meanwhile = meanwhile

    def show(self, *line):
        self.lines.append(line)
        self._meanwhile()

    def clear(self):
        self.lines.append("clear")


def test_progress_is_told_before_each_batch_and_taken_away(tmp_path):
    engine = make(tmp_path, planted(batch_size=6, conditions=("direct",)))
    engine.progress = Told()
    answer_all(engine)
    label = "planted-3b:direct"
    assert engine.progress.lines == [(0, 12, label), "clear", (6, 12, label), "clear"]


def test_out_of_memory_halves_the_batch_and_remembers(tmp_path):
    engine = make(tmp_path, planted(batch_size=8, conditions=("direct",)))
    made = misbehave(engine, most=3, error=OutOfMemoryError)
    answers = answer_all(engine)
    assert all(answer.error is None for answer in answers)
    assert sorted(made[0].sizes[:5]) in ([2, 2, 2, 2, 4], [2, 2, 4, 4, 8])
    assert made[0].sizes.count(8) == 1
    assert made[0].sizes[-1] == 2


def test_one_poison_question_fails_alone(tmp_path):
    study = planted(conditions=("direct",))
    engine = make(tmp_path, study)
    poison = study.cases[4].question.text
    misbehave(engine, poison=poison)
    answers = answer_all(engine)
    assert [number for number, answer in enumerate(answers) if answer.error] == [4]
    assert answers[4].error == "RuntimeError: too much"


def test_a_provider_that_returns_too_few_answers_fails_the_rest(tmp_path):
    engine = make(tmp_path, planted(conditions=("direct",)))
    misbehave(engine, drop=2)
    errors = [answer.error for answer in answer_all(engine) if answer.error]
    assert errors == ["the provider returned fewer answers than prompts"] * 2


def test_failures_are_told_in_the_results_and_tried_again(tmp_path):
    study = planted(conditions=("direct",))
    engine = make(tmp_path, study)
    misbehave(engine, poison=study.cases[0].question.text)
    answer_all(engine)
    results = case_results(study, Planner(study, Sources(study)), engine.store, study.cases)
    assert (results[0].outcome, results[0].error) == ("error", "RuntimeError: too much")
    again = make(tmp_path, study)
    answer_all(again)
    assert again.answered == 1


def test_a_model_that_cannot_be_loaded_is_tried_once(tmp_path):
    engine = make(tmp_path)
    tries = []

    class Broken:
        fingerprint = "f"
        reads_reference = False

        def load(self):
            tries.append(1)
            raise OSError("no such weights")

    loaded = Loaded()
    with pytest.raises(HarnessError, match="OSError: no such weights"):
        loaded.of(Broken())
    with pytest.raises(HarnessError, match="could not be loaded: OSError: no such weights"):
        loaded.of(Broken())
    assert tries == [1]
    engine.close()


def test_a_model_that_cannot_be_loaded_is_the_failure_of_each_case(tmp_path):
    study = planted(conditions=("direct",))
    engine = make(tmp_path, study)

    def refuse(_):
        raise OSError("no such weights")

    for name, original in list(engine.sources._found.items()) or [(None, engine.sources.of(study.cells[0]))]:
        key = name or next(iter(engine.sources._found))
        engine.sources._found[key] = Wrapped(original, refuse)
    errors = {answer.error for answer in answer_all(engine)}
    assert errors == {"the model could not be loaded: OSError: no such weights"}
    results = case_results(study, Planner(study, Sources(study)), engine.store, study.cases)
    assert {result.outcome for result in results} == {"error"}


def test_what_another_process_answers_meanwhile_is_not_answered_again(tmp_path):
    study = planted(conditions=("direct",), batch_size=3)
    engine, other = make(tmp_path, study), make(tmp_path, study, owner="run/other")
    engine.select([study.cases])
    other.select([study.cases])
    engine.progress = Told(lambda: [other.answer(case) for case in study.cases[:6]])
    assert [engine.answer(case).error for case in study.cases] == [None] * 12
    assert engine.answered + other.answered == 12
    assert len(keys(engine)) == 12


def test_what_another_process_answered_first_is_kept_and_ours_is_not(tmp_path):
    study = planted(conditions=("direct",))
    engine, other = make(tmp_path, study), make(tmp_path, study, owner="run/other")
    made = misbehave(engine)
    provider = engine.provider(study.cells[0])
    original = provider.generate

    def generate(prompts, decoding):
        other.answer(study.cases[3])
        yield from original(prompts, decoding)

    provider.generate = generate
    answers = answer_all(engine)
    assert made[0].sizes == [12]
    assert len(keys(engine)) == len(set(keys(engine))) == 12
    assert (engine.answered, other.answered) == (11, 1)
    assert answers[3].concurrency == 1


def test_another_batch_goes_first_while_another_process_is_at_ours(tmp_path):
    study = planted(conditions=("direct",), batch_size=4)
    engine = make(tmp_path, study)
    engine.select([study.cases])
    first = engine._open(study.cases).take(engine.planned(study.cases[0]).key)
    Flights(engine.store.file, "run/other").begin([plan.key for plan in first])
    assert engine.answer(study.cases[0]).error is None
    assert keys(engine)[-len(first) :] == [plan.key for plan in first]
    assert engine.answered == 12


def died_at(engine: Engine, cases, *, witnessed: bool = True, owner: str = "run/dead") -> None:
    Flights(engine.store.file, owner).begin([engine.planned(case).key for case in cases])
    bury(engine.store.file, owner, witnessed=witnessed)


def test_what_a_process_died_of_is_answered_first_and_alone(tmp_path):
    study = planted(conditions=("direct",))
    engine = make(tmp_path, study)
    died_at(engine, study.cases[4:7])
    made = misbehave(engine)
    assert all(answer.error is None for answer in answer_all(engine))
    assert made[0].sizes == [1, 1, 1, 9]
    assert set(keys(engine)[:3]) == {engine.planned(case).key for case in study.cases[4:7]}


def test_what_a_process_died_of_alone_before_a_witness_has_crashed(tmp_path):
    study = planted(conditions=("direct",))
    engine = make(tmp_path, study)
    died_at(engine, study.cases[4:7])
    died_at(engine, study.cases[5:6])
    made = misbehave(engine)
    errors = [answer.error for answer in answer_all(engine)]
    assert [number for number, error in enumerate(errors) if error] == [5]
    assert errors[5].startswith("crashed: the process died while it answered this (2 times, at last by itself)")
    assert sum(made[0].sizes) == 11
    results = case_results(study, Planner(study, Sources(study)), engine.store, study.cases)
    assert results[5].error == errors[5]


def test_without_a_witness_it_takes_more_deaths(tmp_path):
    study = planted(conditions=("direct",))
    engine = make(tmp_path, study)
    for number in range(3):
        died_at(engine, study.cases[4:5], witnessed=False, owner=f"run{number}/main")
    assert make(tmp_path, study)._flights.look([engine.planned(study.cases[4]).key]).popitem()[1].standing == "suspect"
    died_at(engine, study.cases[4:5], witnessed=False, owner="run4/main")
    assert answer_all(engine)[4].error is not None


def test_an_answer_clears_the_suspicion(tmp_path):
    study = planted(conditions=("direct",))
    engine = make(tmp_path, study)
    died_at(engine, study.cases[:3])
    answer_all(engine)
    assert engine._flights.look([engine.planned(case).key for case in study.cases]) == {}


def test_what_one_died_of_alone_once_is_asked_last(tmp_path):
    study = planted(conditions=("direct",), batch_size=4)
    engine = make(tmp_path, study)
    died_at(engine, study.cases[:1])
    answer_all(engine)
    assert keys(engine)[-1] == engine.planned(study.cases[0]).key


def test_deaths_in_company_are_no_crash_however_many(tmp_path):
    study = planted(conditions=("direct",))
    engine = make(tmp_path, study)
    for number in range(9):
        died_at(engine, study.cases[2:6], witnessed=False, owner=f"run{number}/main")
    assert all(answer.error is None for answer in answer_all(engine))


def test_a_death_since_the_group_was_opened_counts(tmp_path):
    study = planted(conditions=("direct",), batch_size=6)
    engine = make(tmp_path, study)
    made = misbehave(engine)
    engine.select([study.cases])
    engine.answer(study.cases[0])
    rest = [case for case in study.cases if engine.planned(case).key not in keys(engine)]
    died_at(engine, rest[:2])
    died_at(engine, rest[1:2])
    errors = [engine.answer(case).error for case in rest]
    assert [error is None for error in errors] == [True, False, True, True, True, True]
    assert sorted(made[0].sizes) == [1, 4, 6]


@pytest.mark.parametrize("batch_size", [1, 2, 4, 12])
def test_marks_of_a_process_elsewhere_hold_nobody_up(tmp_path, batch_size):
    study = planted(conditions=("direct",), batch_size=batch_size)
    engine = make(tmp_path, study)
    Flights(engine.store.file, "elsewhere/main").begin([engine.planned(case).key for case in study.cases[:9]])
    assert [answer.error for answer in answer_all(engine)] == [None] * 12
    assert len(keys(engine)) == 12


def test_a_loss_or_a_check_that_a_process_died_of_is_left_alone(tmp_path):
    study = planted(conditions=("direct",))
    answer_all(make(tmp_path, study))
    engine = make(tmp_path, study, flip_check=12)
    engine.store.file._connection.execute("DELETE FROM reference_losses")
    for kind in ("loss", "flip"):
        marks = [f"{kind}:{engine.planned(case).key}" for case in study.cases]
        Flights(engine.store.file, f"run/{kind}").begin(marks)
        bury(engine.store.file, f"run/{kind}", witnessed=True)
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        assert [answer.error for answer in answer_all(engine)] == [None] * 12
    assert sum("a process died of it before" in str(warning.message) for warning in told) >= 2


def test_what_an_exception_of_pytests_own_interrupts_is_asked_again(tmp_path):
    study = planted(conditions=("direct",))
    engine = make(tmp_path, study)
    made = engine.provider(study.cells[0])
    original, calls = made.generate, []

    def generate(prompts, decoding):
        calls.append(len(prompts))
        if len(calls) == 1:
            pytest.fail("too long")
        yield from original(prompts, decoding)

    made.generate = generate
    engine.select([study.cases])
    with pytest.raises(pytest.fail.Exception):
        engine.answer(study.cases[0])
    assert [engine.answer(case).error for case in study.cases] == [None] * 12
    assert calls == [12, 12]


def test_more_answers_than_prompts_cannot_be_told_apart(tmp_path):
    study = planted(conditions=("direct",))
    engine = make(tmp_path, study)
    provider = engine.provider(study.cells[0])
    original = provider.generate
    provider.generate = lambda prompts, decoding: (a for p in prompts for a in [*original([p], decoding)] * 2)
    assert {answer.error for answer in answer_all(engine)} == {"the provider returned more answers than prompts"}


def test_a_model_that_fails_does_not_drive_out_a_good_one(tmp_path):
    study = planted(models=("planted-3b", "planted-7b"), conditions=("direct",))
    engine = make(tmp_path, study)
    bad = engine.sources.of(study.cells[1])
    engine.loaded.refuse(bad, "broken")
    for case in (case for pair in zip(study.cases[:12], study.cases[12:], strict=True) for case in pair):
        engine.answer(case)
    assert engine.loaded.loads == 1


def test_an_engine_that_is_closed_leaves_no_mark(tmp_path):
    study = planted(conditions=("direct",))
    engine = make(tmp_path, study)
    engine._flights.begin(["a"])
    engine.close()
    assert engine.store.file.select("SELECT * FROM in_flight") == []


def test_rerun_asks_again_what_has_crashed(tmp_path):
    study = planted(conditions=("direct",))
    died_at(make(tmp_path, study), study.cases[:1])
    died_at(make(tmp_path, study), study.cases[:1])
    assert answer_all(make(tmp_path, study))[0].error
    assert answer_all(make(tmp_path, study, rerun=True))[0].error is None


def test_a_model_that_two_processes_of_the_run_died_of_loading_is_not_loaded(tmp_path):
    study = planted(conditions=("direct",))
    for number in range(2):
        engine = make(tmp_path, study)
        Flights(engine.store.file, f"run/{number}").begin([f"load:{engine.sources.of(study.cells[0]).fingerprint}"])
        bury(engine.store.file, f"run/{number}", witnessed=True)
    errors = {answer.error for answer in answer_all(make(tmp_path, study))}
    assert len(errors) == 1
    assert "2 processes died while they loaded it" in errors.pop()
    assert all(answer.error is None for answer in answer_all(make(tmp_path, study, owner="next/main")))


def test_an_interrupted_batch_leaves_no_mark(tmp_path):
    study = planted(conditions=("direct",))
    engine = make(tmp_path, study)
    misbehave(engine, most=0, error=KeyboardInterrupt)
    with pytest.raises(KeyboardInterrupt):
        answer_all(engine)
    assert make(tmp_path, study, owner="next/main")._flights.look([engine.planned(c).key for c in study.cases]) == {}


def test_what_came_before_memory_ran_out_is_kept(tmp_path):
    study = planted(conditions=("direct",))
    engine = make(tmp_path, study)
    provider = engine.provider(study.cells[0])
    original, calls = provider.generate, []

    def generate(prompts, decoding):
        calls.append(len(prompts))
        for number, answer in enumerate(original(prompts, decoding)):
            if len(calls) == 1 and number == 5:
                raise OutOfMemoryError("too much")
            yield answer

    provider.generate = generate
    answers = answer_all(engine)
    assert calls == [12, 4, 3]
    assert [answer.error for answer in answers] == [None] * 12


@given(st.integers(1, 20), st.integers(1, 6))
def test_flip_checks_are_made_once_for_as_many_as_asked(tmp_path_factory, count, batch_size):
    path = tmp_path_factory.mktemp("flips")
    study = planted(batch_size=batch_size)
    engine = make(path, study, flip_check=count)
    answer_all(engine)
    single = sum(answer.concurrency == 1 for answer in answer_all(engine))
    results = case_results(study, Planner(study, Sources(study)), engine.store, study.cases)
    checked = [result for result in results if result.flipped is not None]
    assert 2 * min(count, 12) - single <= len(checked) <= 2 * min(count, 12)
    assert not any(result.flipped for result in checked)
    again = make(path, study, flip_check=count)
    answer_all(again)
    assert again.loaded.loads == 0


def test_a_flip_is_told(tmp_path):
    study = planted(conditions=("direct",))
    engine = make(tmp_path, study, flip_check=12)
    provider = engine.provider(study.cells[0])
    original = provider.generate

    def generate(prompts, decoding):
        for answer in original(prompts, decoding):
            yield replace(answer, text=answer.text + " again") if len(prompts) == 1 else answer

    provider.generate = generate
    answer_all(engine)
    results = case_results(study, Planner(study, Sources(study)), engine.store, study.cases)
    assert [result.flipped for result in results] == [True] * 12


def keys(engine: Engine) -> list[str]:
    return [key for (key,) in engine.store.file.select("SELECT key FROM answers ORDER BY id")]


def test_a_loss_without_a_model_warns_and_leaves_the_answer(tmp_path):
    study = planted(conditions=("direct",))
    answer_all(make(tmp_path, study))
    store = Store(tmp_path / "s.sqlite")
    store.file._connection.execute("DELETE FROM reference_losses")
    engine = Engine(study, store)
    engine.loaded.failures[engine.sources.of(study.cells[0]).fingerprint] = "gone"
    with pytest.warns(UserWarning, match="not measured: gone"):
        assert all(answer.error is None for answer in answer_all(engine))


def test_one_model_is_held_at_a_time(tmp_path):
    study = planted(models=("planted-3b", "planted-7b"))
    engine = make(tmp_path, study)
    answer_all(engine)
    assert engine.loaded.loads == 2
    engine.close()
    assert engine.loaded.provider is None


def test_a_corrected_gold_answer_measures_the_loss_without_asking_again(tmp_path, monkeypatch):
    study = planted(conditions=("direct",))
    answer_all(make(tmp_path, study))
    monkeypatch.setattr("harness.providers.planted.PlantedSource.reads_reference", False)
    with_key = make(tmp_path / "other", study)
    answer_all(with_key)
    data = study.datasets["planted"]
    asked = {case.question.id for case in study.cases}
    corrected = tuple(
        replace(question, answers=("something else",)) if question.answerable and question.id in asked else question
        for question in data.questions
    )
    by_id = {question.id: question for question in corrected}
    changed = replace(
        study,
        datasets={"planted": replace(data, questions=corrected)},
        cases=tuple(replace(case, question=by_id[case.question.id]) for case in study.cases),
    )
    engine = make(tmp_path / "other", changed)
    answers = answer_all(engine)
    assert engine.answered == 0
    assert all(
        (answer.reference_nll is not None) == case.question.answerable
        for case, answer in zip(changed.cases, answers, strict=True)
    )


def test_a_loss_that_fails_leaves_the_answer_and_warns(tmp_path):
    study = planted(conditions=("direct",))
    answer_all(make(tmp_path, study))
    store = Store(tmp_path / "s.sqlite")
    store.file._connection.execute("DELETE FROM reference_losses")
    engine = Engine(study, store)
    misbehave(engine)
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        answers = answer_all(engine)
    assert all(answer.error is None for answer in answers)
    assert any("not measured" in str(warning.message) for warning in told)


def test_losses_that_do_not_fit_the_memory_are_measured_in_halves(tmp_path):
    study = planted(conditions=("direct",))
    answer_all(make(tmp_path, study))
    store = Store(tmp_path / "s.sqlite")
    store.file._connection.execute("DELETE FROM reference_losses")
    engine = Engine(study, store)
    provider = engine.provider(study.cells[0])
    original, sizes = provider.reference_nll, []

    def reference_nll(prompts):
        sizes.append(len(prompts))
        if len(prompts) > 3:
            raise OutOfMemoryError("too much")
        return original(prompts)

    provider.reference_nll = reference_nll
    answers = answer_all(engine)
    measured = [answer for answer in answers if answer.reference_nll is not None]
    assert len(measured) == sum(case.question.answerable for case in study.cases)
    assert sizes[0] > 3
    assert sum(size for size in sizes if size <= 3) == len(measured)


def test_results_recompute_what_is_not_stored(tmp_path):
    study = planted()
    engine = make(tmp_path, study)
    answer_all(engine)
    planner = Planner(study, Sources(study))
    fresh = case_results(study, planner, engine.store, study.cases)
    assert rescore(study, planner, engine.store, study.cases) == len(study.cases)
    assert case_results(study, planner, engine.store, study.cases) == fresh
    assert {result.outcome for result in fresh} <= {"correct", "wrong", "blank"}


def test_stored_scores_of_an_older_version_are_not_used(tmp_path):
    study = planted(conditions=("direct",))
    engine = make(tmp_path, study)
    answer_all(engine)
    planner = Planner(study, Sources(study))
    fresh = case_results(study, planner, engine.store, study.cases)
    rescore(study, planner, engine.store, study.cases)
    engine.store.file._connection.execute("UPDATE scores SET version = 99, value = 0.5")
    assert case_results(study, planner, engine.store, study.cases) == fresh


def test_unanswered_cases_have_no_outcome(tmp_path):
    study = planted(conditions=("direct",))
    with Store(tmp_path / "s.sqlite") as store:
        results = case_results(study, Planner(study, Sources(study)), store, study.cases)
    assert {result.outcome for result in results} == {None}


def test_scores_computed_again_are_the_stored_ones(tmp_path):
    study = planted()
    engine = make(tmp_path, study)
    answer_all(engine)
    planner = Planner(study, Sources(study))
    rescore(study, planner, engine.store, study.cases)
    results = case_results(study, planner, engine.store, study.cases)
    again = scores_again(study, results)
    assert again.keys() == {case.label for case in study.cases}
    for result in results:
        assert set(again[result.case.label]) <= set(result.scores)


def test_of_many_answers_some_are_scored_again(tmp_path, monkeypatch):
    monkeypatch.setattr("harness.results.MOST_AGAIN", 5)
    study = planted()
    engine = make(tmp_path, study)
    answer_all(engine)
    results = case_results(study, Planner(study, Sources(study)), engine.store, study.cases)
    assert len(scores_again(study, results)) == 5
    assert scores_again(study, []) == {}
