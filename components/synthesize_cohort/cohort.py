"""Make a synthetic cohort: a roster and clips of people who do not exist."""

from __future__ import annotations

import json
import multiprocessing
from concurrent.futures import FIRST_COMPLETED, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from dataclasses import asdict, dataclass
from itertools import islice
from typing import TYPE_CHECKING, Final

import cv2

from components.artifacts import atomic_directory, write_json
from components.errors import RollcallError
from components.model_directory import Role
from components.synthesize_cohort.clip import render_clip
from components.synthesize_cohort.identity import draw_identity
from components.synthesize_cohort.people import MOST_OF_A_ROLE, Person, people_of, write_roster
from components.synthesize_cohort.session import draw_session
from components.synthesize_cohort.video import write_mp4
from components.telemetry import step

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

MARKER: Final = "synthesis.json"
"""Written beside the roster: the options, and every file, so that a rerun knows its own."""

LIMITS: Final[dict[str, tuple[float, float]]] = {
    "students": (0, MOST_OF_A_ROLE),
    "staff": (0, MOST_OF_A_ROLE),
    "visitors": (0, MOST_OF_A_ROLE),
    "sessions": (1, 99),
    "seconds": (0.5, 600.0),
    "size": (64, 1080),
    "fps": (2, 60),
    "seed": (0, 2**63 - 1),
    "processes": (1, 256),
}
"""Smallest and largest value of every option."""


@dataclass(frozen=True)
class CohortOptions:
    """What cohort to make. The same options give the same bytes, whatever `processes` is.

    Attributes:
        students: number of students.
        staff: number of members of staff.
        visitors: number of visitors.
        sessions: recordings of each person, one clip each.
        seconds: length of a clip.
        size: width and height of a clip in pixels, even.
        fps: frames a second.
        seed: of everything that is drawn.
        processes: clips made at the same time, each in a process of its own; 1 starts none.
    """

    students: int = 12
    staff: int = 6
    visitors: int = 6
    sessions: int = 2
    seconds: float = 6.0
    size: int = 288
    fps: int = 12
    seed: int = 0
    processes: int = 1

    def __post_init__(self) -> None:
        for name, (low, high) in LIMITS.items():
            value = getattr(self, name)
            if name != "seconds" and not isinstance(value, int):
                raise RollcallError(f"{name} is {value!r}; it has to be a whole number")
            if not low <= value <= high:
                raise RollcallError(f"{name} is {value}; it has to be from {low} to {high}")
        if self.size % 2:
            raise RollcallError(f"size is {self.size}; H.264 needs an even number of pixels")
        if self.students + self.staff + self.visitors == 0:
            raise RollcallError("a cohort of nobody: ask for students, staff or visitors")

    @property
    def frames(self) -> int:
        """Frames of a clip."""
        return max(round(self.seconds * self.fps), 1)

    def people(self) -> list[Person]:
        """Everybody in the cohort."""
        counts = {
            Role.STUDENT: self.students,
            Role.STAFF: self.staff,
            Role.VISITOR: self.visitors,
        }
        return people_of(self.seed, counts)


@dataclass(frozen=True)
class CohortSummary:
    """What was made; `bytes` is the size of all clips."""

    people: int
    clips: int
    seconds_of_video: float
    bytes: int


@dataclass(frozen=True)
class _Task:
    """One clip to make."""

    path: Path
    person: Person
    session: int
    frames: int
    fps: int
    size: int


