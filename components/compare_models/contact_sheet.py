"""Small pictures of the people, for the eye to check; only made where somebody asks for them."""

from __future__ import annotations

import base64
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from components.contracts import FRAMES, SAMPLES_FILE
from components.parquet import open_table

if TYPE_CHECKING:
    from pathlib import Path

MOST_PICTURES: Final = 60
"""About a megabyte of page."""

_ROWS_AT_ONCE: Final = 16


@dataclass(frozen=True)
class Picture:
    """A frame of a person.

    Attributes:
        person_id: the pseudonym.
        role: in the roster.
        uri: the picture itself, a data URI.
    """

    person_id: str
    role: str
    uri: str


@dataclass(frozen=True)
class ContactSheet:
    """One picture a person, by pseudonym.

    Attributes:
        pictures: at most MOST_PICTURES.
        left_out: people among the samples whose picture is not among them.
    """

    pictures: tuple[Picture, ...]
    left_out: int


def contact_sheet(dataset: Path) -> ContactSheet:
    """Take the first sample of each person of a dataset.

    Raises:
        ContractError: it has no samples.
    """
    with open_table(dataset / SAMPLES_FILE, FRAMES) as file:
        people = set(file.read(columns=["person_id"])["person_id"].to_pylist())
        wanted = set(sorted(people)[:MOST_PICTURES])
        pictures: dict[str, Picture] = {}
        for batch in file.iter_batches(_ROWS_AT_ONCE, columns=["person_id", "role", "jpeg"]):
            for row in batch.to_pylist():
                person = row["person_id"]
                if person in wanted and person not in pictures:
                    encoded = base64.b64encode(row["jpeg"]).decode("ascii")
                    uri = f"data:image/jpeg;base64,{encoded}"
                    pictures[person] = Picture(person, row["role"], uri)
    return ContactSheet(
        tuple(pictures[person] for person in sorted(pictures)), len(people - wanted)
    )
