"""Dropping blurred frames without ever dropping a whole clip."""

from __future__ import annotations

import heapq
from typing import TYPE_CHECKING, Final, Protocol, TypeVar

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

KEEP_SHARPEST: Final = 5
"""This many of a clip's sharpest frames stay, whatever the threshold."""


class HasSharpness(Protocol):
    """A frame, as far as this module cares."""

    @property
    def index(self) -> int:
        """Its place in the clip."""
        ...

    @property
    def sharpness(self) -> float:
        """Its sharpness."""
        ...


FrameT = TypeVar("FrameT", bound=HasSharpness)


def drop_blurred(frames: Iterable[FrameT], min_sharpness: float) -> Iterator[FrameT]:
    """Pass on frames of at least `min_sharpness`, and always the KEEP_SHARPEST sharpest.

    Order is kept. Of blurred frames only the sharpest few wait, and only until it is sure that
    they are not needed, so that memory does not grow with the clip. Of equally sharp frames the
    earlier one stays.
    """
    source = iter(frames)
    sharp: list[FrameT] = []
    blurred: list[tuple[float, int, FrameT]] = []  # a heap, its least sharp frame on top
    for frame in source:
        if frame.sharpness >= min_sharpness:
            sharp.append(frame)
            if len(sharp) == KEEP_SHARPEST:
                break
        else:
            heapq.heappush(blurred, (frame.sharpness, -frame.index, frame))
            if len(blurred) > KEEP_SHARPEST:
                heapq.heappop(blurred)
    if len(sharp) < KEEP_SHARPEST:
        spare = heapq.nlargest(KEEP_SHARPEST - len(sharp), blurred)
        sharp = sorted([*sharp, *(frame for *_, frame in spare)], key=lambda frame: frame.index)
    blurred.clear()
    yield from sharp
    yield from (frame for frame in source if frame.sharpness >= min_sharpness)
