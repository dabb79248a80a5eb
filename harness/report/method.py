"""How the numbers of the report were made, and what they leave open, in sentences."""

from harness.analysis.refusals import Refused
from harness.analysis.summary import RunSummary
from harness.analysis.whole import Analysis

SHARES = (
    "Shares: Wilson 95 % intervals; clustered, over n divided by the design effect, with the t quantile. "
    "Means: t intervals."
)
DIFFERENCES = (
    "Differences: Tango interval and mid-p McNemar test for independent questions; clustered, t interval with the "
    "CR2 error, p from sign flips of whole clusters (at least 6)."
)
FAILURES = (
    "A failed call is neither wrong nor blank: it is counted as an error, and lowers only the share of planned "
    "questions. An unscored case is left out of a metric's mean and counted; it is never 0."
)
TIMES = (
    "Latency was measured with prompts answered together, so it tells throughput more than waiting. Cost is the list "
    "price of the tokens that a service counted, without discounts; it is unknown, not 0, for a model that no price "
    "is known of, and for one that ran here."
)
FILES = (
    "results.csv puts an apostrophe before text that a spreadsheet would run as a formula; results.parquet holds the "
    "exact text."
)
ADJUSTED = (
    "The p-values of those over all questions are adjusted as one family by Holm, those by task, which are "
    "exploratory, as another by Benjamini-Hochberg. A condition beats or falls behind direct only where its interval "
    "excludes 0 and its adjusted p is below 0.05. Intervals are not adjusted: where there is no difference, about 1 in "
    "20 excludes 0 all the same."
)
SHARED = "each was generated once, and its tokens and latency count in every one of these cells."
CLUSTERED = "Questions that share a cluster count as one draw: CR2 standard errors, Bell-McCaffrey degrees of freedom."
INDEPENDENT = "Every question is a cluster of its own: questions count as independent draws."


COMPATIBLE = (
    "Tables named compatible repeat published formulas, faults included, so that older results can be compared; no "
    "verdict rests on them."
)
NEVER = (
    "A reason stands where the data do not allow a number. No p above 0.05 is read as sameness; best is never chosen "
    "and scored on the same questions."
)


def analysis_notes(analysis: Analysis) -> tuple[str, ...]:
    """How the whole analysis was made: its seed and margin, what missing answers count as, and the compatible part."""
    seed = f"All draws come from the study's seed {analysis.seed} and the name of what is drawn."
    margin = f"The margin of {100 * analysis.margin:g} points is the study's, declared before the run."
    compatible = () if isinstance(analysis.published, Refused) else (COMPATIBLE,)
    return (seed, margin, *compatible, NEVER)


def method_notes(summary: RunSummary) -> tuple[str, ...]:
    """The notes that fit this run: how questions were clustered, what was computed, how many comparisons were made."""
    shares = [cell.share.intent_to_test for cell in summary.cells]
    clustered = any(share.clusters < share.n for share in shares)
    return (
        CLUSTERED if clustered else INDEPENDENT,
        SHARES,
        DIFFERENCES,
        *_family(summary),
        *_shared(summary),
        FAILURES,
        TIMES,
        FILES,
    )


def _family(summary: RunSummary) -> tuple[str, ...]:
    overall = sum(found.task is None for found in summary.comparisons)
    if not overall:
        return ()
    by_task = len(summary.comparisons) - overall
    made = f"Comparisons: {overall} over all questions, {by_task} by task."
    untested = sum(found.adjusted is None for found in summary.comparisons)
    none = f" {untested} without a p-value count in no family." if untested else ""
    return (f"{made} {ADJUSTED}{none}",)


def _shared(summary: RunSummary) -> tuple[str, ...]:
    if not summary.shared_answers:
        return ()
    number = summary.shared_answers
    return (f"{number} answers stand in several cells, whose prompts were the same; {SHARED}",)
