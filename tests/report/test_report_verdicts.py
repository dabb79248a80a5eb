"""The sentences of the first screen: one per standing, and none that says more than the intervals do."""

from dataclasses import replace
from typing import get_args

import pytest

from harness.analysis.intervals import Interval
from harness.analysis.line import Coefficient
from harness.analysis.margin import MarginVerdict, Standing, standing
from harness.analysis.multiplicity import Adjusted
from harness.analysis.paired import Paired
from harness.analysis.power import NonInferiorityPower
from harness.analysis.refusals import Refused
from harness.analysis.simulate import PlantedModel, Truth
from harness.analysis.substitutes import BestSubstitute, WithinModel
from harness.analysis.summary import told as comparison_sentence
from harness.analysis.uplift_line import UpliftLine
from harness.claims.results import ClaimResult
from harness.report.sections_verdicts import (
    Pair,
    apart_lines,
    claim_lines,
    direct_accuracy,
    retrieval_lines,
    substitute_lines,
    verdict_lines,
    verdict_sentence,
)
from harness.report.sections_within import within_kind, within_sentence
from tests.report.planted_runs import Told, told

PAIR = Pair(small="s + rag", large="l direct")
MARGIN = 0.05


def interval(low: float, high: float, level: float = 0.95, n: int = 282) -> Interval:
    middle = (low + high) / 2
    return Interval(estimate=middle, n=n, clusters=n, method="t", level=level, se=0.01, low=low, high=high)


def verdict(outer: tuple[float, float], inner: tuple[float, float], **changes: object) -> MarginVerdict:
    power = NonInferiorityPower(
        n=282,
        margin=MARGIN,
        true_difference=0.0,
        alpha=0.05,
        power_aimed=0.8,
        power=0.35,
        n_needed=420,
    )
    fields = {
        "standing": standing(outer, inner, MARGIN),
        "margin": MARGIN,
        "outer": interval(*outer),
        "inner": interval(*inner, level=0.9),
        "measurably_worse": False,
        "power": power,
    }
    return MarginVerdict(**{**fields, **changes})


STANDINGS = {
    "superior": ((0.01, 0.09), (0.02, 0.08), "s + rag beats l direct: +5.0 points [1.0, 9.0] on 282 questions"),
    "equivalent": (
        *((-0.05, 0.05), (-0.04, 0.04)),
        "s + rag matches l direct within 5 points: 0.0 points [-4.0, 4.0] (90 %) on 282 questions",
    ),
    "non-inferior": (
        *((-0.05, 0.11), (-0.04, 0.10)),
        (
            "s + rag holds its own against l direct, at most 5 points worse: +3.0 points [-4.0, 10.0] (90 %) "
            "on 282 questions"
        ),
    ),
    "inferior": (
        *((-0.09, -0.01), (-0.08, -0.02)),
        (
            "s + rag is worse than l direct: -5.0 points [-9.0, -1.0] on 282 questions; "
            "whether by more than 5 points is open"
        ),
    ),
    "inferior by more than the margin": (
        *((-0.20, -0.06), (-0.19, -0.07)),
        "s + rag is worse than l direct by more than 5 points: -13.0 points [-20.0, -6.0] on 282 questions",
    ),
    "inconclusive": (
        *((-0.10, 0.06), (-0.09, 0.05)),
        (
            "s + rag against l direct within 5 points: inconclusive, -2.0 points [-10.0, 6.0] on 282 questions; "
            "needs about 420 questions if they are equal (chance with these: 0.35)"
        ),
    ),
}


def test_every_standing_has_a_sentence() -> None:
    assert set(STANDINGS) == set(get_args(Standing))


@pytest.mark.parametrize("name", STANDINGS)
def test_a_standing_is_told_with_the_interval_that_decides_it(name: Standing) -> None:
    outer, inner, sentence = STANDINGS[name]
    found = verdict(outer, inner)
    assert found.standing == name
    assert verdict_sentence(PAIR, found, MARGIN) == sentence


def test_a_loss_within_the_margin_is_told() -> None:
    found = verdict((-0.045, -0.005), (-0.04, -0.01), measurably_worse=True)
    assert "within 5 points, measurably worse, by less than 5 points: " in verdict_sentence(PAIR, found, MARGIN)


