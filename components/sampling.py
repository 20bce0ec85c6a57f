"""Which frames of a clip or a camera are looked at."""

from __future__ import annotations

import math
from typing import Final

TOLERANCE_S: Final = 0.001
"""Containers round times to as much as a millisecond; a frame may be that much early."""


class Sampler:
    """Says which frames to take: the first at or after each tick of a fixed grid.

    The grid starts at the first frame and does not drift with the frames that are taken, so that
    any frame rate, constant or not, gives the same number of samples a second. A pause gives one
    frame when it ends, not one for every tick that it lasted.
    """

    def __init__(self, frames_per_second: float) -> None:
        """Start with a tick at 0 s."""
        self._rate = frames_per_second
        self._due_s = 0.0

    def is_due(self, time_s: float) -> bool:
        """Say whether to take the frame shown at `time_s`, and move on to the next tick if so."""
        reached = time_s + TOLERANCE_S
        if reached < self._due_s:
            return False
        self._due_s = (math.floor(reached * self._rate) + 1) / self._rate
        return True
