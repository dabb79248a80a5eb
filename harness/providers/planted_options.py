"""What is planted into a made-up model, read from its options."""

import math
from collections.abc import Mapping
from dataclasses import dataclass

from harness.errors import StudyError, UnknownName
from harness.records import ModelSpec

DEFAULT = "default"
DEFAULT_LATENCY_S = 0.01
DEFAULT_CORRELATION = 0.5
LINE = {"slope", "intercept"}
FAULTS = ("crash_on", "hang_on", "raise_on")
# Options that change no answer, and so no fingerprint: a study interrupted by a planted fault is resumed without it.
SILENT = (*FAULTS, "sleep")
OPTIONS = (
    "accuracy",
    "confidence",
    "loss",
    "latency_s",
    "error_rate",
    "blank_rate",
    "correlation",
    "seed",
    *SILENT,
)

Levels = Mapping[str, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class Confidence:
    """Mean confidence of right and of wrong answers, each within (0, 1), and how far single ones stray from it.

    With `calibrated` the confidence is the very probability that the answer is right, and the rest is not used.
    """

    right: float = 0.5
    wrong: float = 0.5
    spread: float = 0.0
    calibrated: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """Everything that is planted, as numbers: levels are by condition, `default` holds for the conditions not named."""

    accuracy: Levels
    loss: Levels
    latency_s: Levels
    error_rate: Levels
    blank_rate: Levels
    confidence: Confidence | None
    correlation: float
    seed: int
    sleep: bool
    crash_on: str | None
    hang_on: str | None
    raise_on: str | None


def read_plan(model: ModelSpec) -> Plan:
    """The plan in `model.options`.

    A level is a number, `{slope, intercept}` (intercept + slope x log10 of `params_b`, cut to the allowed range), or a
    table of these by the condition's name, where `default` stands for all others:

    - `accuracy` (must be given): probability that a given answer is right, in [0, 1].
    - `error_rate`, `blank_rate`: shares of failed and of blank answers, in [0, 1], none by default.
    - `loss`: mean nats per token of the reference, 0 or more; none is reported without it.
    - `latency_s`: mean seconds, 0 or more.
    - `confidence`: "calibrated", or `{right, wrong, spread}`; none is reported without it.
    - `correlation`: how much of an answer's luck lies in the question and is shared by all models, in [0, 1).
    - `seed`: a whole number. `sleep`: really wait. `crash_on`, `hang_on`, `raise_on`: a part of a question's text.

    Raises:
        StudyError: an unknown option, a value of the wrong type or out of range, `accuracy` missing, or a slope for a
            model without `params_b`.
    """
    options, place = model.options, f"options of planted model {model.name!r}"
    for key in options:
        if key not in OPTIONS:
            raise StudyError(str(UnknownName(f"key in the {place}:", key, OPTIONS)))
    if "accuracy" not in options:
        raise StudyError(f"the {place} have no accuracy: add a number in [0, 1], or a table by condition")
    reader = _Reader(place=place, params_b=model.params_b)
    faults = {key: reader.part(key, options.get(key)) for key in FAULTS}
    return Plan(
        accuracy=reader.levels("accuracy", options["accuracy"], 1.0),
        loss=reader.levels("loss", options["loss"], math.inf) if "loss" in options else {},
        latency_s=reader.levels("latency_s", options.get("latency_s", DEFAULT_LATENCY_S), math.inf),
        error_rate=reader.levels("error_rate", options.get("error_rate", 0.0), 1.0),
        blank_rate=reader.levels("blank_rate", options.get("blank_rate", 0.0), 1.0),
        confidence=reader.confidence(options.get("confidence")),
        correlation=reader.correlation(options.get("correlation", DEFAULT_CORRELATION)),
        seed=reader.seed(options.get("seed", 0)),
        sleep=reader.switch(options.get("sleep", False)),
        **faults,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Reader:
    place: str
    params_b: float | None

    def levels(self, key: str, value: object, most: float) -> Levels:
        if isinstance(value, Mapping) and value and value.keys() != LINE:
            return {name: self._level(f"{key}.{name}", level, most) for name, level in value.items()}
        return {DEFAULT: self._level(key, value, most)}

    def confidence(self, value: object) -> Confidence | None:
        if value is None:
            return None
        if value == "calibrated":
            return Confidence(calibrated=True)
        if not isinstance(value, Mapping) or not {"right", "wrong"} <= value.keys() <= {"right", "wrong", "spread"}:
            raise self._wrong("confidence", value, 'be "calibrated", or a table of right, wrong and optionally spread')
        right, wrong = (self._number(f"confidence.{key}", value[key], 1.0) for key in ("right", "wrong"))
        if not (0 < right < 1 and 0 < wrong < 1):
            raise self._wrong("confidence", value, "have right and wrong above 0 and below 1")
        return Confidence(
            right=right, wrong=wrong, spread=self._number("confidence.spread", value.get("spread", 0.0), 1.0)
        )

    def correlation(self, value: object) -> float:
        number = self._number("correlation", value, 1.0)
        if number == 1:
            raise self._wrong("correlation", value, "be below 1")
        return number

    def seed(self, value: object) -> int:
        if isinstance(value, bool) or not isinstance(value, int):
            raise self._wrong("seed", value, "be a whole number")
        return value

    def switch(self, value: object) -> bool:
        if not isinstance(value, bool):
            raise self._wrong("sleep", value, "be true or false")
        return value

    def part(self, key: str, value: object) -> str | None:
        if value is not None and (not isinstance(value, str) or not value):
            raise self._wrong(key, value, "be a part of a question's text")
        return value

    def _level(self, key: str, value: object, most: float) -> float:
        if not isinstance(value, Mapping):
            return self._number(key, value, most)
        if value.keys() != LINE:
            raise self._wrong(
                key, value, "be a number, a table of slope and intercept, or a table of these by condition"
            )
        if self.params_b is None:
            raise self._wrong(key, value, "be a number: the model has no params_b for a slope")
        slope, intercept = (self._finite(f"{key}.{name}", value[name]) for name in ("slope", "intercept"))
        return min(max(intercept + slope * math.log10(self.params_b), 0.0), most)

    def _number(self, key: str, value: object, most: float) -> float:
        number = self._finite(key, value)
        if not 0 <= number <= most:
            raise self._wrong(key, value, "be 0 or more" if most == math.inf else f"be in [0, {most:g}]")
        return number

    def _finite(self, key: str, value: object) -> float:
        if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
            raise self._wrong(key, value, "be a number, or a table of numbers by condition")
        return float(value)

    def _wrong(self, key: str, value: object, allowed: str) -> StudyError:
        return StudyError(f"the {self.place}: {key} is {value!r}: it must {allowed}")
