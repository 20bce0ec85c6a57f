"""How certain the model was of whom: scores of those it should know and of those it cannot."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from components.compare_models.charts import Axis, from_zero
from components.compare_models.curves import SHARES

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

GROUPS: Final = {
    "student": "Students",
    "staff": "Staff",
    "visitor": "Known visitors",
    "stranger": "Strangers",
}


@dataclass(frozen=True)
class Bar:
    """A bar, in per cent of the plot from the left and from the top.

    Attributes:
        x: its left side.
        y: its upper side.
        width: of it.
        height: of it.
        side: "below" the threshold, "above" it, or "across": it holds scores of both sides.
    """

    x: float
    y: float
    width: float
    height: float
    side: str


@dataclass(frozen=True)
class Histogram:
    """The scores of one group.

    Attributes:
        title: who they are.
        n: how many transactions there are.
        x_axis: scores.
        y_axis: shares of the group; the same for all groups.
        bars: of the bins that hold any.
        threshold: per cent from the left; None where none was chosen.
    """

    title: str
    n: int
    x_axis: Axis
    y_axis: Axis
    bars: tuple[Bar, ...]
    threshold: float | None


def histograms(scores: Mapping[str, Any], threshold: float | None) -> list[Histogram]:
    """A histogram of each group that was met, on the same axes.

    Args:
        scores: the edges of the bins [k + 1] and of each group the counts [k].
        threshold: under it somebody is unknown.

    Raises:
        ValueError: there are not as many counts as bins.
    """
    edges = scores["edges"]
    counts = {group: scores[group] for group in GROUPS if sum(scores[group])}
    y_axis = from_zero([max(own) / sum(own) for own in counts.values()], ticks=2)
    at = None if threshold is None else SHARES.at(threshold)
    return [
        Histogram(GROUPS[group], sum(own), SHARES, y_axis, _bars(own, edges, y_axis, threshold), at)
        for group, own in counts.items()
    ]


def _bars(
    counts: Sequence[int], edges: Sequence[float], y_axis: Axis, threshold: float | None
) -> tuple[Bar, ...]:
    spans = zip(edges[:-1], edges[1:], counts, strict=True)
    return tuple(
        Bar(
            SHARES.at(low),
            round(100 - y_axis.at(count / sum(counts)), 2),
            round(SHARES.at(high) - SHARES.at(low), 2),
            y_axis.at(count / sum(counts)),
            _side(low, high, threshold),
        )
        for low, high, count in spans
        if count
    )


def _side(low: float, high: float, threshold: float | None) -> str:
    if threshold is None or low >= threshold:
        return "above"
    return "below" if high <= threshold else "across"
