"""The first screen's sentences: what size, retrieval and both together buy, and how sure that is."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from harness.analysis.comparisons import Comparison
from harness.analysis.margin import MarginVerdict, Standing
from harness.analysis.refusals import Refused
from harness.analysis.size_advice import IntervalAdvice
from harness.analysis.substitutes import BestSubstitute
from harness.analysis.summary import told as comparison_sentence
from harness.analysis.uplift_line import UpliftLine
from harness.analysis.whole import Analysis, ShareAnalysis
from harness.report.sections_numbers import POINTS, Row, count, listed, points, refusals, three
from harness.report.sections_within import SINGLY_MOST, within_lines
from harness.report.wording import size

BELOW = "stand below, under tiers and substitutes"
PAIRS_MOST = 3  # pairs of models that each get a sentence of their own
CLAIMS_MOST = 6  # claims that do
AGAINST: Mapping[Standing, str] = {
    "superior": "beats",
    "equivalent": "matches",
    "non-inferior": "holds its own (at most {margin} worse) against",
    "inferior": "is worse than",
    "inferior by more than the margin": "is worse by more than {margin} than",
    "inconclusive": "inconclusive against",
}
OF_ALL: Mapping[Standing, str] = {
    "superior": "beat it",
    "equivalent": "match it",
    "non-inferior": "hold their own (at most {margin} worse)",
    "inferior": "worse",
    "inferior by more than the margin": "worse by more than {margin}",
    "inconclusive": "inconclusive",
}


class Claimed(Protocol):
    """A claim of the study after the run, as far as the report tells of it."""

    @property
    def name(self) -> str:
        """What is claimed, in words."""

    @property
    def verdict(self) -> str:
        """Whether it holds, in one word; "fails" for one that the data contradict."""

    @property
    def message(self) -> str:
        """The numbers behind it, in one paragraph."""

    @property
    def sentence(self) -> str:
        """Claim and verdict in one line."""

    @property
    def n(self) -> int | None:
        """The questions it rests on."""

    @property
    def needed(self) -> int | None:
        """The questions that would tell; None where it is told, or where no number can be given."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pair:
    """Who is compared with whom, by the names that a sentence uses."""

    small: str
    large: str


def verdict_lines(analysis: Analysis, claims: Sequence[Claimed] = (), comparisons: Sequence[Comparison] = ()) -> Row:
    """One sentence per claim, then what size buys, what retrieval buys, and whether the one replaces the other.

    Args:
        analysis: of the run.
        claims: the study's, after the run; of many, only those are told one by one that do not hold.
        comparisons: within models; told are those of models that were asked other questions than most.
    """
    claimed = claim_lines(claims)
    shares = analysis.headline
    if isinstance(shares, Refused):
        return (*claimed, *refusals([("every verdict", shares)]))
    found = (
        *(*claimed, *size_lines(analysis), *retrieval_lines(shares), *substitute_lines(analysis, shares)),
        *apart_lines(analysis, comparisons),
    )
    return tuple(f"{line.rstrip('. ')}." for line in found)


def claim_lines(claims: Sequence[Claimed]) -> Row:
    """One sentence per claim; of many, how many hold, and a sentence for each that fails or is not told."""
    if len(claims) <= CLAIMS_MOST:
        return tuple(f"Claim: {claim.sentence}" for claim in claims)
    words = [claim.verdict for claim in claims]
    untested = words.count("untested")
    apart = f"; not tested, since this run leaves their cells out: {untested}" if untested else ""
    held = f"{words.count('holds')} of {len(claims)} claims hold{apart}"
    return (held, *(f"Claim: {claim.sentence}" for claim in claims if claim.verdict not in {"holds", "untested"}))


def apart_lines(analysis: Analysis, comparisons: Sequence[Comparison]) -> Row:
    """What conditions do within the models that were asked other questions, and so are compared with no other model."""
    kept = {arm.model for arm in analysis.compared.arms}
    return tuple(
        f"Asked other questions: {comparison_sentence(found)}"
        for found in comparisons
        if found.task is None and found.model not in kept
    )


def size_lines(analysis: Analysis) -> Row:
    """What a larger model gains when it answers directly, and what that advises."""
    if isinstance(analysis.advice, Refused):
        return refusals([("what size buys", analysis.advice)])
    return tuple(f"Size: {_size_sentence(analysis, found)}" for found in analysis.advice if found.task is None)


def retrieval_lines(shares: ShareAnalysis) -> Row:
    """What retrieval does within each model, and how that changes with size."""
    return (*within_lines(shares), *_uplift_lines(shares))


