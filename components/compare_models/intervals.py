"""How far a score from n trials can be trusted."""

from __future__ import annotations

import math
from typing import Final

import scipy.special

CONFIDENCE: Final = 0.95
_Z: Final = 1.959963984540054
"""The standard normal's quantile for a two-sided interval at CONFIDENCE."""


def wilson(share: float, n: int) -> tuple[float, float]:
    """The score interval of a share of `n` independent trials, at CONFIDENCE.

    Wilson, Probable Inference, the Law of Succession, and Statistical Inference, Journal of the
    American Statistical Association 22(158), 1927.
    """
    centre = (share + _Z**2 / (2 * n)) / (1 + _Z**2 / n)
    spread = _Z * math.sqrt(share * (1 - share) / n + (_Z / (2 * n)) ** 2) / (1 + _Z**2 / n)
    return max(0.0, centre - spread), min(1.0, centre + spread)


def upper_bound(errors: int, n: int) -> float:
    """The largest rate that `errors` in `n` trials leave possible, one-sided at CONFIDENCE.

    Clopper and Pearson, The Use of Confidence or Fiducial Limits Illustrated in the Case of the
    Binomial, Biometrika 26(4), 1934. With no error it is near 3/n, and still right for small n.
    """
    if errors >= n:
        return 1.0
    return float(scipy.special.betaincinv(errors + 1, n - errors, CONFIDENCE))
