"""A video of what was seen, with a box around the face and who it was taken for."""

from __future__ import annotations

import contextlib
from collections import deque
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Final

import cv2
import numpy as np

from components.artifacts import atomic_file
from components.errors import SourceError
from components.quiet import quiet
from components.region import WHOLE

if TYPE_CHECKING:
    from collections.abc import Iterator
    from concurrent.futures import Future
    from pathlib import Path

    import numpy.typing as npt

    from components.identify_people.identifier import Decision

    Image = npt.NDArray[np.uint8]

KNOWN_COLOUR: Final = (80, 200, 80)
UNKNOWN_COLOUR: Final = (80, 80, 230)
MAX_WAITING: Final = 8
"""Frames that wait to be encoded; then the one who sees waits."""
WRITE_TIMEOUT_S: Final = 30.0


def label(decision: Decision) -> str:
    """What is written at the box, and shown to people."""
    if decision.probability is None:
        return "nobody"
    who = f"{decision.person} {decision.role}" if decision.person else "unknown"
    return f"{who} {decision.probability:.2f}"


def annotate(image: Image, decision: Decision) -> Image:
    """Draw a decision into a copy of its frame, (height, width, 3) uint8 BGR."""
    drawn = image.copy()
    height, width = image.shape[:2]
    colour = KNOWN_COLOUR if decision.person else UNKNOWN_COLOUR
    thickness, size = max(1, height // 240), max(0.4, height / 720)
    box = decision.box or WHOLE
    left, top = round(box.x * width), round(box.y * height)
    right, bottom = round((box.x + box.width) * width), round((box.y + box.height) * height)
    if decision.box is not None:
        cv2.rectangle(drawn, (left, top), (right, bottom), colour, thickness)
    # On a plate, not with an outline: a thicker letter is a wider one.
    font, text = cv2.FONT_HERSHEY_SIMPLEX, label(decision)
    (across, up), down = cv2.getTextSize(text, font, size, thickness)
    margin = 3 * thickness
    x = min(max(0, left), max(0, width - across - 2 * margin))
    y = max(up + 2 * margin, top - down)
    plate = (x, y - up - margin), (x + across + 2 * margin, y + down)
    cv2.rectangle(drawn, *plate, colour, cv2.FILLED)
    cv2.putText(drawn, text, (x + margin, y), font, size, (0, 0, 0), thickness, cv2.LINE_AA)
    return drawn


class AnnotatedVideo:
    """Encodes frames in a thread, of which at most MAX_WAITING wait."""

    def __init__(self, path: Path, frames_per_second: float) -> None:
        """Write to `path` with so many frames a second; its size is that of the first frame."""
        self._path = path
        self._rate = frames_per_second
        self._writer: cv2.VideoWriter | None = None
        self._size = (0, 0)
        self._pool = ThreadPoolExecutor(1)
        self._waiting: deque[Future[None]] = deque()

    def add(self, image: Image, decision: Decision) -> None:
        """Encode a frame, soon.

        Raises:
            SourceError: the video cannot be written.
        """
        self._waiting.append(self._pool.submit(self._write, image, decision))
        if len(self._waiting) > MAX_WAITING:
            self._waiting.popleft().result(WRITE_TIMEOUT_S)

    def finish(self) -> None:
        """Wait for what was added.

        Raises:
            SourceError: the video cannot be written.
        """
        while self._waiting:
            self._waiting.popleft().result(WRITE_TIMEOUT_S)

    def close(self) -> None:
        """Let go of the file, and of what still waits."""
        self._pool.shutdown(cancel_futures=True)
        if self._writer is not None:
            self._writer.release()

    def _write(self, image: Image, decision: Decision) -> None:
        if self._writer is None:
            self._size = (image.shape[1], image.shape[0])
            with quiet():
                self._writer = cv2.VideoWriter(
                    str(self._path),
                    cv2.CAP_FFMPEG,
                    cv2.VideoWriter.fourcc(*"mp4v"),
                    self._rate,
                    self._size,
                )
        if not self._writer.isOpened():
            raise SourceError(f"{self._path.name} cannot be written as an MP4 video")
        drawn = annotate(image, decision)
        if (drawn.shape[1], drawn.shape[0]) != self._size:  # such a frame would be left out
            drawn = np.asarray(cv2.resize(drawn, self._size), np.uint8)
        self._writer.write(drawn)


@contextlib.contextmanager
def annotated_video(path: Path, frames_per_second: float) -> Iterator[AnnotatedVideo]:
    """Write a video that appears under its name when it is complete.

    Raises:
        SourceError: nothing was written.
    """
    with atomic_file(path) as temporary:
        video = temporary.with_suffix(".mp4")  # by which the container is chosen
        try:
            with contextlib.closing(AnnotatedVideo(video, frames_per_second)) as writer:
                yield writer
                writer.finish()
            if not video.is_file():
                raise SourceError(f"{path.name} was not written: there was no frame")
            video.replace(temporary)
        finally:
            video.unlink(missing_ok=True)
