"""What of a clip need not be decoded, as nobody will see it."""

from __future__ import annotations

import math
from typing import Final

from components.sampling import TOLERANCE_S

_MIN_SIDE: Final = 1080
_MIN_BITS_A_PIXEL: Final = 0.05


def can_skip_deblocking(
    codec: str, width: int, height: int, rate: float | None, bits_per_second: float
) -> bool:
    """Say whether H.264's deblocking filter may be left out, a seventh of the decoding time.

    The edges that it smooths drown when a frame is averaged down, unless the clip is compressed so
    hard that they are strong and add up from frame to frame. Of 1080p at 30 frames a second,
    without B-frames, squares cut out of the middle differ from those of a full decode by a
    structural similarity of 0.998 at 2 Mbit/s (0.03 bits a pixel) and 0.999 from 4 Mbit/s on; parts
    0.4 times as wide, as a head takes, by 0.992 and 0.997. JPEG takes more of both, 0.90 and 0.96.
    At 1 Mbit/s they differ by 0.978 and 0.929, which is too much.

    Args:
        codec: as FFmpeg calls it.
        width: of the coded picture, in pixels.
        height: of the coded picture, in pixels.
        rate: frames a second, if stated.
        bits_per_second: of the whole file; 0 where it is not known.
    """
    if codec != "h264" or rate is None or min(width, height) < _MIN_SIDE:
        return False
    return bits_per_second >= _MIN_BITS_A_PIXEL * width * height * rate


class Thrift:
    """Says before it is decoded whether a frame is going to be sampled.

    It can say so of clips that have many frames for each sample and whose frames stand on the grid
    of their stated rate; of others every frame counts as needed. A camera that left out just the
    frame to be sampled has a neighbour sampled in its place.
    """

    MIN_FRAMES_A_SAMPLE: Final = 4

    def __init__(self, rate: float | None, frames_per_second: float) -> None:
        """Take the clip's stated frames a second, and the number of them to be sampled."""
        worthwhile = rate is not None and rate >= self.MIN_FRAMES_A_SAMPLE * frames_per_second
        self._rate = rate if worthwhile else None
        self._samples_a_second = frames_per_second
        self._start: float | None = None

    def is_needed(self, display_s: float | None) -> bool:
        """Say so of the next packet, by its presentation time stamp in seconds, if it has one."""
        if self._rate is None or display_s is None:
            return True
        if self._start is None:
            self._start = display_s
        time_s = display_s - self._start
        off_grid_s = abs(time_s * self._rate - round(time_s * self._rate)) / self._rate
        if off_grid_s > TOLERANCE_S:
            return True
        reached = time_s + TOLERANCE_S
        before = reached - 1 / self._rate
        return math.floor(reached * self._samples_a_second) > math.floor(
            before * self._samples_a_second
        )
