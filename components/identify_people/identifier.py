"""From frames to decisions: who it is, and in which role, or nobody that the model knows."""

from __future__ import annotations

import time
from collections import deque
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Final

import numpy as np

from components.edge.model import OUTPUTS, percentiles_ms
from components.evaluation.trials import pool
from components.head import HeadTracker, head_square
from components.identify_people.loading import load
from components.model_directory import Role
from components.square import UprightPicture

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable
    from pathlib import Path

    import numpy.typing as npt

    from components.edge.model import Outputs
    from components.head import Head
    from components.region import Region

    Image = npt.NDArray[np.uint8]

DEFAULT_WINDOW: Final = 10
"""Frames that are pooled: two seconds at the five frames a second of the default."""


_TIMES_KEPT: Final = 10_000


@dataclass(frozen=True, slots=True)
class Decision:
    """Whom the latest frames show.

    Attributes:
        time_s: of the latest frame.
        person: the pseudonym; None for nobody that the model knows.
        role: the likeliest; None where `person` is.
        probability: the pooled one of the likeliest person, known or not; None without a face.
        student: whether the role is likelier student than anything else; None where `person` is.
        frames: how many were pooled.
        face: whether a face is in the latest frame, or was just before; of a model of whole
            squares, which looks for none, always so.
        box: where the face is, in parts of the picture.
    """

    time_s: float
    person: str | None = None
    role: str | None = None
    probability: float | None = None
    student: bool | None = None
    frames: int = 0
    face: bool = False
    box: Region | None = None


class Identifier:
    """Sees one frame after another, and decides on the latest of them.

    With head crops, a frame in which no face is found says nobody and starts anew: a wall is never
    taken for a person, and whoever comes next is not pooled with whoever went.

    Attributes:
        frames_per_second: how many to show it of each second, as in training.
        seen: frames it was shown.
    """

    def __init__(self, model: Path, window: int = DEFAULT_WINDOW) -> None:
        """Load a model directory, after verifying its digests.

        Args:
            model: the directory.
            window: how many of the latest frames are pooled.

        Raises:
            ContractError: as `loading.load`.
            DigestError: as `loading.load`.
        """
        self._loaded = load(model)
        self._times: deque[float] = deque(maxlen=_TIMES_KEPT)
        self._pooled: deque[Outputs] = deque(maxlen=window)
        self.frames_per_second = self._loaded.rule.frames_per_second
        self.seen = 0
        self.forget()

    def forget(self) -> None:
        """Start anew: what comes next has nothing to do with what was seen."""
        detector = self._loaded.detector
        self._tracker = None if detector is None else HeadTracker(detector)
        self._pooled.clear()

    def see(self, frame: Image, time_s: float, pixel_aspect: float = 1.0) -> Decision:
        """Look at the next frame of a clip or a camera.

        Args:
            frame: (height, width, 3) uint8 BGR, upright, as OpenCV gives it.
            time_s: when it was taken; it does not go back.
            pixel_aspect: width of a pixel divided by its height.
        """
        tracker = self._tracker
        find = None if tracker is None else partial(tracker.find, time_s=time_s)
        outputs, box = self._look(UprightPicture(frame, pixel_aspect), find)
        if outputs is None:
            self._pooled.clear()
            return Decision(time_s)
        self._pooled.append(outputs)
        return self._decide(self._pooled, time_s, box)

    def see_stills(self, images: Iterable[Image]) -> Decision:
        """Decide once on stills of one person, (height, width, 3) uint8 BGR each; at time 0.

        With head crops, those without a face are left out.
        """
        detector = self._loaded.detector
        find = None if detector is None else detector.find
        looked = [self._look(UprightPicture(image), find) for image in images]
        told = [(outputs, box) for outputs, box in looked if outputs is not None]
        if not told:
            return Decision(0.0)
        return self._decide([outputs for outputs, _ in told], 0.0, told[-1][1])

    def latency_ms(self) -> dict[str, float] | None:
        """p50 and p99 of the latest frames, detector and classifier; None before the first."""
        return percentiles_ms(list(self._times)) if self._times else None

    def _look(
        self, picture: UprightPicture, find: Callable[[Image], Head | None] | None
    ) -> tuple[Outputs | None, Region | None]:
        """Probabilities, and where the face is; None where `find` finds none."""
        begin = time.perf_counter()
        image, box, outputs = picture.square(), None, None
        head = None if find is None else find(image)
        if head is not None:
            box = head.box.within(picture.middle)
            image = picture.square(head_square(head.box, 1, 1))
        if find is None or head is not None:
            outputs = self._loaded.edge(np.ascontiguousarray(image[..., ::-1]))
        self._times.append(time.perf_counter() - begin)
        self.seen += 1
        return outputs, box

    def _decide(self, frames: Collection[Outputs], time_s: float, box: Region | None) -> Decision:
        # As transactions are scored in training, so that the threshold chosen there holds here.
        together = np.zeros(len(frames), np.intp)
        person, role = (
            pool(np.concatenate([frame[name] for frame in frames]), together, 1)[0]
            for name in OUTPUTS
        )
        best, known_as = int(person.argmax()), self._loaded.classes
        told = Decision(
            time_s, probability=float(person[best]), frames=len(frames), face=True, box=box
        )
        if person[best] < self._loaded.threshold:
            return told
        # The last of equal roles: student is the first, and a doubt is to let nobody in.
        likeliest = known_as.roles[len(role) - 1 - int(role[::-1].argmax())]
        return replace(
            told,
            person=known_as.people[best],
            role=likeliest,
            student=likeliest == Role.STUDENT,
        )
