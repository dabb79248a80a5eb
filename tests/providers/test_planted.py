"""A planted model answers what was planted into it, whatever the order, the batch and the time."""

import json
import math
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import replace
from statistics import NormalDist, correlation, fmean

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.errors import StudyError
from harness.prompts.read import read_answer
from harness.providers.base import source
from harness.providers.planted import PlantedSource
from harness.providers.planted_text import BLANK, draw, right_text, wrong_text
from harness.records import Answer, Decoding, ModelSpec, Passage, Prompt, Runtime, Template

GREEDY = Decoding()
LINE = Template(name="t", system="be brief", user="{question}", user_with_passages="", reader="line", hash="h")
RATES = st.sampled_from([0.0, 0.05, 0.3, 0.5, 0.8, 1.0])
TEXTS = st.text(min_size=1, max_size=30)


def _model(name: str = "m", params_b: float | None = 10.0, **options: object) -> ModelSpec:
    options.setdefault("accuracy", 0.5)
    return ModelSpec(name=name, family="f", params_b=params_b, context_length=1, provider="planted", options=options)


def _prompts(n: int = 1000, reference: str | None = "17", condition: str = "direct") -> list[Prompt]:
    return [
        Prompt(template=LINE, question=f"Question {i}?", condition=condition, reference=reference) for i in range(n)
    ]


def _answers(model: ModelSpec, prompts: Sequence[Prompt], decoding: Decoding = GREEDY) -> list[Answer]:
    return list(source(model, Runtime()).load().generate(prompts, decoding))


def _right(model: ModelSpec, prompts: Sequence[Prompt]) -> list[bool]:
    return [answer.text == prompt.reference for answer, prompt in zip(_answers(model, prompts), prompts, strict=True)]


def _near(share: float, planted: float, n: int) -> bool:
    """Within four and a half standard errors, which fails by chance once in 150 000 times."""
    return abs(share - planted) <= 4.5 * math.sqrt(planted * (1 - planted) / n) + 1e-9


@given(RATES, st.sampled_from([0.0, 0.5, 0.9]), st.integers(0, 5))
def test_the_planted_accuracy_is_recovered(accuracy: float, rho: float, seed: int) -> None:
    right = _right(_model(accuracy=accuracy, correlation=rho, seed=seed), _prompts())
    assert _near(fmean(right), accuracy, 1000)


@given(RATES, RATES)
def test_failures_and_blanks_come_as_often_as_planted(error_rate: float, blank_rate: float) -> None:
    answers = _answers(_model(error_rate=error_rate, blank_rate=blank_rate), _prompts())
    answered = [answer for answer in answers if answer.error is None]
    assert _near(1 - len(answered) / 1000, error_rate, 1000)
    assert not answered or _near(fmean(answer.text == BLANK for answer in answered), blank_rate, len(answered))


def test_accuracy_is_that_of_what_was_answered() -> None:
    prompts = _prompts(4000)
    answers = _answers(_model(accuracy=0.6, error_rate=0.3, blank_rate=0.3), prompts)
    given_ = [answer.text for answer in answers if answer.error is None and answer.text != BLANK]
    assert _near(fmean(text == "17" for text in given_), 0.6, len(given_))


def test_a_slope_gives_more_to_larger_models() -> None:
    line = {"slope": 0.2, "intercept": 0.3}
    plans = [PlantedSource(_model(params_b=size, accuracy=line), Runtime()).plan for size in (1.0, 10.0, 1e6)]
    assert [plan.accuracy["default"] for plan in plans] == pytest.approx([0.3, 0.5, 1.0])


def test_conditions_have_their_own_accuracy() -> None:
    model = _model(accuracy={"direct": 0.0, "rag": {"slope": 0.0, "intercept": 1.0}, "default": 0.0})
    shares = [fmean(_right(model, _prompts(50, condition=name))) for name in ("direct", "rag", "rag@4bit", "other")]
    assert shares == [0.0, 1.0, 1.0, 0.0]


