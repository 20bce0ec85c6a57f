"""What the path of a clip says: whose it is, and of which session.

videos/<person_id>.mp4                     one clip, which is its own session, SOLE_SESSION
videos/<person_id>/<session>.mp4           several sessions of one person
videos/<person_id>/<session>/<take>.mp4    several takes in one session
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Final

from components.contracts import ClipError, Reason
from components.roster import PERSON_ID
from components.sources import VIDEO_SUFFIXES

SOLE_SESSION: Final = "only"
"""Session of a clip that lies directly below videos/. A folder of that name for the same person
holds the same session, so that neither can end up on the other side of a split."""

SESSION: Final = re.compile(r"[A-Za-z0-9_-]{1,64}", re.ASCII)

LAYOUTS: Final = (
    "videos/<person_id>.mp4, videos/<person_id>/<session>.mp4 or "
    "videos/<person_id>/<session>/<take>.mp4"
)


@dataclass(frozen=True, slots=True)
class Place:
    """Whose a clip is, and of which session."""

    person_id: str
    session: str


def place_of(path: str) -> Place:
    """Read the place of a clip off its path below `videos/`.

    Raises:
        ClipError: BAD_NAME, when the path fits none of the layouts.
    """
    file = PurePosixPath(path)
    if file.suffix.lower() not in VIDEO_SUFFIXES:
        raise _bad(f"its name does not end in one of {' '.join(sorted(VIDEO_SUFFIXES))}")
    parts = (*file.parts[:-1], file.stem)
    if len(parts) > 3:
        raise _bad(f"it lies too deep; a clip is {LAYOUTS}")
    person_id = parts[0]
    session = parts[1] if len(parts) > 1 else SOLE_SESSION
    if not PERSON_ID.fullmatch(person_id):
        raise _bad("the person_id in its path is not 1 to 64 of A-Z a-z 0-9 _ -")
    if not SESSION.fullmatch(session):
        raise _bad("the session in its path is not 1 to 64 of A-Z a-z 0-9 _ -")
    return Place(person_id, session)


def _bad(detail: str) -> ClipError:
    return ClipError(Reason.BAD_NAME, detail)
