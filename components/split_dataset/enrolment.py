"""Whether each person is enrolled well enough, and what to do where not.

What decides is a session: its clips pooled, each measure a mean over them by their sampled frames.
A person needs two good sessions, one to learn from and one to be tested on. So the second best
session decides, the one with the second fewest problems, or the only one: further sessions never
make a person worse, and those that are filmed as advised help whatever lies there already.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import asdict, dataclass, fields
from itertools import groupby
from operator import attrgetter
from typing import TYPE_CHECKING, Any, Final

import pyarrow as pa

from components.contracts import (
    CLIP_QUALITY,
    CLIP_QUALITY_FILE,
    ENROLMENT,
    ENROLMENT_FILE,
    GOOD_ENROLMENT,
    PEOPLE,
    PEOPLE_FILE,
    EnrolmentProblem,
)
from components.errors import ContractError
from components.parquet import open_table, parquet_writer
from components.roster import Consent

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from pathlib import Path

MOST_DARK_SHARE: Final = 0.5
"""Of the middle of the median frame, that is black. Of 24 synthetic heads in good light at most
0.38 is; of ten that are exposed 4 stops less 0.35 to 0.97, and 0.76 in the middle."""

LEAST_BRIGHTNESS: Final = 30.0
"""Mean luma of the median frame, for faces too pale to turn black. Of the same heads in good light
it is 53 or more; of those exposed 4 stops less 10 to 45, and 24 in the middle."""

MOST_BRIGHT_SHARE: Final = 0.5
"""Of the middle of the median frame, that is white; with more, extract_frames drops a frame unless
told otherwise. Of 24 synthetic heads in good light, bright windows behind them, at most 0.36 is."""

MOST_BLURRED_SHARE: Final = 0.5
"""Of the sampled frames: with more, most of the turn is not to be seen."""

LEAST_SPREAD: Final = 5.0
LEAST_DRIFT: Final = 1.0
"""Bits: a head hardly turned where the spread is smaller, and less than this above the flicker.

Of 24 synthetic heads at 5 frames a second, those that turn have a spread of 4.0 to 16.3, 2.2 or
more above the flicker; those that hold still before a noisy and shaking camera 0.3 to 4.8, at most
0.6 above it. So all that hold still are found and none that turns, and of those that turn by a
tenth as much, 2 to 4 degrees, 9. At 1 frame a second all that hold still are, and one that turns.
Either alone would not do: at 1 frame a second neighbours differ as much as any two frames, and the
spread of those that turn begins where that of those that hold still ends."""

LEAST_SEEN_S: Final = 4.0
"""Seconds, of the ten that are asked for: a slow circle takes 3 to 5. Of stills it is 21, as they
count as frames 0.2 s apart."""

SESSIONS_WANTED: Final = 2
"""One to learn from, and one to be tested on."""

_ROWS_AT_ONCE: Final = 4096


@dataclass(frozen=True, slots=True)
class Session:
    """What was measured of a person's session, or of one clip of it; see contracts.CLIP_QUALITY."""

    session: str
    seen_s: float
    cut_short: bool
    frames_sampled: int
    frames: int
    frames_dropped_dark: int
    frames_dropped_bright: int
    frames_dropped_blurred: int
    frames_dropped_near_duplicate: int
    blurred_share: float
    dark_share: float
    bright_share: float
    sharpness: float
    brightness: float
    spread: float
    flicker: float


_COLUMNS: Final = tuple(field.name for field in fields(Session))
_SUMS: Final = tuple(name for name in _COLUMNS if name == "seen_s" or name.startswith("frames"))
_MEANS: Final = tuple(name for name in _COLUMNS if name not in {*_SUMS, "session", "cut_short"})


@dataclass(frozen=True, slots=True)
class Enrolment:
    """What is known of a person.

    Attributes:
        consent: a `roster.Consent`.
        sessions: what was measured of each session that gave frames.
    """

    consent: str
    sessions: Sequence[Session]


@dataclass(frozen=True, slots=True)
class Verdict:
    """The judgement on a person.

    Attributes:
        problems: none where the person is enrolled well enough.
        session: the one that decides; None where there is none.
        sessions_good: how many sessions have no problem.
    """

    problems: tuple[EnrolmentProblem, ...]
    session: Session | None
    sessions_good: int

    @property
    def text(self) -> str:
        """As ENROLMENT holds it."""
        return " ".join(self.problems) or GOOD_ENROLMENT

    @property
    def advice(self) -> str:
        """What to do, in plain words; empty where nothing is."""
        return " ".join(ADVICE[problem] for problem in self.problems)


OF_PERSON: Final[Mapping[EnrolmentProblem, Callable[[Enrolment], bool]]] = {
    EnrolmentProblem.NO_CONSENT: lambda person: person.consent != Consent.VALID,
    EnrolmentProblem.NONE_USABLE: lambda person: (
        person.consent == Consent.VALID and not person.sessions
    ),
    EnrolmentProblem.ONLY_ONE_SESSION: lambda person: 0 < len(person.sessions) < SESSIONS_WANTED,
}
OF_SESSION: Final[Mapping[EnrolmentProblem, Callable[[Session], bool]]] = {
    EnrolmentProblem.TOO_DARK: lambda session: (
        session.dark_share > MOST_DARK_SHARE or session.brightness < LEAST_BRIGHTNESS
    ),
    EnrolmentProblem.TOO_BRIGHT: lambda session: session.bright_share > MOST_BRIGHT_SHARE,
    EnrolmentProblem.TOO_FEW_SHARP_FRAMES: lambda session: (
        session.blurred_share > MOST_BLURRED_SHARE
    ),
    EnrolmentProblem.HEAD_HARDLY_TURNED: lambda session: (
        session.spread < LEAST_SPREAD and session.spread - session.flicker < LEAST_DRIFT
    ),
    EnrolmentProblem.CLIP_TOO_SHORT: lambda session: session.seen_s < LEAST_SEEN_S,
}
"""The tests, by problem; what they look at are columns of ENROLMENT."""

