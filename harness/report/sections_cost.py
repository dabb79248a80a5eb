"""Sections 10 and 11: what answers take in time and money, who is on the front of both, and models that vote."""

from collections.abc import Sequence

from harness.analysis.cells import CellSummary
from harness.analysis.grid_answers import ConditionVote
from harness.analysis.latency import Latency, Percentile
from harness.analysis.paired import Paired
from harness.analysis.refusals import Refused
from harness.analysis.summary import RunSummary
from harness.analysis.whole import Analysis
from harness.report.sections import Section
from harness.report.sections_numbers import POINTS, Row, count, details, listed, points, reasons, refusals, share, table
from harness.report.wording import NOTHING, duration, latency, p_value, repeat_name, tokens

NO_COST = Refused(reason="no answer has a cost; it needs a price per token of the model")
NO_ENERGY = Refused(reason="no energy was measured")

COST_NOTES = (
    (
        "Percentiles are over answers that ran alone, with order-statistic intervals; a p95 needs 72 of them for a "
        "finite upper end, a p99 368. Waiting under load is another thing: latency @ how many prompts were answered "
        "together."
    ),
    (
        "On the front: no other cell is right more often at the same or a lower cost, by the point estimates; "
        "neighbours whose intervals overlap may change places."
    ),
)
VOTE_NOTES = (
    (
        "The vote (members and weights) and the best single model are both chosen on other questions than those they "
        "are judged on; optimism is what the same choice would have told on all questions too much."
    ),
)
FIGURES = (
    *("size_vs_latency", "size_vs_cost", "size_score_cost_bubble", "cost_vs_performance", "cost_vs_score"),
    *("energy_per_experiment", "size_vs_energy"),
)
LATENCY_COLUMNS = ("cell", "n alone", "together", "p50", "p95", "p99")
COST_COLUMNS = ("model", "condition", "n", "right % [95 %]", "tokens", "latency", "cost per answer, USD", "in all, USD")


def cost_section(summary: RunSummary, analysis: Analysis) -> Section:
    """10. Cost, latency, energy, and the front of what is right most often for its cost."""
    rows = () if isinstance(analysis.latencies, Refused) else analysis.latencies
    told_rows = [row for row in rows if row.refused is None]
    lines = (
        *_front_lines(summary.cells),
        *refusals([("latency percentiles", analysis.latencies), ("cost", _cost_of(summary.cells))]),
        *_latency_reasons(rows),
        *refusals([("energy", NO_ENERGY)]),
    )
    tables = (
        *details("What answers take", COST_COLUMNS, map(_cost_row, summary.cells), 2),
        *details("Latency of answers that ran alone", LATENCY_COLUMNS, map(_latency_row, told_rows)),
    )
    return Section(
        title="Cost, latency and energy", key="cost", lines=lines, tables=tables, notes=COST_NOTES, figures=FIGURES
    )


def vote_section(analysis: Analysis) -> Section:
    """11. Models that vote against the best single one."""
    votes = () if isinstance(analysis.votes, Refused) else analysis.votes
    lines = (
        *(line for row in votes for line in _vote_lines(row)),
        *refusals([("votes", analysis.votes)]),
    )
    columns = ("condition", "members", "n", "vote %", "best single %", "vote - single, points", "p", "optimism, vote")
    rows = (_vote_row(row, pair) for row in votes if (pair := row.vote.comparison) is not None)
    return Section(
        title="Ensembles",
        key="ensembles",
        lines=lines,
        tables=table("Votes", (*columns, "optimism, single"), rows),
        notes=VOTE_NOTES if votes else (),
        figures=("overall_ranking",),
    )


def pareto(cells: Sequence[tuple[str, float, float]]) -> tuple[str, ...]:
    """The names, by cost, of those (name, cost, score) than which no other is as cheap and as good, and better in one.

    Cells with the same cost and score are all on the front.
    """
    kept = [
        (cost, name)
        for name, cost, score in cells
        if not any(
            other_cost <= cost and other >= score and (other_cost, other) != (cost, score)
            for _, other_cost, other in cells
        )
    ]
    return tuple(name for _, name in sorted(kept))


def _front_lines(cells: Sequence[CellSummary]) -> Row:
    made = []
    costs = [
        (_name(cell), cell.cost_usd.mean, cell.share.intent_to_test.estimate)
        for cell in cells
        if cell.cost_usd is not None
    ]
    times = [
        (_name(cell), cell.latency_s.median, cell.share.intent_to_test.estimate)
        for cell in cells
        if cell.latency_s is not None
    ]
    for what, found in (("cost", costs), ("median latency as measured", times)):
        if len(found) > 1:
            made.append(
                f"On the front of {what} and share right: {listed(pareto(found))} ({count(len(found), 'cell')})."
            )
    return tuple(made)


def _name(cell: CellSummary) -> str:
    return f"{cell.model} {repeat_name(cell.condition, cell.repeat)}"


def _cost_of(cells: Sequence[CellSummary]) -> object:
    return NO_COST if all(cell.cost_usd is None for cell in cells) else None


def _cost_row(cell: CellSummary) -> Row:
    cost = cell.cost_usd
    return (
        *(cell.model, repeat_name(cell.condition, cell.repeat), str(cell.coverage.planned)),
        *(share(cell.share.intent_to_test), tokens(cell), latency(cell)),
        *((NOTHING, NOTHING) if cost is None else (f"{cost.mean:.2g} (n {cost.n})", f"{cost.total:.4g}")),
    )


def _latency_row(row: Latency) -> Row:
    return (row.cell, str(row.n), str(row.contended), *(_percentile(found) for found in row.percentiles))


def _percentile(found: Percentile) -> str:
    low, high = ("no bound" if end is None else duration(end) for end in (found.low_s, found.high_s))
    return f"{duration(found.estimate_s)} [{low}, {high}]"


def _latency_reasons(rows: Sequence[Latency]) -> Row:
    return reasons((f"latency percentiles of {row.cell}", row.refused) for row in rows)


def _vote_lines(row: ConditionVote) -> Row:
    found = row.vote
    if found.comparison is None:
        return reasons([(f"the vote under {row.condition}", found.refused)])
    difference = found.comparison.difference
    ends = (difference.low, difference.high)
    words = "is not shown to differ from"
    if ends[0] is not None and ends[0] > 0:
        words = "beats"
    elif ends[1] is not None and ends[1] < 0:
        words = "falls behind"
    return (
        (
            f"{row.condition}: the vote of up to {count(found.members, 'model')} {words} the best single one, "
            f"{points(difference, ' points')} on {count(found.n, 'question')}."
        ),
    )


def _vote_row(row: ConditionVote, pair: Paired) -> Row:
    found = row.vote
    optimism = [
        NOTHING if value is None else f"{POINTS * value:.1f}" for value in (found.optimism_vote, found.optimism_single)
    ]
    return (
        *(
            row.condition,
            str(found.members),
            str(found.n),
            f"{POINTS * pair.mean_a:.1f}",
            f"{POINTS * pair.mean_b:.1f}",
        ),
        *(points(pair.difference), p_value(pair), *optimism),
    )