def substitute_lines(analysis: Analysis, shares: ShareAnalysis) -> Row:
    """Smaller models with their best retrieval against larger ones that answer directly, within the margin."""
    if isinstance(shares.best_substitutes, Refused):
        return refusals([("small with retrieval against large", shares.best_substitutes)])
    if len(shares.best_substitutes) <= PAIRS_MOST:
        return tuple(
            verdict_sentence(pair_names(analysis, row), row.verdict, analysis.margin) for row in shares.best_substitutes
        )
    smaller = dict.fromkeys(row.small for row in shares.best_substitutes)
    if len(smaller) > SINGLY_MOST:
        largest = shares.best_substitutes[-1].large
        rows = [row for row in shares.best_substitutes if row.large == largest]
        return (_against_largest(analysis, rows), f"{count(len(shares.best_substitutes), 'pair')} of models {BELOW}")
    return _by_smaller(analysis, [[row for row in shares.best_substitutes if row.small == small] for small in smaller])


def verdict_sentence(pair: Pair, found: MarginVerdict | Refused, margin: float) -> str:
    """What a verdict says, in one sentence with the interval that decides it and its number of questions."""
    small, large, within = pair.small, pair.large, f"{margin_points(margin)} points"
    if isinstance(found, Refused):
        return f"{small} against {large}: no verdict ({found.reason})"
    if found.reason is not None:
        return f"{small} against {large}: inconclusive, no interval ({found.reason})"
    n = found.outer.n
    wide = f"{points(found.outer, ' points')} on {count(n, 'question')}"
    narrow = f"{points(found.inner, ' points')} (90 %) on {count(n, 'question')}"
    slightly = f", measurably worse, by less than {within}" if found.measurably_worse else ""
    told = {
        "superior": f"{small} beats {large}: {wide}",
        "equivalent": f"{small} matches {large} within {within}{slightly}: {narrow}",
        "non-inferior": f"{small} holds its own against {large}, at most {within} worse{slightly}: {narrow}",
        "inferior": f"{small} is worse than {large}: {wide}; whether by more than {within} is open",
        "inferior by more than the margin": f"{small} is worse than {large} by more than {within}: {wide}",
        "inconclusive": f"{small} against {large} within {within}: inconclusive, {wide}; {needed(found)}",
    }
    return told[found.standing]


def needed(found: MarginVerdict) -> str:
    """What an inconclusive verdict would need: questions, were the two the same."""
    power = found.power
    if power.power is None or power.n_needed is None:
        return f"how many it needs is unknown ({power.reason or power.n_reason})"
    if power.n_needed <= found.outer.n:
        return (
            f"{count(power.n, 'question')} would have shown it with a chance of {power.power:.2f} were they equal, so "
            "the difference may lie near the margin"
        )
    return f"needs about {count(power.n_needed, 'question')} if they are equal (chance with these: {power.power:.2f})"


def margin_points(margin: float) -> str:
    """The margin in points, as it was declared: "5"."""
    return three(POINTS * margin)


def pair_names(analysis: Analysis, row: BestSubstitute) -> Pair:
    """A best substitute by names: of its only cell where there is one, else of the choice."""
    return Pair(
        small=f"{row.small} + {chosen(analysis, row.small, 'retrieved')}",
        large=f"{row.large} {chosen(analysis, row.large, 'none')}",
    )


def chosen(analysis: Analysis, model: str, context: str) -> str:
    """What stands for a model's cells of one context: the only condition, or "best of 3 cells"."""
    arms = analysis.compared.arms
    found = [arm.condition for arm in arms if arm.model == model and arm.context == context and arm.is_base]
    return (
        found[0] if len(found) == 1 else f"best of {len(found)} {'retrieval' if context != 'none' else 'direct'} cells"
    )


def _size_sentence(analysis: Analysis, found: IntervalAdvice) -> str:
    line = direct_accuracy(analysis)
    on = "" if line is None else f", {count(len(line.models), 'model')}, {count(line.n, 'question')}"
    span = f"from {size(found.least_b)} to {size(found.most_b)} direct answering"
    if found.low is None or found.high is None:
        return f"{found.call}: {span} changes by {POINTS * found.gain:+.1f} points, no interval{on}"
    change = f"{POINTS * found.gain:+.1f} points [{POINTS * found.low:.1f}, {POINTS * found.high:.1f}]"
    margin = f"the margin of {margin_points(found.margin)}"
    why = {
        "scale up": f"wholly above {margin}: a larger model buys more than that",
        "do not scale": f"wholly below {margin}: a larger model does not buy that much",
        "test before deciding": f"on both sides of {margin}: test more models or questions before deciding",
    }[found.call]
    return f"{span} changes by {change}{on}; {why}"


