"""What two runs are compared by: one metric in one version with a known direction, judged in one way."""

import pandas as pd
import pytest

from harness.analysis.yardstick import RunCases, Yardstick, changes, metric_names, yardstick
from harness.errors import HarnessError


def run(name: str = "A", columns: tuple[str, ...] = ("f1@1",), **more: object) -> RunCases:
    told = {"primary": "f1", "correct_at": 0.5, "margin": 0.03} | more
    return RunCases(name=name, cases=pd.DataFrame({column: [1.0] for column in columns}), **told)


def test_the_share_correct_needs_no_column() -> None:
    found = yardstick(run(), run("B"), "correct")
    assert (found.column, found.span, found.worst, found.higher_is_better) == (None, 1.0, 0.0, True)


def test_a_metric_is_told_by_its_versioned_column_and_bounds() -> None:
    found = yardstick(run(), run("B"), "f1")
    assert (found.column, found.span, found.worst) == ("f1@1", 1.0, 0.0)


def test_where_lower_is_better_the_worst_is_the_upper_bound() -> None:
    assert Yardstick(name="x", higher_is_better=False, high=2.0).worst == 2.0


@pytest.mark.parametrize(
    ("b", "metric", "told"),
    [
        (run("B", ("f1@2",)), "f1", "version 1 in A and 2 in B"),
        (run("B", ("f1@2",)), "correct", "version 1 in A and 2 in B"),
        (run("B", correct_at=1.0), "correct", "correct means f1 at 0.5 in A and f1 at 1 in B"),
        (run("B", ("em@1",)), "f1", "run B has no metric 'f1': it has correct, em"),
        (run("B", ("f1@1", "f1@2")), "f1", "run B holds f1@1 and f1@2"),
    ],
)
def test_runs_that_are_judged_otherwise_are_refused_in_one_line(b: RunCases, metric: str, told: str) -> None:
    with pytest.raises(HarnessError, match=told) as found:
        yardstick(run(), b, metric)
    assert "\n" not in str(found.value)


def test_a_metric_of_no_known_direction_is_refused() -> None:
    a, b = run(columns=("f1@1", "mine@1")), run("B", ("f1@1", "mine@1"))
    with pytest.raises(HarnessError, match="no known direction: compare runs by one of correct, f1"):
        yardstick(a, b, "mine")


def test_metrics_are_named_without_versions() -> None:
    assert metric_names(run(columns=("f1@1", "em@3"))) == ("em", "f1")


def test_what_changed_is_told_by_kind_and_missing_hashes_too() -> None:
    old = run(data={"d": "1"}, parts={"prompts": {"p": "1"}, "weights": {"m": "1", "gone": "2"}})
    new = run("B", data={"d": "1"}, parts={"prompts": {"p": "2"}, "weights": {"m": "1", "more": "3"}})
    assert changes(old, new) == ("prompts changed: p",)
    assert changes(run(), run("B")) == ("the runs do not both say which data they asked: hashes were not compared",)
