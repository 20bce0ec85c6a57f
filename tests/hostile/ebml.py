"""Writes Matroska by hand (RFC 8794, RFC 9559), with JPEGs for pictures."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

import cv2

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tests.videos import Image


def jpeg(image: Image, *, claims: tuple[int, int] | None = None) -> bytes:
    """Encode as JPEG; `claims` is the width and height that its header states instead."""
    content = bytearray(cv2.imencode(".jpg", image)[1].tobytes())
    if claims:
        frame_header = content.index(b"\xff\xc0")
        struct.pack_into(">HH", content, frame_header + 5, claims[1], claims[0])
    return bytes(content)


def element(identity: int, *payload: bytes, size: int | None = None) -> bytes:
    """One element; `size` is what it states instead of its true size."""
    content = b"".join(payload)
    name = identity.to_bytes((identity.bit_length() + 7) // 8, "big")
    return (
        name + ((1 << 56) | (len(content) if size is None else size)).to_bytes(8, "big") + content
    )


def number(identity: int, value: int) -> bytes:
    return element(identity, value.to_bytes(8, "big"))


HEADER = element(
    0x1A45DFA3,
    number(0x4286, 1),  # EBMLVersion
    number(0x42F7, 1),  # EBMLReadVersion
    element(0x4282, b"matroska"),
    number(0x4287, 4),  # DocTypeVersion
    number(0x4285, 2),  # DocTypeReadVersion
)


def segment(*parts: bytes, size: int | None = None) -> bytes:
    return HEADER + element(0x18538067, *parts, size=size)


def info(*more: bytes, seconds: float | None = None) -> bytes:
    stated = b"" if seconds is None else element(0x4489, struct.pack(">d", seconds * 1000))
    return element(0x1549A966, number(0x2AD7B1, 1_000_000), stated, *more)


def video_entry(
    *more: bytes, track: int = 1, size: tuple[int, int] = (64, 48), codec: bytes = b"V_MJPEG"
) -> bytes:
    """A TrackEntry."""
    shape = element(0xE0, number(0xB0, size[0]), number(0xBA, size[1]))
    return element(
        *(0xAE, number(0xD7, track), number(0x73C5, track), number(0x83, 1)),
        *(element(0x86, codec), shape, *more),
    )


def audio_entry(track: int) -> bytes:
    shape = element(0xE1, element(0xB5, struct.pack(">d", 8000)), number(0x9F, 1))
    return element(
        *(0xAE, number(0xD7, track), number(0x73C5, track), number(0x83, 2)),
        *(element(0x86, b"A_PCM/INT/LIT"), shape),
    )


def subtitle_entry(track: int = 1) -> bytes:
    return element(
        *(0xAE, number(0xD7, track), number(0x73C5, track), number(0x83, 17)),
        element(0x86, b"S_TEXT/UTF8"),
    )


def compression(algorithm: int, settings: bytes = b"") -> bytes:
    """ContentEncodings: 0 zlib, 1 bzlib, 2 lzo, 3 header stripping."""
    stripped = element(0x4255, settings) if settings else b""
    how = element(0x5034, number(0x4254, algorithm), stripped)
    return element(0x6D80, element(0x6240, number(0x5031, 0), number(0x5033, 0), how))


ENCRYPTION = element(0x6D80, element(0x6240, number(0x5033, 1), element(0x5035, number(0x47E1, 5))))
"""ContentEncodings: AES, without a key."""


def attachment(name: bytes, kind: bytes, content: bytes) -> bytes:
    file = element(
        *(0x61A7, element(0x466E, name), element(0x4660, kind)),
        *(element(0x465C, content), number(0x46AE, 1)),
    )
    return element(0x1941A469, file)


def tracks(*entries: bytes) -> bytes:
    return element(0x1654AE6B, *entries)


def cluster(
    frames: Sequence[bytes], *, start_ms: int = 0, step_ms: int = 100, track: int = 1
) -> bytes:
    """A cluster of key frames, one SimpleBlock each."""
    blocks = [
        element(0xA3, bytes([0x80 | track]), struct.pack(">hB", place * step_ms, 0x80), frame)
        for place, frame in enumerate(frames)
    ]
    return element(0x1F43B675, number(0xE7, start_ms), *blocks)
