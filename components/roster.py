"""The roster: who may appear in a video, in which role, and until when they agreed to it.

`roster.csv` has the columns person_id, role, consent_given_on and consent_expires_on, in any order
and no others: names and addresses have no business in it. Dates are ISO (2025-09-01).

Consent holds from the day it was given to the day it expires, both included. Both dates are
needed: consent without an end could never run out, so an empty `consent_expires_on` counts as
missing consent, as does an empty `consent_given_on` or one that lies in the future.
"""

from __future__ import annotations

import csv
import enum
import io
import re
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, Final

from components.errors import RosterError
from components.model_directory import Role

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

COLUMNS: Final = ("person_id", "role", "consent_given_on", "consent_expires_on")
PERSON_ID: Final = re.compile(r"[A-Za-z0-9_-]{1,64}", re.ASCII)
MAX_ROSTER_BYTES: Final = 64 << 20
MAX_PEOPLE: Final = 500_000
MAX_PROBLEMS_SHOWN: Final = 20

_ISO_DATE = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)


class Consent(enum.StrEnum):
    """Whether a person agrees, on one day, to the use of their videos."""

    VALID = "valid"
    MISSING = "missing"
    EXPIRED = "expired"


def utc_today() -> date:
    """Return the day by which a step judges consent."""
    return datetime.now(UTC).date()


def consent_on(day: date, given_on: date | None, expires_on: date | None) -> Consent:
    """Judge consent by its two dates, both included; a missing date is missing consent."""
    if given_on is None or expires_on is None or day < given_on:
        return Consent.MISSING
    return Consent.EXPIRED if day > expires_on else Consent.VALID


@dataclass(frozen=True, slots=True)
class Person:
    """One row of the roster."""

    person_id: str
    role: Role
    consent_given_on: date | None
    consent_expires_on: date | None

    def consent_on(self, day: date) -> Consent:
        """Say whether this person agrees on `day`."""
        return consent_on(day, self.consent_given_on, self.consent_expires_on)


def parse_roster(content: bytes) -> Mapping[str, Person]:
    """Read the content of `roster.csv`; a byte order mark and CRLF are tolerated.

    Returns:
        People by pseudonym, in the order of the file.

    Raises:
        RosterError: all problems at once (the first 20 in words), by row and column. Rows are
            counted as a spreadsheet does, the header being row 1; no pseudonym is repeated.
    """
    if len(content) > MAX_ROSTER_BYTES:
        raise RosterError(
            f"roster.csv is larger than {MAX_ROSTER_BYTES >> 20} MiB: is it the right file?"
        )
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise RosterError("roster.csv is not UTF-8; save it as CSV UTF-8") from error
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    problems = _Problems()
    try:
        people = _parse_rows(((reader.line_num, row) for row in reader), problems)
    except csv.Error as error:
        raise RosterError(f"roster.csv, row {reader.line_num}: broken CSV: {error}") from error
    problems.raise_if_any()
    if not people:
        raise RosterError(
            "roster.csv lists nobody: it needs a row for each person below its header"
        )
    return people


class _Problems:
    """Collects what is wrong, of which only the first few are kept in words."""

    def __init__(self) -> None:
        self._shown: list[str] = []
        self._count = 0

    def add(self, row: int, problem: str) -> None:
        self._count += 1
        if len(self._shown) < MAX_PROBLEMS_SHOWN:
            self._shown.append(f"row {row}: {problem}")

    def raise_if_any(self) -> None:
        if not self._count:
            return
        lines = "\n".join(f"  {line}" for line in self._shown)
        more = self._count - len(self._shown)
        tail = f"\n  and {more} more" if more else ""
        raise RosterError(f"roster.csv has {self._count} problem(s):\n{lines}{tail}")


def _parse_rows(rows: Iterator[tuple[int, list[str]]], problems: _Problems) -> dict[str, Person]:
    columns = _parse_header(next(rows, (1, []))[1])
    people: dict[str, Person] = {}
    row_of_person: dict[str, int] = {}
    for row, cells in rows:
        values = [cell.strip() for cell in cells]
        if not any(values):
            continue
        if len(values) != len(columns):
            problems.add(row, f"has {len(values)} cells instead of {len(columns)}")
            continue
        person = _parse_person(dict(zip(columns, values, strict=True)), row, problems)
        if person is None:
            continue
        first = row_of_person.setdefault(person.person_id, row)
        if first != row:
            problems.add(row, f"person_id: the same as in row {first}; each person has one row")
        people[person.person_id] = person
        if len(people) > MAX_PEOPLE:
            raise RosterError(f"roster.csv lists more than {MAX_PEOPLE:,} people")
    return people


def _parse_header(cells: list[str]) -> list[str]:
    columns = [cell.strip() for cell in cells]
    wanted = ",".join(COLUMNS)
    missing = [name for name in COLUMNS if name not in columns]
    if missing:  # what stands there instead may be a person's row: do not repeat it
        raise RosterError(
            f"roster.csv, row 1: no column {', '.join(missing)}. The first row has to be the "
            f"header {wanted}, separated by commas"
        )
    if len(columns) > len(COLUMNS):
        raise RosterError(
            f"roster.csv, row 1: {len(columns)} columns instead of {len(COLUMNS)}. Keep only "
            f"{wanted}: nothing else about a person belongs in it"
        )
    return columns


def _parse_person(values: Mapping[str, str], row: int, problems: _Problems) -> Person | None:
    found = list(_problems_of(values))
    for problem in found:
        problems.add(row, problem)
    if found:
        return None
    return Person(
        person_id=values["person_id"],
        role=Role(values["role"]),
        consent_given_on=_parse_date(values["consent_given_on"]),
        consent_expires_on=_parse_date(values["consent_expires_on"]),
    )


def _problems_of(values: Mapping[str, str]) -> Iterator[str]:
    if not PERSON_ID.fullmatch(values["person_id"]):
        yield "person_id: has to be 1 to 64 of the characters A-Z a-z 0-9 _ -"
    if values["role"] not in set(Role):
        yield f"role: has to be {', '.join(Role)}"
    dates: list[date | None] = []
    for column in ("consent_given_on", "consent_expires_on"):
        try:
            dates.append(_parse_date(values[column]))
        except ValueError:
            yield f"{column}: has to be a date like 2025-09-01, or empty"
            dates.append(None)
    given, expires = dates
    if given and expires and expires < given:
        yield "consent_expires_on: lies before consent_given_on"


def _parse_date(text: str) -> date | None:
    if not text:
        return None
    if not _ISO_DATE.fullmatch(text):  # fromisoformat takes week dates and more
        raise ValueError(text)
    return date.fromisoformat(text)
