"""One sampled frame, and how it travels from the decoding process to the one that writes it."""

from __future__ import annotations

import math
import struct
from dataclasses import astuple, dataclass
from typing import Final

from components.contracts import ClipError, Reason
from components.region import Region

MAX_JPEG_BYTES: Final = 1 << 20
"""A 224x224 JPEG takes about a hundredth of that."""

_HEAD: Final = struct.Struct("<iddddd4dQ")
_NO_BOX: Final = (math.nan,) * 4
_JPEG_START: Final = b"\xff\xd8\xff"


@dataclass(frozen=True, slots=True)
class Frame:
    """One sampled frame; `contracts.FRAMES` and `picture.Quality` say what its values are."""

    index: int
    time_s: float
    sharpness: float
    brightness: float
    dark_share: float
    bright_share: float
    dhash: int
    jpeg: bytes
    face_box: Region | None = None

    def pack(self) -> bytes:
        """As bytes."""
        numbers = (self.sharpness, self.brightness, self.dark_share, self.bright_share)
        box = _NO_BOX if self.face_box is None else astuple(self.face_box)
        return _HEAD.pack(self.index, self.time_s, *numbers, *box, self.dhash) + self.jpeg

    @classmethod
    def unpack(cls, message: bytes) -> Frame:
        """Read what `pack` made, trusting nothing of it: it comes from a hostile clip's decoder.

        Raises:
            ClipError: DECODER_CRASHED, when it is no such frame.
        """
        jpeg = message[_HEAD.size :]
        if not jpeg.startswith(_JPEG_START) or len(jpeg) > MAX_JPEG_BYTES:
            raise ClipError(Reason.DECODER_CRASHED, "the decoder gave something else than a frame")
        index, time_s, *measures, x, y, width, height, dhash = _HEAD.unpack_from(message)
        box = None if math.isnan(x) else Region(x, y, width, height)
        told = (time_s, *measures, *(() if box is None else astuple(box)))
        if index < 0 or not all(map(math.isfinite, told)):
            raise ClipError(Reason.DECODER_CRASHED, "the decoder gave a frame with odd numbers")
        sharpness, brightness, dark_share, bright_share = measures
        return cls(index, time_s, sharpness, brightness, dark_share, bright_share, dhash, jpeg, box)
