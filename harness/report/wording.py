"""Numbers as they are read: rounded here and nowhere before."""

from collections.abc import Mapping, Sequence
from math import inf

from harness.analysis.audit import Rate
from harness.analysis.cells import CellSummary, MetricMean
from harness.analysis.frame import TemplateMark
from harness.analysis.multiplicity import Adjusted
from harness.analysis.paired import Paired
from harness.analysis.run import RunInfo
from harness.analysis.verdicts import percent
from harness.metrics.table import METRICS

NOTHING = "-"
LEAST_P = 0.001
LEAST_S = 0.1
HASH_SHOWN = 12
SHORT = {"Benjamini-Hochberg": "BH"}


def size(params_b: float | None) -> str:
    """Parameters as people say them: 30K, 135M, 1.5B, 1.8T; "unknown" for None."""
    if params_b is None:
        return "unknown"
    for unit, scale in (("T", 1e-3), ("B", 1.0), ("M", 1e3)):
        shown = float(f"{params_b * scale:.3g}")
        if shown >= 1:
            return f"{shown:g}{unit}"
    return f"{params_b * 1e6:.3g}K"


def repeat_name(condition: str, repeat: int) -> str:
    """A condition with the number of its repeat, counted from 1, after the first: "rag", "rag #2"."""
    return f"{condition} #{repeat + 1}" if repeat else condition


def tokens(cell: CellSummary) -> str:
    """Mean prompt and answer tokens, "312/18"."""
    if cell.prompt_tokens is None or cell.output_tokens is None:
        return NOTHING
    return f"{cell.prompt_tokens.mean:.0f}/{cell.output_tokens.mean:.0f}"


def latency(cell: CellSummary) -> str:
    """Median time and the median number of prompts answered together, "3.2s@16", "9.7ms@16"."""
    if cell.latency_s is None or cell.concurrency is None:
        return NOTHING
    return f"{duration(cell.latency_s.median)}@{cell.concurrency.median:.0f}"


def duration(seconds: float) -> str:
    """Seconds with two digits and no exponent, milliseconds below 0.1 s: "120s", "3.2s", "9.7ms"."""
    amount, unit = (seconds, "s") if seconds >= LEAST_S or not seconds else (1000 * seconds, "ms")
    return f"{amount:.0f}{unit}" if amount >= 10 else f"{amount:.2g}{unit}"  # noqa: PLR2004 - two digits from there on


def decimal_mean(found: MetricMean, *, interval: bool = False) -> str:
    """A mean with three decimals and, asked for and there, its interval."""
    if found.mean is None:
        return NOTHING
    if not interval or found.mean.low is None or found.mean.high is None:
        return f"{found.mean.estimate:.3f}"
    known = METRICS.get(found.metric.rpartition("@")[0])
    least, most = (-inf, inf) if known is None else known.range
    # a t interval over few questions can reach beyond what the metric can be
    low, high = max(least, found.mean.low), min(most, found.mean.high)
    return f"{found.mean.estimate:.3f} [{low:.3f}, {high:.3f}]"


def p_value(pair: Paired) -> str:
    """A p-value with three decimals; never shown as 0."""
    if pair.p is None:
        return NOTHING
    return _probability(pair.p)


def adjusted_p(found: Adjusted | None) -> str:
    """An adjusted p-value with its method and the size of its family: "0.030 (Holm, 10)"."""
    if found is None:
        return NOTHING
    return f"{_probability(found.p)} ({SHORT.get(found.method, found.method)}, {found.size})"


def correct_rule(info: RunInfo) -> str:
    """When a case is correct, as words: "exact_match at 1 or above"."""
    side = "above" if info.higher_is_better.get(info.primary, True) else "below"
    return f"{info.primary} at {info.correct_at:g} or {side}"


def direction(metric: str, directions: Mapping[str, bool]) -> str:
    """Which way a metric is better, or nothing where it is neither."""
    higher = directions.get(metric.rpartition("@")[0])
    return NOTHING if higher is None else ("higher" if higher else "lower")


def flip_line(flips: Rate) -> str:
    """How many answers change when their prompt is asked alone: "flips: 1 of 40 answers differ at batch size 1 …"."""
    differ = "answer differs" if flips.share.n == 1 else "answers differ"
    return f"flips: {flips.count} of {flips.share.n} {differ} at batch size 1 ({_in_percent(flips)})"


def rate(found: Rate | None) -> str:
    """A count among all with its share: "1 of 40, 2.5 % [0.4, 12.9]"."""
    return NOTHING if found is None else f"{found.count} of {found.share.n}, {_in_percent(found)}"


def bos_counts(counts: Sequence[tuple[int | None, int]]) -> str:
    """Prompts by leading BOS tokens: "1: 39, 2: 1, unknown: 4"."""
    shown = (f"{'unknown' if bos is None else bos}: {prompts}" for bos, prompts in counts)
    return ", ".join(shown) or NOTHING


def template_names(marks: Sequence[TemplateMark]) -> str:
    """Templates with the start of their hashes: "concise (0f3a9b21c4de)"."""
    return ", ".join(f"{mark.name} ({mark.hash[:HASH_SHOWN]})" for mark in marks) or NOTHING


def _in_percent(found: Rate) -> str:
    shown, _, interval = percent(found.share, 1).partition(" ")
    return f"{shown} % {interval}".rstrip()


def _probability(p: float) -> str:
    return f"< {LEAST_P}" if p < LEAST_P else f"{p:.3f}"