def synthesize_cohort(output: Path, options: CohortOptions) -> CohortSummary:
    """Make a cohort of synthetic people in the layout that ingest reads.

    `output` gets `roster.csv`, `videos/<person_id>/s1.mp4`, `s2.mp4`, ... (with one session
    `videos/<person_id>.mp4`), and `synthesis.json` with the options and the names of all files. It
    appears whole or not at all. Where `output` exists, it has to be empty or hold an earlier
    synthesis and nothing else, which is then replaced as a whole; until the new cohort is complete
    the old one stays.

    A person depends on the seed, the role and the number within the role only: more people or more
    sessions leave the clips of the others as they are.

    Args:
        output: the folder to make.
        options: who and how much.

    Raises:
        RollcallError: `output` is a file, or holds something that no synthesis wrote.
    """
    output = output.resolve()
    _refuse_to_mix(output)
    people = options.people()
    names = [_clip_name(person, session, options) for person, session in _pairs(people, options)]
    with step("synthesize_cohort") as progress, atomic_directory(output) as folder:
        tasks = [
            _Task(folder / name, person, session, options.frames, options.fps, options.size)
            for name, (person, session) in zip(names, _pairs(people, options), strict=True)
        ]
        progress.expect(len(tasks), "clips")
        total = 0
        for size in _make_all(tasks, options.processes):
            total += size
            progress.advance()
        write_roster(folder / "roster.csv", people)
        _write_marker(folder / MARKER, options, ["roster.csv", *names])
    seconds = len(tasks) * options.frames / options.fps
    return CohortSummary(len(people), len(tasks), seconds, total)


def _pairs(people: list[Person], options: CohortOptions) -> list[tuple[Person, int]]:
    return [(person, session) for person in people for session in range(options.sessions)]


def _clip_name(person: Person, session: int, options: CohortOptions) -> str:
    if options.sessions == 1:
        return f"videos/{person.person_id}.mp4"
    return f"videos/{person.person_id}/s{session + 1}.mp4"


def _refuse_to_mix(output: Path) -> None:
    if not output.exists():
        return
    if not output.is_dir():
        raise RollcallError(f"{output} is a file; name a folder for the cohort")
    present = {p.relative_to(output).as_posix() for p in output.rglob("*") if not p.is_dir()}
    ours = _files_in_marker(output / MARKER)
    strange = sorted(present - ours)
    if strange:
        raise RollcallError(
            f"{output} holds {strange[0]!r}, which no synthesis wrote ({len(strange)} such files): "
            "a cohort replaces its folder, so name another one, or empty this one"
        )


def _files_in_marker(marker: Path) -> set[str]:
    try:
        files = json.loads(marker.read_text(encoding="utf-8"))["files"]
        return {MARKER, *map(str, files)}
    except (OSError, ValueError, KeyError, TypeError):
        return set()  # no marker, or not one of ours: then no file is


def _write_marker(path: Path, options: CohortOptions, files: list[str]) -> None:
    asked = {name: value for name, value in asdict(options).items() if name != "processes"}
    content = {
        "what": "synthetic people; nobody's face",
        "options": asked,
        "files": sorted(files),
    }
    write_json(path, content)


def _make_all(tasks: list[_Task], processes: int) -> Iterator[int]:
    """Make the clips; yields the size of each in bytes when it is done."""
    if processes == 1 or len(tasks) == 1:
        yield from map(_make_clip, tasks)
        return
    workers = min(processes, len(tasks))
    context = multiprocessing.get_context("spawn")  # forked threads of OpenCV can hang
    with ProcessPoolExecutor(workers, mp_context=context, initializer=_one_thread) as pool:
        waiting = iter(tasks)
        running = {pool.submit(_make_clip, task) for task in islice(waiting, 2 * workers)}
        try:
            while running:
                done, running = wait(running, return_when=FIRST_COMPLETED)
                running |= {pool.submit(_make_clip, task) for task in islice(waiting, len(done))}
                yield from (future.result() for future in done)
        except BrokenProcessPool as error:
            raise RollcallError(
                f"one of {workers} processes ended in the middle of a clip, as when memory runs "
                "out: ask for fewer processes, or for a smaller size"
            ) from error
        finally:
            for future in running:
                future.cancel()


def _one_thread() -> None:
    cv2.setNumThreads(1)  # the processes share the cores already


def _make_clip(task: _Task) -> int:
    identity = draw_identity(task.person.generator())
    session = draw_session(task.person.session_generator(task.session))
    frames = render_clip(identity, session, frames=task.frames, fps=task.fps, size=task.size)
    task.path.parent.mkdir(parents=True, exist_ok=True)
    write_mp4(task.path, frames, fps=task.fps, size=task.size, quality=session.camera.quality)
    return task.path.stat().st_size
