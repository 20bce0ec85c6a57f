"""Who is in a cohort: pseudonyms, roles, and a random generator for each of them."""

from __future__ import annotations

import csv
import hashlib
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Final

import numpy as np

from components.model_directory import Role

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

MOST_OF_A_ROLE: Final = 1 << 14
CONSENT_GIVEN_ON: Final = "2026-01-01"
CONSENT_EXPIRES_ON: Final = "2099-12-31"
ROSTER_HEADER: Final = ("person_id", "role", "consent_given_on", "consent_expires_on")


@dataclass(frozen=True)
class Person:
    """One of a cohort: the `index`-th of a role under a seed, from 0."""

    seed: int
    role: Role
    index: int

    @property
    def person_id(self) -> str:
        """A pseudonym like `p-3f9a` that tells neither role nor number, unique in its cohort."""
        number = (list(Role).index(self.role) << 14) | self.index
        return f"p-{_shuffled(number, self.seed):04x}"

    def generator(self) -> np.random.Generator:
        """The source of what this person is; nobody else's number has a say in it."""
        return np.random.default_rng(np.random.SeedSequence(self.seed, spawn_key=self._key()))

    def session_generator(self, session: int) -> np.random.Generator:
        """The source of the conditions of this person's `session`-th session, from 0."""
        key = (*self._key(), session)
        return np.random.default_rng(np.random.SeedSequence(self.seed, spawn_key=key))

    def _key(self) -> tuple[int, int]:
        return list(Role).index(self.role), self.index


def people_of(seed: int, counts: Mapping[Role, int]) -> list[Person]:
    """All people of a cohort, by role and index."""
    return [Person(seed, role, index) for role in Role for index in range(counts.get(role, 0))]


def write_roster(path: Path, people: Iterable[Person]) -> None:
    """Write `roster.csv`, sorted by pseudonym so that the order tells no role either."""
    rows = sorted((person.person_id, person.role.value) for person in people)
    with path.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.writer(stream, lineterminator="\n")
        writer.writerow(ROSTER_HEADER)
        writer.writerows((*row, CONSENT_GIVEN_ON, CONSENT_EXPIRES_ON) for row in rows)


def _shuffled(number: int, seed: int) -> int:
    """Map 16 bits to 16 bits, one to one: a Feistel network whose rounds are keyed by the seed."""
    left, right = number >> 8, number & 0xFF
    for turn in range(4):
        left, right = right, left ^ _scramble(seed, turn, right)
    return left << 8 | right


@lru_cache(maxsize=4096)
def _scramble(seed: int, turn: int, half: int) -> int:
    return hashlib.sha256(f"{seed}:{turn}:{half}".encode()).digest()[0]
