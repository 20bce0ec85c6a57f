"""Finds clips under two names, and single frames that look the same on two sides.

Pictures are compared by the 64-bit difference hash of the whole square, which
`extract_frames.picture` computes: as it is, and as that of the mirrored picture. The thresholds
were chosen on synthetic clips at the defaults of extraction:

- *copies*: 24 clips, each altered in 22 ways;
- *innocents*: two cohorts, 140 clips with 4,844 frames, 70 people in two sessions each;
- *one desk*: 48 clips, 24 people filmed twice before the same camera, wall and lamps, on the
  second day with other clothes and another expression, sitting and moving a little differently.
  Nothing is copied there, and yet much looks the same.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final, NamedTuple, Self

import numpy as np

from components.contracts import SIDES, Split
from components.split_dataset.sides import code_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    import numpy.typing as npt

    from components.split_dataset.sides import Frames

    Hashes = npt.NDArray[np.uint64]
    Flags = npt.NDArray[np.bool_]
    Numbers = npt.NDArray[np.intp]

NEAR_BITS: Final = 2
"""Two frames that differ in no more bits are near-duplicates.

So were 97 % of the frames of clips encoded anew with x264 at CRF 23 and a frame of the original,
88 % at CRF 35, 93 % with x265, 91 % at half the size, and 93 % made darker; no innocent frame and
one of another clip; and at one desk 6 % of the frames and one of the same person's other day, 1.5 %
and one of somebody else. With one bit more those are 14 % and 5 %: only the room is recognised."""

MOST: Final = 0.5
"""The share of a clip's frames that counts as most of it.

A clip is a copy of another when most of it is near-duplicates of frames of the other, or within
COPIED_BITS of such frames in step: all later, or earlier, by the same time.

That found all 24 clips that were encoded anew (x264 at CRF 23 and 35, x265, VP9, MPEG-4, half and
double the size, half the rate), trimmed, mirrored, made darker or given another gamma or contrast;
23 at CRF 42 and cropped to 96 %; 22 trimmed, mirrored and at CRF 35, or so bright that walls turn
white; 20 of half the size, trimmed, mirrored, darker and at CRF 35. Cropped to 90 % it found one.
None of 5,314 pairs of innocent clips was taken for copies; at one desk one of 24 pairs of a
person's two days, and none of 1,104 pairs of two people's clips."""

COPIED_BITS: Final = 5
"""Without being in step, up to all of a clip is as near as that to somebody's other day at one
desk, and two thirds to somebody else's."""

COPIED_FRAMES: Final = 5
"""Fewer tell nothing of a clip: extraction leaves so many of one in which nobody moves."""

STEP_S: Final = 0.1
"""Frames are in step within one to two of these: at 12 frames a second, samples are 0.04 s off."""

