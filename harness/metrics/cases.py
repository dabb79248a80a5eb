"""Each metric on one case: which parts of the evidence it looks at, and when it has nothing to say."""

from harness.metrics import citations as cited
from harness.metrics import confidence, grounding, overlap_libraries, retrieval, text, values, wattbot
from harness.metrics.grounding import Entailment
from harness.metrics.overlap_libraries import Similarity
from harness.metrics.unscored import Unscored
from harness.records import Evidence


def exact_match(evidence: Evidence) -> float:
    """SQuAD exact match of the answer as read."""
    return text.exact_match(evidence.reading.value, _references(evidence))


def f1(evidence: Evidence) -> float:
    """SQuAD token F1 of the answer as read."""
    return text.f1(evidence.reading.value, _references(evidence))


def contains(evidence: Evidence) -> float:
    """Whether the answer as read contains a reference."""
    return text.contains(evidence.reading.value, _references(evidence))


def answer_words(evidence: Evidence) -> float:
    """Words of the answer as read."""
    return text.answer_words(evidence.reading.value)


def blank(evidence: Evidence) -> float:
    """1 if the answer as read stands for "no answer", else 0."""
    return float(wattbot.is_blank(evidence.reading.value))


def value_accuracy(evidence: Evidence) -> float:
    """Symmetric value accuracy of the answer as read."""
    return values.value_accuracy(evidence.reading.value, evidence.question)


def value_accuracy_wattbot(evidence: Evidence) -> float:
    """Value accuracy as the WattBot scorer counts; an unanswerable question is right whatever the answer."""
    question = evidence.question
    gold = (wattbot.BLANK,) if values.is_unanswerable(question) else question.answers
    return float(any(wattbot.value(accepted, evidence.reading.value) for accepted in gold))


def ref_overlap(evidence: Evidence) -> float:
    """Jaccard overlap of the passages cited with the gold ones; for an unanswerable question none is right."""
    question = evidence.question
    if not question.gold_passages and not values.is_unanswerable(question):
        raise Unscored("the question names no gold passage")
    return wattbot.jaccard(question.gold_passages, evidence.reading.refs)


def hit(evidence: Evidence, k: int) -> float:
    """Whether a gold passage is among the first k."""
    return retrieval.hit_at(k, _ranking(evidence), evidence.question.gold_passages)


def recall(evidence: Evidence, k: int) -> float:
    """Share of the gold passages among the first k."""
    return retrieval.recall_at(k, _ranking(evidence), evidence.question.gold_passages)


def ndcg(evidence: Evidence, k: int) -> float:
    """Discounted gain of the first k."""
    return retrieval.ndcg_at(k, _ranking(evidence), evidence.question.gold_passages)


def mrr(evidence: Evidence) -> float:
    """One over the rank of the first gold passage."""
    return retrieval.reciprocal_rank(_ranking(evidence), evidence.question.gold_passages)


def answer_in_context(evidence: Evidence) -> float:
    """Whether the passages that reached the model hold an accepted answer, of a list or range every item."""
    question, shown = evidence.question, _shown(evidence)
    if question.answer_type in {"boolean", "choice"}:
        raise Unscored(f"a {question.answer_type} answer is not a text to be found")
    whole = question.answer_type in {"text", "number"}
    needles = [(accepted,) if whole else values.list_items(accepted) for accepted in _references(evidence)]
    found = [min(retrieval.answer_in_context([part], shown) for part in parts) for parts in needles if parts]
    return max(found, default=0.0)


def context_recall(evidence: Evidence) -> float:
    """The best-held reference's share of sentences in the passages that reached the model."""
    shown, found = _shown(evidence), []
    for reference in _references(evidence):
        try:
            found.append(retrieval.context_recall(reference, shown))
        except Unscored as unscored:
            reason = unscored
    if not found:
        raise reason
    return max(found)


def citation_precision(evidence: Evidence) -> float:
    """Share of the citations that name a passage; unscored where nothing is cited."""
    return cited.citation_precision(_citations(evidence))


def citation_precision_compatible(evidence: Evidence) -> float:
    """The same, 1 where nothing is cited."""
    return cited.citation_precision_compatible(_citations(evidence))


