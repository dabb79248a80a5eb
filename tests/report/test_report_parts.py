"""Single sections where a part is missing, refused or on the other side of 0, and the front of cost and score."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.analysis.cells import Quantity
from harness.analysis.refusals import Refused
from harness.analysis.simulate import PlantedModel, Truth
from harness.report.sections import Section
from harness.report.sections_cost import cost_section, pareto, vote_section
from harness.report.sections_effects import comparison_part
from harness.report.sections_scaling import direct_section
from harness.report.sections_tiers import tier_section
from tests.report.planted_runs import Told, told

CELLS = st.lists(st.tuples(st.integers(0, 5), st.integers(0, 5)), min_size=1, max_size=12)


@pytest.fixture(scope="module")
def run() -> Told:
    models = tuple(
        PlantedModel(name=name, params_b=size, accuracy={"direct": base, "rag": base + 0.2})
        for name, size, base in (("s", 0.5, 0.2), ("m", 3.0, 0.35), ("l", 9.0, 0.5))
    )
    return told(Truth(models=models, questions=40, clusters=20, shared=0.4))


def cells(found: Section, caption: str) -> tuple[tuple[str, ...], ...]:
    return next(table.rows for table in found.tables if table.caption.startswith(caption))


@given(CELLS)
def test_nothing_beats_the_front_and_something_beats_all_others(found: list[tuple[int, int]]) -> None:
    named = [(f"c{place}", float(cost), float(score)) for place, (cost, score) in enumerate(found)]
    front = set(pareto(named))
    for name, cost, score in named:
        better = [one for one, c, s in named if (c <= cost and s > score) or (c < cost and s >= score)]
        assert (name in front) == (not better)


@given(CELLS)
def test_the_front_is_in_the_order_of_costs(found: list[tuple[int, int]]) -> None:
    named = [(f"c{place}", float(cost), float(score)) for place, (cost, score) in enumerate(found)]
    costs = {name: cost for name, cost, _ in named}
    told_costs = [costs[name] for name in pareto(named)]
    assert told_costs == sorted(told_costs)


def test_costs_are_told_with_their_n(run: Told) -> None:
    cost = Quantity(n=40, total=0.2, mean=0.005, median=0.004, most=0.01)
    priced = replace(run.summary, cells=tuple(replace(cell, cost_usd=cost) for cell in run.summary.cells))
    found = cost_section(priced, run.analysis)
    assert cells(found, "What answers take")[0][-2:] == ("0.005 (n 40)", "0.2")
    assert any(line.startswith("On the front of cost and share right: ") for line in found.lines)
    assert not any(line.startswith("Not computed: cost") for line in found.lines)


def test_latencies_that_are_refused_have_their_reason(run: Told) -> None:
    rows = tuple(replace(row, percentiles=(), refused="all ran together") for row in run.analysis.latencies)
    found = cost_section(run.summary, replace(run.analysis, latencies=rows))
    assert "Not computed: latency percentiles of s:direct, latency percentiles of s:rag" in " ".join(found.lines)
    assert not any(table.caption.startswith("Latency") for table in found.tables)


@pytest.mark.parametrize(
    ("low", "high", "words"),
    [(0.1, 0.2, "beats"), (-0.2, -0.1, "falls behind"), (-0.1, 0.1, "is not shown to differ from")],
)
def test_a_vote_is_judged_by_its_interval(run: Told, low: float, high: float, words: str) -> None:
    row = run.analysis.votes[0]
    pair = replace(row.vote.comparison, difference=replace(row.vote.comparison.difference, low=low, high=high))
    analysis = replace(run.analysis, votes=(replace(row, vote=replace(row.vote, comparison=pair)),))
    assert f"{words} the best single one" in vote_section(analysis).lines[0]


def test_a_vote_without_comparison_has_its_reason(run: Told) -> None:
    row = run.analysis.votes[0]
    vote = replace(row.vote, comparison=None, refused="one cluster")
    found = vote_section(replace(run.analysis, votes=(replace(row, vote=vote),)))
    assert found.lines == ("Not computed: the vote under direct: one cluster.",)
    assert found.tables == ()


def test_pairs_without_a_verdict_have_their_reason_in_their_row(run: Told) -> None:
    shares = run.analysis.headline
    gone = Refused(reason="nothing in common")
    best = tuple(replace(row, verdict=gone) for row in shares.best_substitutes)
    pairs = tuple(replace(row, verdict=gone) for row in shares.substitutes)
    analysis = replace(run.analysis, headline=replace(shares, best_substitutes=best, substitutes=pairs))
    row = cells(tier_section(analysis), "Pairs of models")[0]
    assert row == ("s + rag", "m direct", "0", "-", "-", "nothing in common", "-", "-", "-")
    assert cells(comparison_part(run.summary, analysis), "Every retrieval cell")[0][5] == "nothing in common"


def test_a_worth_that_is_refused_has_its_reason(run: Told) -> None:
    shares = run.analysis.headline
    worths = tuple(replace(row, worth=Refused(reason="flat")) for row in shares.worths)
    found = tier_section(replace(run.analysis, headline=replace(shares, worths=worths)))
    assert any(line.endswith("worth in parameters of l: flat.") for line in found.lines)


def test_a_line_that_could_not_be_fitted_has_its_reason(run: Told) -> None:
    line = run.analysis.headline.direct
    fit = replace(line.fit, slope=None, reason="all models have one size")
    analysis = replace(run.analysis, headline=replace(run.analysis.headline, direct=replace(line, fit=fit)))
    assert direct_section(analysis).lines == (
        "Not computed: the line of direct answering (3 models, 40 questions): all models have one size.",
    )


def test_what_limits_a_line_is_told(run: Told) -> None:
    line = run.analysis.headline.direct
    scale = replace(line.fit.scale, name="identity", reason="a share is at chance")
    fit = replace(line.fit, scale=scale, spans_zero=True, why_common="too few", corrected=("s",))
    changed = replace(line, fit=fit, unsized=("x",), dropped=2)
    analysis = replace(run.analysis, headline=replace(run.analysis.headline, direct=changed))
    text = " ".join(direct_section(analysis).lines)
    for part in (
        *("spans 0: no trend", "identity scale: a share is at chance.", "one intercept: too few."),
        *("half a question: s.", "no size: x.", "2 questions lack some model's score"),
    ):
        assert part in text


def test_comparisons_over_what_both_answered_are_told_where_some_were_dropped(run: Told) -> None:
    dropped = tuple(replace(found, dropped=1) for found in run.summary.comparisons)
    found = comparison_part(replace(run.summary, comparisons=dropped), run.analysis)
    assert len(cells(found, "Over the questions that both answered")) == 3
    none = comparison_part(run.summary, run.analysis)
    assert not any(table.caption.startswith("Over the questions") for table in none.tables)
