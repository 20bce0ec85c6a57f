"""The decision rule, held against cases computed by hand."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from components.evaluation.trials import decide, decide_pooled
from tests.components.evaluation.cases import labels, predicted, trials


def pooled(probabilities):
    frames = labels([0] * len(probabilities), transaction=["t"] * len(probabilities))
    return decide_pooled(frames, predicted(probabilities))


def test_the_likeliest_person_is_predicted_with_their_probability_as_the_score():
    found = decide(labels([0, 1]), predicted([[0.2, 0.1, 0.7], [0.1, 0.8, 0.1]]))
    assert found.predicted.tolist() == [2, 1]
    assert found.score.tolist() == pytest.approx([0.7, 0.8])
    assert found.is_right.tolist() == [False, True]


def test_pooling_takes_the_geometric_mean_of_the_probabilities():
    geometric = np.sqrt(np.array([0.8 * 0.2, 0.1 * 0.2, 0.1 * 0.6]))
    score = pooled([[0.8, 0.1, 0.1], [0.2, 0.2, 0.6]]).score
    assert score == pytest.approx(geometric[0] / geometric.sum(), rel=1e-5)


def test_roles_are_pooled_like_people():
    # student 0.9 and 0.8, staff 0.1 and 0.2
    geometric = np.sqrt(np.array([0.9 * 0.8, 0.1 * 0.2, 1e-14]))
    found = pooled([[0.8, 0.1, 0.1], [0.2, 0.2, 0.6]]).student_score
    assert found == pytest.approx(geometric[0] / geometric.sum(), rel=1e-5)


def test_one_certain_frame_outweighs_two_doubtful_ones():
    assert pooled([[0.98, 0.01, 0.01], [0.3, 0.4, 0.3], [0.3, 0.4, 0.3]]).predicted == 0


def test_a_probability_of_zero_does_not_veto_the_other_frames_for_good():
    assert pooled([[0.0, 0.5, 0.5], *[[0.98, 0.01, 0.01]] * 8]).predicted == 0


def test_a_transaction_keeps_its_labels_and_counts_its_frames():
    frames = labels([1, 0, 1], transaction=["late", "early", "late"])
    found = decide_pooled(frames, predicted([[0.1, 0.8, 0.1], [0.9, 0.1, 0], [0.1, 0.8, 0.1]]))
    assert found.transaction.tolist() == ["early", "late"]
    assert found.person.tolist() == [0, 1]
    assert found.subject.tolist() == [1, 2]
    assert found.role.tolist() == [0, 1]
    assert found.frames.tolist() == [1, 2]


SHARES = st.lists(st.integers(1, 50), min_size=3, max_size=3).map(
    lambda parts: [part / sum(parts) for part in parts]
)


@given(st.lists(SHARES, min_size=1, max_size=8))
def test_pooling_one_frame_is_the_frame(rows):
    frames = labels([0] * len(rows))
    alone, as_transaction = (way(frames, predicted(rows)) for way in (decide, decide_pooled))
    np.testing.assert_allclose(as_transaction.score, alone.score, rtol=1e-5)
    np.testing.assert_allclose(as_transaction.student_score, alone.student_score, rtol=1e-5)


@given(SHARES, st.integers(1, 5000))
def test_copies_of_a_frame_do_not_add_up_to_certainty(row, copies):
    assert pooled([row] * copies).score == pytest.approx(max(row), rel=1e-4)


@given(st.data())
def test_the_order_of_the_frames_does_not_change_the_transactions(data):
    rows = data.draw(st.lists(st.tuples(SHARES, st.sampled_from("xyz")), min_size=1, max_size=8))
    shuffled = data.draw(st.permutations(rows))
    one, other = (
        decide_pooled(
            labels(["xyz".index(name) for _, name in each], [name for _, name in each]),
            predicted([row for row, _ in each]),
        )
        for each in (rows, shuffled)
    )
    assert one.person.tolist() == other.person.tolist()
    np.testing.assert_allclose(one.score, other.score, rtol=1e-5)


@pytest.mark.parametrize(("probability", "student"), [(0.51, True), (0.5, False), (0.49, False)])
def test_a_student_is_who_is_more_likely_one_than_anything_else(probability, student):
    found = decide(labels([0]), predicted([[probability, 1 - probability, 0.0]]))
    assert found.is_let_in(None).tolist() == [student]


def test_a_score_at_the_threshold_is_known_and_one_below_it_is_not():
    found = trials(person=[0, 0], guess=[0, 0], score=[0.5, np.nextafter(0.5, 0, dtype=np.float32)])
    assert found.is_known(0.5).tolist() == [True, False]
    assert found.is_let_in(0.5).tolist() == [True, False]


def test_without_a_threshold_everybody_is_known():
    assert trials(person=[0, -1], guess=[0, 1], score=[0.4, 0.1]).is_known(None).all()