THRESHOLDS: Final = {
    "near_duplicate_bits": NEAR_BITS,
    "copied_bits": COPIED_BITS,
    "copied_share": MOST,
    "copied_frames": COPIED_FRAMES,
}
"""As the audit states them."""

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
        copied_clips: pairs of clips, by their places, that are one recording, of two sessions and
            on two sides, or of two people.
        near: bool [N], the frames that are near one of a side they must not give away.
    """

    copied_clips: list[tuple[int, int]]
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
    """Compare the sides with each other, everybody's, strangers included.

    What is near a frame of another session on another side is always taken out. Where a session is
    cut into blocks of time, a head that turns in circles passes the same pose again and again: the
    gap keeps neighbours apart, near-duplicates are taken out, unless they are most of what the clip
    has on their side (of somebody who holds still nothing would be left), and the result is
    marked optimistic all the same. Clips of one session are never copies.

    Within a side two people's clips are compared, too: one of the two is in the wrong folder.

    Every pair of frames is looked at, so that the time hardly depends on what they show: 100,000
    frames in 2,000 clips took 4.5 s on one core, in 9 MB. Of the sides against each other, half of
    the frames tested on, to look up equal parts of the hashes (multi-index hashing) took 0.8 s
    where they are spread evenly and 15 s at one desk, where this takes 2.4 and 7 s.
    """
    near, inside = np.zeros((2, len(frames.dhash)), np.bool_)
    copied: set[tuple[int, int]] = set()
    for side, others in COMPARED:
        ours, theirs = _Part.of(frames, (side,)), _Part.of(frames, others)
        if not len(theirs.clip):
            continue
        for number, clip in enumerate(ours.clip.tolist()):
            own = ours.clip_at(number)
            compared = _compare(own.dhash, theirs)
            foreign = theirs.session != ours.session[number]
            found, is_foreign = compared.nearest <= NEAR_BITS, np.repeat(foreign, theirs.sizes)
            near[theirs.rows[found & is_foreign]] = True
            inside[theirs.rows[found & ~is_foreign]] = True
            for other in _copies(own, theirs, compared, foreign):
                copied.add((min(clip, other), max(clip, other)))
    for side in SIDES:
        copied.update(_copied_within(_Part.of(frames, (side,))))
    return Duplicates(sorted(copied), near | _affordable(inside, frames))


def _copied_within(part: _Part) -> Iterator[tuple[int, int]]:
    """Pairs of clips of two people that are one recording."""
    for number, clip in enumerate(part.clip[:-1].tolist()):
        own, behind = part.clip_at(number), part.after(number)
        foreign = behind.person != part.person[number]
        for other in _copies(own, behind, _compare(own.dhash, behind), foreign):
            yield clip, other


def _copies(own: _Clip, theirs: _Part, compared: _Compared, suspects: Flags) -> Iterator[int]:
    """Which of the suspects [c] among their clips are the same recording as one of ours."""
    hit = np.add.reduceat(compared.nearest <= COPIED_BITS, theirs.starts[:-1], dtype=np.intp)
    alike = _is_most(compared.matched, len(own.dhash)) | _is_most(hit, theirs.sizes)
    for candidate in np.flatnonzero(suspects & alike).tolist():
        other = theirs.clip_at(candidate)
        if _is_mostly(own, other) or _is_mostly(other, own):
            yield int(theirs.clip[candidate])


def _affordable(inside: Flags, frames: Frames) -> Flags:
    """Of the near-duplicates within sessions, those of the sides of clips that keep most of it."""
    affordable = np.zeros_like(inside)
    for side in (Split.TRAIN, Split.CALIBRATION):
        part = _Part.of(frames, (side,))
        if len(part.clip):
            found = inside[part.rows]
            lost = np.add.reduceat(found, part.starts[:-1], dtype=np.intp)
            few = np.repeat(lost < MOST * part.sizes, part.sizes)
            affordable[part.rows[found & few]] = True
    return affordable


@dataclass(frozen=True)
class _Clip:
    """The frames of one clip, as far as they stand on the sides in question."""

    dhash: Hashes
    time_s: npt.NDArray[np.float64]


@dataclass(frozen=True)
class _Part:
    """The n frames of some sides, those of a clip together, and the c clips they belong to.

    Attributes:
        rows: [n], where they stand in the dataset.
        dhash: [n].
        time_s: [n].
        clip: [c], the clips' numbers.
        session: [c], the numbers of the clips' sessions.
        person: [c], the numbers of the people in them.
        starts: [c + 1], where each clip begins, and where the last one ends.
    """

    rows: Numbers
    dhash: Hashes
    time_s: npt.NDArray[np.float64]
    clip: Numbers
    session: Numbers
    person: Numbers
    starts: Numbers

    @classmethod
    def of(cls, frames: Frames, sides: Sequence[Split]) -> Self:
        mask = np.isin(frames.side, [code_of(side) for side in sides])
        counts = np.add.reduceat(mask, frames.starts[:-1], dtype=np.intp)
        clip = np.flatnonzero(counts)
        return cls(
            rows=np.flatnonzero(mask),
            dhash=frames.dhash[mask],
            time_s=frames.time_s[mask],
            clip=clip,
            session=frames.session[clip],
            person=frames.person[clip],
            starts=np.concatenate(([0], np.cumsum(counts[clip]))),
        )

    def clip_at(self, number: int) -> _Clip:
        """The frames of one of the clips."""
        rows = slice(self.starts[number], self.starts[number + 1])
        return _Clip(self.dhash[rows], self.time_s[rows])

    def after(self, number: int) -> Self:
        """What follows one of the clips."""
        first, behind = self.starts[number + 1], slice(number + 1, None)
        return replace(
            self,
            rows=self.rows[first:],
            dhash=self.dhash[first:],
            time_s=self.time_s[first:],
            clip=self.clip[behind],
            session=self.session[behind],
            person=self.person[behind],
            starts=self.starts[behind] - first,
        )

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


class _Compared(NamedTuple):
    """What a comparison of one clip with another part says.

    Attributes:
        nearest: [n], the bits between each of their frames and the nearest one of the clip's.
        matched: [c], how many of the clip's frames are within COPIED_BITS of one of each of their
            clips.
    """

    nearest: npt.NDArray[np.uint8]
    matched: Numbers


def _compare(own: Hashes, theirs: _Part) -> _Compared:
    """Hold the frames of one clip against all of another part."""
    nearest = np.full(len(theirs.dhash), 64, np.uint8)
    matched = np.zeros(len(theirs.clip), np.intp)
    for start in range(0, len(own), _ROWS):
        rows = own[start : start + _ROWS]
        for first, last in theirs.blocks():
            span = slice(theirs.starts[first], theirs.starts[last])
            bits = _bits_between(rows, theirs.dhash[span])
            nearest[span] = np.minimum(nearest[span], bits.min(axis=0))
            alike = bits <= COPIED_BITS
            if alike.any():
                within = theirs.starts[first:last] - theirs.starts[first]
                matched[first:last] += np.logical_or.reduceat(alike, within, axis=1).sum(axis=0)
    return _Compared(nearest, matched)


def _is_mostly(one: _Clip, other: _Clip) -> bool:
    """Whether most of one clip is in the other: nearly the same, or roughly the same in step."""
    earliest = other.time_s[0] - one.time_s[-1]
    steps = int((other.time_s[-1] - one.time_s[0] - earliest) / STEP_S) + 2
    same, in_step = 0, np.zeros(steps - 1, np.intp)
    for start in range(0, len(one.dhash), _ROWS):
        rows = slice(start, start + _ROWS)
        bits = _bits_between(one.dhash[rows], other.dhash)
        same += int((bits <= NEAR_BITS).any(axis=1).sum())
        row, column = np.nonzero(bits <= COPIED_BITS)
        later = other.time_s[column] - one.time_s[rows][row]
        seen = np.zeros((len(bits), steps), np.bool_)
        seen[row, ((later - earliest) / STEP_S).astype(np.intp)] = True
        in_step += (seen[:, :-1] | seen[:, 1:]).sum(axis=0)
    return bool(_is_most(max(same, in_step.max()), len(one.dhash)))


def _bits_between(rows: Hashes, columns: Hashes) -> npt.NDArray[np.uint8]:
    """By how many bits each of some pictures, or its mirror image, differs from each of others."""
    straight, turned = (
        np.bitwise_count(hashes[:, None] ^ columns[None]) for hashes in (rows, mirrored(rows))
    )
    return np.minimum(straight, turned)


def _is_most(count: Numbers | int, of: Numbers | int) -> Flags:
    return np.asarray(count >= np.maximum(COPIED_FRAMES, MOST * np.asarray(of)))