def test_a_condition_without_a_plan_is_told() -> None:
    model = _model(accuracy={"direct": 0.5, "rag": 0.5})
    with pytest.raises(StudyError, match=r"accuracy for condition 'oracle': there is direct, rag"):
        _answers(model, _prompts(1, condition="oracle"))


@given(st.data())
def test_answers_depend_on_neither_batch_nor_order(data: st.DataObject) -> None:
    model = _model(confidence="calibrated", loss=2.0, error_rate=0.1, blank_rate=0.1)
    prompts = _prompts(20)
    alone = [replace(_answers(model, [prompt])[0], concurrency=0) for prompt in prompts]
    order = data.draw(st.permutations(range(20)))
    cut = data.draw(st.integers(0, 20))
    mixed = [prompts[i] for i in order]
    batches = _answers(model, mixed[:cut]) + _answers(model, mixed[cut:])
    assert [replace(answer, concurrency=0) for answer in batches] == [alone[i] for i in order]


def test_answers_are_told_their_batch() -> None:
    assert {answer.concurrency for answer in _answers(_model(), _prompts(7))} == {7}


def test_greedy_answers_do_not_depend_on_the_decodings_seed() -> None:
    prompts = _prompts(100)
    assert _answers(_model(), prompts) == _answers(_model(), prompts, Decoding(seed=9))


def test_sampled_answers_do() -> None:
    prompts = _prompts(100)
    first, second = (_answers(_model(), prompts, Decoding(temperature=1.0, seed=seed)) for seed in (1, 2))
    assert first != second


@pytest.mark.parametrize("change", [{"name": "other"}, {"seed": 1}])
def test_names_and_seeds_draw_anew(change: dict[str, object]) -> None:
    prompts = _prompts(100)
    assert _right(_model(), prompts) != _right(_model(**change), prompts)  # type: ignore[arg-type]


def test_conditions_draw_anew() -> None:
    first, second = (_right(_model(), _prompts(100, condition=name)) for name in ("direct", "rag"))
    assert first != second


@pytest.mark.parametrize(("rho", "least", "most"), [(0.0, -0.05, 0.05), (0.5, 0.28, 0.39), (0.9, 0.64, 0.78)])
def test_models_fail_at_the_same_questions(rho: float, least: float, most: float) -> None:
    # At accuracy 1/2 the correlation of two answers is 2/pi asin(rho) (Sheppard 1899): 0, 1/3, 0.713.
    prompts = _prompts(6000)
    first, second = (_right(_model(name, correlation=rho), prompts) for name in ("a", "b"))
    assert least < correlation([*map(float, first)], [*map(float, second)]) < most


def test_conditions_of_one_model_share_the_difficulty() -> None:
    pair = [_right(_model(correlation=0.9), _prompts(2000, condition=name)) for name in ("direct", "rag")]
    assert correlation([*map(float, pair[0])], [*map(float, pair[1])]) > 0.6


def test_calibrated_confidence_is_the_share_of_right_answers() -> None:
    prompts = _prompts(20_000)
    answers = _answers(_model(accuracy=0.6, confidence="calibrated"), prompts)
    cases = sorted((_confidence(answer), answer.text == "17") for answer in answers)
    for start in range(0, 20_000, 2000):
        group = cases[start : start + 2000]
        stated, right = (fmean(column) for column in zip(*group, strict=True))
        assert abs(stated - right) < 0.05


def test_planted_confidence_is_recovered() -> None:
    answers = _answers(_model(confidence={"right": 0.9, "wrong": 0.6, "spread": 0.3}), _prompts(5000))
    for text_is_right, mean in ((True, 0.9), (False, 0.6)):
        stated = [_confidence(answer) for answer in answers if (answer.text == "17") is text_is_right]
        assert fmean(stated) == pytest.approx(mean, abs=0.01)


def _confidence(answer: Answer) -> float:
    assert answer.logprobs is not None
    return math.exp(fmean(answer.logprobs))


