"""When a frame is shown."""

from __future__ import annotations

import math
from typing import Final

from components.contracts import ClipError, Reason

MAX_STEP_S: Final = 60.0
"""A longer pause between two frames is a broken time stamp."""


class Clock:
    """Turns the time stamps of a clip's frames into seconds since its first frame.

    The result never runs backwards. Where stamps are missing, jump back, or jump ahead by more
    than MAX_STEP_S, the frame counts as one frame after the one before it.

    Containers such as AVI store no display times, and FFmpeg then guesses some that are out of
    order. As `guess_correct_pts` of FFmpeg does, the decoding times are used as soon as they have
    proved to be more regular than the display times.
    """

    def __init__(self, rate: float | None) -> None:
        """Start before the first frame; `rate` is the stated number of frames a second."""
        self._frame_s = 1 / rate if rate else None
        self._display = _Stamps()
        self._decode = _Stamps()
        self._last: float | None = None
        self._started = False
        self._now = 0.0

    def time(self, display_s: float | None, decode_s: float | None) -> float:
        """Return when this frame is shown, in seconds since the first one.

        Args:
            display_s: the frame's presentation time stamp in seconds, if it has one.
            decode_s: its decoding time stamp, if it has one.

        Raises:
            ClipError: UNREADABLE, when there is neither a time stamp nor a rate to go by.
        """
        self._display.see(display_s)
        self._decode.see(decode_s)
        regular = self._display.faults <= self._decode.faults
        stamp = display_s if regular and display_s is not None else decode_s
        if self._started:
            self._now += self._step(stamp)
        self._started = True
        self._last = stamp
        return self._now

    def _step(self, stamp: float | None) -> float:
        if stamp is not None and self._last is not None:
            step = stamp - self._last
            if 0 < step <= MAX_STEP_S:
                return step
        elif self._frame_s is None:
            detail = "its frames have neither times nor a rate"
            raise ClipError(Reason.UNREADABLE, detail)
        return self._frame_s or 0.0


class _Stamps:
    """Counts how often one kind of time stamp failed to grow."""

    def __init__(self) -> None:
        self.faults = 0
        self._last = -math.inf

    def see(self, stamp: float | None) -> None:
        if stamp is None:
            return
        if stamp <= self._last:
            self.faults += 1
        self._last = stamp
