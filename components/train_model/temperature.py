"""How sure a head may be of itself: the temperature that its logits are divided by."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import scipy.optimize
import scipy.special

if TYPE_CHECKING:
    import numpy.typing as npt

LARGEST_LOG_TEMPERATURE = 8.0


def choose_temperature(
    logits: npt.NDArray[np.floating], labels: npt.NDArray[np.integer], smoothing: float
) -> float:
    """The divisor of the logits, at least 1, with the smallest smoothed cross-entropy.

    LDA knows the spread within the training clips only, and so is far too sure of itself on others
    (Guo, Pleiss, Sun and Weinberger, On Calibration of Modern Neural Networks, ICML 2017).

    Args:
        logits: of frames it was not fitted on, [n, K].
        labels: their classes, [n].
        smoothing: part of each target that is spread over all classes.
    """
    rows = np.arange(len(labels))

    def loss(log_temperature: float) -> float:
        log_probabilities = scipy.special.log_softmax(logits / np.exp(log_temperature), axis=1)
        own = log_probabilities[rows, labels].mean()
        return float(-(1 - smoothing) * own - smoothing * log_probabilities.mean())

    bounds = (0.0, LARGEST_LOG_TEMPERATURE)
    found = scipy.optimize.minimize_scalar(loss, bounds=bounds, method="bounded")
    return float(np.exp(found.x))
