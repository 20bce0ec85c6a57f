"""Where the marks of a chart stand, in per cent of its plot: the template draws them.

Per cent, so that a plot fills any width while its text keeps its size.
"""

from __future__ import annotations

import math
import sys
from dataclasses import dataclass
from statistics import NormalDist
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

LOGARITHMIC_FROM: Final = 5.0
"""Ratio of the largest to the smallest value from which an axis is logarithmic."""

_SCALES: Final[dict[str, Callable[[float], float]]] = {
    "linear": float,
    "logarithmic": math.log,
    "probit": NormalDist().inv_cdf,
}
_STEPS: Final = (1, 2, 5)
_SHARE_STEPS: Final = ((0.9, 0.02), (0.8, 0.05), (0.6, 0.1), (0.0, 0.2))
"""From which lower end of an axis of shares its ticks are how far apart."""

_NARROW_PLOT: Final = (290.0, 260.0)
"""Width and height in pixels of a plot on a phone: labels that are apart there are so anywhere."""
_LABEL: Final = (16.0, 14.0)
_DOT: Final = 12.0
_OFFSETS: Final = tuple(
    (across * away, down * away)
    for away in (15.0, 24.0, 33.0)
    for across, down in ((1, 0), (-1, 0), (0.8, -0.8), (-0.8, -0.8), (0.8, 0.8), (-0.8, 0.8))
)


@dataclass(frozen=True)
class Axis:
    """A range of values along one side of a plot.

    Attributes:
        low: value at 0 per cent.
        high: value at 100 per cent.
        ticks: values to be labelled.
        scale: what takes equal space: differences, ratios, or those of a normal deviate ("linear",
            "logarithmic", "probit").
    """

    low: float
    high: float
    ticks: tuple[float, ...]
    scale: str = "linear"

    def at(self, value: float) -> float:
        """Per cent of the way from `low` to `high`, rounded to what can be seen."""
        low, high, value = map(_SCALES[self.scale], (self.low, self.high, value))
        return round(100 * (value - low) / (high - low), 2)


def from_zero(values: Iterable[float], ticks: int = 4) -> Axis:
    """An axis from 0 to a round number above all finite `values`, which are not negative."""
    top = max(filter(math.isfinite, values), default=0.0)
    top = top if top > sys.float_info.min * ticks else 1.0  # nothing that can be drawn is smaller
    step = _round_step(top, ticks)
    count = math.ceil(top / step - 1e-9)
    return Axis(0.0, count * step, tuple(number * step for number in range(count + 1)))


def shares(lowest: float) -> Axis:
    """An axis of shares from a round number at or under `lowest` up to 1."""
    floor = 0.9 if lowest >= 0.9 else math.floor(lowest * 5 + 1e-9) / 5
    step = next(step for above, step in _SHARE_STEPS if floor >= above)
    count = round((1 - floor) / step)
    return Axis(floor, 1.0, tuple(round(floor + number * step, 2) for number in range(count + 1)))


def positive(values: Sequence[float]) -> Axis:
    """An axis of positive values: logarithmic where they differ much, else from 0."""
    low, high = min(values), max(values)
    if high / low < LOGARITHMIC_FROM:
        return from_zero([high * 1.05])
    low, high = low / 1.25, high * 1.25
    decades = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    ticks = [step * 10.0**decade for decade in decades for step in _STEPS]
    inside = tuple(tick for tick in ticks if low <= tick <= high)
    every = math.ceil(len(inside) / 6)
    return Axis(low, high, inside[::every], "logarithmic")


def epochs(last: int) -> Axis:
    """An axis of whole epochs from 0 to `last`."""
    step = max(1, math.ceil(last / 5))
    return Axis(0.0, float(max(last, 1)), tuple(float(n) for n in range(0, max(last, 1) + 1, step)))


def _round_step(top: float, ticks: int) -> float:
    decade = 10.0 ** math.floor(math.log10(top / ticks))
    return next(
        step * decade for step in (*_STEPS, 10) if step * decade * ticks >= top * (1 - 1e-9)
    )


@dataclass(frozen=True)
class Mark:
    """A labelled point with a whisker.

    Attributes:
        label: what stands beside it.
        x: per cent from the left.
        y: per cent from the top.
        whisker: the per cents from the top between which its value lies.
        label_dx: pixels from the point to the middle of its label.
        label_dy: the same downwards.
        emphasis: whether it is the one that the chart is about.
    """

    label: str
    x: float
    y: float
    whisker: tuple[float, float]
    label_dx: float
    label_dy: float
    emphasis: bool


