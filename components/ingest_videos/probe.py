"""What a clip is: the digest of its content, and length, size and codec without decoding it."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Final

import av

from components.artifacts import sha256_of
from components.contracts import ClipError, Reason
from components.sources import SourceFile, check_unchanged, localise
from components.video import MAX_RATE, check_size, open_video, stated_rate

if TYPE_CHECKING:
    from pathlib import Path

    from av.container import InputContainer
    from av.video.stream import VideoStream

    from components.guard import GuardPool

CLIP_ID_DIGITS: Final = 16
TASK: Final = "components.ingest_videos.probe:probe_video"

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


def probe_clip(file: SourceFile, limits: Limits, guards: GuardPool) -> Probe:
    """Hash one clip, and probe it in a child process.

    Args:
        file: what was listed.
        limits: what is still a clip.
        guards: of the task `TASK`.

    Raises:
        ClipError: it is empty, unreadable, of an unsupported codec, too short, too long, too large,
            it changes meanwhile, or it is too much for its decoder.
    """
    if file.bytes == 0:
        raise ClipError(Reason.EMPTY, "it has 0 bytes")
    if file.bytes > limits.max_bytes:
        raise ClipError(Reason.TOO_LARGE, f"{file.bytes} bytes; up to {limits.max_bytes} are read")
    with localise(file.uri, file.etag) as path:
        with guards.lend() as guard:
            told = guard.call(path, **asdict(limits))
        clip_id = content_id(path)
    check_unchanged(file.uri, file.etag)  # a copy still under way would give a digest of half of it
    return _checked(clip_id, told, limits)


def probe_video(
    path: Path, *, min_duration_s: float, max_duration_s: float, max_bytes: int
) -> dict[str, Any]:
    """Read what a video says of itself; a task of `components.guard`.

    Returns:
        The attributes of `Probe`, but for its clip_id.

    Raises:
        ClipError: as `probe_clip`.
    """
    limits = Limits(min_duration_s, max_duration_s, max_bytes)
    with open_video(path) as (container, stream):
        duration = _stated_duration(container, stream)
        if duration is None:
            duration = _measured_duration(container, stream, limits.max_duration_s)
        _check_duration(duration, limits)
        context = stream.codec_context
        return {
            "duration_s": duration,
            "fps": stated_rate(stream),
            "width": context.width,
            "height": context.height,
            "codec": context.name,
        }


def _checked(clip_id: str, told: dict[str, Any], limits: Limits) -> Probe:
    """Trust nothing of what a hostile clip's decoder tells."""
    try:
        fps = None if told["fps"] is None else float(told["fps"])
        width, height = int(told["width"]), int(told["height"])
        probe = Probe(clip_id, float(told["duration_s"]), fps, width, height, str(told["codec"]))
    except (KeyError, TypeError, ValueError) as error:
        raise ClipError(Reason.DECODER_CRASHED, "the decoder told nonsense of it") from error
    if not math.isfinite(probe.duration_s) or not 0 < (fps or 1) <= MAX_RATE:
        raise ClipError(Reason.DECODER_CRASHED, "the decoder told nonsense of its time")
    _check_duration(probe.duration_s, limits)
    check_size(probe.width, probe.height)
    return probe


def content_id(path: Path) -> str:
    """The id that a clip or a still has from its content.

    Raises:
        ClipError: UNREADABLE.
    """
    try:
        return sha256_of(path)[:CLIP_ID_DIGITS]
    except OSError as error:
        raise ClipError(Reason.UNREADABLE, f"reading it fails: {error.strerror}") from error


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
