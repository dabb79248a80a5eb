"""Tables of verdicts: pairs in both orders, strengths, agreement with the scorer, and what cannot be read."""

import warnings

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.analysis.judged import NO_CASES, NO_PAIRS, Verdicts, judge_checks, judged_pairs
from harness.analysis.judges import both_orders
from harness.analysis.refusals import Refused
from harness.analysis.run import RunInfo
from harness.analysis.simulate import PlantedModel, Truth
from harness.analysis.simulate_tables import planted_tables
from harness.analysis.whole import analyse
from harness.errors import DataError

choices = st.sampled_from(["first", "second", "tie", "unparsed"])


def pairs(choices_by_order, *, a="x", b="y", **columns):
    rows = [
        {"a": a, "b": b, "dataset": "d", "question_id": f"q{turn:03d}", "first": first, "choice": choice}
        for turn, both in enumerate(choices_by_order)
        for first, choice in zip("ab", both, strict=True)
        if choice is not None
    ]
    return pd.DataFrame(rows).assign(**columns)


def judged(rows):
    return judged_pairs(Verdicts(pairs=rows))


@settings(max_examples=40, deadline=None)
@given(st.lists(st.tuples(choices, choices), min_size=1, max_size=12), st.randoms(use_true_random=False))
def test_orders_are_those_of_the_lists_in_any_order_of_rows(both, order) -> None:
    rows = pairs(both)
    places = list(range(len(rows)))
    order.shuffle(places)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        told = judged(rows.iloc[places])
    assert told.pairs[0].orders == both_orders([one for one, _ in both], [two for _, two in both])
    assert told.strengths[0].unparsed == sum(word == "unparsed" for two in both for word in two)
    assert told.strengths[0].strengths.n + told.strengths[0].unparsed == len(rows)


def test_a_question_in_one_order_is_counted_and_not_compared() -> None:
    (told,) = judged(pairs([("first", "second"), ("first", None), (None, "tie")])).pairs
    assert (told.orders.n, told.orders.wins_a, told.single) == (1, 1, 2)


def test_without_both_orders_nothing_is_agreed_on() -> None:
    (told,) = judged(pairs([("first", None)])).pairs
    assert (told.preference, told.orders.n, told.single) == (None, 0, 1)


def test_the_stronger_player_is_found_whatever_place_it_has() -> None:
    rng = np.random.default_rng(1)
    wins = rng.random(80) < 0.75
    both = [("first", "second") if win else ("second", "first") for win in wins]
    told = judged(pairs(both))
    best, worst = told.strengths[0].strengths.strengths
    assert (best.player, worst.player) == ("x", "y")
    assert best.low > 0
    assert told.pairs[0].preference.wins_a == wins.sum()


def test_a_judge_that_takes_the_first_place_prefers_nobody() -> None:
    told = judged(pairs([("first", "first")] * 20))
    assert (told.pairs[0].orders.torn, told.pairs[0].orders.for_first) == (20, 20)
    assert told.pairs[0].orders.p < 0.001
    assert [one.strength for one in told.strengths[0].strengths.strengths] == pytest.approx([0, 0], abs=1e-6)


def test_judges_are_kept_apart() -> None:
    both = [("first", "second")] * 3
    rows = pd.concat([pairs(both, judge="one"), pairs([two[::-1] for two in both], judge="two")])
    told = judged(rows)
    assert [(pair.judge, pair.orders.wins_a, pair.orders.wins_b) for pair in told.pairs] == [
        ("one", 3, 0),
        ("two", 0, 3),
    ]


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        (pairs([("first", "won")]), "1 verdicts have the choice 'won': one of first, second, tie, unparsed"),
        (pairs([("first", "first")]).assign(first="c"), "2 verdicts have the first 'c': one of a, b"),
        (pairs([("first", "tie")]).drop(columns="first"), "lacks the column 'first': it needs a, b, dataset"),
        (pd.concat([pairs([("tie", "tie")])] * 2), "2 verdicts stand twice, the first on question 'q000'"),
    ],
)
def test_a_damaged_table_is_one_line(rows, message) -> None:
    with pytest.raises(DataError) as raised:
        judged(rows)
    assert message in str(raised.value)
    assert "\n" not in str(raised.value)


