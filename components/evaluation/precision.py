"""In which precision a model goes to the edge."""

from __future__ import annotations

from typing import TYPE_CHECKING

from components.edge.model import Precision

if TYPE_CHECKING:
    from collections.abc import Mapping

LARGEST_LOSS = 0.01
"""Of transaction identity accuracy that int8 may cost for being smaller and faster."""
_ROUNDING = 1e-9
_ALLOWED = f"{100 * LARGEST_LOSS:g}"


def choose_precision(
    accuracies: Mapping[Precision, Mapping[str, float | None]],
    latency_ms: Mapping[Precision, float],
) -> tuple[Precision, str]:
    """Choose float16, or int8 where it is faster and loses at most LARGEST_LOSS on every side.

    float32 where float16 loses more than that.

    The calibration side alone would say too little where it is of the session that was learnt, as
    everything is right there. To look at the test side, too, can only speak against int8 or make
    the score that is reported up to LARGEST_LOSS lower.

    Args:
        accuracies: transaction identity accuracy on each side that is judged, by the precisions
            that were exported; None where nobody stands there.
        latency_ms: of one image in each of them; there are networks that int8 makes slower.

    Returns:
        The precision, and why it is that one.
    """
    if Precision.INT8 not in accuracies:
        return _half(accuracies, "int8 was not exported")
    if latency_ms[Precision.INT8] >= latency_ms[Precision.FLOAT16]:
        return _half(accuracies, "int8 is no faster")
    loss = _largest_loss(accuracies, Precision.INT8)
    if loss is None:
        return Precision.FLOAT16, "what int8 loses cannot be measured: nobody is there to judge it"
    if loss <= LARGEST_LOSS + _ROUNDING:
        return Precision.INT8, f"{_told(Precision.INT8, loss)}, where {_ALLOWED} is allowed"
    return _half(accuracies, f"{_told(Precision.INT8, loss)}, more than the {_ALLOWED} allowed")


def _half(
    accuracies: Mapping[Precision, Mapping[str, float | None]], why: str
) -> tuple[Precision, str]:
    """float16, unless it loses more than rounding should."""
    loss = _largest_loss(accuracies, Precision.FLOAT16)
    if loss is None or loss <= LARGEST_LOSS + _ROUNDING:
        return Precision.FLOAT16, why
    return Precision.FLOAT32, f"{why}; {_told(Precision.FLOAT16, loss)}"


def _largest_loss(
    accuracies: Mapping[Precision, Mapping[str, float | None]], precision: Precision
) -> float | None:
    """Of accuracy to float32, on the side where it is largest; None if nobody is on any."""
    full, rounded = accuracies[Precision.FLOAT32], accuracies[precision]
    losses = [
        before - after
        for before, after in ((full[side], rounded[side]) for side in full)
        if before is not None and after is not None
    ]
    return max(losses, default=None)


def _told(precision: Precision, loss: float) -> str:
    return f"{precision} loses at most {100 * loss:.1f} points to float32 on a side"