def citation_recall(evidence: Evidence) -> float:
    """Share of the passages that are cited."""
    return cited.citation_recall(_citations(evidence))


def citation_coverage(evidence: Evidence) -> float:
    """Mean share of a cited passage's words that the answer repeats."""
    return _citations(evidence).mean_coverage


def grounded_fraction(evidence: Evidence) -> float:
    """Share of the answer's longer tokens that stand in the passages."""
    return cited.grounded_fraction(evidence.answer.text, _shown(evidence))


def token_overlap(evidence: Evidence) -> float:
    """Share of the answer's words that stand in the passages."""
    return grounding.token_overlap(_claim(evidence), _whole(evidence))


def faithfulness(evidence: Evidence, entailment: Entailment) -> float:
    """Strongest entailment by a passage; unscored without passages."""
    _whole(evidence)
    return faithfulness_compatible(evidence, entailment)


def faithfulness_compatible(evidence: Evidence, entailment: Entailment) -> float:
    """The same, 0 without passages."""
    sentence = grounding.hypothesis(evidence.question.text, _claim(evidence))
    return grounding.faithfulness(sentence, _uncut(evidence), entailment)


def hallucination(evidence: Evidence, entailment: Entailment) -> float:
    """How far the answer goes beyond the passages; unscored without passages."""
    _whole(evidence)
    _claim(evidence)
    return hallucination_compatible(evidence, entailment)


def hallucination_compatible(evidence: Evidence, entailment: Entailment) -> float:
    """The same, 1 without passages and 0 for an empty answer."""
    shown, value = _uncut(evidence), evidence.reading.value.strip()
    if not value:
        return 0.0
    return grounding.hallucination(grounding.hypothesis(evidence.question.text, value), shown, entailment)


def sequence_confidence(evidence: Evidence) -> float:
    """The exponential of the mean log-probability of the answer's tokens."""
    return confidence.sequence_confidence(evidence.answer.logprobs)


def stated_confidence(evidence: Evidence) -> float:
    """The number the answer states."""
    return confidence.stated_confidence(evidence.reading.confidence)


def loss(evidence: Evidence) -> float:
    """Mean negative log-likelihood per token of the gold answer."""
    return confidence.loss(evidence.answer.reference_nll)


def rouge_l(evidence: Evidence) -> float:
    """ROUGE-L of the answer as read."""
    return overlap_libraries.rouge_l(evidence.reading.value, _references(evidence))


def bleu(evidence: Evidence) -> float:
    """Sentence BLEU of the answer as read."""
    return overlap_libraries.bleu(evidence.reading.value, _references(evidence))


def bert_score(evidence: Evidence, similarity: Similarity) -> float:
    """BERTScore of the answer as read."""
    return overlap_libraries.bert_score(evidence.reading.value, _references(evidence), similarity)


def _references(evidence: Evidence) -> tuple[str, ...]:
    if values.is_unanswerable(evidence.question):
        raise Unscored("the question is unanswerable: it has no reference answer")
    return evidence.question.answers


def _ranking(evidence: Evidence) -> list[str]:
    return [passage.id for passage in evidence.passages]


def _uncut(evidence: Evidence) -> list[str]:
    """The passages, if none was dropped to fit the prompt: a claim may rest on what was cut."""
    if evidence.answer.truncated_passages:
        raise Unscored(f"{evidence.answer.truncated_passages} passages did not fit the prompt")
    return [passage.text for passage in evidence.passages]


def _whole(evidence: Evidence) -> list[str]:
    passages = _uncut(evidence)
    if not passages:
        raise Unscored("no passage in the prompt")
    return passages


def _shown(evidence: Evidence) -> list[str]:
    """The passages that reached the model: those that did not fit were dropped from the end."""
    kept = len(evidence.passages) - evidence.answer.truncated_passages
    if kept < 1:
        raise Unscored("no passage in the prompt")
    return [passage.text for passage in evidence.passages[:kept]]


def _claim(evidence: Evidence) -> str:
    if wattbot.is_blank(evidence.reading.value):
        raise Unscored("a blank answer claims nothing")
    return evidence.reading.value


def _citations(evidence: Evidence) -> cited.Citations:
    return cited.citations(evidence.answer.text, _shown(evidence))
