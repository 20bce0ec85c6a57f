"""Makes tiny videos with PyAV, good ones and odd ones."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING, Any, BinaryIO

import av
import numpy as np
from av.container.core import Flags
from av.stream import Disposition

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from pathlib import Path

    import numpy.typing as npt

    Image = npt.NDArray[np.uint8]

# What a camera writes into `tkhd` (QuickTime File Format, "Matrices"), by clockwise degrees.
TURNED = {
    0: (1, 0, 0, 1),
    90: (0, 1, -1, 0),
    180: (-1, 0, 0, -1),
    270: (0, -1, 1, 0),
}

FORMS = {".mkv": "matroska", ".webm": "webm", ".avi": "avi"}
MILLISECONDS = frozenset({"libx264", "libx265", "libvpx", "libvpx-vp9", "libsvtav1", "mjpeg"})
"""Encoders that take any time base, so that frames can stand at any time."""

SETTINGS = {
    "libx264": {"preset": "ultrafast"},
    "libx265": {"preset": "ultrafast", "x265-params": "log-level=none:pools=none:frame-threads=1"},
}


class _OneWay:
    """A file that cannot be rewound: the muxer cannot go back and fill in how long it is."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream

    def write(self, data: bytes) -> int:
        return self._stream.write(data)


def write_video(
    path: Path,
    frames: Iterable[Image],
    *,
    fps: int = 10,
    codec: str = "libx264",
    times_s: Sequence[float] | None = None,
    pixel_aspect: Fraction | None = None,
    rewindable: bool = True,
    title: str = "",
    frames_per_key_frame: int = 250,
    form: str | None = None,
    pix_fmt: str | None = None,
    options: Mapping[str, str] | None = None,
    muxing: Mapping[str, str] | None = None,
) -> Path:
    """Write (height, width, 3) uint8 RGB frames; the name's suffix says which container.

    `times_s` gives each frame its time, for variable rates; `rewindable=False` leaves the duration
    out of containers that state it at their start. `form` is another container than the suffix
    says; `options` are the encoder's, `muxing` the container's.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    form = form or FORMS.get(path.suffix.lower(), "mp4")
    settings = {**SETTINGS.get(codec, {}), **(options or {})}
    pix_fmt = pix_fmt or ("yuv444p" if codec == "libx264" else "yuv420p")
    with path.open("wb") as stream:
        target: Any = stream if rewindable else _OneWay(stream)
        with av.open(target, "w", format=form, container_options=dict(muxing or {})) as container:
            container.flags |= Flags.bitexact.value  # the same bytes on every run
            container.metadata["title"] = title
            track = Track(codec, fps, settings, pix_fmt, pixel_aspect, frames_per_key_frame)
            _encode(container, frames, times_s, track)
    return path


@dataclass(frozen=True)
class Track:
    """How a video stream is to be encoded."""

    codec: str
    fps: int
    settings: dict[str, str]
    pix_fmt: str
    pixel_aspect: Fraction | None
    frames_per_key_frame: int

    def add_to(self, container: Any, image: Image) -> Any:
        stream = container.add_stream(
            self.codec, rate=self.fps, options={"threads": "1", **self.settings}
        )
        stream.height, stream.width = image.shape[:2]
        stream.gop_size = self.frames_per_key_frame
        stream.pix_fmt = self.pix_fmt
        if self.codec in MILLISECONDS:
            stream.codec_context.time_base = Fraction(1, 1000)
        if self.pixel_aspect is not None:
            stream.codec_context.sample_aspect_ratio = self.pixel_aspect
        return stream


def _encode(
    container: Any, frames: Iterable[Image], times_s: Sequence[float] | None, track: Track
) -> None:
    stream = None
    for number, image in enumerate(frames):
        stream = stream or track.add_to(container, image)
        frame = av.VideoFrame.from_ndarray(image, format="rgb24")
        base = stream.codec_context.time_base or Fraction(1, track.fps)
        time_s = times_s[number] if times_s is not None else Fraction(number, track.fps)
        frame.pts, frame.time_base = round(time_s / base), base
        container.mux(stream.encode(frame))
    if stream is not None:
        container.mux(stream.encode(None))


def write_audio(path: Path, seconds: float = 1.5, cover: Image | None = None) -> Path:
    """Write an MP4 with sound only, and a cover picture if there is one."""
    path.parent.mkdir(parents=True, exist_ok=True)
    rate = 8000
    with av.open(str(path), "w", format="mp4") as container:
        container.flags |= Flags.bitexact.value
        stream = container.add_stream("aac", rate=rate, layout="mono")
        picture = None if cover is None else _add_cover(container, cover)
        for start in range(0, int(seconds * rate), 1024):
            frame = av.AudioFrame.from_ndarray(np.zeros((1, 1024), np.float32), "fltp", "mono")
            frame.sample_rate, frame.pts = rate, start
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
        if picture is not None:
            container.mux(picture)
    return path


def _add_cover(container: Any, cover: Image) -> Any:
    stream = container.add_stream("mjpeg", rate=1)
    stream.height, stream.width = cover.shape[:2]
    stream.pix_fmt = "yuvj420p"
    stream.disposition = Disposition.attached_pic
    frame = av.VideoFrame.from_ndarray(cover, format="rgb24")
    return [*stream.encode(frame), *stream.encode(None)]


def noise(count: int, *, size: tuple[int, int] = (64, 64), seed: int = 0) -> list[Image]:
    """Sharp frames, of width and height `size`, each a blocky random pattern of its own."""
    generator = np.random.default_rng(seed)
    width, height = size
    cells = (-(-height // 8), -(-width // 8))
    return [
        np.kron(generator.integers(0, 256, (*cells, 3)), np.ones((8, 8, 1)))[
            :height, :width
        ].astype(np.uint8)
        for _ in range(count)
    ]


def plain(count: int, *, size: tuple[int, int] = (64, 64), level: int = 128) -> list[Image]:
    """Frames of one grey, as blurred as can be."""
    width, height = size
    return [np.full((height, width, 3), level, np.uint8) for _ in range(count)]


def set_display_matrix(path: Path, a: int, b: int, c: int, d: int) -> None:
    """Write a matrix into the track header of an MP4, as a camera that was held turned does."""
    content = bytearray(path.read_bytes())
    start = content.index(b"tkhd") + 4 + 40  # version 0: the matrix follows 40 bytes of fields
    values = (a << 16, b << 16, 0, c << 16, d << 16, 0, 0, 0, 1 << 30)
    content[start : start + 36] = struct.pack(">9i", *values)
    path.write_bytes(content)
