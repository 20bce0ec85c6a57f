"""Calibration errors computed by hand; scikit-learn has none."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.special
from hypothesis import given
from hypothesis import strategies as st

from components.evaluation.confidence import (
    expected_calibration_error,
    reliability,
    unscaled_confidence,
)


def bins_of(confidence, is_right):
    return reliability(np.array(confidence, np.float32), np.array(is_right))


def test_the_error_weighs_each_bin_by_its_frames():
    # (0.2, 0.3]: three at 0.25, one of them right. (0.9, 1]: one at 0.95, right.
    bins = bins_of([0.25, 0.25, 0.25, 0.95], [True, False, False, True])
    assert [(each["low"], each["high"], each["n"]) for each in bins] == [(0.2, 0.3, 3), (0.9, 1, 1)]
    expected = 0.75 * (1 / 3 - 0.25) + 0.25 * 0.05
    assert expected_calibration_error(bins) == pytest.approx(expected)


def test_a_model_that_is_right_as_often_as_it_says_has_no_error():
    bins = bins_of([0.75] * 4, [True, True, True, False])
    assert expected_calibration_error(bins) == pytest.approx(0)


def test_a_model_that_is_certain_and_always_wrong_has_all_of_it():
    assert expected_calibration_error(bins_of([1.0] * 5, [False] * 5)) == 1


def test_no_frame_has_no_error():
    assert expected_calibration_error(bins_of([], np.zeros(0, bool))) is None


@pytest.mark.parametrize("edge", [0.1, 0.2, 0.3, 0.6, 0.7, 1.0])
def test_a_confidence_at_the_edge_is_in_the_bin_below(edge):
    assert bins_of([edge], [True])[0]["high"] == edge


CONFIDENCES = st.lists(st.tuples(st.floats(0, 1, width=32), st.booleans()), min_size=1)


@given(CONFIDENCES)
def test_every_frame_is_in_the_bin_that_holds_its_confidence(frames):
    bins = bins_of(*zip(*frames, strict=True))
    assert sum(each["n"] for each in bins) == len(frames)
    assert all(each["low"] - 1e-6 <= each["confidence"] <= each["high"] + 1e-6 for each in bins)


@given(CONFIDENCES)
def test_the_error_lies_between_that_of_one_bin_and_that_of_single_frames(frames):
    confidence, is_right = (np.array(column) for column in zip(*frames, strict=True))
    found = expected_calibration_error(bins_of(confidence, is_right))
    assert found >= abs(is_right.mean() - confidence.mean()) - 1e-6
    assert found <= np.abs(is_right - confidence).mean() + 1e-6


@given(
    st.lists(st.lists(st.floats(-3, 3), min_size=4, max_size=4), min_size=1, max_size=5),
    st.floats(1, 20),
)
def test_scaled_probabilities_give_back_what_they_were_without_the_temperature(logits, temperature):
    scaled = scipy.special.softmax(np.array(logits) / temperature, axis=1).astype(np.float32)
    unscaled = scipy.special.softmax(np.array(logits), axis=1).max(1)
    np.testing.assert_allclose(unscaled_confidence(scaled, temperature), unscaled, rtol=1e-3)


def test_a_temperature_of_one_changes_nothing():
    rows = np.array([[0.7, 0.2, 0.1], [1.0, 0.0, 0.0]], np.float32)
    np.testing.assert_allclose(unscaled_confidence(rows, 1), [0.7, 1], rtol=1e-6)


def test_a_probability_of_zero_stays_finite_at_any_temperature():
    assert unscaled_confidence(np.array([[1.0, 0.0]], np.float32), 3000.0) == [1]