@pytest.mark.parametrize(
    ("power", "told_as"),
    [
        (
            {"power": None, "reason": "nothing spreads", "n_needed": None},
            "how many it needs is unknown (nothing spreads)",
        ),
        ({"power": 0.9, "n_needed": 200}, "282 questions would have shown it with a chance of 0.90 were they equal"),
        ({"power": 0.1, "n_needed": None, "n_reason": "too small"}, "how many it needs is unknown (too small)"),
    ],
)
def test_an_inconclusive_verdict_says_what_it_needs(power: dict[str, object], told_as: str) -> None:
    found = verdict((-0.10, 0.06), (-0.09, 0.05))
    assert told_as in verdict_sentence(PAIR, replace(found, power=replace(found.power, **power)), MARGIN)


def test_no_verdict_has_its_reason() -> None:
    assert (
        verdict_sentence(PAIR, Refused(reason="no margin"), MARGIN)
        == "s + rag against l direct: no verdict (no margin)"
    )
    found = replace(verdict((-0.1, 0.06), (-0.09, 0.05)), reason="one cluster")
    assert verdict_sentence(PAIR, found, MARGIN).endswith("inconclusive, no interval (one cluster)")


def within(low: float | None, high: float | None, p: float | None = 0.01, **changes: object) -> WithinModel:
    found = interval(low or 0.0, high or 0.0)
    ends = {} if low is not None else {"low": None, "high": None, "refused": "one cluster"}
    pair = Paired(mean_a=0.5, mean_b=0.4, difference=replace(found, **ends), p_method="t", p=p)
    adjusted = None if p is None else Adjusted(p=p, method="Holm", size=2, exploratory=False)
    none = Refused(reason="none")
    fields = {"model": "s", "condition": "rag", "baseline": "direct", "context": "retrieved", "n": 282, "dropped": 0}
    return WithinModel(
        **{
            **fields,
            "paired": pair,
            "detectable": none,
            "power": none,
            "declared": True,
            "adjusted": adjusted,
            **changes,
        }
    )


@pytest.mark.parametrize(
    ("row", "kind", "sentence"),
    [
        (within(0.1, 0.3), "ahead", "s: rag beats direct: +20.0 points [10.0, 30.0] on 282 questions"),
        (within(0.1, 0.3, 0.2), "may be ahead", "s: rag may beat direct: +20.0 points [10.0, 30.0] on 282 questions"),
        (within(0.1, 0.3, None), "may be ahead", "s: rag may beat direct: +20.0 points [10.0, 30.0] on 282 questions"),
        (within(-0.3, -0.1), "behind", "s: rag falls behind direct: -20.0 points [-30.0, -10.0] on 282 questions"),
        (within(-0.3, -0.1, 0.06), "may be behind", "s: rag may fall behind direct: -20.0 points [-30.0, -10.0]"),
        (within(-0.1, 0.3), "open", "s: rag shows no clear difference to direct: +10.0 points [-10.0, 30.0]"),
        (within(None, None), "none", "s: rag against direct, no interval: 0.0 points on 282 questions"),
        (within(0.1, 0.3, paired=Refused(reason="gone")), "none", "s: rag is not compared with direct (gone)"),
    ],
)
def test_a_comparison_is_sure_only_with_interval_and_adjusted_p(row: WithinModel, kind: str, sentence: str) -> None:
    assert within_kind(row) == kind
    assert within_sentence(row).startswith(sentence)


def model(name: str, params_b: float, direct: float, rag: float) -> PlantedModel:
    return PlantedModel(name=name, params_b=params_b, accuracy={"direct": direct, "rag": rag, "rag-2": rag})


@pytest.fixture(scope="module")
def found() -> Told:
    """Five models, so that pairs and comparisons are more than get sentences of their own."""
    models = tuple(model(f"m{place}", 0.5 * 3**place, 0.2 + 0.1 * place, 0.5 + 0.08 * place) for place in range(5))
    return told(Truth(models=models, questions=60, clusters=20, icc=0.1, shared=0.4))


def test_every_line_is_a_sentence(found: Told) -> None:
    lines = verdict_lines(found.analysis)
    assert all(line.endswith(".") and not line.endswith("..") for line in lines)


