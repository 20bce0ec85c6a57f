"""The threshold is the smallest that keeps to the target, and says what it rests on."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from components.evaluation.threshold import Basis, choose_threshold
from components.model_directory import STRANGER
from tests.components.evaluation.cases import OUTCOMES, trials, trials_of


def strangers(scores):
    return trials([STRANGER] * len(scores), [0] * len(scores), scores)


def test_as_many_strangers_reach_it_as_the_target_allows():
    scores = np.arange(200) / 200
    threshold = choose_threshold(strangers(scores), 0.01)  # two of 200
    assert scores[197] < threshold.value < scores[198]
    assert (threshold.basis, threshold.trials) == (Basis.STRANGERS, 200)
    assert threshold.note("transactions") is None


def test_with_too_few_strangers_it_lies_just_above_the_highest_and_says_so():
    threshold = choose_threshold(strangers([0.3, 0.9, 0.6]), 0.01)
    assert threshold.value == np.nextafter(np.float32(0.9), np.float32(1))
    assert "just above the highest of 3 strangers'" in threshold.note("transactions")


@given(OUTCOMES, st.floats(0, 1))
def test_it_is_the_smallest_that_keeps_to_the_target_on_calibration(outcomes, target):
    calibration = trials_of(outcomes)
    assume(calibration.is_stranger.any())
    scores = calibration.score[calibration.is_stranger]
    threshold = choose_threshold(calibration, target).value
    assert (scores >= threshold).mean() <= target + 1e-9
    lower = np.nextafter(np.float32(threshold), np.float32(-1))
    assert threshold == 0 or (scores >= lower).mean() > target


def test_equal_scores_are_let_through_together_or_not_at_all():
    assert choose_threshold(strangers([0.7, 0.7, 0.7, 0.2]), 0.5).value > 0.7


def test_a_stranger_who_is_certainly_somebody_leaves_nobody_known():
    assert choose_threshold(strangers([1.0]), 0.01).value > 1


@pytest.mark.parametrize(("target", "reached"), [(0.29, 29), (0.07, 7), (1.0, 100)])
def test_a_share_that_floats_cannot_hold_counts_as_it_is_written(target, reached):
    scores = (np.arange(100, dtype=np.float32) + 1) / 128
    assert (scores >= choose_threshold(strangers(scores), target).value).sum() == reached


def test_without_a_stranger_it_rejects_one_in_twenty_known_people():
    scores = np.arange(1, 41, dtype=np.float32) / 64
    threshold = choose_threshold(trials([0] * 40, [0] * 40, scores), 0.01)
    assert (scores < threshold.value).sum() == 1  # the next one would make 5.1 %
    assert threshold.basis is Basis.GENUINE
    assert "no stranger" in threshold.note("frames")


def test_without_anybody_there_is_none_and_it_says_so():
    threshold = choose_threshold(trials([], [], []), 0.01)
    assert (threshold.value, threshold.basis) == (None, Basis.NONE)
    assert "nobody is unknown" in threshold.note("frames")
