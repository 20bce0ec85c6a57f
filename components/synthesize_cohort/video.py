"""Frames into an H.264 MP4, the same bytes every time."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import av

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    import numpy as np
    import numpy.typing as npt

PRESET: Final = "veryfast"


def write_mp4(
    path: Path,
    frames: Iterable[npt.NDArray[np.uint8]],
    *,
    fps: int,
    size: int,
    quality: int,
) -> int:
    """Encode square frames as H.264 in MP4, with no sound.

    One thread and no time of writing in the file: what comes out depends on the frames and on the
    encoder's version alone.

    Args:
        path: the file to write, whatever its suffix.
        frames: (size, size, 3) sRGB.
        fps: frames a second.
        size: width and height in pixels, even.
        quality: x264's constant rate factor, 0 (lossless) to 51.

    Returns:
        The number of frames written.
    """
    count = 0
    with av.open(
        str(path), mode="w", format="mp4", container_options={"fflags": "+bitexact"}
    ) as out:
        stream = out.add_stream("libx264", rate=fps)
        stream.width = stream.height = size
        stream.pix_fmt = "yuv420p"
        stream.thread_count = 1
        # x264's macroblock tree reads memory that nobody wrote: with it, equal frames come out as
        # different bytes. MALLOC_PERTURB_ shows it.
        stream.options = {"preset": PRESET, "crf": str(quality), "threads": "1", "mbtree": "0"}
        for pixels in frames:
            out.mux(stream.encode(av.VideoFrame.from_ndarray(pixels, format="rgb24")))
            count += 1
        out.mux(stream.encode())
    return count
