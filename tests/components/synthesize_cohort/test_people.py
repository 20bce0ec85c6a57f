"""Pseudonyms, generators and the roster."""

from __future__ import annotations

import csv
import re
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from components.model_directory import Role
from components.synthesize_cohort.people import MOST_OF_A_ROLE, Person, people_of, write_roster

if TYPE_CHECKING:
    from pathlib import Path

SEEDS = st.integers(0, 2**63 - 1)
PEOPLE = st.builds(Person, SEEDS, st.sampled_from(list(Role)), st.integers(0, MOST_OF_A_ROLE - 1))


def test_no_two_people_of_the_largest_cohort_share_a_pseudonym():
    people = people_of(7, dict.fromkeys(Role, MOST_OF_A_ROLE))
    assert len({person.person_id for person in people}) == 3 * MOST_OF_A_ROLE


@given(PEOPLE)
def test_a_pseudonym_is_four_hex_digits(person):
    assert re.fullmatch(r"p-[0-9a-f]{4}", person.person_id)


def test_pseudonyms_do_not_sort_by_role():
    people = people_of(1, dict.fromkeys(Role, 8))
    roles = [p.role for p in sorted(people, key=lambda p: p.person_id)]
    assert roles != sorted(roles, key=list(Role).index)


@given(PEOPLE)
def test_a_person_draws_the_same_every_time(person):
    assert person.generator().random() == person.generator().random()


@given(PEOPLE, st.integers(0, 98))
def test_a_session_draws_differently_from_its_person_and_the_next_session(person, session):
    draws = {
        person.generator().random(),
        person.session_generator(session).random(),
        person.session_generator(session + 1).random(),
    }
    assert len(draws) == 3


@given(SEEDS, st.integers(0, 5), st.integers(1, 5))
def test_more_students_keep_everybody_who_was_there(seed, few, more):
    before = people_of(seed, {Role.STUDENT: few, Role.STAFF: 2})
    after = people_of(seed, {Role.STUDENT: few + more, Role.STAFF: 2})
    assert {p.person_id for p in before} < {p.person_id for p in after}


@pytest.fixture
def rows(tmp_path: Path):
    write_roster(tmp_path / "roster.csv", people_of(3, dict.fromkeys(Role, 2)))
    with (tmp_path / "roster.csv").open(newline="") as stream:
        return list(csv.DictReader(stream))


def test_the_roster_has_the_columns_that_ingest_reads(rows):
    assert list(rows[0]) == ["person_id", "role", "consent_given_on", "consent_expires_on"]


def test_the_roster_names_everybody_with_a_role(rows):
    assert sorted(row["role"] for row in rows) == sorted([*Role, *Role])


def test_the_consent_of_people_who_do_not_exist_does_not_run_out(rows):
    assert {row["consent_expires_on"] for row in rows} == {"2099-12-31"}
