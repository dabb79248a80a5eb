"""What the store holds of a study, case by case: what every report and every rescoring starts from."""

from collections.abc import Iterable, Sequence
from typing import cast

from harness.planning import Planned, Planner
from harness.records import Answer, Case, CaseResult, Evidence, Reading, Score
from harness.scoring import Judged, confidence, current_version, evidence, gold_hash, judge, outcome, primary_metric
from harness.store import ScoreRow, Store, Stored
from harness.study import Study

MOST_AGAIN = 5000


def case_results(study: Study, planner: Planner, store: Store, cases: Sequence[Case]) -> tuple[CaseResult, ...]:
    """One result per case, in order; a case without an answer has outcome None, or "error" when it failed last."""
    planned = [planner.plan(case) for case in cases]
    stored = store.answers({plan.key: plan.prompt.reference for plan in planned})
    ids = [kept.id for kept in stored.values()]
    scores, flips = store.scores(ids), store.flip_checks(ids)
    failures = store.failures([plan.key for plan in planned if plan.key not in stored])
    return tuple(
        _answered(study, plan, kept, scores.get(kept.id, []), flips.get(kept.id))
        if (kept := stored.get(plan.key)) is not None
        else _unanswered(plan, failures.get(plan.key))
        for plan in planned
    )


def _unanswered(plan: Planned, failure: str | None) -> CaseResult:
    return CaseResult(
        case=plan.case,
        key=plan.key,
        outcome=None if failure is None else "error",
        passages=plan.prompt.passages,
        error=failure,
    )


def _answered(
    study: Study, plan: Planned, stored: Stored, rows: Sequence[ScoreRow], by_itself: str | None
) -> CaseResult:
    judged = judge_stored(study, plan, stored.answer, rows)
    sure = confidence(judged.evidence)
    return CaseResult(
        case=plan.case,
        key=plan.key,
        outcome=judged.outcome,
        answer=stored.answer,
        reading=judged.evidence.reading,
        passages=plan.prompt.passages,
        scores=judged.scores,
        primary=judged.primary,
        confidence=None if sure is None else sure[0],
        confidence_source=None if sure is None else sure[1],
        flipped=None if by_itself is None else by_itself != stored.answer.text,
    )


def judge_stored(
    study: Study, plan: Planned, answer: Answer, rows: Iterable[ScoreRow], metrics: Sequence[str] = ()
) -> Judged:
    """The stored scores of today's metric versions and gold side.

    What of the study's metrics, the named ones and the primary one is not stored is computed.
    """
    question = plan.case.question
    found = evidence(question, plan.prompt.template, answer, plan.prompt.passages)
    gold = gold_hash(question)
    kept = {row.score.metric: row.score for row in rows if row.gold == gold and _is_current(row.score)}
    name = primary_metric(question, study.primary)
    missing = [metric for metric in (*study.metrics, *metrics) if metric not in kept]
    if name in kept and not missing:
        scores = kept
    else:
        fresh = judge(found, missing, declared=study.primary, correct_at=study.correct_at)
        scores = kept | {score.metric: score for score in fresh.scores}
    return Judged(
        evidence=found,
        scores=tuple(scores[metric] for metric in sorted(scores)),
        primary=scores[name],
        outcome=outcome(found, scores[name], correct_at=study.correct_at),
    )


def _is_current(score: Score) -> bool:
    """A score of today's version of its metric, or one that a test of the user's recorded under its own name."""
    return score.version == current_version(score.metric)


def rescore(study: Study, planner: Planner, store: Store, cases: Sequence[Case]) -> int:
    """Compute every score of every stored answer again and keep it; returns how many answers were scored."""
    planned = [planner.plan(case) for case in cases]
    stored = store.answers({plan.key: plan.prompt.reference for plan in planned})
    rows = [row for plan in planned if plan.key in stored for row in score_rows(study, plan, stored[plan.key])]
    store.add_scores(rows)
    return len({row.answer_id for row in rows})


def scores_again(study: Study, results: Sequence[CaseResult]) -> dict[str, tuple[Score, ...]]:
    """The study's scores of stored answers, computed anew, by the case's label; of MOST_AGAIN cases, evenly spread."""
    answered = [result for result in results if result.answer is not None and result.reading is not None]
    again = {}
    for result in answered[:: -(-len(answered) // MOST_AGAIN) or 1]:
        found = Evidence(
            question=result.case.question,
            answer=cast(Answer, result.answer),
            reading=cast(Reading, result.reading),
            passages=result.passages,
        )
        again[result.case.label] = judge(
            found, study.metrics, declared=study.primary, correct_at=study.correct_at
        ).scores
    return again


def score_rows(study: Study, plan: Planned, stored: Stored) -> list[ScoreRow]:
    """The study's metrics and the primary one, computed now, as rows to keep."""
    gold = gold_hash(plan.case.question)
    scores = judge_stored(study, plan, stored.answer, ()).scores
    return [ScoreRow(answer_id=stored.id, gold=gold, score=score) for score in scores]