@given(TEXTS, RATES, st.sampled_from(["calibrated", {"right": 0.99, "wrong": 0.01, "spread": 1.0}]))
def test_confidence_is_one_logprob_for_each_token(reference: str, accuracy: float, confidence: object) -> None:
    for answer in _answers(_model(accuracy=accuracy, confidence=confidence), _prompts(3, reference)):
        assert answer.logprobs is not None
        assert len(answer.logprobs) == answer.output_tokens
        assert all(-math.inf < logprob < 0 for logprob in answer.logprobs)


def test_without_confidence_there_are_no_logprobs() -> None:
    assert _answers(_model(), _prompts(1))[0].logprobs is None


def test_the_planted_loss_is_recovered() -> None:
    losses = [answer.reference_nll for answer in _answers(_model(loss=2.0), _prompts(5000))]
    assert fmean(loss for loss in losses if loss is not None) == pytest.approx(2.0, abs=0.05)


def test_harder_questions_have_the_greater_loss() -> None:
    prompts = _prompts(2000)
    losses = [answer.reference_nll or 0.0 for answer in _answers(_model(loss=2.0), prompts)]
    right = _right(_model(), prompts)
    missed, met = ([loss for loss, hit in zip(losses, right, strict=True) if hit is which] for which in (False, True))
    assert fmean(missed) > fmean(met) + 0.1


def test_the_loss_can_be_asked_for_alone() -> None:
    prompts = [*_prompts(3), *_prompts(1, reference=None)]
    provider = PlantedSource(_model(loss=2.0), Runtime()).load()
    told = list(provider.reference_nll(prompts))
    provider.close()
    assert told == [answer.reference_nll for answer in _answers(_model(loss=2.0), prompts)]
    assert told[-1] is None


def test_without_a_loss_none_is_told() -> None:
    assert _answers(_model(), _prompts(1))[0].reference_nll is None


def test_the_planted_latency_is_recovered_without_waiting() -> None:
    start = time.perf_counter()
    latencies = [answer.latency_s for answer in _answers(_model(latency_s={"direct": 20.0}), _prompts())]
    assert time.perf_counter() - start < 10
    assert fmean(latencies) == pytest.approx(20.0, rel=0.02)


def test_sleep_really_waits() -> None:
    start = time.perf_counter()
    told = sum(answer.latency_s for answer in _answers(_model(latency_s=0.02, sleep=True), _prompts(3)))
    assert time.perf_counter() - start >= told


def test_a_failure_says_nothing() -> None:
    answer = _answers(_model(error_rate=1.0, loss=1.0), _prompts(1))[0]
    assert (answer.text, answer.output_tokens, answer.error, answer.finish_reason) == (
        "",
        0,
        "planted failure",
        "error",
    )


@pytest.mark.parametrize("reference", [None, "", "N/A", "is_blank"])
def test_the_right_answer_to_an_unanswerable_question_is_a_blank(reference: str | None) -> None:
    assert _answers(_model(accuracy=1.0), _prompts(1, reference))[0].text == BLANK


def test_a_wrong_answer_to_an_unanswerable_question_says_something() -> None:
    texts = {answer.text for answer in _answers(_model(accuracy=0.0, blank_rate=1.0), _prompts(50, None))}
    assert BLANK not in texts


@given(TEXTS, st.integers())
def test_a_wrong_text_is_never_the_right_one(reference: str, key: int) -> None:
    assert wrong_text(reference, key).casefold().strip() != right_text(reference).casefold().strip()


@given(st.text("abc deZ", min_size=2, max_size=40).filter(lambda text: len(text.strip()) > 1), st.integers())
def test_a_wrong_text_shares_no_word_with_the_right_one(reference: str, key: int) -> None:
    assert not {*wrong_text(reference, key).casefold().split()} & {*reference.casefold().split()}


@given(st.integers())
def test_a_made_up_word_that_is_right_is_replaced(key: int) -> None:
    word = wrong_text("a b", key)
    assert not {*wrong_text(word, key).split()} & {*word.split()}


@given(st.integers(-(10**9), 10**9), st.integers(0, 3), st.integers())
def test_a_wrong_number_is_a_number_far_away(whole: int, decimals: int, key: int) -> None:
    reference = f"{whole / 7:,.{decimals}f}"
    wrong = wrong_text(reference, key)
    value = float(reference.replace(",", ""))
    assert abs(float(wrong) - value) >= abs(value) + 0.5
    assert len(wrong.partition(".")[2]) == decimals


