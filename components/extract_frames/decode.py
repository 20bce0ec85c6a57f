"""The frames of one clip, sampled by time, or of one still: upright, square and measured.

`decode` runs in a child process, see `components.guard`; one thread each, as several children
with one thread use the processors better than one with several, and a decoder's threads do not
always agree with themselves on what a damaged clip shows.
"""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Final

from components.contracts import ClipError, Reason
from components.extract_frames.frame import Frame
from components.extract_frames.picture import (
    Picture,
    difference_hash,
    display_matrix,
    encode_jpeg,
    measure,
)
from components.extract_frames.still import decode_still
from components.extract_frames.thrift import Thrift, can_skip_deblocking
from components.extract_frames.timing import Clock
from components.head import HeadDetector, HeadTracker, head_square
from components.model_directory import Crop
from components.sampling import Sampler
from components.square import UprightPicture
from components.video import open_video, stated_rate

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator
    from pathlib import Path

    from av.container import InputContainer
    from av.video.frame import VideoFrame
    from av.video.stream import VideoStream

_MAX_DECODED_RATE: Final = 240
"""Frames a second of the longest clip, after which decoding ends: time stamps can stand still."""


@functools.cache
def load_detector() -> HeadDetector:
    """Load what finds heads, once a process.

    Raises:
        DetectorError: it is not installed.
        DigestError: it is another one.
    """
    return HeadDetector()


def decode(
    path: Path, *, is_still: bool, frames_per_second: float, max_duration_s: float, crop: str
) -> Generator[bytes, None, dict[str, str | None]]:
    """Decode a clip or a still; a task of `components.guard`.

    Of a still the one frame has index 0 and time 0.

    Yields:
        Packed frames.

    Returns:
        `cut_short`: why a part of the clip was left out, None if none was.

    Raises:
        ClipError: as `ClipDecoder.frames` or `decode_still`.
    """
    heads = HeadTracker(load_detector()) if crop == Crop.FACE else None
    if is_still:
        yield frame_of(UprightPicture(decode_still(path)), heads, index=0, time_s=0.0).pack()
        return {"cut_short": None}
    decoder = ClipDecoder(
        path, frames_per_second=frames_per_second, max_duration_s=max_duration_s, heads=heads
    )
    for frame in decoder.frames():
        yield frame.pack()
    return {"cut_short": decoder.cut_short}


class ClipDecoder:
    """Decodes one clip, once.

    Attributes:
        sampled: how many frames have been sampled so far.
        cut_short: why a part of the clip was left out; None if none was.
    """

    def __init__(
        self,
        path: Path,
        *,
        frames_per_second: float,
        max_duration_s: float,
        heads: HeadTracker | None = None,
    ) -> None:
        """Prepare to sample a local file.

        Args:
            path: of the clip.
            frames_per_second: samples a second.
            max_duration_s: what comes after it is left out.
            heads: finds the head to cut out; None to take the square in the middle whole.
        """
        self._path = path
        self._heads = heads
        self._rate = frames_per_second
        self._max_duration_s = max_duration_s
        self._damaged = False
        self.sampled = 0
        self.cut_short: str | None = None

    def frames(self) -> Iterator[Frame]:
        """Yield the sampled frames in order; memory does not grow with the clip.

        A clip that breaks off in the middle ends there, and `cut_short` says why.

        Raises:
            ClipError: not even one frame could be had: UNREADABLE, NO_VIDEO, UNSUPPORTED_CODEC,
                TOO_LARGE, NO_FRAMES.
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
        for time_s, decoded in self._timed(container, stream):
            if not self._is_sound(decoded) or not sampler.is_due(time_s):
                continue
            if self.sampled == 0:
                matrix = display_matrix(decoded)
            picture = Picture(decoded, pixel_aspect, matrix)
            frame = frame_of(picture, self._heads, index=self.sampled, time_s=time_s)
            self.sampled += 1
            yield frame

    def _is_sound(self, frame: VideoFrame) -> bool:
        """Leave out what the decoder patched up, and all that builds on it: up to a key frame.

        Such pictures show what never was.
        """
        if frame.is_corrupt:
            self._damaged = True
            self.cut_short = "parts of it are damaged"
        elif frame.key_frame:
            self._damaged = False
        return not self._damaged

    def _timed(
        self, container: InputContainer, stream: VideoStream
    ) -> Iterator[tuple[float, VideoFrame]]:
        """Yield every frame with its time, up to the limits on time and number."""
        _set_up_decoder(container, stream)
        clock = Clock(stated_rate(stream))
        most = int(self._max_duration_s * _MAX_DECODED_RATE)
        for count, frame in enumerate(self._decoded(container, stream)):
            time_s = clock.time(*_stamps(frame))
            if time_s > self._max_duration_s or count >= most:
                self.cut_short = f"it goes on after {self._max_duration_s:g} s or {most} frames"
                return
            yield time_s, frame

    def _decoded(self, container: InputContainer, stream: VideoStream) -> Iterator[VideoFrame]:
        """Decode, but for frames that neither are sampled nor help to decode any other.

        With B-frames these are about half of the frames.
        """
        thrift = Thrift(stated_rate(stream), self._rate)
        for packet in container.demux(stream):
            is_needed = packet.time_base is None or thrift.is_needed(
                None if packet.pts is None else float(packet.pts * packet.time_base)
            )
            stream.codec_context.skip_frame = "DEFAULT" if is_needed else "NONREF"
            yield from packet.decode()


def frame_of(
    picture: Picture | UprightPicture, heads: HeadTracker | None, *, index: int, time_s: float
) -> Frame:
    """What is kept of a picture, whether it comes from a clip or is a still.

    The hash is always that of the whole square: that of a crop would change with the detector's
    trembling too, and a head that holds still would not look like itself.
    """
    whole = picture.square()
    head = None if heads is None else heads.find(whole, time_s)
    image = whole if head is None else picture.square(head_square(head.box, 1, 1))
    quality = measure(image)
    return Frame(
        index=index,
        time_s=time_s,
        sharpness=quality.sharpness,
        brightness=quality.brightness,
        dark_share=quality.dark_share,
        bright_share=quality.bright_share,
        dhash=difference_hash(whole),
        jpeg=encode_jpeg(image),
        face_box=None if head is None else head.box,
    )


def _set_up_decoder(container: InputContainer, stream: VideoStream) -> None:
    """Before its first frame; one thread, and no work that nobody will see."""
    stream.thread_type, stream.codec_context.thread_count = "NONE", 1
    context = stream.codec_context
    size = (context.width, context.height)
    if can_skip_deblocking(context.name, *size, stated_rate(stream), container.bit_rate):
        context.options = {**context.options, "skip_loop_filter": "all"}


def _stamps(frame: VideoFrame) -> tuple[float | None, float | None]:
    base = frame.time_base
    if base is None:
        return None, None
    display = None if frame.pts is None else float(frame.pts * base)
    decode = None if frame.dts is None else float(frame.dts * base)
    return display, decode