def test_many_pairs_are_one_sentence_per_smaller_model(found: Told) -> None:
    lines = substitute_lines(found.analysis, found.analysis.headline)
    assert [line.split()[0] for line in lines] == ["m0", "m1", "m2", "m3"]
    assert all("best of 2 retrieval cells against larger models' direct answers (n 60): " in line for line in lines)


def test_a_sentence_of_several_pairs_names_each_larger_model_once(found: Told) -> None:
    line = substitute_lines(found.analysis, found.analysis.headline)[0]
    assert [line.count(f"m{place}") for place in range(1, 5)] == [1, 1, 1, 1]


def test_more_smaller_models_still_are_one_sentence_against_the_largest(found: Told) -> None:
    shares = found.analysis.headline
    verdicts = [verdict(outer, inner) for outer, inner, _ in STANDINGS.values()]
    rows = tuple(
        BestSubstitute(small=f"s{place}", large="m4", verdict=verdicts[place % 6], sensitivity=()) for place in range(7)
    )
    first, second = substitute_lines(found.analysis, replace(shares, best_substitutes=rows))
    assert first == (
        "Smaller models, each with its best retrieval, against m4 direct (n 282): beat it: s0 and s6; match it: s1; "
        "hold their own (at most 5 points worse): s2; worse: s3; worse by more than 5 points: s4; "
        "inconclusive (needs about 420 questions): s5"
    )
    assert second.startswith("7 pairs of models stand below")


def test_inconclusive_pairs_tell_the_questions_they_need(found: Told) -> None:
    shares = found.analysis.headline
    open_verdict = verdict((-0.10, 0.06), (-0.09, 0.05))
    more = replace(open_verdict, power=replace(open_verdict.power, n_needed=900))
    rows = tuple(
        BestSubstitute(small=row.small, large=row.large, verdict=(open_verdict, more)[place % 2], sensitivity=())
        for place, row in enumerate(shares.best_substitutes)
    )
    (line,) = substitute_lines(found.analysis, replace(shares, best_substitutes=rows))
    assert line == (
        "m0, m1, m2 and m3, each + best of 2 retrieval cells, against larger models' direct answers (n 282): "
        "all inconclusive (needs about 420 to 900 questions)"
    )
    same = tuple(replace(row, verdict=more) for row in rows)
    assert "(needs about 900 questions)" in substitute_lines(found.analysis, replace(shares, best_substitutes=same))[0]


def test_pairs_without_a_verdict_are_inconclusive_and_need_no_number(found: Told) -> None:
    shares = found.analysis.headline
    rows = tuple(replace(row, verdict=Refused(reason="no")) for row in shares.best_substitutes)
    (line,) = substitute_lines(found.analysis, replace(shares, best_substitutes=rows))
    assert line.endswith("direct answers: all inconclusive")


def test_one_model_of_which_nothing_is_known_has_a_sentence_like_the_others(found: Told) -> None:
    shares = found.analysis.headline
    known, unknown = (verdict(*STANDINGS[name][:2]) for name in ("superior", "inconclusive"))
    rows = tuple(replace(row, verdict=unknown if row.small == "m0" else known) for row in shares.best_substitutes)
    line = substitute_lines(found.analysis, replace(shares, best_substitutes=rows))[0]
    assert line.startswith("m0 + best of 2 retrieval cells against larger models' direct answers (n 282): inconclusive")


def test_many_comparisons_are_one_count(found: Told) -> None:
    shares = found.analysis.headline
    kinds = [within(0.1, 0.3), within(0.1, 0.3, 0.2), within(-0.1, 0.3)] * 3
    line = retrieval_lines(replace(shares, within=tuple(kinds)))[0]
    assert line.endswith("9 cells within their models: 3 beat it, 3 may beat it, 3 show no clear difference.")


def test_models_of_which_the_same_is_said_share_a_sentence(found: Told) -> None:
    shares = found.analysis.headline
    rows = (within(0.1, 0.3), within(-0.1, 0.3), replace(within(0.2, 0.4), model="big"))
    lines = retrieval_lines(replace(shares, within=rows))
    name, condition, baseline = rows[0].model, rows[0].condition, rows[0].baseline
    assert lines[0] == (
        f"{condition} beats {baseline} in 2 models, on {rows[0].n} questions each, in points: "
        f"{name} +20.0 [10.0, 30.0], big +30.0 [20.0, 40.0]"
    )
    assert lines[1].startswith(f"{name}: {condition} shows no clear difference to {baseline}: ")


