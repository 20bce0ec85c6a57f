"""Puts hostile clips into a source, runs both steps over it, and reads what came of each.

    python -m tests.hostile.run SOURCE OUTPUT

does so for a source that is there, and prints how many KB of memory the processes took at most.
"""

from __future__ import annotations

import contextlib
import ctypes
import json
import os
import resource
import stat
import subprocess
import sys
from collections import defaultdict
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import unquote_to_bytes

from components.contracts import (
    CLIPS,
    CLIPS_FILE,
    FRAMES,
    FRAMES_FILE,
    REJECTS,
    REJECTS_FILE,
)
from components.extract_frames.extract import extract
from components.extract_frames.selection import Limits
from components.guard import GuardLimits
from components.ingest_videos.ingest import ingest
from components.parquet import read_table
from components.sources import VIDEO_SUFFIXES
from components.telemetry import peak_memory_bytes
from tests.hostile.kinds import GAVE_FRAMES, KINDS
from tests.hostile.makers import GOOD_NAME, good
from tests.hostile.mutants import MUTANTS, make_bases, mutant

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from tests.hostile.kinds import Kind

TODAY: Final = date(2025, 6, 15)
GUARD: Final = GuardLimits(cpu_s=5, wall_s=50)
"""Small, so that a bomb costs little time."""
LONGEST_S: Final = 240.0
_ROOT: Final = Path(__file__).parents[2]
_PR_CAPBSET_DROP: Final = 24
_RIGHTS_OVER_FILES: Final = (1, 2)
"""CAP_DAC_OVERRIDE and CAP_DAC_READ_SEARCH: with them root reads what nobody may."""


def make_source(source: Path, kinds: Iterable[Kind]) -> None:
    """One person a kind, with a good clip and the hostile thing."""
    people = []
    for kind in kinds:
        good(file_at(source, kind.name, GOOD_NAME))
        kind.make(file_at(source, kind.name, kind.file))
        people.append(kind.name)
    write_roster(source, people)


def make_mutants(source: Path, numbers: Iterable[int] = range(MUTANTS)) -> None:
    """One person with all of the mutants and a good clip."""
    bases = make_bases(source / "bases")
    good(file_at(source, "mutants", GOOD_NAME))
    for number in numbers:
        base, content = mutant(number, bases)
        file_at(source, "mutants", f"{number}{Path(base).suffix}").write_bytes(content)
    write_roster(source, ["mutants"])


def file_at(source: Path, person: str, file: str) -> Path:
    path = source / "videos" / person / file
    path.parent.mkdir(parents=True, exist_ok=True)
    return path


def write_roster(source: Path, people: Iterable[str], *more: str) -> None:
    """A roster of people who consented, and of `more` rows."""
    rows = [f"{person},student,2025-01-01,2025-12-31" for person in people]
    header = "person_id,role,consent_given_on,consent_expires_on"
    (source / "roster.csv").write_text("\n".join([header, *rows, *more, ""]))


def run(source: Path, output: Path, *, workers: int = 2) -> None:
    """Ingest a source, let happen what happens in between, and extract every shard."""
    ingested = ingest(str(source), output / "clips", workers=workers, today=TODAY)
    for kind in KINDS:
        path = source / "videos" / kind.name / kind.file
        if kind.between is not None and os.path.lexists(path):
            kind.between(path)
    for shard in ingested.shards:
        extract(
            output / "clips",
            output / f"frames-{shard}",
            shard=shard,
            frames_per_second=5.0,
            limits=Limits(),
            today=TODAY,
            guard=GUARD,
        )


def run_apart(source: Path, output: Path) -> dict[str, int]:
    """The same in a process that files can be locked against, even where the tests run as root.

    Returns:
        The most memory in KB that the process itself and any of its children had.
    """
    done = subprocess.run(
        [sys.executable, "-m", "tests.hostile.run", str(source), str(output)],
        cwd=_ROOT,
        preexec_fn=_give_up_rights,
        timeout=LONGEST_S,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, f"the run ended with {done.returncode}:\n{done.stderr[-3000:]}"
    return json.loads(done.stdout.splitlines()[-1])


def _give_up_rights() -> None:
    with contextlib.suppress(AttributeError):  # not Linux: then the tests are not root either
        for right in _RIGHTS_OVER_FILES:
            ctypes.CDLL(None).prctl(_PR_CAPBSET_DROP, right, 0, 0, 0)


def clips_in(source: Path) -> list[Path]:
    """Every path that counts as a clip, found without the code that is tested."""
    found = []
    for folder, folders, files in os.walk(source / "videos"):
        below = [Path(folder) / name for name in (*folders, *files) if not name.startswith(".")]
        found += [path for path in below if path.name in files or _counts(path)]
    return sorted(found)


def _counts(folder: Path) -> bool:
    """Whether somebody may count on a folder as a clip, or it hides what is in it."""
    is_locked = not folder.lstat().st_mode & stat.S_IRUSR
    return is_locked or folder.is_symlink() or folder.suffix.lower() in VIDEO_SUFFIXES


def outcomes(output: Path) -> dict[Path, list[str]]:
    """What came of each clip: GAVE_FRAMES, or a reason for its rejection, as often as it did."""
    found: dict[Path, list[str]] = defaultdict(list)
    for reject in rejects(output):
        found[_path(reject["uri"])].append(reject["reason"])
    clips = read_table(output / "clips" / CLIPS_FILE, CLIPS, ["uri", "clip_id"]).to_pylist()
    uri_of = {clip["clip_id"]: clip["uri"] for clip in clips}
    for clip_id in clips_with_frames(output):
        found[_path(uri_of[clip_id])].append(GAVE_FRAMES)
    return dict(found)


def rejects(output: Path) -> list[dict[str, Any]]:
    """The rejects of all steps."""
    folders = [output / "clips", *extractions(output)]
    tables = [read_table(folder / REJECTS_FILE, REJECTS) for folder in folders]
    return [reject for table in tables for reject in table.to_pylist()]


def extractions(output: Path) -> list[Path]:
    return sorted(output.glob("frames-*"))


def clips_with_frames(output: Path) -> list[str]:
    """Ids of the clips that have frames: each as often as shards have frames of it."""
    tables = [
        read_table(folder / FRAMES_FILE, FRAMES, ["clip_id"]) for folder in extractions(output)
    ]
    return [clip_id for table in tables for clip_id in set(table["clip_id"].to_pylist())]


def _path(uri: str) -> Path:
    return Path(os.fsdecode(unquote_to_bytes(uri.removeprefix("file://"))))


def lost_or_doubled(clips: Sequence[Path], output: Path) -> list[str]:
    """Clips that do not have exactly one outcome, and outcomes of no clip."""
    found = outcomes(output)
    odd = [path for path in clips if len(found.get(path, [])) != 1]
    return [repr(path) for path in [*odd, *sorted(set(found) - set(clips))]]


def main(arguments: Sequence[str]) -> None:
    source, output = map(Path, arguments)
    run(source, output)
    children = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss << 10
    print(json.dumps({"self": peak_memory_bytes(), "children": children}))


if __name__ == "__main__":
    main(sys.argv[1:])
