"""How far a score can be trusted.

People are what is drawn at random, not frames and not clips: two clips of one person succeed or
fail together. So intervals of accuracies resample people (Field and Welsh, Bootstrapping Clustered
Data, Journal of the Royal Statistical Society B 69(3), 2007), with all of their trials.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final

import numpy as np
import scipy.special

if TYPE_CHECKING:
    from collections.abc import Callable

    import numpy.typing as npt

    Floats = npt.NDArray[np.float64]
    Interval = tuple[float, float]

CONFIDENCE: Final = 0.95
DRAWS: Final = 2000
"""Of a bootstrap: 50 of them lie outside of each end of an interval at CONFIDENCE."""
_Z: Final = 1.959963984540054
"""The standard normal's quantile for a two-sided interval at CONFIDENCE."""
_DRAWS_AT_ONCE: Final = 100


def wilson(share: float, n: int) -> Interval:
    """The score interval of a share of `n` independent trials, at CONFIDENCE.

    Wilson, Probable Inference, the Law of Succession, and Statistical Inference, Journal of the
    American Statistical Association 22(158), 1927.
    """
    centre = (share + _Z**2 / (2 * n)) / (1 + _Z**2 / n)
    spread = _Z * math.sqrt(share * (1 - share) / n + (_Z / (2 * n)) ** 2) / (1 + _Z**2 / n)
    return max(0.0, centre - spread), min(1.0, centre + spread)


def upper_bound(errors: int, n: int) -> float:
    """The largest rate that `errors` in `n` trials leave possible, one-sided at CONFIDENCE.

    Without an error 3/n, which is too large rather than too small (Hanley and Lippman-Hand, If
    Nothing Goes Wrong, Is Everything All Right?, JAMA 249(13), 1983); otherwise the exact one
    (Clopper and Pearson, The Use of Confidence or Fiducial Limits Illustrated in the Case of the
    Binomial, Biometrika 26(4), 1934), but never less than without an error.

    Raises:
        ValueError: there was no trial, so that nothing can be said.
    """
    if n < 1:
        raise ValueError("a rate of no trials has no bound")
    without = min(1.0, 3 / n)
    if errors == 0:
        return without
    if errors >= n:
        return 1.0
    return max(without, float(scipy.special.betaincinv(errors + 1, n - errors, CONFIDENCE)))


def bootstrap_interval(
    values: npt.ArrayLike, subject: npt.ArrayLike, *, seed: int = 0, draws: int = DRAWS
) -> Interval | None:
    """The percentile interval of a mean at CONFIDENCE, by resampling people.

    Where every value is the same, resampling cannot show what else was possible. For values that
    are all 0 or all 1 the other end is the `upper_bound` over the people then, not over their
    trials, which are no more independent than they are.

    Args:
        values: what is averaged, [n]; of an accuracy 0 or 1.
        subject: whose each is, [n].
        seed: of the draws.
        draws: how many.

    Returns:
        Its ends; None where there is no value.
    """
    values, subject = np.asarray(values, np.float64), np.asarray(subject)
    if not len(values):
        return None
    if np.ptp(values) == 0:
        return _ends_of_a_constant(float(values[0]), len(np.unique(subject)))
    return percentiles(resampled_means(values[:, None], subject, seed=seed, draws=draws)[:, 0])


def paired_difference(
    first: npt.ArrayLike, second: npt.ArrayLike, subject: npt.ArrayLike, *, seed: int = 0
) -> tuple[float, Interval]:
    """The mean of `first - second` over the same trials and its bootstrap interval over people.

    Both are resampled together, so that what is hard for both does not count as a difference
    (Efron and Tibshirani, An Introduction to the Bootstrap, 1993, section 8.3).

    Raises:
        ValueError: there is no trial.
    """
    difference = np.asarray(first, np.float64) - np.asarray(second, np.float64)
    if not len(difference):
        raise ValueError("two models without a common trial cannot be compared")
    means = resampled_means(difference[:, None], np.asarray(subject), seed=seed)
    return float(difference.mean()), percentiles(means[:, 0])


def resampled_means(
    values: Floats, subject: npt.NDArray[np.generic], *, seed: int = 0, draws: int = DRAWS
) -> Floats:
    """Means of resampled people's values: [n, k] of people [n] to [draws, k].

    A person who is drawn twice counts twice, with all of their rows. Memory is that of a hundred
    draws of all people.
    """
    _, group = np.unique(subject, return_inverse=True)
    people = int(group.max()) + 1
    rows = np.bincount(group, minlength=people).astype(np.float64)
    sums = np.zeros((people, values.shape[1]))
    np.add.at(sums, group, values)
    generator = np.random.default_rng(seed)
    means = np.empty((draws, values.shape[1]))
    for start in range(0, draws, _DRAWS_AT_ONCE):
        part = means[start : start + _DRAWS_AT_ONCE]
        times = generator.multinomial(people, np.full(people, 1 / people), len(part))
        part[:] = (times @ sums) / (times @ rows)[:, None]
    return means


def resampled(
    statistic: Callable[[Floats], float],
    subject: npt.NDArray[np.generic],
    *,
    seed: int = 0,
    draws: int = DRAWS,
) -> Floats:
    """Any statistic of resampled people, [draws]; it is given how often each trial counts, [n]."""
    _, group = np.unique(subject, return_inverse=True)
    people = int(group.max()) + 1
    generator = np.random.default_rng(seed)
    share = np.full(people, 1 / people)
    drawn = (generator.multinomial(people, share)[group] for _ in range(draws))
    return np.asarray([statistic(times.astype(np.float64)) for times in drawn])


def percentiles(draws: Floats) -> Interval:
    """The interval between which CONFIDENCE of the draws lie; NaN is left out."""
    tail = 50 * (1 - CONFIDENCE)
    low, high = np.nanpercentile(draws, [tail, 100 - tail])
    return float(low), float(high)


def _ends_of_a_constant(value: float, people: int) -> Interval:
    if value == 1.0:
        return 1 - upper_bound(0, people), 1.0
    if value == 0.0:
        return 0.0, upper_bound(0, people)
    return value, value