def claim(name: str, verdict_of: str) -> ClaimResult:
    return ClaimResult(name=name, verdict=verdict_of, message="-5 points")


def test_few_claims_are_told_one_by_one() -> None:
    assert claim_lines([claim("a", "holds"), claim("b", "fails")]) == ("Claim: a: holds", "Claim: b: fails")


def test_of_many_claims_those_are_told_that_do_not_hold() -> None:
    claims = [*(claim(f"c{place}", "holds") for place in range(6)), claim("d", "fails"), claim("e", "untested")]
    assert claim_lines(claims) == (
        "6 of 8 claims hold; not tested, since this run leaves their cells out: 1",
        "Claim: d: fails",
    )


def test_a_model_that_was_asked_other_questions_is_told_of_apart(found: Told) -> None:
    row = found.summary.comparisons[0]
    others = [replace(row, model="apart"), replace(row, model="apart", task="t")]
    assert [line.split(" (")[0] for line in apart_lines(found.analysis, [row, *others])] == [
        f"Asked other questions: {comparison_sentence(others[0])}".split(" (")[0]
    ]


def test_conditions_that_are_no_retrieval_are_no_verdict(found: Told) -> None:
    shares = found.analysis.headline
    others = tuple(replace(row, declared=False) for row in shares.within)
    assert len(retrieval_lines(replace(shares, within=others))) == 1


def uplift(low: float | None, high: float | None) -> UpliftLine:
    slope = Coefficient(estimate=0.05 if low is None else (low + (high or 0.0)) / 2, level=0.95, low=low, high=high)
    spans = None if low is None or high is None else low <= 0 <= high
    at = Coefficient(estimate=0.2, level=0.95, low=0.1, high=0.3)
    return UpliftLine(
        models=("a", "b", "c"),
        left_out=(),
        n=60,
        slope=slope,
        at_centre=at,
        centre=0.0,
        spans_zero=spans,
    )


@pytest.mark.parametrize(
    ("line", "words"),
    [
        (uplift(0.01, 0.05), "it grows with size: +3.0 points [1.0, 5.0] per tenfold size"),
        (uplift(-0.05, -0.01), "it shrinks with size: -3.0 points"),
        (uplift(-0.01, 0.05), "whether that changes with size is open"),
        (uplift(None, None), "no interval says whether that changes with size: +5.0 points per tenfold size"),
    ],
)
def test_a_trend_is_told_only_with_an_interval_that_excludes_0(found: Told, line: UpliftLine, words: str) -> None:
    shares = replace(found.analysis.headline, best_uplift_by_size=line)
    assert words in retrieval_lines(shares)[-1]
    assert "Best retrieval buys +20.0 points [10.0, 30.0] at 1B (3 models, 60 questions)" in retrieval_lines(shares)[-1]


@pytest.mark.parametrize(
    ("low", "high", "call", "words"),
    [
        (0.1, 0.3, "scale up", "+20.0 points [10.0, 30.0], 5 models, 60 questions; wholly above the margin of 5"),
        (-0.1, 0.02, "do not scale", "wholly below the margin of 5"),
        (-0.1, 0.2, "test before deciding", "on both sides of the margin of 5"),
        (None, None, "test before deciding", "Size: test before deciding: from 500M to 40.5B direct answering changes"),
    ],
)
def test_size_is_advised_by_its_interval(
    found: Told, low: float | None, high: float | None, call: str, words: str
) -> None:
    row = replace(found.analysis.advice[0], low=low, high=high, gain=0.2, call=call)
    (line, *_) = verdict_lines(replace(found.analysis, advice=(row,)))
    assert words in line


def test_no_line_is_found_where_there_is_none(found: Told) -> None:
    assert direct_accuracy(found.analysis, "loss") is None
    assert direct_accuracy(replace(found.analysis, quantities=Refused(reason="gone"))) is None
