"""Quantiles and tail areas, and the generators of every draw."""

from hashlib import sha256
from statistics import NormalDist

import numpy as np

from harness.analysis.extras import require


def normal_quantile(probability: float) -> float:
    """The standard normal quantile, for a probability in (0, 1)."""
    return NormalDist().inv_cdf(probability)


def t_quantile(probability: float, df: float) -> float:
    """The quantile of Student's t with `df` > 0 degrees of freedom, which need not be whole."""
    require("scipy")
    from scipy.special import stdtrit

    return float(stdtrit(df, probability))


def t_two_sided_p(t: float, df: float) -> float:
    """The two-sided tail area of Student's t, in [0, 1]."""
    require("scipy")
    from scipy.special import stdtr

    return 2.0 * float(stdtr(df, -abs(t)))


def fair_binomial_cdf(successes: int, n: int) -> float:
    """P(X <= successes) for X of Bin(n, 1/2); 0 below 0."""
    require("scipy")
    from scipy.special import bdtr

    return float(bdtr(successes, n, 0.5)) if successes >= 0 else 0.0


def generator(seed: int, *names: str) -> np.random.Generator:
    """The generator of one statistic: seeded by the study's seed and the names, never by order, time or process."""
    digest = sha256("\x1f".join((str(seed), *names)).encode("utf-8", "backslashreplace")).digest()
    return np.random.default_rng(int.from_bytes(digest[:16]))
