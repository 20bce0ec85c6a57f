"""The little that has to be remembered of every accepted file until all of them are known.

Whether a clip or a still is a copy of another, which stills make up an album, which shard they go
to and what the whole source is can be said only at the end. Until then each file takes 61 bytes
here; its row waits on disk.
"""

from __future__ import annotations

import enum
import hashlib
from array import array
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from components.contracts import SECONDS_A_STILL
from components.ingest_videos.albums import Albums, group_albums
from components.ingest_videos.sharding import balance

if TYPE_CHECKING:
    import numpy.typing as npt


class Verdict(enum.IntEnum):
    """What became of a file when it was held against all others."""

    KEPT = 0
    DUPLICATE = 1
    CONFLICTING = 2


@dataclass(frozen=True)
class Settled:
    """The verdict over all clips and all stills, each in the order in which they were added.

    Attributes:
        verdicts: (n,) uint8, a `Verdict` of each clip.
        shards: (n,) int32; of clips that are not kept it is -1.
        still_verdicts: (m,) uint8, a `Verdict` of each still.
        albums: the stills that are kept, by their numbers among the stills.
        album_shards: (k,) int32.
        fingerprint: SHA-256 in hex over the sorted (id, person_id, role, session) of the kept
            files; it does not depend on where they lie or in how many shards.
        seconds: length of all kept clips and albums together.
        people: how many people have a kept file.
    """

    verdicts: npt.NDArray[np.uint8]
    shards: npt.NDArray[np.int32]
    still_verdicts: npt.NDArray[np.uint8]
    albums: Albums
    album_shards: npt.NDArray[np.int32]
    fingerprint: str
    seconds: float
    people: int

    @property
    def kept(self) -> int:
        """How many clips are kept, each album being one."""
        return len(self.albums) + int((self.verdicts == Verdict.KEPT).sum())


class Ledger:
    """Collects clips and stills, then settles what becomes of each."""

    def __init__(self) -> None:
        self._ids = array("Q")
        self._people = array("I")
        self._sessions = array("Q")
        self._durations = array("d")
        self._is_still = bytearray()
        self._digests = bytearray()
        self._number_of_person: dict[str, int] = {}

    def __len__(self) -> int:
        return len(self._ids)

    def add(self, clip_id: str, person_id: str, role: str, session: str, duration_s: float) -> None:
        """Remember one clip. `clip_id` is 16 hex digits."""
        self._add(clip_id, person_id, role, session)
        self._durations.append(duration_s)
        self._is_still.append(False)

    def add_still(self, still_id: str, person_id: str, role: str, session: str) -> None:
        """Remember one still. `still_id` is 16 hex digits."""
        self._add(still_id, person_id, role, session)
        self._durations.append(SECONDS_A_STILL)
        self._is_still.append(True)

    def _add(self, file_id: str, person_id: str, role: str, session: str) -> None:
        self._ids.append(int(file_id, 16))
        number = self._number_of_person.setdefault(person_id, len(self._number_of_person))
        self._people.append(number)
        self._sessions.append(int.from_bytes(hashlib.sha256(session.encode()).digest()[:8], "big"))
        identity = f"{file_id}\0{person_id}\0{role}\0{session}"  # none of them can hold a NUL
        self._digests += hashlib.sha256(identity.encode()).digest()

    def settle(self, workers: int) -> Settled:
        """Judge copies, and deal the clips and albums that are kept to at most `workers` shards."""
        ids = np.frombuffer(self._ids, dtype=np.uint64)
        people = np.frombuffer(self._people, dtype=np.uint32)
        sessions = np.frombuffer(self._sessions, dtype=np.uint64)
        durations = np.frombuffer(self._durations, dtype=np.float64)
        is_still = np.frombuffer(self._is_still, dtype=np.bool_)
        verdicts = judge_copies(ids, people)
        kept = verdicts == Verdict.KEPT
        stills = kept & is_still
        albums = group_albums(
            np.flatnonzero(kept[is_still]), ids[stills], people[stills], sessions[stills]
        )
        kept_clips = kept[~is_still]
        lengths = np.r_[albums.sizes() * SECONDS_A_STILL, durations[kept & ~is_still]]
        dealt = balance(lengths, workers)
        shards = np.full(len(kept_clips), -1, dtype=np.int32)
        shards[kept_clips] = dealt[len(albums) :]
        return Settled(
            verdicts=verdicts[~is_still],
            shards=shards,
            still_verdicts=verdicts[is_still],
            albums=albums,
            album_shards=dealt[: len(albums)],
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
    """Find files with the same content.

    Of copies under one person the first is kept. Content that stands under two people is wrong for
    at least one of them, and nobody can tell for whom: all of it goes.

    Args:
        ids: (n,) content of each file.
        people: (n,) person of each file.

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
