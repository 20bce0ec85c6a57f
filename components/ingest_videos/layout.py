"""What the path of a file says: whose it is, and of which session.

videos/<person_id>.mp4                     one clip, which is its own session, SOLE_SESSION
videos/<person_id>/<session>.mp4           several sessions of one person
videos/<person_id>/<session>/<take>.mp4    several takes in one session
images/<person_id>/<name>.jpg              stills of one session, SOLE_SESSION
images/<person_id>/<session>/<name>.jpg    stills of several sessions of one person
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Final

from components.contracts import ClipError, Reason
from components.roster import PERSON_ID
from components.sources import IMAGES_NAME, SUFFIXES, VIDEOS_NAME

SOLE_SESSION: Final = "only"
"""Session of a clip that lies directly below videos/, and of stills directly in a person's folder.
A folder of that name for the same person holds the same session, and so do videos and stills in
folders of one name, so that none can end up on the other side of a split."""

SESSION: Final = re.compile(r"[A-Za-z0-9_-]{1,64}", re.ASCII)

LAYOUTS: Final = {
    VIDEOS_NAME: (
        "videos/<person_id>.mp4, videos/<person_id>/<session>.mp4 or "
        "videos/<person_id>/<session>/<take>.mp4"
    ),
    IMAGES_NAME: "images/<person_id>/<name>.jpg or images/<person_id>/<session>/<name>.jpg",
}


@dataclass(frozen=True, slots=True)
class Place:
    """Whose a file is, and of which session."""

    person_id: str
    session: str


def place_of(path: str, folder: str = VIDEOS_NAME) -> Place:
    """Read the place of a file off its path below `videos/` or `images/`.

    Raises:
        ClipError: BAD_NAME, when the path fits none of the layouts.
    """
    file = PurePosixPath(path)
    if file.suffix.lower() not in SUFFIXES[folder]:
        raise _bad(_why_suffix(file.suffix.lower(), folder))
    names_session = folder == VIDEOS_NAME
    parts = (*file.parts[:-1], file.stem) if names_session else file.parts[:-1]
    if len(parts) > (3 if names_session else 2):
        raise _bad(f"it lies too deep; below {folder}/ a file is {LAYOUTS[folder]}")
    if not parts:
        raise _bad(f"it lies in no person's folder; a still is {LAYOUTS[folder]}")
    person_id = parts[0]
    session = parts[1] if len(parts) > 1 else SOLE_SESSION
    if not PERSON_ID.fullmatch(person_id):
        raise _bad("the person_id in its path is not 1 to 64 of A-Z a-z 0-9 _ -")
    if not SESSION.fullmatch(session):
        raise _bad("the session in its path is not 1 to 64 of A-Z a-z 0-9 _ -")
    return Place(person_id, session)


def _why_suffix(suffix: str, folder: str) -> str:
    detail = f"its name does not end in one of {' '.join(sorted(SUFFIXES[folder]))}"
    elsewhere = [name for name, suffixes in SUFFIXES.items() if suffix in suffixes]
    return f"{detail}; such files belong in {elsewhere[0]}/" if elsewhere else detail


def _bad(detail: str) -> ClipError:
    return ClipError(Reason.BAD_NAME, detail)
