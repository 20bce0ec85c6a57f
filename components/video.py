"""Opening a video that somebody else made: which formats are taken, and up to which size."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Final

import av
from av.stream import Disposition

from components.contracts import ClipError, Reason

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from av.container import InputContainer
    from av.video.stream import VideoStream

MAX_PIXELS: Final = 7680 * 4320
"""Width times height up to which a picture is decoded; 8K."""
MAX_RATE: Final = 1000.0
"""Frames a second above which a stated rate is a mistake of the file's."""

# FFmpeg chooses by content, not by name. Playlists and scripts, which make it open other files or
# the network, are left out.
_OPEN_OPTIONS: Final = {
    "format_whitelist": "mov,mp4,m4a,3gp,3g2,mj2,matroska,webm,avi",
    "protocol_whitelist": "file",
}
_OPEN_TIMEOUT_S: Final = 30.0


@contextlib.contextmanager
def open_video(path: Path) -> Iterator[tuple[InputContainer, VideoStream]]:
    """Open a local video at its first video stream (a cover picture is none).

    Errors of FFmpeg that are raised while the video is open become `ClipError` too.

    Raises:
        ClipError: UNREADABLE, NO_VIDEO or TOO_LARGE.
    """
    try:
        with av.open(
            f"file:{path}",
            mode="r",
            container_options=_OPEN_OPTIONS,
            metadata_errors="replace",  # titles and the like may be in any encoding
            timeout=_OPEN_TIMEOUT_S,
        ) as container:
            yield container, _video_stream(container)
    except av.FFmpegError as error:
        raise _unreadable(error) from error


def _unreadable(error: av.FFmpegError) -> ClipError:
    """Say what FFmpeg said, without the file's name, which `str(error)` has in it."""
    return ClipError(Reason.UNREADABLE, f"{type(error).__name__}: {error.strerror}")


def check_size(width: int, height: int) -> None:
    """Refuse a picture that has no size or too much of it (in pixels).

    Raises:
        ClipError: UNREADABLE or TOO_LARGE.
    """
    if width <= 0 or height <= 0:
        raise ClipError(Reason.UNREADABLE, "it states no picture size")
    if width * height > MAX_PIXELS:
        detail = f"{width}x{height} pixels; up to {MAX_PIXELS:,} are decoded"
        raise ClipError(Reason.TOO_LARGE, detail)


def stated_rate(stream: VideoStream) -> float | None:
    """Frames a second according to the file, or None when it says none or nonsense."""
    for rate in (stream.average_rate, stream.guessed_rate):
        if rate and 0 < rate <= MAX_RATE:
            return float(rate)
    return None


def _video_stream(container: InputContainer) -> VideoStream:
    streams = [
        stream
        for stream in container.streams.video
        if not stream.disposition & Disposition.attached_pic
    ]
    if not streams:
        raise ClipError(Reason.NO_VIDEO, "it has no video stream")
    stream = streams[0]
    if stream.codec_context is None:  # what the type stubs leave out
        raise ClipError(Reason.UNREADABLE, "there is no decoder for its codec")
    check_size(stream.codec_context.width, stream.codec_context.height)
    return stream
