"""Error rates against each other, and confidence against what was right of it."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

from components.compare_models.charts import Axis, Lines, lines

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    Point = tuple[float, float]

RATES: Final = (0.0001, 0.001, 0.01, 0.05, 0.2, 0.5, 0.8, 0.95, 0.99, 0.999, 0.9999)
"""What can be an end or a tick of an axis of error rates."""

_APART: Final = 14.0
"""Per cent of an axis between two ticks at least: their labels are apart on a phone then."""

UNITS: Final = ("transaction", "frame")

SHARES: Final = Axis(0.0, 1.0, (0.0, 0.2, 0.4, 0.6, 0.8, 1.0))


def det(evaluation: Mapping[str, Any], metrics: Mapping[str, Any]) -> Lines | None:
    """FPIR against FNIR at every threshold, on normal deviate axes.

    Martin, Doddington, Kamm, Ordowski and Przybocki, The DET Curve in Assessment of Detection Task
    Performance, Eurospeech 1997. What is 0 or 1 has no place on such axes and stands at their ends,
    which lie beyond the rates that so few trials can show.

    Args:
        evaluation: what evaluation.json holds; the points of a curve are in the order of their
            thresholds.
        metrics: of the same model; they tell the rates at the threshold that was chosen.

    Returns:
        A line of transactions and one of frames, as far as there are any, each with its point at
        the threshold and a rule at the target; None where there is neither.
    """
    curves = {unit: evaluation["det"][unit] for unit in UNITS if evaluation["det"][unit]}
    if not curves:
        return None
    target = metrics["transaction"]["open_set"]["target_fpir"]
    false_positives, false_negatives = (
        [point[side] for curve in curves.values() for point in curve] for side in (1, 2)
    )
    axes = _rates([*false_positives, target]), _rates(false_negatives)
    chosen = {unit: metrics[unit]["open_set"] for unit in curves}
    marked = {
        f"{unit}s": _on((at["fpir"], at["fnir"]), axes)
        for unit, at in chosen.items()
        if at["threshold"] is not None
    }
    series = {
        f"{unit}s": [_on(rates, axes) for _, *rates in curve] for unit, curve in curves.items()
    }
    return lines(series, *axes, rule=_within(target, axes[0]), marked=marked)


def _rates(values: Iterable[float]) -> Axis:
    least = 2 * RATES[0]
    inside = [min(max(value, least), 1 - least) for value in values if 0 < value < 1] or [0.5]
    low = max(rate for rate in RATES if rate < min(inside))
    high = min(rate for rate in RATES if rate > max(inside))
    axis = Axis(low, high, (), "probit")
    ticks = [low]
    for rate in RATES:
        if axis.at(ticks[-1]) + _APART <= axis.at(rate) <= 100 - _APART:
            ticks.append(rate)
    return replace(axis, ticks=(*ticks, high))


def _within(value: float, axis: Axis) -> float:
    return min(max(value, axis.low), axis.high)


def _on(point: Sequence[float], axes: Sequence[Axis]) -> Point:
    return _within(point[0], axes[0]), _within(point[1], axes[1])


def reliability(evaluation: Mapping[str, Any]) -> Lines | None:
    """Of each bin of confidence the share that was right, after and before temperature scaling.

    Guo, Pleiss, Sun and Weinberger, On Calibration of Modern Neural Networks, ICML 2017.
    """
    series = {
        f"{when} scaling": [
            (part["confidence"], part["accuracy"])
            for part in evaluation["reliability"][when]
            if part["n"]
        ]
        for when in ("after", "before")
    }
    return lines(series, SHARES, SHARES, diagonal=True) if any(series.values()) else None
