"""What the report says of a run beyond its scores: mistakes, rejects, who has to record again."""

from __future__ import annotations

import heapq
import re
from collections import Counter, defaultdict
from dataclasses import dataclass
from itertools import chain
from typing import TYPE_CHECKING, Final
from urllib.parse import unquote, urlsplit

from components.contracts import (
    ENROLMENT,
    ENROLMENT_FILE,
    GOOD_ENROLMENT,
    REJECTS,
    REJECTS_FILE,
    EnrolmentProblem,
    Reason,
)
from components.parquet import open_table

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

MOST_REJECTS: Final = 50
"""Rejects that the report lists; the others are only counted."""

MOST_TO_RECORD: Final = 50
"""People to record again whom the report lists; the others are only counted."""

_MOST_MISTAKES: Final = 5
_ABOVE: Final = re.compile(r".*/(videos|images)/|.*/", re.DOTALL)
_PSEUDONYMOUS: Final = re.compile(r"[A-Za-z0-9_.-]{1,69}(/[A-Za-z0-9_.-]{1,69}){0,2}")


@dataclass(frozen=True)
class Confusion:
    """Counts of true (row) against predicted (column).

    Attributes:
        labels: of the rows and of the columns.
        matrix: counts.
        mistakes: the most frequent ones: how often, true label, predicted label.
    """

    labels: tuple[str, ...]
    matrix: tuple[tuple[int, ...], ...]
    mistakes: tuple[tuple[int, str, str], ...]

    @property
    def n(self) -> int:
        """How many were scored."""
        return sum(map(sum, self.matrix))

    @property
    def right(self) -> int:
        """How many of them rightly."""
        return sum(row[place] for place, row in enumerate(self.matrix))


def confusion_of(labels: Sequence[str], matrix: Sequence[Sequence[int]]) -> Confusion:
    """Sum up a confusion matrix, square and in the order of `labels`.

    Raises:
        ValueError: it has another shape.
    """
    if any(len(side) != len(labels) for side in (matrix, *matrix)):
        raise ValueError("a confusion matrix is not as long and as wide as it has labels")
    mistakes = [
        (count, labels[true], labels[predicted])
        for true, row in enumerate(matrix)
        for predicted, count in enumerate(row)
        if count and true != predicted
    ]
    mistakes.sort(key=lambda mistake: -mistake[0])
    return Confusion(
        tuple(labels), tuple(tuple(row) for row in matrix), tuple(mistakes[:_MOST_MISTAKES])
    )


@dataclass(frozen=True)
class Rejected:
    """A rejected clip or still as the report lists it.

    Attributes:
        row: its row in rejects.parquet, from 0.
        place: where it lies under the source's videos or images; None where that might name
            somebody.
        step: the step that rejected it.
        reason: the code.
        detail: what is wrong with it.
    """

    row: int
    place: str | None
    step: str
    reason: str
    detail: str


@dataclass(frozen=True)
class Rejects:
    """Rejected clips: all of them counted, some of them listed, every reason among these."""

    total: int
    by_reason: tuple[tuple[str, int], ...]
    listed: tuple[Rejected, ...]


def rejects_of(audit: Path) -> Rejects:
    """Read the rejects of a run, keeping at most MOST_REJECTS of a reason in memory."""
    counts: dict[str, int] = defaultdict(int)
    first: dict[str, list[Rejected]] = defaultdict(list)
    with open_table(audit / REJECTS_FILE, REJECTS) as file:
        rows = chain.from_iterable(batch.to_pylist() for batch in file.iter_batches())
        for number, row in enumerate(rows):
            reason = row["reason"]
            counts[reason] += 1
            if len(first[reason]) < MOST_REJECTS:
                place = place_in_source(row["uri"], reason)
                first[reason].append(Rejected(number, place, row["step"], reason, row["detail"]))
    by_reason = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    return Rejects(sum(counts.values()), tuple(by_reason), _some_of_each(first))


def _some_of_each(first: dict[str, list[Rejected]]) -> tuple[Rejected, ...]:
    """The first of every reason, the second of every reason, and so on until the list is full."""
    in_turn = sorted(
        (turn, reject.row, reject)
        for rejects in first.values()
        for turn, reject in enumerate(rejects)
    )[:MOST_REJECTS]
    return tuple(
        sorted((reject for *_, reject in in_turn), key=lambda reject: (reject.reason, reject.row))
    )


def place_in_source(uri: str, reason: str) -> str | None:
    """Where a file lies under `videos/` or `images/`, without account, key or the folders above.

    None where the name is not a pseudonym: it may be somebody's real one.
    """
    path = unquote(urlsplit(uri).path)
    place = _ABOVE.sub("", path, count=1)
    if reason == Reason.BAD_NAME or not _PSEUDONYMOUS.fullmatch(place):
        return None
    return place


@dataclass(frozen=True)
class ToRecord:
    """A person who is not enrolled well enough, as the report lists them.

    Attributes:
        person_id: the pseudonym.
        role: in the roster.
        sessions_good: sessions without a problem.
        sessions: sessions that gave frames.
        problems: codes.
        advice: what to do.
    """

    person_id: str
    role: str
    sessions_good: int
    sessions: int
    problems: tuple[str, ...]
    advice: str

    @property
    def rank(self) -> tuple[int, int, int, str]:
        """Smallest for the worst: fewest good sessions, fewest sessions, most problems."""
        return self.sessions_good, self.sessions, -len(self.problems), self.person_id


@dataclass(frozen=True)
class Enrolled:
    """The verdicts on the people of the roster: all counted, those to record again listed.

    Attributes:
        good: people who are enrolled well enough.
        to_record: the others.
        by_problem: how many of these have which problem, in the order of the codes.
        listed: the worst of them.
    """

    good: int
    to_record: int
    by_problem: tuple[tuple[str, int], ...]
    listed: tuple[ToRecord, ...]


def enrolment_of(audit: Path) -> Enrolled:
    """Read the verdicts of a run, keeping MOST_TO_RECORD people in memory."""
    verdicts: Counter[bool] = Counter()
    problems: Counter[str] = Counter()

    def to_record() -> Iterator[ToRecord]:
        with open_table(audit / ENROLMENT_FILE, ENROLMENT) as file:
            for row in chain.from_iterable(batch.to_pylist() for batch in file.iter_batches()):
                is_good = row["verdict"] == GOOD_ENROLMENT
                verdicts[is_good] += 1
                if is_good:
                    continue
                row["problems"] = tuple(row["verdict"].split())
                problems.update(row["problems"])
                yield ToRecord(**{name: row[name] for name in ToRecord.__dataclass_fields__})

    listed = heapq.nsmallest(MOST_TO_RECORD, to_record(), key=lambda person: person.rank)
    by_problem = [(str(code), problems[code]) for code in EnrolmentProblem if problems[code]]
    return Enrolled(verdicts[True], verdicts[False], tuple(by_problem), tuple(listed))
