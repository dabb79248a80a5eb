"""The table: every metric resolves, keeps its range and says why it has nothing to say."""

import math
import subprocess
import sys
from dataclasses import replace
from importlib import import_module
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.errors import MissingExtra, UnknownName
from harness.metrics.grounding import Inference
from harness.metrics.table import METRICS, Metric, Models, columns, metric, score, usable
from harness.metrics.unscored import Unscored
from harness.records import Answer, AnswerType, Evidence, Passage, Question, Reading
from tests.strategies import evidences

MODELS = Models(
    entailment=lambda pairs: [Inference(0.25, 0.5, 0.25) for _ in pairs],
    similarity=lambda pairs: [-0.5 for _ in pairs],
)
WITHOUT_PACKAGE = sorted(name for name, row in METRICS.items() if row.package is None)
FAMILIES = ("hit_at_", "recall_at_", "ndcg_at_")

ANSWER = Answer(
    text="The mill is old [1].",
    prompt_tokens=9,
    output_tokens=6,
    latency_s=0.1,
    logprobs=(math.log(0.5), math.log(0.5)),
    reference_nll=1.5,
)
EVIDENCE = Evidence(
    question=Question(id="q", text="How is the mill?", answers=("old", "very old"), gold_passages=("p1",)),
    answer=ANSWER,
    reading=Reading(value="Old", refs=("p1",), confidence=0.75),
    passages=(Passage(id="p0", text="The barn is new."), Passage(id="p1", text="The mill is old and tall.")),
)
UNANSWERABLE = replace(EVIDENCE, question=Question(id="q", text="?", answers=(), answerable=False))
DIRECT = replace(EVIDENCE, passages=())
CUT = replace(EVIDENCE, answer=replace(ANSWER, truncated_passages=1))


def said(value: str, **fields: Any) -> Evidence:
    return replace(EVIDENCE, reading=Reading(value=value, **fields))


@pytest.mark.parametrize("name", METRICS)
def test_every_row_names_itself_and_a_function(name: str) -> None:
    row = METRICS[name]
    module, _, function = row.function.partition(":")

    assert row.name == name
    assert callable(getattr(import_module(module), function))


@given(evidences)
def test_any_case_is_scored_in_range_or_given_a_reason(evidence: Evidence) -> None:
    found = {name: score(name, evidence, models=MODELS) for name in WITHOUT_PACKAGE}

    for name, said in found.items():
        low, high = METRICS[name].range
        assert (said.metric, said.version) == (name, METRICS[name].version)
        assert (said.value is None) is bool(said.reason), name
        assert said.value is None or low <= said.value <= high, name


@pytest.mark.parametrize("name", WITHOUT_PACKAGE)
def test_a_failed_answer_is_unscored_everywhere(name: str) -> None:
    failed = replace(EVIDENCE, answer=replace(ANSWER, text="", error="out of memory"))

    found = score(name, failed, models=MODELS)

    assert (found.value, found.reason) == (None, "no answer: out of memory")


@pytest.mark.parametrize("name", WITHOUT_PACKAGE)
def test_an_unreadable_answer_is_unscored_where_it_is_needed(name: str) -> None:
    found = score(name, said("", problem="no JSON object"), models=MODELS)

    assert (found.reason == "unparsed: no JSON object") is ("answer" in METRICS[name].needs)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("exact_match", 1.0),
        ("f1", 1.0),
        ("contains", 1.0),
        ("answer_words", 1.0),
        ("blank", 0.0),
        ("value_accuracy", 1.0),
        ("value_accuracy_wattbot", 1.0),
        ("ref_overlap", 1.0),
        ("hit_at_1", 0.0),
        ("hit_at_2", 1.0),
        ("hit_at_3", 1.0),
        ("hit_at_5", 1.0),
        ("recall_at_3", 1.0),
        ("ndcg_at_5", 1 / math.log2(3)),
        ("mrr", 0.5),
        ("answer_in_context", 1.0),
        ("citation_precision", 1.0),
        ("citation_precision_compatible", 1.0),
        ("citation_recall", 0.5),
        ("citation_coverage", 0.0),
        ("grounded_fraction", 1.0),
        ("token_overlap", 1.0),
        ("faithfulness", 0.25),
        ("faithfulness_compatible", 0.25),
        ("hallucination", 0.75),
        ("hallucination_compatible", 0.75),
        ("sequence_confidence", 0.5),
        ("stated_confidence", 0.75),
        ("loss", 1.5),
        ("bert_score", -0.5),
    ],
)
def test_a_plain_case_by_example(name: str, expected: float) -> None:
    assert score(name, EVIDENCE, models=MODELS).value == pytest.approx(expected)