@pytest.fixture(scope="module")
def tables():
    models = tuple(
        PlantedModel(name=name, params_b=size, accuracy={"direct": 0.5}) for name, size in (("a", 1), ("b", 8))
    )
    return planted_tables(Truth(models=models, questions=60, clusters=20), 1, {"direct": "none"})


def verdicts_of(tables, **columns):
    cases = tables.cases
    rows = cases[["model", "condition", "dataset", "question_id"]].astype(object)
    right = (cases["outcome"] == "correct").to_numpy()
    return rows.assign(verdict=np.where(right, "pass", "fail"), score=right.astype(float), **columns)


def test_a_judge_that_says_what_the_scorer_says_agrees_fully(tables) -> None:
    told = judge_checks(Verdicts(cases=verdicts_of(tables)), tables.cases)
    assert [(one.model, one.agreement.kappa, one.n) for one in told] == [("a", 1.0, 60), ("b", 1.0, 60)]
    assert all(isinstance(one.corrected, Refused) for one in told)


def test_unread_verdicts_are_neither_passes_nor_failures(tables) -> None:
    rows = verdicts_of(tables)
    rows.loc[rows["question_id"] < "q0000010", "verdict"] = "unparsed"
    first, _ = judge_checks(Verdicts(cases=rows), tables.cases)
    assert (first.unparsed, first.passed.n, first.agreement.n, first.agreement.unrated) == (10, 50, 50, 10)


def test_labels_correct_a_judge_that_is_too_kind(tables) -> None:
    rows = verdicts_of(tables, label=np.nan)
    truth = rows["score"].to_numpy().copy()
    rows["score"] = np.minimum(1.0, truth + 0.3)
    labelled = np.arange(len(rows)) % 2 == 0
    rows.loc[labelled, "label"] = truth[labelled]
    for one in judge_checks(Verdicts(cases=rows), tables.cases):
        own = truth[(rows["model"] == one.model).to_numpy()].mean()
        assert one.corrected.low <= own <= one.corrected.high


def test_verdicts_without_a_readable_one_or_a_label_say_so(tables) -> None:
    rows = verdicts_of(tables, label=np.nan).assign(verdict="unparsed")
    first, _ = judge_checks(Verdicts(cases=rows), tables.cases)
    assert first.passed == Refused(reason="needs 1 verdict that can be read, has 0")
    assert first.corrected == Refused(reason="needs 1 label of a scored answer, has 0 of 60")
    assert first.agreement.refused == "no question was rated by both"


def test_an_answer_that_the_run_does_not_hold_is_unrated(tables) -> None:
    rows = verdicts_of(tables).assign(dataset="elsewhere")
    first, _ = judge_checks(Verdicts(cases=rows), tables.cases)
    assert (first.agreement.n, first.agreement.unrated) == (0, 60)


def test_a_verdict_of_another_word_is_refused(tables) -> None:
    with pytest.raises(DataError, match="120 verdicts have the verdict 'good': one of pass, fail, unparsed"):
        judge_checks(Verdicts(cases=verdicts_of(tables).assign(verdict="good")), tables.cases)


def test_the_whole_analysis_tells_verdicts_where_there_are_some(tables) -> None:
    run = RunInfo(run="r", study="s", primary="p", planned=len(tables.cases))
    said = Verdicts(pairs=pairs([("first", "second"), ("second", "first"), ("tie", "tie")]), cases=verdicts_of(tables))
    told, bare = analyse(tables, run, 1, said), analyse(tables, run, 1)
    assert told.preferences.pairs[0].orders.n == 3
    assert [one.agreement.kappa for one in told.judges] == [1.0, 1.0]
    assert (bare.preferences, bare.judges) == (Refused(reason=NO_PAIRS), Refused(reason=NO_CASES))
