"""What the analysis must know of a run beside its results."""

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True, kw_only=True)
class RunInfo:
    """One run of one study.

    `primary` says in words how correctness is judged, `correct_at` is the least primary score that counts as correct,
    `margin` the declared margin of non-inferiority as a share. `planned` counts the cases of the whole study, so that
    results which never arrived are seen. `higher_is_better` maps a metric's name to its direction, `gammas` a data set
    to its chance floor in [0, 1). `seed` is the study's and seeds every draw.
    """

    run: str
    study: str
    primary: str
    planned: int
    correct_at: float = 1.0
    margin: float = 0.05
    seed: int = 0
    manifest: Mapping[str, object] = field(default_factory=dict)
    higher_is_better: Mapping[str, bool] = field(default_factory=dict)
    gammas: Mapping[str, float] = field(default_factory=dict)