@pytest.mark.parametrize(
    ("reference", "wrong"),
    [("true", "false"), ("False", "True"), ("YES", "NO"), ("no", "yes")],
)
def test_a_wrong_truth_is_the_other_one(reference: str, wrong: str) -> None:
    assert wrong_text(reference, 0) == wrong


@given(st.sampled_from("ABCDabcd"), st.integers())
def test_a_wrong_choice_is_another_letter(letter: str, key: int) -> None:
    assert wrong_text(letter, key) in set("ABCD") - {letter.upper()}


@given(st.integers(0, 100), st.integers(0, 100), st.integers())
def test_a_wrong_range_is_a_range_elsewhere(low: int, width: int, key: int) -> None:
    wrong = json.loads(wrong_text(f"[{low},{low + width}]", key))
    assert low < wrong[0] <= wrong[1]
    assert wrong[1] > low + width


def test_a_wrong_list_has_as_many_items() -> None:
    items = wrong_text("[rope, salt, glass]", 0).strip("[]").split(", ")
    assert len(items) == 3
    assert not {*map(str.casefold, items)} & {"rope", "salt", "glass"}


@pytest.mark.parametrize("reader", ["line", "json", "cited", "cot"])
@pytest.mark.parametrize("reference", ["Ada Birk", "17", "[4,9]", None])
def test_answers_are_written_as_the_template_reads_them(reader: str, reference: str | None) -> None:
    template = replace(LINE, reader=reader)
    passages = (Passage(id="p1", text="nothing"), Passage(id="p2", text="ada birk 17 [4,9]"))
    prompt = Prompt(template=template, question="?", passages=passages, reference=reference)
    answer = _answers(_model(accuracy=1.0, confidence={"right": 0.75, "wrong": 0.5}), [prompt])[0]
    reading = read_answer(answer.text, template, passages)
    cites = reader in {"json", "cited"} and reference is not None
    assert (reading.value, reading.problem) == (reference or BLANK, None)
    assert reading.refs == (("p2",) if cites else ())
    assert reading.confidence == (0.75 if reader == "json" else None)


def test_nothing_is_cited_without_passages() -> None:
    prompt = Prompt(template=replace(LINE, reader="cited"), question="?", reference="17")
    assert _answers(_model(accuracy=1.0), [prompt])[0].text == "17"


def test_prompt_tokens_are_words() -> None:
    prompt = replace(_prompts(1)[0], passages=(Passage(id="p", text="one two three", title="four"),))
    words = ("be", "brief", "Question", "0?", "four", "one", "two", "three")
    assert _answers(_model(), [prompt])[0].prompt_tokens == len(words)


def test_it_reads_the_reference() -> None:
    assert source(_model(), Runtime()).reads_reference


@pytest.mark.parametrize(
    "change",
    [{"name": "other"}, {"params_b": 2.0}, {"accuracy": 0.6}, {"seed": 1}, {"loss": 1.0}, {"latency_s": 3}],
)
def test_whatever_changes_answers_changes_the_fingerprint(change: dict[str, object]) -> None:
    assert source(_model(**change), Runtime()).fingerprint != source(_model(), Runtime()).fingerprint  # type: ignore[arg-type]


