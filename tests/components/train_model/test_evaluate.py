"""Scores, held against cases computed by hand."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import confusion_matrix

from components.model_directory import STRANGER, Classes
from components.train_model.evaluate import (
    Scored,
    accuracies,
    confusions,
    pool,
    stranger_counts,
)

CLASSES = Classes(("a", "b", "c"), (0, 1, 0))  # a and c are students, b is staff


def scored(person, role, probabilities):
    person_probabilities = np.array(probabilities, np.float32)
    roles = np.zeros((3, 3), np.float32)
    roles[np.arange(3), CLASSES.role_of_person] = 1
    return Scored(
        np.array(person, np.int32),
        np.array(role, np.int32),
        person_probabilities,
        person_probabilities @ roles,
    )


FRAMES = scored(
    person=[0, 0, 1, 2, STRANGER],
    role=[0, 0, 1, 0, 2],
    probabilities=[
        [0.8, 0.1, 0.1],  # right
        [0.2, 0.2, 0.6],  # another student: wrong person, right role
        [0.1, 0.8, 0.1],  # right
        [0.1, 0.7, 0.2],  # a student taken for staff
        [0.5, 0.2, 0.3],  # a stranger taken for a student
    ],
)


def test_identity_and_role_accuracy_count_the_people_it_was_trained_on():
    assert accuracies(FRAMES) == {"identity_accuracy": 0.5, "role_accuracy": 0.75, "n": 4}


def test_strangers_taken_for_students_are_counted():
    assert stranger_counts(FRAMES) == {"n": 1, "taken_for_student": 1}


def test_no_test_frame_is_no_accuracy_rather_than_zero():
    nobody = FRAMES.where(FRAMES.is_stranger)
    assert accuracies(nobody) == {"identity_accuracy": None, "role_accuracy": None, "n": 0}


def test_pooling_takes_the_geometric_mean_of_the_probabilities():
    pooled = pool(FRAMES.where(np.arange(5) < 2), np.array(["t", "t"]))
    geometric = np.sqrt(np.array([0.8 * 0.2, 0.1 * 0.2, 0.1 * 0.6]))
    np.testing.assert_allclose(
        pooled.person_probabilities[0], geometric / geometric.sum(), rtol=1e-5
    )


def test_one_certain_frame_outweighs_two_doubtful_ones():
    frames = scored([0, 0, 0], [0] * 3, [[0.98, 0.01, 0.01], [0.3, 0.4, 0.3], [0.3, 0.4, 0.3]])
    assert pool(frames, np.array(["t"] * 3)).person_probabilities.argmax() == 0


def test_a_probability_of_zero_does_not_veto_the_other_frames_for_good():
    frames = scored([0] * 9, [0] * 9, [[0.0, 0.5, 0.5], *[[0.98, 0.01, 0.01]] * 8])
    assert pool(frames, np.array(["t"] * 9)).person_probabilities.argmax() == 0


@given(st.lists(st.sampled_from("xyz"), min_size=5, max_size=5), st.permutations(range(5)))
def test_the_order_of_the_frames_does_not_change_the_transactions(names, order):
    persons = {name: number for number, name in enumerate("xyz")}
    person = np.array([persons[name] for name in names], np.int32)
    frames = Scored(person, person * 0, FRAMES.person_probabilities, FRAMES.role_probabilities)
    shuffled = np.array(order)
    one = pool(frames, np.array(names))
    other = pool(frames.where(shuffled), np.array(names)[shuffled])
    assert one.person.tolist() == other.person.tolist()
    np.testing.assert_allclose(one.person_probabilities, other.person_probabilities, rtol=1e-5)


def test_the_confusion_of_roles_is_that_of_scikit_learn():
    expected = confusion_matrix(FRAMES.role, FRAMES.role_probabilities.argmax(1), labels=range(3))
    assert confusions(FRAMES, CLASSES)["roles"]["matrix"] == expected.tolist()


def test_the_confusion_of_people_leaves_strangers_out():
    assert np.sum(confusions(FRAMES, CLASSES)["people"]["matrix"]) == 4


@pytest.mark.parametrize(("probability", "student"), [(0.51, True), (0.5, False), (0.49, False)])
def test_a_student_is_who_is_more_likely_one_than_anything_else(probability, student):
    frames = scored([0], [0], [[probability, 1 - probability, 0.0]])
    assert frames.taken_for_student.tolist() == [student]
