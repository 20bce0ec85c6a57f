"""The frames of an image, a clip, a folder or a camera, as OpenCV reads them."""

from __future__ import annotations

import os
import time
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING, Final

import cv2
import numpy as np

from components.errors import SourceError
from components.formats import IMAGE_SUFFIXES, VIDEO_SUFFIXES
from components.quiet import quiet
from components.sampling import Sampler

if TYPE_CHECKING:
    from collections.abc import Generator
    from pathlib import Path

    import numpy.typing as npt

    Image = npt.NDArray[np.uint8]
    Views = Generator["View", None, None]

MAX_STILL_BYTES: Final = 128 << 20
MAX_FILES: Final = 10_000
"""Files below a folder that are looked at."""
MAX_STILLS: Final = 1_000
"""Stills of one folder, which are pooled into one decision."""
_MAX_RATE: Final = 240
"""Frames a second of the longest clip, after which reading ends: time stamps can stand still."""
_LEAST_SHARE: Final = 0.9
"""Of the frames that a clip states, which some do not count but guess, that have to be there."""

# Nothing but the file itself is read, neither a playlist's parts nor the network.
_OPENED_BY: Final = (
    "protocol_whitelist;file|format_whitelist;mov,mp4,m4a,3gp,3g2,mj2,matroska,webm,avi"
)


@dataclass(frozen=True, slots=True)
class View:
    """A frame that is due.

    Attributes:
        image: (height, width, 3) uint8 BGR, upright.
        time_s: since the first frame.
        pixel_aspect: width of a pixel divided by its height.
    """

    image: Image
    time_s: float
    pixel_aspect: float = 1.0


def read_still(path: Path) -> Image:
    """Decode an image, turned as its EXIF orientation says: (height, width, 3) uint8 BGR.

    Raises:
        SourceError: it cannot be read.
    """
    try:
        if path.stat().st_size > MAX_STILL_BYTES:
            raise SourceError(f"{path.name} has more than {MAX_STILL_BYTES} bytes")
        with quiet():
            image = cv2.imdecode(np.fromfile(path, np.uint8), cv2.IMREAD_COLOR)
    except (OSError, cv2.error):
        image = None
    if image is None:
        raise SourceError(f"{path.name} cannot be read as an image: it is damaged, or none")
    return np.asarray(image, np.uint8)


def clip_views(path: Path, frames_per_second: float, seconds: float) -> Views:
    """Yield the frames of a clip that are due, up to a time; memory is that of a frame.

    Raises:
        SourceError: it cannot be read, or breaks off.
    """
    os.environ["OPENCV_FFMPEG_CAPTURE_OPTIONS"] = _OPENED_BY
    os.environ["OPENCV_FFMPEG_LOGLEVEL"] = "-8"  # AV_LOG_QUIET
    with quiet():
        capture = cv2.VideoCapture(str(path), cv2.CAP_FFMPEG)
    if not capture.isOpened():
        raise SourceError(f"{path.name} cannot be read as a video: it is damaged, or none")
    try:
        aspect, sampler, first = _pixel_aspect(capture), Sampler(frames_per_second), None
        most, read = int(seconds * _MAX_RATE), 0
        while read < most and capture.grab():
            read += 1
            now = capture.get(cv2.CAP_PROP_POS_MSEC) / 1000
            first = now if first is None else first
            if now - first > seconds:
                return
            if sampler.is_due(now - first):
                yield View(_retrieved(capture, path.name), now - first, aspect)
        _check_end(path.name, read, min(most, capture.get(cv2.CAP_PROP_FRAME_COUNT)))
    finally:
        capture.release()


def camera_views(number: int, frames_per_second: float, seconds: float) -> Views:
    """Yield the frames of a camera that are due, for some time.

    Raises:
        SourceError: there is no such camera, or it gives no frame any more.
    """
    with quiet():
        capture = cv2.VideoCapture(number)
    if not capture.isOpened():
        raise SourceError(
            f"camera {number} cannot be opened: is it connected (ls /dev/video*), and may this "
            "user read it (group video)?"
        )
    try:
        sampler, begin = Sampler(frames_per_second), time.monotonic()
        while (now := time.monotonic() - begin) <= seconds:
            # Each frame is taken off, so that what is looked at is never an old one.
            if not capture.grab():
                raise SourceError(f"camera {number} gives no frame any more")
            if sampler.is_due(now):
                yield View(_retrieved(capture, f"camera {number}"), now)
    finally:
        capture.release()


def files_below(folder: Path) -> tuple[list[Path], dict[Path, list[Path]]]:
    """The clips below a folder, and the stills by the folder they are in; both sorted.

    Raises:
        SourceError: there is neither, or there are too many files.
    """
    found = sorted(islice((path for path in folder.rglob("*") if path.is_file()), MAX_FILES + 1))
    if len(found) > MAX_FILES:
        raise SourceError(f"{folder.name} has more than {MAX_FILES} files; give a part of it")
    clips = [path for path in found if path.suffix.lower() in VIDEO_SUFFIXES]
    stills: dict[Path, list[Path]] = {}
    for path in found:
        if path.suffix.lower() in IMAGE_SUFFIXES:
            stills.setdefault(path.parent, []).append(path)
    if not clips and not stills:
        raise SourceError(f"{folder.name} has neither a clip nor an image in it")
    if (most := max(map(len, stills.values()), default=0)) > MAX_STILLS:
        raise SourceError(f"a folder has {most} images; up to {MAX_STILLS} make one decision")
    return clips, stills


def _check_end(name: str, read: int, stated: float) -> None:
    if not read:
        raise SourceError(f"{name} holds no frame that can be decoded")
    if read < _LEAST_SHARE * stated:
        raise SourceError(f"{name} breaks off after {read} of the {stated:.0f} frames it states")


def _pixel_aspect(capture: cv2.VideoCapture) -> float:
    """Width of a pixel divided by its height, once the frame is turned upright; 1 if not stated."""
    across, down = capture.get(cv2.CAP_PROP_SAR_NUM), capture.get(cv2.CAP_PROP_SAR_DEN)
    if across <= 0 or down <= 0:
        return 1.0
    is_turned = capture.get(cv2.CAP_PROP_ORIENTATION_META) % 180 != 0
    return down / across if is_turned else across / down


def _retrieved(capture: cv2.VideoCapture, name: str) -> Image:
    done, image = capture.retrieve()
    if not done or image is None:
        raise SourceError(f"{name} gave a frame that cannot be decoded")
    return np.asarray(image, np.uint8)
