"""Proves on the written index, knowing nothing of how it was made, that the sides are apart."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from components.contracts import INDEX, Split
from components.errors import LeakError
from components.model_directory import STRANGER, Classes
from components.parquet import open_table

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

BATCH_ROWS = 4096
SIDES = (Split.TRAIN, Split.CALIBRATION, Split.TEST)
ROUNDING_S = 1e-6


@dataclass
class Side:
    """What stands on one side."""

    people: set[str] = field(default_factory=set)
    sessions: set[tuple[str, str]] = field(default_factory=set)
    transactions: set[str] = field(default_factory=set)
    frames: int = 0

    def counts(self) -> dict[str, int]:
        """Numbers only: an audit names nobody."""
        return {
            "people": len(self.people),
            "sessions": len(self.sessions),
            "transactions": len(self.transactions),
            "frames": self.frames,
        }


@dataclass
class Census:
    """All that the audit remembers of the index: a record a clip, not a frame."""

    sides: dict[str, Side] = field(default_factory=lambda: defaultdict(Side))
    strangers: dict[str, Side] = field(default_factory=lambda: defaultdict(Side))
    sides_of_session: dict[tuple[str, str], set[str]] = field(
        default_factory=lambda: defaultdict(set)
    )
    sessions_of_person: dict[str, set[str]] = field(default_factory=lambda: defaultdict(set))
    sides_of_stranger: dict[str, set[str]] = field(default_factory=lambda: defaultdict(set))
    sessions_of_clip: dict[str, set[tuple[str, str]]] = field(
        default_factory=lambda: defaultdict(set)
    )
    spans: dict[str, dict[str, tuple[float, float]]] = field(
        default_factory=lambda: defaultdict(dict)
    )

    def add(self, row: dict[str, Any]) -> None:
        """Count one frame."""
        person, split, clip, time_s = row["person_id"], row["split"], row["clip_id"], row["time_s"]
        session = (person, row["session"])
        known = row["person"] != STRANGER
        side = (self.sides if known else self.strangers)[split]
        side.people.add(person)
        side.sessions.add(session)
        side.transactions.add(row["transaction"])
        side.frames += 1
        self.sessions_of_clip[clip].add(session)
        if not known:
            self.sides_of_stranger[person].add(split)
        elif split in SIDES:
            self.sides_of_session[session].add(split)
            self.sessions_of_person[person].add(row["session"])
            first, last = self.spans[clip].get(split, (time_s, time_s))
            self.spans[clip][split] = (min(first, time_s), max(last, time_s))


def audit_index(path: Path, classes: Classes, gap_s: float, gap_part: float) -> dict[str, Any]:
    """Check an index file and count what it holds.

    Args:
        path: a Parquet file of schema INDEX.
        classes: what its labels are held against.
        gap_s: seconds that must lie between two blocks of one clip, where the clip is long enough.
        gap_part: the same as a part of the clip's time, which rules where it is shorter.

    Returns:
        `protocol` (how it was split, how much stands on each side) and `checks`, ready for JSON.

    Raises:
        LeakError: something stands on both sides; the message says what, and counts.
        ContractError: a label is out of range.
    """
    census = Census()
    labels: set[int] = set()
    for row in _rows(path):
        census.add(row)
        labels.add(row["person"])
    classes.check_labels(labels, where=path.name)
    checks = {
        "sessions_on_both_sides": sum(_shared_sessions(census)),
        "clips_in_two_sessions": sum(len(s) > 1 for s in census.sessions_of_clip.values()),
        "strangers_trained_on": len(census.strangers[Split.TRAIN].people),
        "strangers_on_both_sides": sum(len(s) > 1 for s in census.sides_of_stranger.values()),
        "blocks_too_close": sum(_close_blocks(census, gap_s, gap_part)),
    }
    broken = {name: count for name, count in checks.items() if count}
    if broken:
        raise LeakError(
            f"the split leaks, so that its score would mean nothing: {broken}. "
            "If clips were renamed or copied between sessions, put them back."
        )
    return {"protocol": _protocol(census), "checks": checks}


def _rows(path: Path) -> Iterator[dict[str, Any]]:
    columns = ["clip_id", "person_id", "session", "time_s", "split", "transaction", "person"]
    with open_table(path, INDEX) as file:
        for batch in file.iter_batches(BATCH_ROWS, columns=columns):
            yield from batch.to_pylist()


def _shared_sessions(census: Census) -> Iterable[bool]:
    """Of the people with several sessions, the sessions that are tested on and learnt from."""
    for (person, _), sides in census.sides_of_session.items():
        several = len(census.sessions_of_person[person]) > 1
        yield several and Split.TEST in sides and len(sides) > 1


def _close_blocks(census: Census, gap_s: float, gap_part: float) -> Iterable[bool]:
    for spans in census.spans.values():
        blocks = sorted(spans.values())
        gap = min(gap_s, (max(last for _, last in blocks) - blocks[0][0]) * gap_part)
        for (_, end), (start, _) in pairwise(blocks):
            yield start <= end or start - end < gap - ROUNDING_S


def _protocol(census: Census) -> dict[str, Any]:
    several = sum(len(sessions) > 1 for sessions in census.sessions_of_person.values())
    single = len(census.sessions_of_person) - several
    name = "by_session" if not single else "time_blocks" if not several else "mixed"
    return {
        "name": name,
        "within_session": single > 0,
        "people_split_by_session": several,
        "people_split_by_time": single,
        "sides": {side: census.sides[side].counts() for side in SIDES},
        "strangers": {side: census.strangers[side].counts() for side in SIDES[1:]},
        "gap_frames": census.sides[Split.GAP].frames,
    }
