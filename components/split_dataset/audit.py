"""Proves on the written index, knowing what was asked for alone, that the sides are apart."""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass, field
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from components.contracts import INDEX, SIDES, Protocol, Split
from components.errors import LeakError
from components.model_directory import STRANGER, Classes
from components.parquet import open_table
from components.split_dataset.assign import GAP_PARTS
from components.split_dataset.duplicates import THRESHOLDS

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from components.split_dataset.assign import SplitOptions

BATCH_ROWS = 4096
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
        if split not in SIDES:
            return
        if not known:
            self.sides_of_stranger[person].add(split)
        else:
            self.sides_of_session[session].add(split)
            first, last = self.spans[clip].get(split, (time_s, time_s))
            self.spans[clip][split] = (min(first, time_s), max(last, time_s))


def audit_index(
    path: Path, classes: Classes, options: SplitOptions, copied_clips: int
) -> dict[str, Any]:
    """Check an index file and count what it holds.

    Args:
        path: a Parquet file of schema INDEX.
        classes: what its labels are held against.
        options: what was asked for: the protocol, and the seconds that must lie between two blocks
            of one clip; where it is short, a GAP_PARTS-th of its time.
        copied_clips: pairs of clips that are one recording under two names, on two sides or of two
            people.

    Returns:
        What AUDIT_FILE holds (docs/outputs.md), but for the options. With the protocol
        random_frames the leak is the point: its checks are not `enforced`.

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
        "sessions_on_both_sides": _shared_sessions(census, options.protocol),
        "clips_in_two_sessions": sum(len(s) > 1 for s in census.sessions_of_clip.values()),
        "clips_under_two_names": copied_clips,
        "people_without_training_frames": len(
            census.sides[Split.NEAR_DUPLICATE].people - census.sides[Split.TRAIN].people
        ),
        "strangers_trained_on": len(census.strangers[Split.TRAIN].people),
        "strangers_on_both_sides": sum(len(s) > 1 for s in census.sides_of_stranger.values()),
        "blocks_too_close": sum(_close_blocks(census, options.gap_s, 1 / GAP_PARTS)),
    }
    enforced = options.protocol != Protocol.RANDOM_FRAMES
    broken = {name: count for name, count in checks.items() if count}
    if broken and enforced:
        raise LeakError(
            f"the split leaks, so that its score would mean nothing: {broken}. "
            "If clips were renamed or copied between sessions or people, re-encoded, trimmed or "
            "mirrored ones too, leave each recording where it belongs and delete its copies; "
            "a run on one machine lists them in copies.csv. "
            "Recordings of one person that look alike throughout belong into one session's folder."
        )
    removed = Split.NEAR_DUPLICATE
    return {
        "protocol": _protocol(census, options.protocol),
        "checks": checks,
        "enforced": enforced,
        "near_duplicates_removed": census.sides[removed].frames + census.strangers[removed].frames,
        "thresholds": THRESHOLDS,
    }


def _rows(path: Path) -> Iterator[dict[str, Any]]:
    columns = ["clip_id", "person_id", "session", "time_s", "split", "transaction", "person"]
    with open_table(path, INDEX) as file:
        for batch in file.iter_batches(BATCH_ROWS, columns=columns):
            yield from batch.to_pylist()


def _shared_sessions(census: Census, protocol: str) -> int:
    """Count the sessions that are tested on and learnt from, but for those to be cut by time."""
    if protocol == Protocol.TIME_BLOCKS:
        return 0
    sessions = Counter(person for person, _ in census.sides_of_session)
    return sum(
        Split.TEST in sides and len(sides) > 1
        for (person, _), sides in census.sides_of_session.items()
        if protocol != Protocol.AUTO or sessions[person] > 1
    )


def _close_blocks(census: Census, gap_s: float, gap_part: float) -> Iterable[bool]:
    for spans in census.spans.values():
        blocks = sorted(spans.values())
        gap = min(gap_s, (max(last for _, last in blocks) - blocks[0][0]) * gap_part)
        for (_, end), (start, _) in pairwise(blocks):
            yield start <= end or start - end < gap - ROUNDING_S


def _protocol(census: Census, requested: str) -> dict[str, Any]:
    tested = {person for (person, _), s in census.sides_of_session.items() if Split.TEST in s}
    by_time = {
        person
        for (person, _), sides in census.sides_of_session.items()
        if Split.TEST in sides and len(sides) > 1
    }
    leaks = requested == Protocol.RANDOM_FRAMES
    return {
        "name": str(Protocol.RANDOM_FRAMES)
        if leaks
        else _name(len(tested - by_time), len(by_time)),
        "requested": requested,
        "leaks": leaks,
        "within_session": leaks or bool(by_time),
        "people_split_by_session": 0 if leaks else len(tested - by_time),
        "people_split_by_time": 0 if leaks else len(by_time),
        "people_not_tested": len({person for person, _ in census.sides_of_session} - tested),
        "sides": {side: census.sides[side].counts() for side in SIDES},
        "strangers": {side: census.strangers[side].counts() for side in SIDES[1:]},
        "gap_frames": census.sides[Split.GAP].frames,
    }


def _name(by_session: int, by_time: int) -> str:
    if by_session and by_time:
        return "mixed"
    return str(Protocol.TIME_BLOCKS if by_time else Protocol.BY_SESSION)
