"""The published formulas over imported series of models and over counts of preferences."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from pandas import DataFrame

from harness.analysis.compatible.ccg import Ccg, ConfidenceGap, ccg_series, confidence_gap
from harness.analysis.compatible.pairwise import EloRatings, Match, Preference, elo, preference
from harness.analysis.intervals import FloatArray
from harness.errors import DataError

DIGITS = 9  # of a percentage: rounding of the share must not carry it over a threshold
RESULTS: tuple[Match, ...] = ("a", "b", "tie")


@dataclass(frozen=True, slots=True, kw_only=True)
class PublishedSeries:
    """One series of models: CCG in both units of accuracy, and the gap between confidence and accuracy."""

    name: str
    ccg: Ccg
    ccg_of_shares: Ccg
    gap: ConfidenceGap


@dataclass(frozen=True, slots=True, kw_only=True)
class PublishedPair:
    """A against B by the published formulas; `ratings` is None where only counts are known: they follow an order."""

    a: str
    b: str
    preference: Preference
    ratings: EloRatings | None


def percent(share: float) -> float:
    """A share in percentage points, the rounding of 100 * share undone."""
    return round(100 * share, DIGITS)


def published_series(rows: DataFrame) -> tuple[PublishedSeries, ...]:
    """Each series, in the order of its name: `params_b`, `loss_nll`, `accuracy_percent` or the share `pass_rate`.

    `series` (or `task`) names the series; without either all rows are one. `confidence_percent`, or the share
    `confidence`, may be missing.
    """
    name = next((column for column in ("series", "task") if column in rows.columns), None)
    if name is None:
        return (_series("all", rows),) if len(rows) else ()
    return tuple(_series(str(key), part) for key, part in rows.groupby(name, sort=True))


def published_pairs(rows: DataFrame) -> tuple[PublishedPair, ...]:
    """Each pair (a, b), in the order of the rows: from `wins_a`, `wins_b` and `ties`, or from `result` match by match.

    Raises:
        DataError: a count is no whole number of at least 0, or a result is none of a, b and tie.
    """
    if "result" in rows.columns:
        parts = rows.groupby(["a", "b"], sort=False)
        return tuple(_of_matches((str(a), str(b)), part["result"].tolist()) for (a, b), part in parts)
    return tuple(_of_counts(rows))


def _series(name: str, rows: DataFrame) -> PublishedSeries:
    sizes = rows["params_b"].tolist()
    accuracy = _percents(rows, "accuracy_percent", "pass_rate")
    losses = rows["loss_nll"].to_numpy(dtype=np.float64, na_value=np.nan)
    return PublishedSeries(
        name=name,
        ccg=ccg_series(sizes, losses, accuracy),
        ccg_of_shares=ccg_series(sizes, losses, accuracy, unit="fraction"),
        gap=confidence_gap(sizes, _percents(rows, "confidence_percent", "confidence"), accuracy),
    )


def _percents(rows: DataFrame, name: str, share: str) -> FloatArray:
    if name in rows.columns:
        return rows[name].to_numpy(dtype=np.float64, na_value=np.nan)
    if share not in rows.columns:
        return np.full(len(rows), np.nan)
    return np.array([percent(value) for value in rows[share].to_numpy(dtype=np.float64, na_value=np.nan)])


def _of_matches(names: tuple[str, str], results: list[object]) -> PublishedPair:
    known: list[Match] = []
    for result in results:
        found = next((match for match in RESULTS if match == result), None)
        if found is None:
            raise DataError(f"{names[0]} against {names[1]} has the result {result!r}: one of {', '.join(RESULTS)}")
        known.append(found)
    counts = [known.count(match) for match in RESULTS]
    return PublishedPair(a=names[0], b=names[1], preference=preference(*counts), ratings=elo(known))


def _of_counts(rows: DataFrame) -> Iterator[PublishedPair]:
    for row in rows.to_dict("records"):
        counts = [_count(str(row["a"]), name, row.get(name, 0)) for name in ("wins_a", "wins_b", "ties")]
        yield PublishedPair(a=str(row["a"]), b=str(row["b"]), preference=preference(*counts), ratings=None)


def _count(pair: str, name: str, value: object) -> int:
    try:
        number = float(value)  # type: ignore[arg-type] # whatever a frame holds
    except (TypeError, ValueError):
        number = -1.0
    if not (number >= 0 and number.is_integer()):
        raise DataError(f"{name} of {pair!r} is {value!r}: a whole number of at least 0")
    return int(number)
