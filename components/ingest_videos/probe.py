"""What a clip is: the digest of its content, and length, size and codec without decoding it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import av

from components.artifacts import sha256_of
from components.contracts import ClipError, Reason
from components.sources import SourceFile, check_unchanged, localise
from components.video import open_video, stated_rate

if TYPE_CHECKING:
    from pathlib import Path

    from av.container import InputContainer
    from av.video.stream import VideoStream

CLIP_ID_DIGITS: Final = 16
_MAX_PACKET_RATE: Final = 240
"""Packets a second of the longest clip allowed, after which counting them ends."""


@dataclass(frozen=True, slots=True)
class Limits:
    """What is still a clip of a head that turns.

    Attributes:
        min_duration_s: shorter clips show too few views.
        max_duration_s: longer clips are not what was asked for, and could hold up a shard.
        max_bytes: size of the file.
    """

    min_duration_s: float = 1.0
    max_duration_s: float = 300.0
    max_bytes: int = 4 << 30


@dataclass(frozen=True, slots=True)
class Probe:
    """What a clip says of itself; the size is the coded one, before any rotation."""

    clip_id: str
    duration_s: float
    fps: float | None
    width: int
    height: int
    codec: str


def probe_clip(file: SourceFile, limits: Limits) -> Probe:
    """Hash and probe one clip.

    Raises:
        ClipError: it is empty, unreadable, too short, too long, too large, or it changes meanwhile.
    """
    if file.bytes == 0:
        raise ClipError(Reason.EMPTY, "it has 0 bytes")
    if file.bytes > limits.max_bytes:
        raise ClipError(Reason.TOO_LARGE, f"{file.bytes} bytes; up to {limits.max_bytes} are read")
    with localise(file.uri, file.etag) as path:
        probe = _probe(path, limits)
    check_unchanged(file.uri, file.etag)  # a copy still under way would give a digest of half of it
    return probe


def _probe(path: Path, limits: Limits) -> Probe:
    with open_video(path) as (container, stream):
        duration = _stated_duration(container, stream)
        if duration is None:
            duration = _measured_duration(container, stream, limits.max_duration_s)
        _check_duration(duration, limits)
        context = stream.codec_context
        size = (context.width, context.height)
        codec, rate = context.name, stated_rate(stream)
    try:
        clip_id = sha256_of(path)[:CLIP_ID_DIGITS]
    except OSError as error:
        raise ClipError(Reason.UNREADABLE, f"reading it fails: {error.strerror}") from error
    return Probe(clip_id, duration, rate, *size, codec)


def _check_duration(duration_s: float, limits: Limits) -> None:
    if duration_s < limits.min_duration_s:
        detail = f"{duration_s:.2f} s; it takes at least {limits.min_duration_s:g} s"
        raise ClipError(Reason.TOO_SHORT, detail)
    if duration_s > limits.max_duration_s:
        detail = f"more than {limits.max_duration_s:g} s; split it into takes"
        raise ClipError(Reason.TOO_LONG, detail)


def _stated_duration(container: InputContainer, stream: VideoStream) -> float | None:
    if stream.duration and stream.time_base and stream.duration > 0:
        return float(stream.duration * stream.time_base)
    if container.duration and container.duration > 0:
        return container.duration / av.time_base
    return None


def _measured_duration(
    container: InputContainer, stream: VideoStream, max_duration_s: float
) -> float:
    """Time from the first to the end of the last packet, for files that do not state it.

    Ends early once it is clear that the clip is too long.
    """
    rate = stated_rate(stream)
    frame_s = 1 / rate if rate else 0.0
    first = last = None
    count = 0
    for packet in container.demux(stream):
        if packet.size == 0:
            continue
        count += 1
        if packet.pts is not None and packet.time_base is not None:
            time_s = float(packet.pts * packet.time_base)
            first = time_s if first is None else min(first, time_s)
            last = time_s if last is None else max(last, time_s)
            if last - first > max_duration_s:
                break
        if count > max_duration_s * _MAX_PACKET_RATE:
            detail = f"more than {_MAX_PACKET_RATE} frames a second of the longest clip allowed"
            raise ClipError(Reason.TOO_LONG, detail)
    if first is not None and last is not None and last > first:
        return last - first + frame_s
    if not frame_s:
        raise ClipError(Reason.UNREADABLE, "its frames have neither times nor a rate")
    return count * frame_s
