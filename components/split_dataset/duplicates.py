"""Finds frames that look the same on two sides: clips under two names, and single frames.

Pictures are compared by the 64-bit difference hash of the whole square, which
`extract_frames.picture` computes: as it is, and as that of the mirrored picture.

Frames of one session are not held against each other. Where a session is cut into blocks of time,
the gap keeps near copies apart, and the result is marked optimistic; but a head that turns in
circles passes the same pose again and again. Of 24 synthetic people's 48 clips, cut into blocks by
themselves, 54 % of the training frames were near-duplicates of frames of the later blocks, and all
of some clips'. To take them out would leave too little to learn from, and test on nothing but poses
that were never learnt.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Self

import numpy as np

from components.contracts import Split
from components.split_dataset.sides import code_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    import numpy.typing as npt

    from components.split_dataset.sides import Frames

    Hashes = npt.NDArray[np.uint64]
    Flags = npt.NDArray[np.bool_]
    Numbers = npt.NDArray[np.intp]

NEAR_BITS: Final = 4
COPIED_SHARE: Final = 0.5
COPIED_FRAMES: Final = 3

COMPARED: Final = (
    (Split.TEST, (Split.TRAIN, Split.CALIBRATION)),
    (Split.CALIBRATION, (Split.TRAIN,)),
)
"""Frames of the first side stay; of the others, those that are near them are taken out."""

_ROWS: Final = 64
_COLUMNS: Final = 8192


@dataclass(frozen=True)
class Duplicates:
    """What looks the same on two sides.

    Attributes:
        copied_clips: pairs of clips of different sessions that are one recording.
        near: bool [N], the frames that are near one of a side they must not give away.
    """

    copied_clips: int
    near: Flags


def mirrored(hashes: Hashes) -> Hashes:
    """Derive the hashes of the mirrored pictures.

    A bit says whether a pixel is darker than its right neighbour, so a row is read backwards and
    each bit turned round. Where two neighbours are equal both bits are 0, and the derived one is
    wrong: of a picture that is plain in large parts the mirrored copy is not recognised.
    """
    rows = hashes[:, None].view(np.uint8)  # each byte is a row of 8 pairs of neighbours
    return np.ascontiguousarray(_BACKWARDS[~rows]).view(np.uint64)[:, 0]


_BACKWARDS: Final = np.packbits(
    np.unpackbits(np.arange(256, dtype=np.uint8)[:, None], axis=1)[:, ::-1], axis=1
)[:, 0]
"""Each byte with its bits in the opposite order."""


def find_duplicates(frames: Frames) -> Duplicates:
    """Compare the sides with each other, all people's, strangers included.

    A clip is copied when at least COPIED_SHARE of its frames on one side, and COPIED_FRAMES of
    them, are near frames of one clip of another session on another side. So a part that was cut out
    of a longer clip is found, whichever of the two is tested on.

    Every pair is looked at: 100,000 frames, half of them tested on, took S s on one core, and
    MB beyond the hashes themselves.
    """
    near = np.zeros(len(frames.dhash), np.bool_)
    copied: set[frozenset[int]] = set()
    for side, others in COMPARED:
        ours, theirs = _Part.of(frames, (side,)), _Part.of(frames, others)
        if not len(theirs.clip):
            continue
        for number, clip in enumerate(ours.clip.tolist()):
            own = ours.dhash[ours.starts[number] : ours.starts[number + 1]]
            hits, matched = _compare(own, theirs)
            foreign = theirs.session != ours.session[number]
            near[theirs.rows[hits & np.repeat(foreign, theirs.sizes)]] = True
            hit = np.add.reduceat(hits, theirs.starts[:-1], dtype=np.intp)
            alike = _is_most(matched, len(own)) | _is_most(hit, theirs.sizes)
            copied |= {frozenset((clip, other)) for other in theirs.clip[foreign & alike].tolist()}
    return Duplicates(len(copied), near)


@dataclass(frozen=True)
class _Part:
    """The n frames of some sides, those of a clip together, and the c clips they belong to.

    Attributes:
        rows: [n], where they stand in the dataset.
        dhash: [n].
        clip: [c], the clips' numbers.
        session: [c], the numbers of the clips' sessions.
        starts: [c + 1], where each clip begins, and where the last one ends.
    """

    rows: Numbers
    dhash: Hashes
    clip: Numbers
    session: Numbers
    starts: Numbers

    @classmethod
    def of(cls, frames: Frames, sides: Sequence[Split]) -> Self:
        mask = np.isin(frames.side, [code_of(side) for side in sides])
        counts = np.add.reduceat(mask, frames.starts[:-1], dtype=np.intp)
        clip = np.flatnonzero(counts)
        starts = np.concatenate(([0], np.cumsum(counts[clip])))
        return cls(np.flatnonzero(mask), frames.dhash[mask], clip, frames.session[clip], starts)

    @property
    def sizes(self) -> Numbers:
        """[c], how many of the frames are each clip's."""
        return np.diff(self.starts)

    def blocks(self) -> Iterator[tuple[int, int]]:
        """Ranges of whole clips that have about _COLUMNS frames together."""
        first = 0
        while first < len(self.clip):
            limit = self.starts[first] + _COLUMNS
            last = max(first + 1, int(np.searchsorted(self.starts, limit, side="right")) - 1)
            yield first, last
            first = last


def _compare(own: Hashes, theirs: _Part) -> tuple[Flags, Numbers]:
    """Hold the frames of one clip against all of another part.

    Returns:
        Which of their frames are near one of the clip's [n], and how many of the clip's frames are
        near one of each of their clips [c].
    """
    hits = np.zeros(len(theirs.dhash), np.bool_)
    matched = np.zeros(len(theirs.clip), np.intp)
    for start in range(0, len(own), _ROWS):
        straight = own[start : start + _ROWS, None]
        turned = mirrored(straight[:, 0])[:, None]
        for first, last in theirs.blocks():
            span = slice(theirs.starts[first], theirs.starts[last])
            near = _are_near(straight, theirs.dhash[span]) | _are_near(turned, theirs.dhash[span])
            if near.any():
                hits[span] |= near.any(axis=0)
                within = theirs.starts[first:last] - theirs.starts[first]
                matched[first:last] += np.logical_or.reduceat(near, within, axis=1).sum(axis=0)
    return hits, matched


def _are_near(one: Hashes, other: Hashes) -> Flags:
    return np.bitwise_count(one ^ other) <= NEAR_BITS


def _is_most(count: Numbers, of: Numbers | int) -> Flags:
    return (count >= COPIED_FRAMES) & (count >= COPIED_SHARE * np.asarray(of))
