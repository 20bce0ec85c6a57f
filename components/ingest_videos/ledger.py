"""The little that has to be remembered of every accepted clip until all of them are known.

Whether a clip is a copy of another, which shard it goes to and what the whole source is can be said
only at the end. Until then each clip takes 52 bytes here; its row waits on disk.
"""

from __future__ import annotations

import enum
import hashlib
from array import array
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from components.ingest_videos.sharding import balance

if TYPE_CHECKING:
    import numpy.typing as npt


class Verdict(enum.IntEnum):
    """What became of a clip when it was held against all others."""

    KEPT = 0
    DUPLICATE = 1
    CONFLICTING = 2


@dataclass(frozen=True)
class Settled:
    """The verdict over all clips, in the order in which they were added.

    Attributes:
        verdicts: (n,) uint8, each a `Verdict`.
        shards: (n,) int32; of clips that are not kept it is -1.
        fingerprint: SHA-256 in hex over the sorted (clip_id, person_id, role, session) of the kept
            clips; it does not depend on where they lie or in how many shards.
        seconds: length of all kept clips together.
        people: how many people have a kept clip.
    """

    verdicts: npt.NDArray[np.uint8]
    shards: npt.NDArray[np.int32]
    fingerprint: str
    seconds: float
    people: int

    @property
    def kept(self) -> int:
        """How many clips are kept."""
        return int((self.verdicts == Verdict.KEPT).sum())


class Ledger:
    """Collects clips, then settles what becomes of each."""

    def __init__(self) -> None:
        self._ids = array("Q")
        self._people = array("I")
        self._durations = array("d")
        self._digests = bytearray()
        self._number_of_person: dict[str, int] = {}

    def __len__(self) -> int:
        return len(self._ids)

    def add(self, clip_id: str, person_id: str, role: str, session: str, duration_s: float) -> None:
        """Remember one clip. `clip_id` is 16 hex digits."""
        self._ids.append(int(clip_id, 16))
        number = self._number_of_person.setdefault(person_id, len(self._number_of_person))
        self._people.append(number)
        self._durations.append(duration_s)
        identity = f"{clip_id}\0{person_id}\0{role}\0{session}"  # none of them can hold a NUL
        self._digests += hashlib.sha256(identity.encode()).digest()

    def settle(self, workers: int) -> Settled:
        """Judge copies, and deal the clips that are kept out to at most `workers` shards."""
        people = np.frombuffer(self._people, dtype=np.uint32)
        durations = np.frombuffer(self._durations, dtype=np.float64)
        verdicts = judge_copies(np.frombuffer(self._ids, dtype=np.uint64), people)
        kept = verdicts == Verdict.KEPT
        shards = np.full(len(kept), -1, dtype=np.int32)
        shards[kept] = balance(durations[kept], workers)
        return Settled(
            verdicts=verdicts,
            shards=shards,
            fingerprint=self._fingerprint(kept),
            seconds=float(durations[kept].sum()),
            people=len(np.unique(people[kept])),
        )

    def _fingerprint(self, kept: npt.NDArray[np.bool_]) -> str:
        digests = np.frombuffer(self._digests, dtype="S32")[kept]
        return hashlib.sha256(np.sort(digests).tobytes()).hexdigest()


def judge_copies(
    ids: npt.NDArray[np.uint64], people: npt.NDArray[np.uint32]
) -> npt.NDArray[np.uint8]:
    """Find clips with the same content.

    Of copies under one person the first is kept. Content that stands under two people is wrong for
    at least one of them, and nobody can tell for whom: all of it goes.

    Args:
        ids: (n,) content of each clip.
        people: (n,) person of each clip.

    Returns:
        (n,) a `Verdict` each.
    """
    verdicts = np.full(len(ids), Verdict.KEPT, dtype=np.uint8)
    if not len(ids):
        return verdicts
    order = np.argsort(ids, kind="stable")
    is_first = np.r_[True, np.diff(ids[order]) != 0]
    starts = np.flatnonzero(is_first)
    lowest = np.minimum.reduceat(people[order], starts)
    highest = np.maximum.reduceat(people[order], starts)
    conflicting = np.repeat(lowest != highest, np.diff(np.r_[starts, len(ids)]))
    verdicts[order[~is_first]] = Verdict.DUPLICATE
    verdicts[order[conflicting]] = Verdict.CONFLICTING
    return verdicts
