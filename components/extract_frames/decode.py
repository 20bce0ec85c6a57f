"""The frames of one clip, sampled by time, upright, square and measured."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from components.contracts import ClipError, Reason
from components.extract_frames.picture import display_matrix, encode_jpeg, measure, upright_square
from components.extract_frames.timing import Clock, Sampler
from components.video import open_video, stated_rate

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from av.container import InputContainer
    from av.video.frame import VideoFrame
    from av.video.stream import VideoStream

_MAX_DECODED_RATE: Final = 240
"""Frames a second of the longest clip, after which decoding ends: time stamps can stand still."""

_THREADED_BY_FRAME: Final = frozenset({"h264", "hevc", "vp8", "vp9", "av1", "libdav1d"})
"""Decoders to run on several frames at once. Others, MPEG-4 part 2 among them, would then not even
agree with themselves on which frames of a damaged clip are damaged."""


@dataclass(frozen=True, slots=True)
class Frame:
    """One sampled frame; `picture.Quality` says what is measured of it."""

    index: int
    time_s: float
    jpeg: bytes
    sharpness: float
    brightness: float
    dark_share: float
    bright_share: float
    dhash: int


class ClipDecoder:
    """Decodes one clip, once.

    Attributes:
        sampled: how many frames have been sampled so far.
        cut_short: why a part of the clip was left out; None if none was.
    """

    def __init__(self, path: Path, *, frames_per_second: float, max_duration_s: float) -> None:
        """Prepare to sample `frames_per_second` of at most `max_duration_s` of a local file."""
        self._path = path
        self._rate = frames_per_second
        self._max_duration_s = max_duration_s
        self._damaged = False
        self.sampled = 0
        self.cut_short: str | None = None

    def frames(self) -> Iterator[Frame]:
        """Yield the sampled frames in order; memory does not grow with the clip.

        A clip that breaks off in the middle ends there, and `cut_short` says why.

        Raises:
            ClipError: not even one frame could be had: UNREADABLE, NO_VIDEO, TOO_LARGE, NO_FRAMES.
        """
        try:
            with open_video(self._path) as (container, stream):
                yield from self._sampled(container, stream)
        except ClipError as error:
            if not self.sampled:
                raise
            self.cut_short = error.detail
        if not self.sampled:
            raise ClipError(Reason.NO_FRAMES, "it holds no frame that can be decoded")

    def _sampled(self, container: InputContainer, stream: VideoStream) -> Iterator[Frame]:
        sampler = Sampler(self._rate)
        pixel_aspect = float(stream.sample_aspect_ratio or 1)
        matrix = None
        for time_s, picture in self._timed(container, stream):
            if not self._is_sound(picture) or not sampler.is_due(time_s):
                continue
            if self.sampled == 0:
                matrix = display_matrix(picture)
            image = upright_square(picture, pixel_aspect, matrix)
            quality = measure(image)
            frame = Frame(
                index=self.sampled,
                time_s=time_s,
                jpeg=encode_jpeg(image),
                sharpness=quality.sharpness,
                brightness=quality.brightness,
                dark_share=quality.dark_share,
                bright_share=quality.bright_share,
                dhash=quality.dhash,
            )
            self.sampled += 1
            yield frame

    def _is_sound(self, picture: VideoFrame) -> bool:
        """Leave out what the decoder patched up, and all that builds on it: up to a key frame.

        Such pictures show what never was, and not even the same on every run, as the decoder's
        threads patch with what they have just then.
        """
        if picture.is_corrupt:
            self._damaged = True
            self.cut_short = "parts of it are damaged"
        elif picture.key_frame:
            self._damaged = False
        return not self._damaged

    def _timed(
        self, container: InputContainer, stream: VideoStream
    ) -> Iterator[tuple[float, VideoFrame]]:
        """Yield every frame with its time, up to the limits on time and number."""
        if stream.codec_context.name in _THREADED_BY_FRAME:
            stream.thread_type = "AUTO"
        clock = Clock(stated_rate(stream))
        most = int(self._max_duration_s * _MAX_DECODED_RATE)
        for count, picture in enumerate(container.decode(stream)):
            time_s = clock.time(*_stamps(picture))
            if time_s > self._max_duration_s or count >= most:
                self.cut_short = f"it goes on after {self._max_duration_s:g} s or {most} frames"
                return
            yield time_s, picture


def _stamps(picture: VideoFrame) -> tuple[float | None, float | None]:
    base = picture.time_base
    if base is None:
        return None, None
    display = None if picture.pts is None else float(picture.pts * base)
    decode = None if picture.dts is None else float(picture.dts * base)
    return display, decode
