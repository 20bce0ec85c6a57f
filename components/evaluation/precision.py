"""In which precision a model goes to the edge."""

from __future__ import annotations

from typing import TYPE_CHECKING

from components.edge.model import Precision

if TYPE_CHECKING:
    from collections.abc import Mapping

LARGEST_LOSS = 0.01
"""Of transaction identity accuracy that int8 may cost for being smaller and faster."""


def choose_precision(
    accuracies: Mapping[Precision, Mapping[str, float | None]],
    latency_ms: Mapping[Precision, float],
) -> tuple[Precision, str]:
    """Choose float16, or int8 where it is faster and loses at most LARGEST_LOSS on every side.

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
        return Precision.FLOAT16, "int8 was not exported"
    if latency_ms[Precision.INT8] >= latency_ms[Precision.FLOAT16]:
        return Precision.FLOAT16, "int8 is no faster"
    full, small = accuracies[Precision.FLOAT32], accuracies[Precision.INT8]
    losses = [
        before - after
        for before, after in ((full[side], small[side]) for side in full)
        if before is not None and after is not None
    ]
    if not losses:
        return Precision.FLOAT16, "what int8 loses cannot be measured: nobody is there to judge it"
    told = f"int8 loses at most {100 * max(losses):.1f} points to float32 on a side"
    if max(losses) <= LARGEST_LOSS + 1e-9:
        return Precision.INT8, f"{told}, where {100 * LARGEST_LOSS:g} is allowed"
    return Precision.FLOAT16, f"{told}, more than the {100 * LARGEST_LOSS:g} allowed"