@dataclass(frozen=True)
class Value:
    """What a mark is made from: a share with its interval over a positive number."""

    label: str
    x: float
    y: float
    interval: tuple[float, float]
    emphasis: bool = False


@dataclass(frozen=True)
class Scatter:
    """A chart of marks."""

    x_axis: Axis
    y_axis: Axis
    marks: tuple[Mark, ...]


def scatter(values: Sequence[Value]) -> Scatter:
    """Place shares over positive numbers; labels keep clear of marks and of each other."""
    x_axis = positive([value.x for value in values])
    y_axis = shares(min(value.interval[0] for value in values))
    return Scatter(x_axis, y_axis, tuple(_marks(values, x_axis, y_axis)))


def _marks(values: Sequence[Value], x_axis: Axis, y_axis: Axis) -> Iterator[Mark]:
    spots = [(x_axis.at(value.x), 100 - y_axis.at(value.y)) for value in values]
    taken = [(_pixels(spot), (_DOT, _DOT)) for spot in spots]
    for value, spot in zip(values, spots, strict=True):
        offset = _free_offset(_pixels(spot), taken)
        taken.append((_moved(_pixels(spot), offset), _LABEL))
        high, low = (round(100 - y_axis.at(end), 2) for end in reversed(value.interval))
        yield Mark(
            value.label, spot[0], round(spot[1], 2), (high, low), *offset, emphasis=value.emphasis
        )


_Pair = tuple[float, float]


def _pixels(spot: _Pair) -> _Pair:
    return spot[0] * _NARROW_PLOT[0] / 100, spot[1] * _NARROW_PLOT[1] / 100


def _moved(spot: _Pair, offset: _Pair) -> _Pair:
    return spot[0] + offset[0], spot[1] + offset[1]


def _free_offset(spot: _Pair, taken: Sequence[tuple[_Pair, _Pair]]) -> _Pair:
    """The first offset at which a label touches nothing; the first of all where there is none."""
    return next(
        (
            offset
            for offset in _OFFSETS
            if not any(_touch(_moved(spot, offset), *other) for other in taken)
        ),
        _OFFSETS[0],
    )


def _touch(label: _Pair, other: _Pair, size: _Pair) -> bool:
    return all(abs(label[side] - other[side]) < (_LABEL[side] + size[side]) / 2 for side in (0, 1))


@dataclass(frozen=True)
class Series:
    """One line of a chart.

    Attributes:
        name: what it shows.
        points: in per cent from the left and from the top.
        marked: the point of it that is to be seen.
    """

    name: str
    points: tuple[_Pair, ...]
    marked: _Pair | None = None

    @property
    def path(self) -> str:
        """The points as the SVG attribute of a polyline."""
        return " ".join(f"{x:g},{y:g}" for x, y in self.points)


@dataclass(frozen=True)
class Lines:
    """A chart of lines.

    Attributes:
        x_axis: along the bottom.
        y_axis: along the left.
        series: at most two, told apart by colour and by dashes.
        rule: per cent from the left of a dotted line from top to bottom.
        diagonal: whether a dotted line goes from the lower left to the upper right.
    """

    x_axis: Axis
    y_axis: Axis
    series: tuple[Series, ...]
    rule: float | None = None
    diagonal: bool = False


def lines(
    series: Mapping[str, Iterable[_Pair]],
    x_axis: Axis,
    y_axis: Axis,
    *,
    rule: float | None = None,
    marked: Mapping[str, _Pair] | None = None,
    diagonal: bool = False,
) -> Lines:
    """Place lines.

    Args:
        series: x and y of the points of each line; what is not finite is not drawn.
        x_axis: the range of x.
        y_axis: the range of y.
        rule: the x to be marked by a line.
        marked: the point of a line to be marked.
        diagonal: whether to show where y is x.
    """

    def spot(point: _Pair) -> _Pair:
        return x_axis.at(point[0]), round(100 - y_axis.at(point[1]), 2)

    marked = marked or {}
    drawn = tuple(
        Series(
            name,
            tuple(spot(point) for point in points if all(map(math.isfinite, point))),
            spot(marked[name]) if name in marked else None,
        )
        for name, points in series.items()
    )
    at = None if rule is None else x_axis.at(rule)
    return Lines(x_axis, y_axis, drawn, at, diagonal)
