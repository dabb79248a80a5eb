"""The engine over the planted provider and over providers that misbehave."""

import warnings
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.engine import Engine, Loaded
from harness.errors import HarnessError
from harness.planning import Planner, Sources
from harness.records import Answer, Selection
from harness.results import case_results, rescore
from harness.store import Store
from harness.study import Study, build_study
from harness.studyfile import builtin_text, parse_study

FILE = parse_study(builtin_text("planted"), "planted")


def planted(**fields) -> Study:
    chosen = {"models": ("planted-3b",), "conditions": ("direct", "rag"), "limit": 12} | fields
    return build_study(FILE, Selection(**chosen), Path())


def make(tmp_path: Path, study: Study | None = None, **options) -> Engine:
    return Engine(study or planted(), Store(tmp_path / "s.sqlite"), **options)


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


def test_one_case_answers_its_whole_group(tmp_path):
    engine = make(tmp_path)
    cases = engine.study.cases
    engine.select([cases[:12], cases[12:]])
    engine.answer(cases[0])
    assert engine.answered == 12
    engine.answer(cases[5])
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
    assert made[0].sizes == [5, 5, 2]


def test_progress_is_told_after_each_batch(tmp_path):
    engine = make(tmp_path, planted(batch_size=5, conditions=("direct",)))
    told = []
    engine.progress = lambda *now: told.append(now)
    answer_all(engine)
    assert told == [(5, 12, "planted-3b:direct"), (10, 12, "planted-3b:direct"), (12, 12, "planted-3b:direct")]


def test_out_of_memory_halves_the_batch_and_remembers(tmp_path):
    engine = make(tmp_path, planted(batch_size=8, conditions=("direct",)))
    made = misbehave(engine, most=3, error=OutOfMemoryError)
    answers = answer_all(engine)
    assert all(answer.error is None for answer in answers)
    assert made[0].sizes == [8, 4, 2, 2, 4, 2, 2, 2, 2]


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
    engine, other = make(tmp_path, study), make(tmp_path, study)
    engine.select([study.cases])
    other.select([study.cases], start_share=0.5)
    engine.progress = lambda *_: other.answer(study.cases[0])
    assert [engine.answer(case).error for case in study.cases] == [None] * 12
    assert (engine.answered, other.answered) == (3, 9)


def test_processes_that_share_a_group_begin_at_different_places(tmp_path):
    study = planted(conditions=("direct",), batch_size=4)
    first = make(tmp_path, study)
    made = misbehave(first)
    first.select([study.cases], start_share=0.5)
    first.answer(study.cases[0])
    assert made[0].sizes == [4, 4, 4]
    plain = make(tmp_path / "other", study)
    plain.select([study.cases])
    plain.answer(study.cases[0])
    assert stored_order(first) == stored_order(plain)[6:] + stored_order(plain)[:6]


def stored_order(engine: Engine) -> list[str]:
    return [key for (key,) in engine.store._connection.execute("SELECT key FROM answers ORDER BY id")]


def test_a_loss_without_a_model_warns_and_leaves_the_answer(tmp_path):
    study = planted(conditions=("direct",))
    answer_all(make(tmp_path, study))
    store = Store(tmp_path / "s.sqlite")
    store._connection.execute("DELETE FROM reference_losses")
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
    store._connection.execute("DELETE FROM reference_losses")
    engine = Engine(study, store)
    misbehave(engine)
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        answers = answer_all(engine)
    assert all(answer.error is None for answer in answers)
    assert any("not measured" in str(warning.message) for warning in told)


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
    engine.store._connection.execute("UPDATE scores SET version = 99, value = 0.5")
    assert case_results(study, planner, engine.store, study.cases) == fresh


def test_unanswered_cases_have_no_outcome(tmp_path):
    study = planted(conditions=("direct",))
    with Store(tmp_path / "s.sqlite") as store:
        results = case_results(study, Planner(study, Sources(study)), store, study.cases)
    assert {result.outcome for result in results} == {None}
