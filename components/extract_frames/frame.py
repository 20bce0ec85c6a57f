"""One sampled frame, and how it travels from the decoding process to the one that writes it."""

from __future__ import annotations

import math
import struct
from dataclasses import dataclass
from typing import Final

from components.contracts import ClipError, Reason

MAX_JPEG_BYTES: Final = 1 << 20
"""A 224x224 JPEG takes about a hundredth of that."""

_HEAD: Final = struct.Struct("<idddddQ")
_JPEG_START: Final = b"\xff\xd8\xff"


@dataclass(frozen=True, slots=True)
class Frame:
    """One sampled frame; `picture.Quality` says what is measured of it."""

    index: int
    time_s: float
    sharpness: float
    brightness: float
    dark_share: float
    bright_share: float
    dhash: int
    jpeg: bytes

    def pack(self) -> bytes:
        """As bytes."""
        numbers = (self.sharpness, self.brightness, self.dark_share, self.bright_share)
        return _HEAD.pack(self.index, self.time_s, *numbers, self.dhash) + self.jpeg

    @classmethod
    def unpack(cls, message: bytes) -> Frame:
        """Read what `pack` made, trusting nothing of it: it comes from a hostile clip's decoder.

        Raises:
            ClipError: DECODER_CRASHED, when it is no such frame.
        """
        jpeg = message[_HEAD.size :]
        if not jpeg.startswith(_JPEG_START) or len(jpeg) > MAX_JPEG_BYTES:
            raise ClipError(Reason.DECODER_CRASHED, "the decoder gave something else than a frame")
        index, time_s, *measures, dhash = _HEAD.unpack_from(message)
        if index < 0 or not all(map(math.isfinite, (time_s, *measures))):
            raise ClipError(Reason.DECODER_CRASHED, "the decoder gave a frame with odd numbers")
        sharpness, brightness, dark_share, bright_share = measures
        return cls(index, time_s, sharpness, brightness, dark_share, bright_share, dhash, jpeg)
