"""How many clips of each person of the roster were accepted and rejected: nobody is left out."""

from __future__ import annotations

from collections import Counter
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

import pyarrow as pa

from components.contracts import PEOPLE

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from datetime import date

    from components.roster import Person


class People:
    """Counts clips, two small numbers a person of the roster."""

    def __init__(self, roster: Mapping[str, Person], today: date) -> None:
        """Start with no clip of anybody; consent is judged by `today`."""
        self._roster = roster
        self._today = today
        self._accepted: Counter[str] = Counter()
        self._rejected: Counter[str] = Counter()

    def accept(self, person_ids: Iterable[str]) -> None:
        """Count accepted clips, by their people."""
        self._accepted.update(person_ids)

    def reject(self, person_ids: Iterable[str]) -> None:
        """Count rejected clips, by their people."""
        self._rejected.update(person_ids)

    def reject_file(self, path: str) -> None:
        """Count a rejected file where its path names a person of the roster.

        It may fit no layout in anything else, such as `<person_id>/notes.txt`.
        """
        file = PurePosixPath(path)
        person_id = file.parts[0] if len(file.parts) > 1 else file.stem
        if person_id in self._roster:
            self._rejected[person_id] += 1

    def table(self) -> pa.Table:
        """Return everybody in the roster, in its order, as a table of schema PEOPLE."""
        rows = [
            {
                "person_id": person_id,
                "role": person.role,
                "consent": person.consent_on(self._today),
                "clips_accepted": self._accepted[person_id],
                "clips_rejected": self._rejected[person_id],
            }
            for person_id, person in self._roster.items()
        ]
        return pa.Table.from_pylist(rows, schema=PEOPLE)