ADVICE: Final[Mapping[EnrolmentProblem, str]] = {
    EnrolmentProblem.NO_CONSENT: (
        "Do not record yet: first ask for consent, and write both of its dates into the roster."
    ),
    EnrolmentProblem.NONE_USABLE: (
        "Record a clip: there is none that can be used. If one was sent in, rejects.csv says "
        "what is wrong with it."
    ),
    EnrolmentProblem.TOO_DARK: "Record again with more light on the face.",
    EnrolmentProblem.TOO_BRIGHT: (
        "Record again with less light on the face, away from the sun or a lamp."
    ),
    EnrolmentProblem.TOO_FEW_SHARP_FRAMES: (
        "Record again with a clean lens, the camera held still and focused on the face."
    ),
    EnrolmentProblem.HEAD_HARDLY_TURNED: (
        "Record again and turn the head slowly in a full circle."
    ),
    EnrolmentProblem.CLIP_TOO_SHORT: "Record again for ten seconds; of stills, add more.",
    EnrolmentProblem.ONLY_ONE_SESSION: "Record a second session on another day.",
}


def problems_of(session: Session) -> tuple[EnrolmentProblem, ...]:
    """Say what is wrong with a session."""
    return tuple(problem for problem, is_so in OF_SESSION.items() if is_so(session))


def judge(person: Enrolment) -> Verdict:
    """Judge a person; the order of the sessions does not matter."""
    ranked = sorted(
        person.sessions,
        key=lambda session: (len(problems_of(session)), -session.frames, session.session),
    )
    deciding = ranked[:SESSIONS_WANTED][-1] if ranked else None
    found = {problem for problem, is_so in OF_PERSON.items() if is_so(person)}
    if deciding:
        found.update(problems_of(deciding))
    return Verdict(
        problems=tuple(problem for problem in EnrolmentProblem if problem in found),
        session=deciding,
        sessions_good=sum(not problems_of(session) for session in ranked),
    )


def pool(session: str, clips: Sequence[Session]) -> Session:
    """Put the clips of a session together; they have frames. Means have four decimals."""
    total = sum(clip.frames_sampled for clip in clips)
    sums = {name: sum(getattr(clip, name) for clip in clips) for name in _SUMS}
    means = {
        name: round(sum(getattr(clip, name) * clip.frames_sampled for clip in clips) / total, 4)
        for name in _MEANS
    }
    cut_short = any(clip.cut_short for clip in clips)
    return Session(session=session, cut_short=cut_short, **sums, **means)


def write_enrolment(clips: Path, extractions: Sequence[Path], used: set[str], output: Path) -> None:
    """Write ENROLMENT_FILE: one row for everybody in the roster, in its order.

    Memory is one small record a clip.

    Args:
        clips: the directory that ingest_videos wrote.
        extractions: the directories that extract_frames noted the clips' quality in.
        used: ids of the clips that have frames.
        output: the directory to write into.

    Raises:
        ContractError: other clips were measured than have frames, or one is of nobody in the
            roster.
    """
    clips_of = _measured(extractions, used)
    with (
        open_table(clips / PEOPLE_FILE, PEOPLE) as people,
        parquet_writer(output / ENROLMENT_FILE, ENROLMENT) as writer,
    ):
        for batch in people.iter_batches(_ROWS_AT_ONCE):
            rows = [
                _row(person, clips_of.pop(person["person_id"], [])) for person in batch.to_pylist()
            ]
            writer.write_table(pa.Table.from_pylist(rows, schema=ENROLMENT))
    if clips_of:
        raise ContractError(f"{len(clips_of)} people have clips but are not in {PEOPLE_FILE}")


def _measured(extractions: Iterable[Path], used: set[str]) -> dict[str, list[Session]]:
    found: dict[str, list[Session]] = defaultdict(list)
    seen: list[str] = []
    for directory in extractions:
        with open_table(directory / CLIP_QUALITY_FILE, CLIP_QUALITY) as file:
            for batch in file.iter_batches(_ROWS_AT_ONCE):
                seen += batch["clip_id"].to_pylist()
                for row in batch.to_pylist():
                    session = Session(**{name: row[name] for name in _COLUMNS})
                    found[row["person_id"]].append(session)
    if len(seen) != len(used) or set(seen) != used:
        raise ContractError(
            f"{len(used)} clips have frames but {len(seen)} were measured: a shard is missing or "
            "was given twice"
        )
    return found


def _row(person: Mapping[str, Any], clips: list[Session]) -> dict[str, Any]:
    by_session = groupby(sorted(clips, key=attrgetter("session")), key=attrgetter("session"))
    sessions = [pool(session, list(own)) for session, own in by_session]
    verdict = judge(Enrolment(person["consent"], sessions))
    lost = person["clips_accepted"] - len(clips)
    return {
        **person,
        "clips_accepted": len(clips),
        "clips_rejected": person["clips_rejected"] + lost,
        "sessions": len(sessions),
        "sessions_good": verdict.sessions_good,
        **(asdict(verdict.session) if verdict.session else {}),
        "verdict": verdict.text,
        "advice": verdict.advice,
    }
