"""Changes MP4 and AVI files byte by byte, into what no muxer would write.

The box structure is that of ISO/IEC 14496-12. The muxer puts `moov` behind the pictures, so it may
grow and shrink without moving them.
"""

from __future__ import annotations

import struct
import zlib
from itertools import accumulate
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    Change = Callable[[bytes], bytes]


def box(kind: bytes, payload: bytes = b"") -> bytes:
    return struct.pack(">I4s", 8 + len(payload), kind) + payload


def boxes(content: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Kind and payload of each box in `content`."""
    place = 0
    while place < len(content):
        size, kind = struct.unpack_from(">I4s", content, place)
        yield kind, content[place + 8 : place + size]
        place += size


def changed(content: bytes, path: str, change: Change) -> bytes:
    """`content` with the payload of every box at `path` ("moov/trak/tkhd") changed."""
    wanted, _, below = path.partition("/")
    return b"".join(
        box(kind, _inner(payload, below, change) if kind == wanted.encode() else payload)
        for kind, payload in boxes(content)
    )


def _inner(payload: bytes, below: str, change: Change) -> bytes:
    return changed(payload, below, change) if below else change(payload)


def without(content: bytes, path: str, kind: bytes) -> bytes:
    """`content` without the boxes of `kind` in the box at `path`, or on top with path ""."""

    def drop(payload: bytes) -> bytes:
        return b"".join(box(*each) for each in boxes(payload) if each[0] != kind)

    return changed(content, path, drop) if path else drop(content)


def patch(path: Path, where: str, change: Change) -> None:
    """Change a file's boxes at `where`; it has to make a difference."""
    content = path.read_bytes()
    result = changed(content, where, change)
    assert result != content, f"no box {where} was changed"
    path.write_bytes(result)


def put(offset: int, layout: str, *values: int) -> Change:
    """Overwrite big-endian fields of a payload."""

    def change(payload: bytes) -> bytes:
        new = struct.pack(">" + layout, *values)
        return payload[:offset] + new + payload[offset + len(new) :]

    return change


def always(payload: bytes) -> Change:
    return lambda _: payload


def full(*values: int) -> bytes:
    """Payload of a full box of version 0: flags and 32-bit fields."""
    return struct.pack(f">{1 + len(values)}I", 0, *values)


STBL = "moov/trak/mdia/minf/stbl"


def repeat_last_sample(path: Path, times: int) -> None:
    """Make an MP4 of one track show its last sample `times` more, at 10 a second, 8 bytes each."""
    content = path.read_bytes()
    sizes = _sizes(_payload(content, f"{STBL}/stsz"))
    (place,) = struct.unpack_from(">I", _payload(content, f"{STBL}/stco"), 8)
    (scale,) = struct.unpack_from(">I", _payload(content, "moov/trak/mdia/mdhd"), 12)
    places = [place + before for before in accumulate([0, *sizes[:-1]])]
    sizes, places = sizes + sizes[-1:] * times, places + places[-1:] * times
    for kind, payload in {
        "stts": full(1, len(sizes), scale // 10),
        "stsz": full(0, len(sizes), *sizes),
        "stsc": full(1, 1, 1, 1),
        "stco": full(len(places), *places),
    }.items():
        content = changed(content, f"{STBL}/{kind}", always(payload))
    for table in (b"stss", b"ctts"):
        content = without(content, STBL, table)
    content = without(content, "moov/trak", b"edts")
    content = changed(content, "moov/trak/mdia/mdhd", put(16, "I", len(sizes) * scale // 10))
    path.write_bytes(content)


def _sizes(stsz: bytes) -> list[int]:
    _, common, count = struct.unpack_from(">III", stsz)
    return [common] * count if common else list(struct.unpack_from(f">{count}I", stsz, 12))


def _payload(content: bytes, path: str) -> bytes:
    for name in path.split("/"):
        content = next(payload for kind, payload in boxes(content) if kind == name.encode())
    return content


def squeezed(count: int, byte: bytes = b"\0") -> bytes:
    """`count` MB of one byte as zlib takes them: about a thousandth of that, made at once."""
    block = byte * (1 << 20)
    packer = zlib.compressobj()
    packed = packer.compress(block) + packer.flush(zlib.Z_FULL_FLUSH)
    again = packer.compress(block) + packer.flush(zlib.Z_FULL_FLUSH)
    end = packer.flush()[:-4]
    check = 1
    for _ in range(count):
        check = zlib.adler32(block, check)
    return packed + again * (count - 1) + end + struct.pack(">I", check)


def cmov(header: bytes, *, size: int | None = None) -> bytes:
    """A compressed `moov` (QuickTime File Format, "Compressed movie resources")."""
    return compressed(zlib.compress(header), len(header) if size is None else size)


def compressed(packed: bytes, size: int) -> bytes:
    """The same, of something that was compressed before."""
    data = box(b"cmvd", struct.pack(">I", size) + packed)
    return box(b"moov", box(b"cmov", box(b"dcom", b"zlib") + data))


def patch_avi(path: Path, header: bytes, offset: int, layout: str, *values: int) -> None:
    """Overwrite little-endian fields of the first chunk `header` of an AVI."""
    content = bytearray(path.read_bytes())
    struct.pack_into("<" + layout, content, content.index(header) + 8 + offset, *values)
    path.write_bytes(content)
