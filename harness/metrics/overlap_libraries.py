"""ROUGE, BLEU and BERTScore through the libraries that the field keeps; nothing here downloads."""

from collections.abc import Callable, Sequence
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Any, Protocol

from harness.errors import MissingExtra, WeightsMissing
from harness.metrics.text import best
from harness.metrics.unscored import Unscored

_PERCENT = 100


class Similarity(Protocol):
    """A model that compares texts; `out[i]` is the similarity, in [-1, 1], of `pairs[i]`, an (answer, reference)."""

    def __call__(self, pairs: Sequence[tuple[str, str]]) -> Sequence[float]:
        """One similarity per pair, in order."""
        ...


def rouge_l(answer: str, references: Sequence[str]) -> float:
    """ROUGE-L F-measure on lower-cased words without stemming, in [0, 1]; the maximum over the references.

    Raises:
        MissingExtra: rouge-score is not installed.
        Unscored: there is no reference.

    Source: Lin 2004, ROUGE, ACL workshop on text summarisation; package rouge-score.
    """
    return best(_rouge_l(), answer, references)


def bleu(answer: str, references: Sequence[str]) -> float:
    """Sentence BLEU over all references at once, exponentially smoothed, in [0, 1].

    Raises:
        MissingExtra: sacrebleu is not installed.
        Unscored: there is no reference.

    Source: Papineni et al. 2002, ACL; Post 2018, arXiv:1804.08771; package sacrebleu.
    """
    sacrebleu = _library("sacrebleu", "the metric bleu", "sacrebleu")
    if not references:
        raise Unscored("the question has no reference answer")
    # Rounding inside the library can leave a perfect score a hair above 100.
    return min(1.0, float(sacrebleu.sentence_bleu(answer, list(references)).score) / _PERCENT)


def bert_score(answer: str, references: Sequence[str], similarity: Similarity) -> float:
    """The highest similarity to a reference, in [-1, 1].

    Raises:
        Unscored: there is no reference.

    Source: Zhang et al. 2020, BERTScore, arXiv:1904.09675.
    """
    return best(lambda said, reference: float(similarity([(said, reference)])[0]), answer, references)


def bert_similarity(folder: Path, *, layer: int) -> Similarity:
    """BERTScore F1 by the model in a local folder, read at one of its layers.

    Raises:
        MissingExtra: bert-score is not installed.
        WeightsMissing: there is no such folder.
    """
    library = _library("bert_score", "the metric bert_score", "bert-score")
    if not folder.is_dir():
        raise WeightsMissing(f"BERTScore looked for a model in {str(folder)!r}: no such folder; give a local model")
    scorer = library.BERTScorer(model_type=str(folder), num_layers=layer)

    def similarity(pairs: Sequence[tuple[str, str]]) -> list[float]:
        _, _, f1 = scorer.score([said for said, _ in pairs], [reference for _, reference in pairs])
        return [float(value) for value in f1]

    return similarity


@cache
def _rouge_l() -> Callable[[str, str], float]:
    library = _library("rouge_score.rouge_scorer", "the metric rouge_l", "rouge-score")
    scorer = library.RougeScorer(["rougeL"], use_stemmer=False)
    return lambda said, reference: float(scorer.score(reference, said)["rougeL"].fmeasure)


def _library(module: str, part: str, package: str) -> Any:  # noqa: ANN401 - these libraries have no types
    try:
        return import_module(module)
    except ImportError:
        raise MissingExtra(part, "text", [package]) from None
