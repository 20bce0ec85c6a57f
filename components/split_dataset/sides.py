"""On which side every frame stands: a few bytes a frame, in the order of the dataset's index."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import groupby
from typing import TYPE_CHECKING, Final

import numpy as np

from components.contracts import FRAME_INDEX, FRAMES_FILE, Split
from components.split_dataset.assign import side_at
from components.split_dataset.gather import row_readers

if TYPE_CHECKING:
    from collections.abc import Collection, Hashable, Iterable, Mapping, Sequence
    from pathlib import Path

    import numpy.typing as npt

    from components.split_dataset.assign import Plan
    from components.split_dataset.gather import Clip

    Codes = npt.NDArray[np.uint8]

_SPLITS: Final = tuple(Split)


def code_of(split: Split) -> int:
    """The number that stands for a side."""
    return _SPLITS.index(split)


def names_of(codes: Codes) -> list[str]:
    """The names of sides, one a code."""
    return [_SPLITS[code].value for code in codes.tolist()]


@dataclass(frozen=True)
class Frames:
    """The N frames of C clips.

    Attributes:
        dhash: uint64 [N].
        time_s: float64 [N], seconds from the first frame of the clip.
        side: uint8 [N], see `code_of`.
        starts: [C + 1], where each clip begins, and where the last one ends.
        session: [C], the same number for clips of the same session of the same person.
        person: [C], the same number for clips of the same person.
    """

    dhash: npt.NDArray[np.uint64]
    time_s: npt.NDArray[np.float64]
    side: Codes
    starts: npt.NDArray[np.intp]
    session: npt.NDArray[np.intp]
    person: npt.NDArray[np.intp]

    def rows_of(self, clip: int) -> slice:
        """Where the frames of a clip stand, by its place among the clips."""
        return slice(int(self.starts[clip]), int(self.starts[clip + 1]))


def read_frames(shards: Sequence[Path], clips: Sequence[Clip], plans: Mapping[str, Plan]) -> Frames:
    """Read the hash of every frame, and look up its side in the plan of its clip."""
    dhash, time_s, side = [], [], []
    with row_readers(shards, FRAMES_FILE, FRAME_INDEX) as readers:
        for clip in clips:
            table = readers[clip.shard].read(clip.start, clip.count)
            plan = plans[clip.clip_id]
            dhash.append(table["dhash"].to_numpy())
            time_s.append(table["time_s"].to_numpy())
            side.append([code_of(side_at(plan, at)) for at in time_s[-1].tolist()])
    return Frames(
        dhash=np.concatenate(dhash),
        time_s=np.concatenate(time_s),
        side=np.concatenate(side).astype(np.uint8),
        starts=np.cumsum([0, *(clip.count for clip in clips)]),
        session=_numbered((clip.person_id, clip.session) for clip in clips),
        person=_numbered(clip.person_id for clip in clips),
    )


def shuffled(frames: Frames, clips: Sequence[Clip], strangers: Collection[str], seed: int) -> Codes:
    """Shuffle the sides among the frames of each person: what a leak looks like.

    As many frames of a person as before stand on each side, but any frame on any. Strangers stay
    where they are, so that nobody learns them.
    """
    side = frames.side.copy()
    at = 0
    for person, own in groupby(clips, key=lambda clip: clip.person_id):
        rows = slice(at, at + sum(clip.count for clip in own))
        if person not in strangers:
            name = np.frombuffer(person.encode(), np.uint8)
            side[rows] = np.random.default_rng([seed, *name.tolist()]).permutation(side[rows])
        at = rows.stop
    return side


def _numbered(names: Iterable[Hashable]) -> npt.NDArray[np.intp]:
    """A number for each name, the same for the same."""
    numbers: dict[Hashable, int] = {}
    return np.asarray([numbers.setdefault(name, len(numbers)) for name in names], np.intp)