@pytest.mark.parametrize("name", ["exact_match", "f1", "contains", "answer_in_context", "context_recall", "bert_score"])
def test_an_unanswerable_question_has_no_reference(name: str) -> None:
    assert "unanswerable" in str(score(name, UNANSWERABLE, models=MODELS).reason)


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("value_accuracy", "N/A", 1.0),
        ("value_accuracy", "old", 0.0),
        ("value_accuracy_wattbot", "old", 1.0),
        ("blank", "is_blank", 1.0),
        ("ref_overlap", "N/A", 1.0),
    ],
)
def test_an_unanswerable_question_wants_a_blank(name: str, value: str, expected: float) -> None:
    assert score(name, replace(UNANSWERABLE, reading=Reading(value=value))).value == expected


@pytest.mark.parametrize(
    ("name", "evidence", "reason"),
    [
        ("hit_at_1", DIRECT, "no passage was retrieved"),
        ("mrr", replace(EVIDENCE, question=replace(EVIDENCE.question, gold_passages=())), "names no gold passage"),
        ("ref_overlap", replace(EVIDENCE, question=replace(EVIDENCE.question, gold_passages=())), "no gold passage"),
        ("answer_in_context", DIRECT, "no passage in the prompt"),
        ("citation_recall", DIRECT, "no passage in the prompt"),
        ("citation_precision", replace(EVIDENCE, answer=replace(ANSWER, text="none")), "cites nothing"),
        ("context_recall", EVIDENCE, "three or more words"),
        ("token_overlap", DIRECT, "no passage in the prompt"),
        ("token_overlap", CUT, "did not fit"),
        ("faithfulness", DIRECT, "no passage in the prompt"),
        ("faithfulness", CUT, "did not fit"),
        ("faithfulness_compatible", CUT, "did not fit"),
        ("hallucination", CUT, "did not fit"),
        ("hallucination", said("N/A"), "claims nothing"),
        ("hallucination_compatible", CUT, "did not fit"),
        ("sequence_confidence", replace(EVIDENCE, answer=replace(ANSWER, logprobs=None)), "reports no"),
        ("stated_confidence", said("Old"), "states no confidence"),
        ("loss", replace(EVIDENCE, answer=replace(ANSWER, reference_nll=None)), "measured no loss"),
    ],
)
def test_what_a_case_lacks_is_the_reason(name: str, evidence: Evidence, reason: str) -> None:
    assert reason in str(score(name, evidence, models=MODELS).reason)


@pytest.mark.parametrize(("name", "need"), [("faithfulness", "entailment"), ("bert_score", "similarity")])
def test_a_metric_without_its_model_is_unscored(name: str, need: str) -> None:
    assert score(name, EVIDENCE).reason == f"no {need} model was given"


@pytest.mark.parametrize(
    ("name", "evidence", "expected"),
    [
        ("faithfulness_compatible", DIRECT, 0.0),
        ("hallucination_compatible", DIRECT, 1.0),
        ("hallucination_compatible", said(" "), 0.0),
    ],
)
def test_the_compatible_values_without_context_or_answer(name: str, evidence: Evidence, expected: float) -> None:
    assert score(name, evidence, models=MODELS).value == expected


