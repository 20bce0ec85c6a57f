"""Rows by role and by person, and confusions held against scikit-learn."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from sklearn.metrics import confusion_matrix

from components.evaluation.breakdown import confusions, person_rows, role_rows
from components.model_directory import STRANGER
from tests.components.evaluation.cases import CLASSES, OUTCOMES, trials, trials_of

A, B, C = range(3)
TRIALS = trials(
    person=[A, A, A, B, B, C, STRANGER],
    guess=[C, C, B, B, B, B, B],
    score=[0.9, 0.2, 0.9, 0.9, 0.1, 0.9, 0.9],
)


def test_people_are_listed_worst_first_with_whom_they_are_taken_for():
    assert person_rows(TRIALS, CLASSES, 0.5) == [
        {"person": "a", "role": "student", "n": 3, "right": 0, "rejected": 1, "mistaken_for": "c"},
        {"person": "c", "role": "student", "n": 1, "right": 0, "rejected": 0, "mistaken_for": "b"},
        {"person": "b", "role": "staff", "n": 2, "right": 2, "rejected": 1, "mistaken_for": None},
    ]


def test_a_role_counts_its_people_and_leaves_strangers_out():
    student, staff, visitor = role_rows(TRIALS, CLASSES, 0.5)
    assert (student["people"], student["n"], student["identity_accuracy"]) == (2, 4, 0)
    assert (staff["people"], staff["n"], staff["rejected"]) == (1, 2, 1)
    assert visitor == {
        "role": "visitor",
        "people": 0,
        "n": 0,
        "identity_accuracy": None,
        "identity_interval": None,
        "rejected": 0,
    }


@given(OUTCOMES)
def test_rows_add_up_to_the_trials_of_known_people(outcomes):
    met = trials_of(outcomes)
    known = int((~met.is_stranger).sum())
    assert sum(row["n"] for row in role_rows(met, CLASSES, 0.5)) == known
    assert sum(row["n"] for row in person_rows(met, CLASSES, 0.5)) == known


@given(OUTCOMES)
def test_confusions_are_those_of_scikit_learn(outcomes):
    met = trials_of(outcomes)
    found, known = confusions(met, CLASSES), met.where(~met.is_stranger)
    roles = confusion_matrix(met.role, met.predicted_role, labels=range(3))
    assert found["roles"] == {"labels": list(CLASSES.roles), "matrix": roles.tolist()}
    if len(known):
        people = confusion_matrix(known.person, known.predicted, labels=range(3))
        assert found["people"] == {"labels": ["a", "b", "c"], "matrix": people.tolist()}


def test_the_confusion_of_people_leaves_strangers_out():
    assert np.sum(confusions(TRIALS, CLASSES)["people"]["matrix"]) == 6
