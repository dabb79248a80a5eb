"""What retrieval does within each model, against the same model's direct answers, in sentences."""

from collections.abc import Sequence

from harness.analysis.paired import Paired
from harness.analysis.refusals import Refused
from harness.analysis.substitutes import WithinModel
from harness.analysis.verdicts import SURE_BELOW
from harness.analysis.whole import ShareAnalysis
from harness.report.sections_numbers import Row, count, points, refusals

SINGLY_MOST = 6  # pairs or comparisons that each get a sentence of their own; above, one sentence sums up several
SUMS = {
    "ahead": "beat it",
    "may be ahead": "may beat it",
    "behind": "fall behind it",
    "may be behind": "may fall behind it",
    "open": "show no clear difference",
    "none": "have no interval",
}


def within_lines(shares: ShareAnalysis) -> Row:
    """What each declared condition does: one sentence each, one for models that are alike, or one over many."""
    if isinstance(shares.within, Refused):
        return refusals([("retrieval against direct answering", shares.within)])
    declared = [row for row in shares.within if row.declared]
    if not declared:
        return ()
    if len(declared) <= SINGLY_MOST:
        return tuple(_alike_sentence(rows) for rows in _alike(declared))
    kinds = [within_kind(row) for row in declared]
    parts = [f"{kinds.count(kind)} {words}" for kind, words in SUMS.items() if kind in kinds]
    return (f"Retrieval against direct answering, {len(declared)} cells within their models: {', '.join(parts)}.",)


def _alike(rows: Sequence[WithinModel]) -> list[list[WithinModel]]:
    """The rows of several models that say the same of one condition, together; all others one by one."""
    groups: dict[tuple[object, ...], list[WithinModel]] = {}
    for place, row in enumerate(rows):
        kind = within_kind(row)
        groups.setdefault((row.condition, row.baseline, place if kind == "none" else kind), []).append(row)
    return list(groups.values())


def _alike_sentence(rows: Sequence[WithinModel]) -> str:
    """What one condition does within its model, or within each of several, where it does the same."""
    first = rows[0]
    if len(rows) == 1:
        return within_sentence(first)
    n = sorted({row.n for row in rows})
    asked = count(n[0], "question") if len(n) == 1 else f"{n[0]} to {n[-1]} questions"
    gains = ", ".join(f"{row.model} {points(row.paired.difference)}" for row in rows if isinstance(row.paired, Paired))
    what = f"{first.condition} {_words(within_kind(first), first.baseline)} in {count(len(rows), 'model')}"
    return f"{what}, on {asked} each, in points: {gains}"


def within_kind(row: WithinModel) -> str:
    """How a condition stands to direct answering: its interval says the side, its adjusted p whether that is sure."""
    if isinstance(row.paired, Refused):
        return "none"
    found = row.paired.difference
    if found.low is None or found.high is None:
        return "none"
    if found.low <= 0 <= found.high:
        return "open"
    sure = row.adjusted is not None and row.adjusted.p < SURE_BELOW
    return f"{'' if sure else 'may be '}{'ahead' if found.low > 0 else 'behind'}"


def within_sentence(row: WithinModel) -> str:
    """What one condition does within its model."""
    names = f"{row.model}: {row.condition}"
    if isinstance(row.paired, Refused):
        return f"{names} is not compared with {row.baseline} ({row.paired.reason})"
    words = _words(within_kind(row), row.baseline)
    return f"{names} {words}: {points(row.paired.difference, ' points')} on {count(row.n, 'question')}"


def _words(kind: str, baseline: str) -> str:
    return {
        "ahead": f"beats {baseline}",
        "may be ahead": f"may beat {baseline}",
        "behind": f"falls behind {baseline}",
        "may be behind": f"may fall behind {baseline}",
        "open": f"shows no clear difference to {baseline}",
        "none": f"against {baseline}, no interval",
    }[kind]
