"""The kept libraries: their real behaviour where they are installed, and our own part of it everywhere."""

import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest
from hypothesis import given

from harness.errors import MissingExtra, WeightsMissing
from harness.metrics import overlap_libraries
from harness.metrics.unscored import Unscored
from tests.strategies import phrases

Measure = Callable[[str, list[str]], float]


@pytest.fixture(autouse=True)
def _fresh_scorer() -> Iterator[None]:
    overlap_libraries._rouge_l.cache_clear()
    yield
    overlap_libraries._rouge_l.cache_clear()


@pytest.mark.parametrize(
    ("measure", "module", "package"),
    [
        (overlap_libraries.rouge_l, "rouge_score.rouge_scorer", "rouge-score"),
        (overlap_libraries.bleu, "sacrebleu", "sacrebleu"),
    ],
)
def test_a_missing_library_is_named_with_its_extra(
    monkeypatch: pytest.MonkeyPatch, measure: Measure, module: str, package: str
) -> None:
    monkeypatch.setitem(sys.modules, module.partition(".")[0], None)
    monkeypatch.setitem(sys.modules, module, None)

    with pytest.raises(MissingExtra, match=rf"{package}.*pytest-scaling\[text\]"):
        measure("red", ["red"])


def test_rouge_is_the_best_f_measure_of_the_library(monkeypatch: pytest.MonkeyPatch) -> None:
    def score(target: str, prediction: str) -> dict[str, SimpleNamespace]:
        assert prediction == "said"
        return {"rougeL": SimpleNamespace(fmeasure={"one": 0.25, "two": 0.5}[target])}

    fake = SimpleNamespace(RougeScorer=lambda _, **__: SimpleNamespace(score=score))
    monkeypatch.setitem(sys.modules, "rouge_score", SimpleNamespace(rouge_scorer=fake))
    monkeypatch.setitem(sys.modules, "rouge_score.rouge_scorer", fake)

    assert overlap_libraries.rouge_l("said", ["one", "two"]) == 0.5


@pytest.mark.parametrize(("percent", "expected"), [(37.5, 0.375), (100.0000001, 1.0)])
def test_bleu_is_the_librarys_percentage_as_a_share(
    monkeypatch: pytest.MonkeyPatch, percent: float, expected: float
) -> None:
    fake = SimpleNamespace(sentence_bleu=lambda _, __: SimpleNamespace(score=percent))
    monkeypatch.setitem(sys.modules, "sacrebleu", fake)

    assert overlap_libraries.bleu("red", ["red"]) == expected


def test_bleu_needs_a_reference(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "sacrebleu", SimpleNamespace())

    with pytest.raises(Unscored, match="no reference"):
        overlap_libraries.bleu("red", [])


def test_bert_score_is_the_most_similar_reference() -> None:
    similar = {("said", "one"): 0.2, ("said", "two"): 0.7}

    found = overlap_libraries.bert_score("said", ["one", "two"], lambda pairs: [similar[pair] for pair in pairs])

    assert found == 0.7


def test_a_similarity_reads_the_local_model(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def scorer(*, model_type: str, num_layers: int) -> SimpleNamespace:
        assert (model_type, num_layers) == (str(tmp_path), 4)
        return SimpleNamespace(score=lambda said, references: ([0], [0], [len(said) / 2 + len(references) / 4]))

    monkeypatch.setitem(sys.modules, "bert_score", SimpleNamespace(BERTScorer=scorer))

    assert overlap_libraries.bert_similarity(tmp_path, layer=4)([("said", "one")]) == [0.75]


def test_a_similarity_never_downloads_its_model(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setitem(sys.modules, "bert_score", SimpleNamespace())

    with pytest.raises(WeightsMissing, match="no such folder"):
        overlap_libraries.bert_similarity(tmp_path / "roberta-large", layer=4)


@given(phrases)
def test_the_real_rouge_scores_a_text_one_against_itself(phrase: str) -> None:
    pytest.importorskip("rouge_score", reason="the extra 'text' is not installed")

    assert overlap_libraries.rouge_l(phrase, [phrase]) == 1


def test_the_real_rouge_follows_the_longest_common_subsequence() -> None:
    pytest.importorskip("rouge_score", reason="the extra 'text' is not installed")

    assert overlap_libraries.rouge_l("red boat sails", ["red fish sails"]) == pytest.approx(2 / 3)


def test_the_real_bleu_scores_a_sentence_one_against_itself() -> None:
    pytest.importorskip("sacrebleu", reason="the extra 'text' is not installed")

    assert overlap_libraries.bleu("the red boat sails north", ["else", "the red boat sails north"]) == pytest.approx(1)


def test_the_real_bleu_scores_foreign_words_near_zero() -> None:
    pytest.importorskip("sacrebleu", reason="the extra 'text' is not installed")

    assert overlap_libraries.bleu("one two three four five", ["the red boat sails north"]) < 0.2