def direct_accuracy(analysis: Analysis, quantity: str = "accuracy", task: str | None = None) -> UpliftLine | None:
    """The line of a quantity of direct answering by size; None where there is none."""
    direct = next((arm.condition for arm in analysis.compared.arms if arm.is_base and arm.context == "none"), None)
    if isinstance(analysis.quantities, Refused):
        return None
    found = [
        row.line for row in analysis.quantities if (row.condition, row.quantity, row.task) == (direct, quantity, task)
    ]
    return next((line for line in found if isinstance(line, UpliftLine)), None)


def _uplift_lines(shares: ShareAnalysis) -> Row:
    line = shares.best_uplift_by_size
    if isinstance(line, Refused) or line.slope is None or line.at_centre is None or line.centre is None:
        return ()
    at = f"{points(line.at_centre, ' points')} at {size(10**line.centre)}"
    on = f"{count(len(line.models), 'model')}, {count(line.n, 'question')}"
    change = points(line.slope, " points")
    trend = {
        True: "whether that changes with size is open",
        None: "no interval says whether that changes with size",
        False: "it " + ("grows" if line.slope.estimate > 0 else "shrinks") + " with size",
    }[line.spans_zero]
    return (f"Best retrieval buys {at} ({on}); {trend}: {change} per tenfold size.",)


def _by_smaller(analysis: Analysis, groups: Sequence[list[BestSubstitute]]) -> Row:
    """One sentence per smaller model, but one alone for all of which nothing is known against any larger model."""
    unknown = [rows for rows in groups if all(_standing(row) == "inconclusive" for row in rows)]
    if len(unknown) == 1:
        unknown = []
    told = tuple(_grouped(analysis, rows) for rows in groups if rows not in unknown)
    if not unknown:
        return told
    rows = [row for group in unknown for row in group]
    return (
        *told,
        f"{_each(analysis, unknown)} against larger models' direct answers{_on(rows)}: all inconclusive{_needs(rows)}",
    )


def _each(analysis: Analysis, groups: Sequence[list[BestSubstitute]]) -> str:
    """The smaller models of some groups, with what they retrieve by; that once, where it is the same for all."""
    models = [rows[0].small for rows in groups]
    chosen_by = {chosen(analysis, model, "retrieved") for model in models}
    if len(chosen_by) == 1:
        return f"{listed(models)}, each + {chosen_by.pop()},"
    return listed([pair_names(analysis, rows[0]).small for rows in groups])


def _grouped(analysis: Analysis, rows: Sequence[BestSubstitute]) -> str:
    """One smaller model against every larger one."""
    groups = [
        f"{words} {listed([row.large for row in found])}{_needs(found) if name == 'inconclusive' else ''}"
        for name, words, found in _by_standing(analysis, rows, AGAINST)
    ]
    return (
        f"{pair_names(analysis, rows[0]).small} against larger models' direct answers{_on(rows)}: {'; '.join(groups)}"
    )


def _against_largest(analysis: Analysis, rows: Sequence[BestSubstitute]) -> str:
    """Every smaller model against the largest."""
    groups = [
        f"{words}{_needs(found) if name == 'inconclusive' else ''}: {listed([row.small for row in found])}"
        for name, words, found in _by_standing(analysis, rows, OF_ALL)
    ]
    of = pair_names(analysis, rows[0]).large
    return f"Smaller models, each with its best retrieval, against {of}{_on(rows)}: {'; '.join(groups)}"


def _by_standing(
    analysis: Analysis, rows: Sequence[BestSubstitute], words: Mapping[Standing, str]
) -> Iterator[tuple[Standing, str, list[BestSubstitute]]]:
    within = f"{margin_points(analysis.margin)} points"
    for name, told in words.items():
        found = [row for row in rows if _standing(row) == name]
        if found:
            yield name, told.format(margin=within), found


def _standing(row: BestSubstitute) -> Standing:
    return "inconclusive" if isinstance(row.verdict, Refused) else row.verdict.standing


def _on(rows: Sequence[BestSubstitute]) -> str:
    n = [row.verdict.outer.n for row in rows if not isinstance(row.verdict, Refused)]
    ends = dict.fromkeys((min(n), max(n))) if n else ()
    return f" (n {'-'.join(map(str, ends))})" if ends else ""


def _needs(rows: Sequence[BestSubstitute]) -> str:
    known = sorted(set(_needed_numbers(rows)))
    if not known:
        return ""
    told = f"{known[0]:,}" if len(known) == 1 else f"{known[0]:,} to {known[-1]:,}"
    return f" (needs about {told} questions)"


def _needed_numbers(rows: Sequence[BestSubstitute]) -> Iterator[int]:
    for row in rows:
        number = None if isinstance(row.verdict, Refused) else row.verdict.power.n_needed
        if number is not None and not isinstance(row.verdict, Refused) and number > row.verdict.outer.n:
            yield number
