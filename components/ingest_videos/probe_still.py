"""What a still is: the digest of its content, and its size without decoding it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from components.contracts import ClipError, Reason
from components.ingest_videos.probe import content_id
from components.sources import check_unchanged, localise
from components.still import MAX_BYTES, read_header

if TYPE_CHECKING:
    from components.sources import SourceFile


@dataclass(frozen=True, slots=True)
class StillProbe:
    """What a still says of itself; the size is that before it is turned upright."""

    still_id: str
    width: int
    height: int


def probe_still(file: SourceFile) -> StillProbe:
    """Hash one still and read its header.

    Raises:
        ClipError: it is empty, unreadable, too large, animated, or it changes meanwhile.
    """
    if file.bytes == 0:
        raise ClipError(Reason.EMPTY, "it has 0 bytes")
    if file.bytes > MAX_BYTES:
        raise ClipError(Reason.TOO_LARGE, f"{file.bytes} bytes; up to {MAX_BYTES} are read")
    with localise(file.uri, file.etag) as path:
        header = read_header(path)
        still_id = content_id(path)
    check_unchanged(file.uri, file.etag)
    return StillProbe(still_id, header.width, header.height)
