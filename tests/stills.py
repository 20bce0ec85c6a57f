"""Makes small stills, good ones and odd ones."""

from __future__ import annotations

import struct
import zlib
from typing import TYPE_CHECKING

import cv2
import numpy as np

from tests.videos import noise

if TYPE_CHECKING:
    import numpy.typing as npt

    Image = npt.NDArray[np.uint8]

FORMATS = ("jpg", "png", "bmp", "webp")

LOSSLESS = {".webp": [cv2.IMWRITE_WEBP_QUALITY, 101]}


def encode(image: Image, suffix: str = ".png") -> bytes:
    """Encode a BGR picture."""
    done, content = cv2.imencode(suffix, image, LOSSLESS.get(suffix, []))
    assert done
    return content.tobytes()


def still(seed: int, *, size: tuple[int, int] = (64, 64), suffix: str = ".png") -> bytes:
    """A still whose content is like no other seed's."""
    return encode(noise(1, size=size, seed=seed)[0], suffix)


def four_colours() -> Image:
    """A picture 60 wide and 40 high: blue, green, red and black, each in a corner of its own."""
    image = np.zeros((40, 60, 3), np.uint8)
    image[:20, :30], image[:20, 30:], image[20:, :30] = (255, 0, 0), (0, 255, 0), (0, 0, 255)
    return image


def turned(suffix: str, orientation: int, image: Image | None = None) -> bytes:
    """A still with an EXIF orientation, as each format has it."""
    plain = encode(four_colours() if image is None else image, suffix)
    exif = b"II*\0\x08\0\0\0" + struct.pack("<HHHIHHI", 1, 0x112, 3, 1, orientation, 0, 0)
    if suffix == ".jpg":
        segment = b"Exif\0\0" + exif
        return plain[:2] + b"\xff\xe1" + struct.pack(">H", len(segment) + 2) + segment + plain[2:]
    if suffix == ".png":
        return plain[:33] + chunk(b"eXIf", exif) + plain[33:]
    return _extended_webp(plain, 0x08, _padded(b"EXIF", exif))


def chunk(kind: bytes, content: bytes) -> bytes:
    """A chunk of a PNG."""
    check = struct.pack(">I", zlib.crc32(kind + content))
    return struct.pack(">I", len(content)) + kind + content + check


def animated(suffix: str) -> bytes:
    """A still that says of itself that it holds two pictures."""
    plain = still(1, suffix=suffix)
    if suffix == ".png":
        return plain[:33] + chunk(b"acTL", struct.pack(">II", 2, 0)) + plain[33:]
    return _extended_webp(plain, 0x02, b"")


def bomb(suffix: str, width: int = 60_000, height: int = 60_000) -> bytes:
    """A few bytes that state a picture of gigabytes."""
    plain = bytearray(still(1, suffix=suffix))
    if suffix == ".png":
        header = chunk(b"IHDR", struct.pack(">II5B", width, height, 8, 2, 0, 0, 0))
        return bytes(plain[:8]) + header + bytes(plain[33:])
    if suffix == ".jpg":
        at = plain.index(b"\xff\xc0") + 5
        plain[at : at + 4] = struct.pack(">HH", height, width)
    elif suffix == ".bmp":
        plain[18:26] = struct.pack("<ii", width, -height)
    else:
        head = struct.pack("<B3x", 0) + _three(width - 1) + _three(height - 1)
        body = b"WEBP" + _padded(b"VP8X", head) + bytes(plain[12:])
        return b"RIFF" + struct.pack("<I", len(body)) + body
    return bytes(plain)


def _extended_webp(plain: bytes, flags: int, more: bytes) -> bytes:
    (bits,) = struct.unpack_from("<I", plain, 21)  # lossless: the size stands in its first bits
    size = _three(bits & 0x3FFF) + _three(bits >> 14 & 0x3FFF)
    body = b"WEBP" + _padded(b"VP8X", struct.pack("<B3x", flags) + size) + plain[12:] + more
    return b"RIFF" + struct.pack("<I", len(body)) + body


def _padded(kind: bytes, content: bytes) -> bytes:
    return kind + struct.pack("<I", len(content)) + content + b"\0" * (len(content) % 2)


def _three(value: int) -> bytes:
    return value.to_bytes(3, "little")
