"""Numbers as they are read: rounded here and nowhere before."""

from collections.abc import Mapping

from harness.analysis.cells import CellSummary, MetricMean
from harness.analysis.paired import Paired

NOTHING = "-"
LEAST_P = 0.001


def size(params_b: float | None) -> str:
    """Parameters as people say them: 135M, 1.5B; "unknown" for None."""
    if params_b is None:
        return "unknown"
    return f"{1000 * params_b:.0f}M" if params_b < 1 else f"{params_b:.3g}B"


def tokens(cell: CellSummary) -> str:
    """Mean prompt and answer tokens, "312/18"."""
    if cell.prompt_tokens is None or cell.output_tokens is None:
        return NOTHING
    return f"{cell.prompt_tokens.mean:.0f}/{cell.output_tokens.mean:.0f}"


def latency(cell: CellSummary) -> str:
    """Median seconds and the median number of prompts answered together, "3.2s@16"."""
    if cell.latency_s is None or cell.concurrency is None:
        return NOTHING
    return f"{cell.latency_s.median:.2g}s@{cell.concurrency.median:.0f}"


def decimal_mean(found: MetricMean, *, interval: bool = False) -> str:
    """A mean with three decimals and, asked for and there, its interval."""
    if found.mean is None:
        return NOTHING
    ends = "" if found.mean.low is None or not interval else f" [{found.mean.low:.3f}, {found.mean.high:.3f}]"
    return f"{found.mean.estimate:.3f}{ends}"


def p_value(pair: Paired) -> str:
    """A p-value with three decimals; never shown as 0."""
    if pair.p is None:
        return NOTHING
    return f"< {LEAST_P}" if pair.p < LEAST_P else f"{pair.p:.3f}"


def direction(metric: str, directions: Mapping[str, bool]) -> str:
    """Which way a metric is better, or nothing where it is neither."""
    higher = directions.get(metric.rpartition("@")[0])
    return NOTHING if higher is None else ("higher" if higher else "lower")
