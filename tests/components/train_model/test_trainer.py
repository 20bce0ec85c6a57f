"""The layer is trained by Adam on a loss in which everybody counts alike."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from components.train_model.trainer import balanced_weights, smoothed_cross_entropy


@given(st.lists(st.integers(0, 8), min_size=1, max_size=80))
def test_everybody_counts_alike_however_many_frames_they_have(labels):
    person = np.array(labels)
    weights = balanced_weights(person)
    sums = [weights[person == each].sum() for each in np.unique(person)]
    np.testing.assert_allclose(sums, len(person) / len(sums), rtol=1e-5)
    assert weights.mean() == pytest.approx(1.0)


def test_the_smoothed_loss_is_that_of_targets_with_a_hundredth_spread_over_all():
    probabilities = np.array([[0.7, 0.2, 0.1]], np.float32)
    target = np.array([0.99 + 0.01 / 3, 0.01 / 3, 0.01 / 3])
    expected = -(target * np.log(probabilities[0])).sum()
    found = np.asarray(smoothed_cross_entropy(np.array([0]), probabilities))
    assert found[0] == pytest.approx(expected, rel=1e-5)
