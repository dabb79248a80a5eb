"""What was measured of the ladder, over seeds and questions: shares and gaps by size, and whether the gap grows."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from math import log10
from typing import Any

import numpy as np
from numpy.typing import NDArray

from harness.pocket.recipe import SIZES

FloatArray = NDArray[np.float64]
DRAWS = 2000
COVERED = (2.5, 97.5)
_SEED = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimate:
    """A mean over seeds and questions with a 95 % interval; `low` and `high` are percentiles."""

    mean: float
    low: float
    high: float


@dataclass(frozen=True, kw_only=True)
class Tally:
    """The marks of all models: `rows` as `measured.json` holds them, each size with the same seeds and exams.

    Rows of adapters are not among them.
    """

    rows: Sequence[Mapping[str, Any]]

    @cached_property
    def sizes(self) -> tuple[str, ...]:
        """The sizes that were measured, the smallest first."""
        return tuple(size for size in SIZES if any(row["size"] == size for row in self.rows))

    @cached_property
    def seeds(self) -> int:
        """How many seeds each size was trained from."""
        return len({row["seed"] for row in self.rows})

    @cached_property
    def exams(self) -> Mapping[str, int]:
        """The exams by name, with how many questions each has."""
        return {name: len(marks["right"]) for name, marks in self.rows[0]["exams"].items()}

    def share(self, size: str, exam: str) -> Estimate:
        """The share of right answers."""
        return _estimate(self._right(size, exam))

    def gap(self, size: str, exam: str) -> Estimate:
        """Mean confidence less share of right answers, over the answers that have a confidence."""
        return _estimate(self._gaps(size, exam))

    def confidence(self, size: str, exam: str) -> float:
        """Mean confidence in [0, 1], over the answers that have one."""
        return float(np.nanmean(self._confidence(size, exam)))

    def loss_nll(self, size: str, exam: str) -> float:
        """Mean over the seeds of the loss on the right answers, in nats per token."""
        return float(np.mean([marks["loss_nll"] for marks in self._marks(size, exam)]))

    def gap_slope(self, exam: str, params: Mapping[str, int]) -> Estimate:
        """By how much the gap grows for each tenfold size, by least squares over the sizes.

        Args:
            exam: which questions.
            params: parameters by size, for at least two sizes.
        """
        gaps = np.stack([self._gaps(size, exam) for size in self.sizes])
        places = np.array([log10(params[size]) for size in self.sizes])
        centred = places - places.mean()
        return _estimate(np.tensordot(centred / (centred @ centred), gaps, axes=1))

    def _marks(self, size: str, exam: str) -> list[Mapping[str, Any]]:
        return [row["exams"][exam] for row in self.rows if row["size"] == size]

    def _right(self, size: str, exam: str) -> FloatArray:
        return np.array([marks["right"] for marks in self._marks(size, exam)], dtype=np.float64)

    def _confidence(self, size: str, exam: str) -> FloatArray:
        return np.array([marks["confidence"] for marks in self._marks(size, exam)], dtype=np.float64) / 100

    def _gaps(self, size: str, exam: str) -> FloatArray:
        return self._confidence(size, exam) - self._right(size, exam)


def _estimate(values: FloatArray) -> Estimate:
    """The mean of (seeds, questions) with a percentile interval; seeds and questions are drawn again independently.

    Source: Owen 2007, The pigeonhole bootstrap, Annals of Applied Statistics 1(2).
    """
    rng = np.random.default_rng(_SEED)
    seeds, questions = values.shape
    rows = rng.multinomial(seeds, [1 / seeds] * seeds, size=DRAWS)
    columns = rng.multinomial(questions, [1 / questions] * questions, size=DRAWS)
    known = np.isfinite(values)
    sums = np.einsum("ds,sq,dq->d", rows, np.where(known, values, 0.0), columns, optimize=True)
    counts = np.einsum("ds,sq,dq->d", rows, known.astype(np.float64), columns, optimize=True)
    low, high = np.percentile(sums[counts > 0] / counts[counts > 0], COVERED)
    return Estimate(mean=float(values[known].mean()), low=float(low), high=float(high))
