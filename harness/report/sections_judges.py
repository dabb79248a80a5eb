"""What judges said of the answers, and how far they can be believed."""

from harness.analysis.compatible import faults
from harness.analysis.judged import JudgeCheck, JudgedPair, JudgeStrengths
from harness.analysis.refusals import Refused
from harness.analysis.whole import Analysis
from harness.report.sections import Table
from harness.report.sections_numbers import Row, decimal, details, optional, probability, reasons, refusals, share
from harness.report.sections_published import published_table
from harness.report.wording import NOTHING

CHECK_COLUMNS = (
    "judge",
    "cell",
    "n",
    "unparsed",
    "passed %",
    "agreement, n",
    "agree %",
    "kappa",
    "corrected by labels",
)
ORDER_COLUMNS = (
    *("judge", "a", "b", "n in both orders", "a wins", "b wins", "ties", "torn", "unparsed", "torn for the first"),
    *("torn for the second", "p of the place", "in one order only"),
)
STRENGTH_COLUMNS = ("judge", "player", "matches", "strength, log odds [95 %]")
PREFERENCE_COLUMNS = ("judge", "a", "b", "matches", "decisive", "a wins", "b wins", "share of a %", "p")


def judge_lines(analysis: Analysis) -> Row:
    """Why there is nothing of some kind from judges."""
    pairs = () if isinstance(analysis.preferences, Refused) else analysis.preferences.strengths
    checks = () if isinstance(analysis.judges, Refused) else analysis.judges
    return (
        *refusals([("judges' preferences", analysis.preferences), ("judges' verdicts", analysis.judges)]),
        *reasons((f"strengths by {row.judge}", row.strengths.refused) for row in pairs),
        *reasons((f"agreement of {row.judge} on {_cell(row)}", row.agreement.refused) for row in checks),
        *refusals((f"corrected mean of {row.judge} on {_cell(row)}", row.corrected) for row in checks),
    )


def judge_tables(analysis: Analysis) -> tuple[Table, ...]:
    """Judges against the deterministic scorer, against their own other order, and whom they prefer."""
    checks = () if isinstance(analysis.judges, Refused) else analysis.judges
    found = details("Judges against the scorer", CHECK_COLUMNS, map(_check_row, checks), 2)
    if isinstance(analysis.preferences, Refused):
        return found
    pairs, strengths = analysis.preferences.pairs, analysis.preferences.strengths
    return (
        *found,
        *details("Pairs in both orders", ORDER_COLUMNS, map(_order_row, pairs), 3),
        *details("Strengths (Bradley-Terry with ties)", STRENGTH_COLUMNS, _strength_rows(strengths), 2),
        *published_table("pairwise preference", faults.TIES, PREFERENCE_COLUMNS, _preference_rows(pairs), names=3),
    )


def _cell(row: JudgeCheck) -> str:
    return f"{row.model}:{row.condition}"


def _check_row(row: JudgeCheck) -> Row:
    return (
        *(row.judge, _cell(row), str(row.n), str(row.unparsed), share(row.passed), str(row.agreement.n)),
        *(share(row.agreement.observed), optional(row.agreement.kappa, ".2f"), decimal(row.corrected)),
    )


def _order_row(row: JudgedPair) -> Row:
    found = row.orders
    counts = (found.n, found.wins_a, found.wins_b, found.ties, found.torn, found.unparsed, found.for_first)
    tested = probability(found.p) if found.n else NOTHING
    return (row.judge, row.a, row.b, *map(str, counts), str(found.for_second), tested, str(row.single))


def _strength_rows(rows: tuple[JudgeStrengths, ...]) -> list[Row]:
    return [
        (row.judge, one.player, str(one.matches), f"{one.strength:+.2f} [{one.low:.2f}, {one.high:.2f}]")
        for row in rows
        for one in row.strengths.strengths
    ]


def _preference_rows(rows: tuple[JudgedPair, ...]) -> list[Row]:
    return [
        (
            *(row.judge, row.a, row.b, str(found.matches), str(found.decisive), str(found.wins_a), str(found.wins_b)),
            *(NOTHING if found.share_a is None else f"{100 * found.share_a:.1f}", probability(found.p)),
        )
        for row in rows
        if (found := row.preference) is not None
    ]
