"""A made-up model with known accuracy, calibration, loss and speed, for tests and for proofs of the analysis.

Whether it answers a question rightly is drawn once and for all. Write u(q) for a uniform number that the question's
text and the option `seed` decide (the question's difficulty, the same for every model), and v for one that also the
model's name and the condition decide. The answer is right when

    Phi(sqrt(rho) Phi^-1(u) + sqrt(1 - rho) Phi^-1(v)) < accuracy

with rho the option `correlation`: a Gaussian copula, so that over questions the share of right answers is exactly the
planted accuracy, and two models with rho > 0 tend to fail at the same questions. Given its difficulty a question is
answered rightly with probability Phi((Phi^-1(accuracy) - sqrt(rho) Phi^-1(u)) / sqrt(1 - rho)), which is what a
"calibrated" model states as its confidence.
"""

import hashlib
import json
import math
import os
import signal
import time
from collections.abc import Iterator, Sequence
from statistics import NormalDist

from harness.errors import StudyError
from harness.providers.planted_options import DEFAULT, SILENT, Levels, Plan, read_plan
from harness.providers.planted_text import BLANK, draw, right_text, written, wrong_text
from harness.records import Answer, Decoding, ModelSpec, Prompt, Runtime

# Raise it when the same options give other answers than before.
VERSION = 1
NORMAL = NormalDist()
LEAST_CONFIDENCE = 1e-6


class PlantedSource:
    """A planted model, found wherever it is asked for; `model.options` is read by `read_plan`.

    Raises:
        StudyError: an option is unknown, of the wrong type or out of range.
    """

    def __init__(self, model: ModelSpec, runtime: Runtime) -> None:
        self.model = model
        self.runtime = runtime
        self.plan = read_plan(model)

    @property
    def fingerprint(self) -> str:
        """Hash of the name, the size and every option that can change an answer; `sleep` and planted faults cannot."""
        options = {key: value for key, value in self.model.options.items() if key not in SILENT}
        told = json.dumps([VERSION, self.model.name, self.model.params_b, options], sort_keys=True)
        return hashlib.sha256(told.encode()).hexdigest()

    @property
    def reads_reference(self) -> bool:
        """True: the answer is the prompt's reference, or made from it."""
        return True

    def load(self) -> "PlantedProvider":
        """The provider; nothing is loaded."""
        return PlantedProvider(self.model, self.plan)


