"""The table of metrics by name, and a case scored by one of them."""

import math
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from functools import cache
from importlib import import_module
from importlib.util import find_spec
from typing import Literal, cast

from harness.errors import MissingExtra, UnknownName
from harness.metrics.grounding import Entailment
from harness.metrics.overlap_libraries import Similarity
from harness.metrics.unscored import Unscored
from harness.records import Evidence, Score

Need = Literal[
    "answer",
    "references",
    "passages",
    "gold passages",
    "cited passages",
    "confidence",
    "logprobs",
    "reference loss",
    "entailment",
    "similarity",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Metric:
    """One metric: `higher_is_better` is None where neither direction is better, `range` holds both ends.

    `function` is a "module:function" over Evidence, resolved when used; `k` is the cut-off of a ranking metric and
    `package` what must be installed, as (module, distribution).
    """

    name: str
    version: int = 1
    higher_is_better: bool | None = True
    range: tuple[float, float] = (0.0, 1.0)
    needs: frozenset[Need]
    function: str
    k: int | None = None
    package: tuple[str, str] | None = None

    @property
    def column(self) -> str:
        """The column of the case table: `NAME@VERSION`."""
        return f"{self.name}@{self.version}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Models:
    """The models that some metrics ask; a metric whose model is None is unscored."""

    entailment: Entailment | None = None
    similarity: Similarity | None = None


NO_MODELS = Models()
_CASES = "harness.metrics.cases:"
_ANSWER: frozenset[Need] = frozenset({"answer"})
_REFERENCES: frozenset[Need] = frozenset({"answer", "references"})
_RANKING: frozenset[Need] = frozenset({"passages", "gold passages"})
_CITED: frozenset[Need] = frozenset({"passages"})
_ENTAILMENT: frozenset[Need] = frozenset({"answer", "passages", "entailment"})

_ROWS = (
    Metric(name="exact_match", needs=_REFERENCES, function=_CASES + "exact_match"),
    Metric(name="f1", needs=_REFERENCES, function=_CASES + "f1"),
    Metric(name="contains", needs=_REFERENCES, function=_CASES + "contains"),
    Metric(
        name="answer_words",
        higher_is_better=None,
        range=(0.0, math.inf),
        needs=_ANSWER,
        function=_CASES + "answer_words",
    ),
    Metric(name="blank", higher_is_better=None, needs=_ANSWER, function=_CASES + "blank"),
    Metric(name="value_accuracy", needs=_REFERENCES, function=_CASES + "value_accuracy"),
    Metric(name="value_accuracy_wattbot", needs=_REFERENCES, function=_CASES + "value_accuracy_wattbot"),
    Metric(
        name="ref_overlap",
        needs=frozenset({"answer", "cited passages", "gold passages"}),
        function=_CASES + "ref_overlap",
    ),
    Metric(name="hit_at_1", needs=_RANKING, function=_CASES + "hit", k=1),
    Metric(name="hit_at_3", needs=_RANKING, function=_CASES + "hit", k=3),
    Metric(name="hit_at_5", needs=_RANKING, function=_CASES + "hit", k=5),
    Metric(name="recall_at_3", needs=_RANKING, function=_CASES + "recall", k=3),
    Metric(name="ndcg_at_5", needs=_RANKING, function=_CASES + "ndcg", k=5),
    Metric(name="mrr", needs=_RANKING, function=_CASES + "mrr"),
    Metric(
        name="answer_in_context",
        needs=frozenset({"references", "passages"}),
        function=_CASES + "answer_in_context",
    ),
    Metric(name="context_recall", needs=frozenset({"references", "passages"}), function=_CASES + "context_recall"),
    Metric(name="citation_precision", needs=_CITED, function=_CASES + "citation_precision"),
    Metric(name="citation_precision_compatible", needs=_CITED, function=_CASES + "citation_precision_compatible"),
    Metric(name="citation_recall", needs=_CITED, function=_CASES + "citation_recall"),
    Metric(name="citation_coverage", needs=_CITED, function=_CASES + "citation_coverage"),
    Metric(name="grounded_fraction", needs=_CITED, function=_CASES + "grounded_fraction"),
    Metric(name="token_overlap", needs=frozenset({"answer", "passages"}), function=_CASES + "token_overlap"),
    Metric(name="faithfulness", needs=_ENTAILMENT, function=_CASES + "faithfulness"),
    Metric(name="faithfulness_compatible", needs=_ENTAILMENT, function=_CASES + "faithfulness_compatible"),
    Metric(name="hallucination", higher_is_better=False, needs=_ENTAILMENT, function=_CASES + "hallucination"),
    Metric(
        name="hallucination_compatible",
        higher_is_better=False,
        needs=_ENTAILMENT,
        function=_CASES + "hallucination_compatible",
    ),
    Metric(name="sequence_confidence", needs=frozenset({"logprobs"}), function=_CASES + "sequence_confidence"),
    Metric(name="stated_confidence", needs=frozenset({"answer", "confidence"}), function=_CASES + "stated_confidence"),
    Metric(
        name="loss",
        higher_is_better=False,
        range=(0.0, math.inf),
        needs=frozenset({"reference loss"}),
        function=_CASES + "loss",
    ),
    Metric(name="rouge_l", needs=_REFERENCES, function=_CASES + "rouge_l", package=("rouge_score", "rouge-score")),
    Metric(name="bleu", needs=_REFERENCES, function=_CASES + "bleu", package=("sacrebleu", "sacrebleu")),
    Metric(
        name="bert_score",
        range=(-1.0, 1.0),
        needs=frozenset({"answer", "references", "similarity"}),
        function=_CASES + "bert_score",
    ),
)
METRICS: Mapping[str, Metric] = {row.name: row for row in _ROWS}
_FAMILIES = {"hit_at_": METRICS["hit_at_1"], "recall_at_": METRICS["recall_at_3"], "ndcg_at_": METRICS["ndcg_at_5"]}
_FAMILY = re.compile(r"(hit_at_|recall_at_|ndcg_at_)([1-9][0-9]{0,5})")


def metric(name: str) -> Metric:
    """The metric of that name; `hit_at_K`, `recall_at_K` and `ndcg_at_K` exist for every K from 1.

    Raises:
        UnknownName: there is no such metric.
    """
    if name in METRICS:
        return METRICS[name]
    if found := _FAMILY.fullmatch(name):
        return replace(_FAMILIES[found[1]], name=name, k=int(found[2]))
    raise UnknownName("metric", name, METRICS)


def usable(names: Iterable[str]) -> tuple[Metric, ...]:
    """The metrics of these names, in order and each once, for a check before anything is answered.

    Raises:
        UnknownName: one does not exist.
        MissingExtra: one needs a package that is not installed.
    """
    found = tuple(metric(name) for name in dict.fromkeys(names))
    for wanted in found:
        if wanted.package is not None and find_spec(wanted.package[0]) is None:
            raise MissingExtra(f"the metric {wanted.name}", "text", [wanted.package[1]])
    return found


def columns(names: Iterable[str]) -> tuple[str, ...]:
    """The case table's columns for these metrics, in order and each once.

    Raises:
        UnknownName: one does not exist.
    """
    return tuple(metric(name).column for name in dict.fromkeys(names))


def score(name: str, evidence: Evidence, *, models: Models = NO_MODELS) -> Score:
    """What one metric says about one case: a value in the metric's range, or None with the reason it is unscored.

    A failed answer is unscored everywhere; an answer that could not be read wherever the answer as read is needed.

    Raises:
        UnknownName: there is no such metric.
        MissingExtra: the metric needs a package that is not installed.
    """
    wanted = metric(name)
    try:
        value = _measure(wanted, evidence, models)
    except Unscored as unscored:
        return Score(metric=wanted.name, version=wanted.version, value=None, reason=unscored.reason)
    return Score(metric=wanted.name, version=wanted.version, value=value)


def _measure(wanted: Metric, evidence: Evidence, models: Models) -> float:
    if evidence.answer.error is not None:
        raise Unscored(f"no answer: {evidence.answer.error}")
    if "answer" in wanted.needs and evidence.reading.problem is not None:
        raise Unscored(f"unparsed: {evidence.reading.problem}")
    function = _function(wanted.function)
    asked = {need: getattr(models, need) for need in ("entailment", "similarity") if need in wanted.needs}
    for need, model in asked.items():
        if model is None:
            raise Unscored(f"no {need} model was given")
    return function(evidence, **asked) if wanted.k is None else function(evidence, k=wanted.k)


@cache
def _function(place: str) -> Callable[..., float]:
    module, _, name = place.partition(":")
    return cast(Callable[..., float], getattr(import_module(module), name))
