"""A frame on its way from the decoding process."""

from __future__ import annotations

import math
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from components.contracts import ClipError, Reason
from components.extract_frames.frame import MAX_JPEG_BYTES, Frame
from components.region import Region

NUMBERS = st.floats(0, 1e6)
FRAMES = st.builds(
    Frame,
    index=st.integers(0, 1 << 30),
    time_s=NUMBERS,
    sharpness=NUMBERS,
    brightness=NUMBERS,
    dark_share=NUMBERS,
    bright_share=NUMBERS,
    dhash=st.integers(0, (1 << 64) - 1),
    jpeg=st.binary(max_size=100).map(b"\xff\xd8\xff".__add__),
    face_box=st.none() | st.builds(Region, *[st.floats(-2, 2)] * 4),
)


@given(frame=FRAMES)
def test_a_frame_arrives_as_it_was_sent(frame: Frame) -> None:
    assert Frame.unpack(frame.pack()) == frame


@given(message=st.binary(max_size=200))
def test_anything_else_is_refused(message: bytes) -> None:
    with pytest.raises(ClipError) as caught:
        Frame.unpack(message)
    assert caught.value.reason is Reason.DECODER_CRASHED


@pytest.mark.parametrize(
    "frame",
    [
        Frame(-1, 0, 0, 0, 0, 0, 0, b"\xff\xd8\xff"),
        Frame(0, math.nan, 0, 0, 0, 0, 0, b"\xff\xd8\xff"),
        Frame(0, 0, math.inf, 0, 0, 0, 0, b"\xff\xd8\xff"),
        Frame(0, 0, 0, 0, 0, 0, 0, b"GIF89a"),
        Frame(0, 0, 0, 0, 0, 0, 0, b"\xff\xd8\xff", Region(0, 0, math.nan, 1)),
        Frame(0, 0, 0, 0, 0, 0, 0, b"\xff\xd8\xff", Region(0, 0, 1, math.inf)),
        Frame(0, 0, 0, 0, 0, 0, 0, b"\xff\xd8\xff" + bytes(MAX_JPEG_BYTES)),
    ],
)
def test_a_frame_that_cannot_be_is_refused(frame: Frame) -> None:
    with pytest.raises(ClipError):
        Frame.unpack(frame.pack())


def test_a_message_is_read_to_its_last_byte() -> None:
    frame = Frame(0, 0, 0, 0, 0, 0, 0, b"\xff\xd8\xff")
    assert len(frame.pack()) == struct.calcsize("<iddddd4dQ") + 3
