"""Whether a probability means what it says: of frames given 0.8, are 8 in 10 right?"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy.typing as npt

    from components.evaluation.trials import Flags, Floats

BINS = 10
"""Of equal width, so that the diagrams before and after scaling share their axis and can be held
against each other bar by bar. Ten and not Guo's fifteen: the fewer frames a bin has, the more the
error measured there is chance, and chance only ever adds to it."""
_ROWS_AT_ONCE = 512
_SMALLEST = float(np.finfo(np.float32).tiny)


def reliability(confidence: npt.NDArray[np.floating], is_right: Flags) -> list[dict[str, Any]]:
    """The bins of a reliability diagram; those without a frame are left out.

    Bin b holds confidences in ((b - 1) / BINS, b / BINS].

    Args:
        confidence: probability of the likeliest person, [n].
        is_right: whether that is the right one, [n].

    Returns:
        Of each its ends `low` and `high`, mean `confidence`, `accuracy`, and frames `n`.
    """
    # Half a rounding error of float32 keeps 0.3 in the bin that ends there.
    number = np.clip(np.ceil(confidence.astype(np.float64) * BINS - 1e-6) - 1, 0, BINS - 1)
    return [
        {
            "low": int(each) / BINS,
            "high": (int(each) + 1) / BINS,
            "confidence": float(confidence[number == each].mean(dtype=np.float64)),
            "accuracy": float(is_right[number == each].mean()),
            "n": int((number == each).sum()),
        }
        for each in np.unique(number)
    ]


def expected_calibration_error(bins: Sequence[dict[str, Any]]) -> float | None:
    """The mean over frames of |accuracy - confidence| of their bin; None without a frame.

    Guo, Pleiss, Sun and Weinberger, On Calibration of Modern Neural Networks, ICML 2017, eq. 3.
    """
    frames = sum(each["n"] for each in bins)
    if not frames:
        return None
    return sum(each["n"] * abs(each["accuracy"] - each["confidence"]) for each in bins) / frames


def unscaled_confidence(probabilities: Floats, temperature: float) -> npt.NDArray[np.float64]:
    """The largest probability had the logits not been divided by `temperature`.

    With p = softmax(z / T), softmax(z) is p to the power of T, normalised: no logits are needed,
    so that it works for a model that gives none.

    Args:
        probabilities: [n, K].
        temperature: that was applied.

    Returns:
        Shape [n].
    """
    unscaled = np.empty(len(probabilities))
    for start in range(0, len(probabilities), _ROWS_AT_ONCE):
        rows = slice(start, start + _ROWS_AT_ONCE)
        logs = temperature * np.log(np.maximum(probabilities[rows].astype(np.float64), _SMALLEST))
        unscaled[rows] = 1 / np.exp(logs - logs.max(1, keepdims=True)).sum(1)
    return unscaled
