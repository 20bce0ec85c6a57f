"""What a still says of itself in its first bytes: its format and its size, without decoding it.

The content decides, not the name. What is animated is refused: it is a video.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import IO, TYPE_CHECKING, Final

from components.contracts import ClipError, Reason
from components.video import check_size

if TYPE_CHECKING:
    from pathlib import Path

MAX_BYTES: Final = 128 << 20
"""Size of a file up to which it is read; the largest picture allowed has 127 MiB as a BMP."""

_MAX_PARTS: Final = 4096
"""Segments of a JPEG and chunks of a PNG that are looked at before the picture has to begin."""

_JPEG: Final = b"\xff\xd8\xff"
_PNG: Final = b"\x89PNG\r\n\x1a\n"
_SIZED: Final = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
"""Markers of a JPEG's frame header (ITU-T T.81, table B.1)."""
_BARE: Final = frozenset({0x01, *range(0xD0, 0xD8)})
"""Markers without a length after them."""
_ENDS: Final = frozenset({0xD9, 0xDA})


@dataclass(frozen=True, slots=True)
class StillHeader:
    """What a still states; the size is that before it is turned upright."""

    format: str
    width: int
    height: int


def read_header(path: Path) -> StillHeader:
    """Read format and size of a JPEG, PNG, BMP or WebP.

    Raises:
        ClipError: UNREADABLE, TOO_LARGE (in pixels) or, of several pictures, UNSUPPORTED_CODEC.
    """
    try:
        with path.open("rb") as stream:
            header = _header_of(stream)
    except struct.error:
        raise ClipError(Reason.UNREADABLE, "it ends within its header") from None
    except OSError as error:
        raise ClipError(Reason.UNREADABLE, f"reading it fails: {error.strerror}") from error
    check_size(header.width, header.height)
    return header


def _header_of(stream: IO[bytes]) -> StillHeader:
    start = stream.read(30)
    if start.startswith(_JPEG):
        return StillHeader("jpeg", *_jpeg_size(stream))
    if start.startswith(_PNG):
        return StillHeader("png", *_png_size(stream))
    if start.startswith(b"BM"):
        return StillHeader("bmp", *_bmp_size(start))
    if start.startswith(b"RIFF") and start[8:12] == b"WEBP":
        return StillHeader("webp", *_webp_size(start))
    raise ClipError(Reason.UNREADABLE, "its content is no JPEG, PNG, BMP or WebP")


def _jpeg_size(stream: IO[bytes]) -> tuple[int, int]:
    stream.seek(2)
    for _ in range(_MAX_PARTS):
        (prefix, marker) = struct.unpack("BB", stream.read(2))
        if prefix != 0xFF or marker in _ENDS:
            break
        if marker == 0xFF:  # a byte that fills up
            stream.seek(-1, 1)
        elif marker in _SIZED:
            height, width = struct.unpack(">3xHH", stream.read(7))
            return width, height
        elif marker not in _BARE:
            (length,) = struct.unpack(">H", stream.read(2))
            stream.seek(max(length, 2) - 2, 1)
    raise ClipError(Reason.UNREADABLE, "it is a JPEG without a frame header")


def _png_size(stream: IO[bytes]) -> tuple[int, int]:
    stream.seek(len(_PNG))
    size = None
    for _ in range(_MAX_PARTS):
        length, kind = struct.unpack(">I4s", stream.read(8))
        if size is None:
            if kind != b"IHDR":
                break
            size = struct.unpack(">II", stream.read(8))
            stream.seek(-8, 1)
        elif kind == b"acTL":
            raise _animated()
        elif kind == b"IDAT":
            return size
        stream.seek(length + 4, 1)
    raise ClipError(Reason.UNREADABLE, "it is a PNG without a picture")


def _bmp_size(start: bytes) -> tuple[int, int]:
    (header_bytes,) = struct.unpack_from("<I", start, 14)
    if header_bytes == 12:  # of OS/2
        return struct.unpack_from("<HH", start, 18)
    width, height = struct.unpack_from("<ii", start, 18)
    return width, abs(height)  # below 0 its rows run from top to bottom


def _webp_size(start: bytes) -> tuple[int, int]:
    kind = start[12:16]
    if kind == b"VP8X":
        flags, *size = struct.unpack_from("<B3x6B", start, 20)
        if flags & 0x02:
            raise _animated()
        return (
            int.from_bytes(bytes(size[:3]), "little") + 1,
            int.from_bytes(bytes(size[3:]), "little") + 1,
        )
    if kind == b"VP8L":
        (bits,) = struct.unpack_from("<I", start, 21)
        return (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1
    if kind == b"VP8 " and start[23:26] == b"\x9d\x01\x2a":
        width, height = struct.unpack_from("<HH", start, 26)
        return width & 0x3FFF, height & 0x3FFF
    raise ClipError(Reason.UNREADABLE, "it is a WebP without a picture")


def _animated() -> ClipError:
    return ClipError(
        Reason.UNSUPPORTED_CODEC, "it holds several pictures; give it as a video in videos/"
    )