@pytest.mark.parametrize(
    ("answer_type", "accepted", "expected"),
    [
        ("list", "[barn, mill]", 1.0),
        ("list", "[barn, well]", 0.0),
        ("list", "[]", 0.0),
        ("range", "[80,90]", 0.0),
        ("text", "tall", 1.0),
        ("boolean", "true", None),
        ("choice", "old", None),
    ],
)
def test_an_answer_in_context_by_its_type(answer_type: AnswerType, accepted: str, expected: float | None) -> None:
    question = replace(EVIDENCE.question, answer_type=answer_type, answers=(accepted,))

    assert score("answer_in_context", replace(EVIDENCE, question=question)).value == expected


def test_a_passage_that_did_not_fit_is_not_in_the_context() -> None:
    question = replace(EVIDENCE.question, answers=("tall",))

    assert score("answer_in_context", replace(CUT, question=question)).value == 0


def test_a_context_is_recalled_by_its_best_reference() -> None:
    question = replace(EVIDENCE.question, answers=("old", "The well is dry today.", "The mill is old."))

    assert score("context_recall", replace(EVIDENCE, question=question)).value == 1


@given(st.sampled_from(FAMILIES), st.integers(min_value=1, max_value=999))
def test_a_family_has_every_cut_off(family: str, k: int) -> None:
    found = metric(f"{family}{k}")

    assert (found.name, found.k) == (f"{family}{k}", k)


@pytest.mark.parametrize("name", ["", "f2", "hit_at_0", "hit_at_", "hit_at_01", "mrr_at_3", "hit_at_3 "])
def test_an_unknown_metric_is_refused(name: str) -> None:
    with pytest.raises(UnknownName, match="unknown metric"):
        metric(name)


def test_the_nearest_name_is_offered() -> None:
    with pytest.raises(UnknownName, match="did you mean 'exact_match'"):
        score("exact_mach", EVIDENCE)


def test_columns_carry_versions_in_order_and_once() -> None:
    assert columns(["f1", "hit_at_7", "f1"]) == ("f1@1", "hit_at_7@1")


def test_a_score_and_its_metric_share_a_column() -> None:
    assert score("f1", EVIDENCE).column == metric("f1").column


@pytest.mark.parametrize(
    ("name", "expected"),
    [("f1", True), ("hallucination", False), ("loss", False), ("answer_words", None), ("blank", None)],
)
def test_directions(name: str, expected: bool | None) -> None:
    assert metric(name).higher_is_better is expected


def test_usable_metrics_come_in_order_and_once() -> None:
    assert [row.name for row in usable(["mrr", "f1", "mrr"])] == ["mrr", "f1"]


def test_a_metric_whose_package_is_missing_is_not_usable(monkeypatch: pytest.MonkeyPatch) -> None:
    missing = Metric(
        name="f1", needs=frozenset(), function="nowhere:nothing", package=("no_such_module", "no-such-thing")
    )
    monkeypatch.setattr("harness.metrics.table.METRICS", {"f1": missing})

    with pytest.raises(MissingExtra, match=r"the metric f1 needs no-such-thing.*\[text\]"):
        usable(["f1"])


@pytest.mark.parametrize("name", ["rouge_l", "bleu"])
def test_the_libraries_score_through_the_table(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setattr(f"harness.metrics.overlap_libraries.{name}", lambda _, references: len(references) / 4)

    assert score(name, EVIDENCE).value == 0.5


@pytest.mark.parametrize(("text", "reason"), [("two\nlines", "two lines"), ("", "no reason given")])
def test_a_reason_is_one_line_and_never_empty(text: str, reason: str) -> None:
    assert Unscored(text).reason == reason


def test_scoring_imports_nothing_heavy() -> None:
    heavy = ("numpy", "torch", "transformers", "pandas", "scipy", "rouge_score", "sacrebleu", "bert_score")
    code = f"import sys, harness.metrics.table, harness.metrics.cases; print([m for m in {heavy} if m in sys.modules])"

    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert found.stdout.strip() == "[]"
