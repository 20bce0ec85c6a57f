"""The stills of one session of a person make up one album, a row of the clips table."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from components.ingest_videos.probe import CLIP_ID_DIGITS

if TYPE_CHECKING:
    import numpy.typing as npt


@dataclass(frozen=True)
class Albums:
    """Which stills make up which album. Albums stand in the order of their first stills.

    Attributes:
        members: (m,) int64, the numbers of the stills, album after album, ascending in each.
        starts: (k + 1,) int64, where in `members` each album starts, and m.
        ids: (m,) uint64, the content of each still in `members`.
    """

    members: npt.NDArray[np.int64]
    starts: npt.NDArray[np.int64]
    ids: npt.NDArray[np.uint64]

    def __len__(self) -> int:
        return len(self.starts) - 1

    def sizes(self) -> npt.NDArray[np.int64]:
        """How many stills each album has: (k,)."""
        return np.diff(self.starts)

    def stills_of(self, album: int) -> npt.NDArray[np.int64]:
        """The numbers of an album's stills."""
        return self.members[self._range(album)]

    def clip_id(self, album: int) -> str:
        """The id of an album: a digest over its stills', wherever they lie and in any order."""
        content = np.sort(self.ids[self._range(album)]).astype(">u8").tobytes()
        return hashlib.sha256(content).hexdigest()[:CLIP_ID_DIGITS]

    def _range(self, album: int) -> slice:
        return slice(int(self.starts[album]), int(self.starts[album + 1]))


def group_albums(
    stills: npt.NDArray[np.int64],
    ids: npt.NDArray[np.uint64],
    people: npt.NDArray[np.uint32],
    sessions: npt.NDArray[np.uint64],
) -> Albums:
    """Put stills into albums.

    Args:
        stills: (m,) their numbers, ascending.
        ids: (m,) content of each.
        people: (m,) person of each.
        sessions: (m,) session of each; equal numbers under two people are two sessions.
    """
    if not len(stills):
        return Albums(stills, np.zeros(1, dtype=np.int64), ids)
    by_session = np.lexsort((sessions, people))  # stable: the stills of an album stay in order
    people, sessions = people[by_session], sessions[by_session]
    is_first = np.r_[True, (people[1:] != people[:-1]) | (sessions[1:] != sessions[:-1])]
    first = by_session[is_first]  # of each album its first still
    order = by_session[np.argsort(first[np.cumsum(is_first) - 1], kind="stable")]
    sizes = np.diff(np.r_[np.flatnonzero(is_first), len(order)])[np.argsort(first)]
    return Albums(stills[order], np.r_[0, np.cumsum(sizes)], ids[order])