class PlantedProvider:
    """Answers as planted; what a case is answered depends on the case alone, never on order, batch or time.

    A case is the seed, the model's name, the condition and the question's text, and under a temperature above 0 the
    decoding's seed. Tokens are words; neither `max_new_tokens` nor `stop` cuts an answer, so that a planted accuracy
    holds whatever the decoding.
    """

    def __init__(self, model: ModelSpec, plan: Plan) -> None:
        self.model = model
        self.plan = plan

    def generate(self, prompts: Sequence[Prompt], decoding: Decoding) -> Iterator[Answer]:
        """One answer per prompt, in order.

        Raises:
            StudyError: nothing is planted for a prompt's condition.
            RuntimeError: the option `raise_on` is in a question.
        """
        for prompt in prompts:
            _meet_fault(self.plan, prompt.question)
            answer = self._answer(prompt, decoding, len(prompts))
            if self.plan.sleep:
                time.sleep(answer.latency_s)
            yield answer

    def reference_nll(self, prompts: Sequence[Prompt]) -> Iterator[float | None]:
        """The planted loss, times 0.5 to 1.5 with the question's difficulty; None without a reference or a loss."""
        return (self._reference_nll(prompt) for prompt in prompts)

    def close(self) -> None:
        """Nothing is held."""

    def _answer(self, prompt: Prompt, decoding: Decoding, concurrency: int) -> Answer:
        key = self._key(prompt, decoding)
        latency_s = _level("latency_s", self.plan.latency_s, prompt) * (0.75 + 0.5 * draw("latency", *key))
        prompt_tokens = _prompt_tokens(prompt)
        if draw("error", *key) < _level("error_rate", self.plan.error_rate, prompt):
            return Answer(
                text="",
                prompt_tokens=prompt_tokens,
                output_tokens=0,
                latency_s=latency_s,
                concurrency=concurrency,
                finish_reason="error",
                error="planted failure",
            )
        value, confidence = self._value(prompt, key)
        text = written(value, prompt, confidence)
        tokens = len(text.split())
        return Answer(
            text=text,
            prompt_tokens=prompt_tokens,
            output_tokens=tokens,
            latency_s=latency_s,
            concurrency=concurrency,
            logprobs=None if confidence is None else (math.log(confidence),) * tokens,
            reference_nll=self._reference_nll(prompt),
        )

    def _value(self, prompt: Prompt, key: tuple[object, ...]) -> tuple[str, float | None]:
        """The bare answer and the confidence in it."""
        accuracy = _level("accuracy", self.plan.accuracy, prompt)
        difficulty = self._difficulty(prompt)
        right = _luck(difficulty, draw("luck", *key), self.plan.correlation) < accuracy
        confidence = self._confidence(right, _chance(accuracy, difficulty, self.plan.correlation), key)
        truth = right_text(prompt.reference)
        if truth != BLANK and draw("blank", *key) < _level("blank_rate", self.plan.blank_rate, prompt):
            return BLANK, confidence
        return (truth if right else wrong_text(prompt.reference, *key)), confidence

    def _confidence(self, right: bool, chance: float, key: tuple[object, ...]) -> float | None:
        planted = self.plan.confidence
        if planted is None:
            return None
        if planted.calibrated:
            return min(max(chance, LEAST_CONFIDENCE), 1 - LEAST_CONFIDENCE)
        mean = planted.right if right else planted.wrong
        # No wider than to the nearer end, so that the mean of many stays the planted one.
        spread = min(planted.spread, mean - LEAST_CONFIDENCE, 1 - LEAST_CONFIDENCE - mean)
        return mean + spread * (2 * draw("confidence", *key) - 1)

    def _reference_nll(self, prompt: Prompt) -> float | None:
        if prompt.reference is None or not self.plan.loss:
            return None
        return _level("loss", self.plan.loss, prompt) * (0.5 + self._difficulty(prompt))

    def _difficulty(self, prompt: Prompt) -> float:
        return draw("difficulty", self.plan.seed, prompt.question)

    def _key(self, prompt: Prompt, decoding: Decoding) -> tuple[object, ...]:
        sampled = (decoding.seed,) if decoding.temperature > 0 else ()
        return (self.plan.seed, self.model.name, prompt.condition, prompt.question, *sampled)


def _luck(difficulty: float, own: float, correlation: float) -> float:
    """A uniform number in (0, 1) whose correlation between models of one question is the planted one."""
    shared = math.sqrt(correlation) * NORMAL.inv_cdf(difficulty)
    return NORMAL.cdf(shared + math.sqrt(1 - correlation) * NORMAL.inv_cdf(own))


def _chance(accuracy: float, difficulty: float, correlation: float) -> float:
    """The probability of a right answer to a question of that difficulty, in [0, 1]."""
    if accuracy in {0.0, 1.0}:
        return accuracy
    reach = NORMAL.inv_cdf(accuracy) - math.sqrt(correlation) * NORMAL.inv_cdf(difficulty)
    return NORMAL.cdf(reach / math.sqrt(1 - correlation))


def _level(name: str, levels: Levels, prompt: Prompt) -> float:
    """What is planted for the prompt's condition; of `rag@4bit`, failing that, what is planted for `rag`."""
    base = prompt.condition.partition("@")[0]
    for condition in (prompt.condition, base, DEFAULT):
        if condition in levels:
            return levels[condition]
    raise StudyError(
        f"nothing is planted as {name} for condition {prompt.condition!r}: "
        f"there is {', '.join(levels) or 'nothing'}; add it, or default"
    )


def _prompt_tokens(prompt: Prompt) -> int:
    texts = [prompt.template.system, prompt.question]
    texts += [f"{passage.title} {passage.text}" for passage in prompt.passages]
    return sum(len(text.split()) for text in texts)


def _meet_fault(plan: Plan, question: str) -> None:
    if plan.crash_on is not None and plan.crash_on in question:
        os.kill(os.getpid(), signal.SIGKILL)
    if plan.hang_on is not None and plan.hang_on in question:
        while True:
            time.sleep(3600)
    if plan.raise_on is not None and plan.raise_on in question:
        raise RuntimeError(f"planted fault at {question!r}")