@pytest.mark.parametrize("change", [{"sleep": True}, {"crash_on": "x"}, {"hang_on": "x"}, {"raise_on": "x"}])
def test_faults_do_not_change_the_fingerprint(change: dict[str, object]) -> None:
    assert source(_model(**change), Runtime()).fingerprint == source(_model(), Runtime()).fingerprint  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"acuracy": 1}, r"unknown key in the options of planted model 'm': 'acuracy': did you mean 'accuracy'"),
        ({"accuracy": 1.2}, r"accuracy is 1.2: it must be in \[0, 1\]"),
        ({"accuracy": "high"}, "accuracy is 'high': it must be a number"),
        ({"accuracy": True}, "must be a number"),
        ({"accuracy": {}}, "a table of slope and intercept"),
        ({"accuracy": {"rag": {"slope": 1}}}, "accuracy.rag is {'slope': 1}"),
        ({"accuracy": {"slope": 1, "intercept": "x"}}, "accuracy.intercept is 'x'"),
        ({"loss": -1}, "loss is -1: it must be 0 or more"),
        ({"latency_s": math.inf}, "latency_s is inf"),
        ({"error_rate": 2}, r"error_rate is 2: it must be in \[0, 1\]"),
        ({"correlation": 1}, "be below 1"),
        ({"seed": 1.5}, "seed is 1.5: it must be a whole number"),
        ({"sleep": 1}, "sleep is 1: it must be true or false"),
        ({"crash_on": ""}, "crash_on is '': it must be a part of a question's text"),
        ({"confidence": "high"}, 'it must be "calibrated"'),
        ({"confidence": {"right": 0.5}}, "a table of right, wrong"),
        ({"confidence": {"right": 1.0, "wrong": 0.5}}, "above 0 and below 1"),
    ],
)
def test_a_mistake_in_the_options_is_told_in_one_line(options: dict[str, object], message: str) -> None:
    with pytest.raises(StudyError, match=message) as caught:
        source(_model(**options), Runtime())  # type: ignore[arg-type]
    assert "\n" not in str(caught.value)


def test_accuracy_must_be_given() -> None:
    model = replace(_model(), options={})
    with pytest.raises(StudyError, match="have no accuracy"):
        source(model, Runtime())


def test_a_slope_needs_a_size() -> None:
    with pytest.raises(StudyError, match="no params_b"):
        source(_model(params_b=None, accuracy={"slope": 1, "intercept": 0}), Runtime())


def test_a_planted_exception_comes_after_the_answers_before_it() -> None:
    told = source(_model(raise_on="Question 2"), Runtime()).load().generate(_prompts(5), GREEDY)
    assert [next(told).error, next(told).error] == [None, None]
    with pytest.raises(RuntimeError, match="planted fault at 'Question 2"):
        next(told)


FAULT = """
from harness.providers.base import source
from harness.records import Decoding, ModelSpec, Prompt, Runtime, Template
template = Template(name="t", system="", user="", user_with_passages="", reader="line", hash="h")
prompts = [Prompt(template=template, question=f"q{i}", reference="17") for i in range(3)]
options = {"accuracy": 1.0, FAULT: "q1"}
model = ModelSpec(name="m", family="f", params_b=1, context_length=1, provider="planted", options=options)
for answer in source(model, Runtime()).load().generate(prompts, Decoding()):
    print(answer.text, flush=True)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGKILL")
def test_a_planted_crash_kills_the_process() -> None:
    code = FAULT.replace("FAULT", "'crash_on'")
    died = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False, timeout=60)
    assert (died.returncode, died.stdout) == (-signal.SIGKILL, "17\n")


def test_a_planted_hang_never_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    waits: list[float] = []

    def sleep(seconds: float) -> None:
        waits.append(seconds)
        if len(waits) == 3:
            raise KeyboardInterrupt

    monkeypatch.setattr(time, "sleep", sleep)
    with pytest.raises(KeyboardInterrupt):
        _answers(_model(hang_on="Question 0"), _prompts(1))
    assert waits == [3600.0] * 3


def test_draws_are_uniform() -> None:
    # The Kolmogorov-Smirnov distance of 10 000 uniform numbers stays below 1.95 / 100 but once in a thousand times.
    drawn = sorted(draw("uniform", i) for i in range(10_000))
    assert max(abs(value - i / 10_000) for i, value in enumerate(drawn)) < 0.0195


def test_the_drawn_numbers_never_change() -> None:
    # Stored answers of planted studies and the numbers in reports rest on these.
    assert [draw("a", 1), draw("difficulty", 0, "q")] == pytest.approx(PINNED)


PINNED = [0.14976907794029337, 0.4158708386568133]


def test_normal_quantiles_meet_their_ends() -> None:
    assert math.isfinite(NormalDist().inv_cdf(0.5 / 2**48))
