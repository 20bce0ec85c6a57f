"""Intervals agree with published values, with a library, and with what can be counted by hand."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
import scipy.stats
from hypothesis import given
from hypothesis import strategies as st

from components.intervals import (
    bootstrap_interval,
    paired_difference,
    resampled,
    resampled_means,
    upper_bound,
    wilson,
)


def test_wilson_s_interval_agrees_with_published_values():
    # Newcombe, Statistics in Medicine 17 (1998), table I, method 3: 81 of 263, 15 of 148, 0 of 20.
    for right, n, low, high in (
        (81, 263, 0.2553, 0.3662),
        (15, 148, 0.0624, 0.1605),
        (0, 20, 0, 0.1611),
    ):
        assert wilson(right / n, n) == pytest.approx((low, high), abs=5e-5)


@given(st.integers(1, 10_000))
def test_no_error_in_n_trials_leaves_three_in_n_possible(n):
    assert upper_bound(0, n) == min(1, 3 / n)


@given(st.integers(1, 300), st.data())
def test_the_bound_of_some_errors_agrees_with_scipy(n, data):
    errors = data.draw(st.integers(1, n))
    exact = scipy.stats.binomtest(errors, n, alternative="less").proportion_ci(0.95, "exact")
    assert upper_bound(errors, n) == pytest.approx(max(exact.high, upper_bound(0, n)))


@given(st.integers(1, 200))
def test_the_bound_never_falls_with_the_errors(n):
    bounds = [upper_bound(errors, n) for errors in range(n + 1)]
    assert all(less <= more for less, more in itertools.pairwise(bounds))


def test_no_trial_has_no_bound():
    with pytest.raises(ValueError, match="no trials"):
        upper_bound(0, 0)


def test_two_people_of_one_trial_each_give_the_three_means_that_can_be():
    # Of two draws of two people both are A in a quarter, both B in a quarter, one each in a half.
    means = resampled_means(np.array([[0.0], [1.0]]), np.array(["a", "b"]), draws=4000)[:, 0]
    shares = [(means == value).mean() for value in (0.0, 0.5, 1.0)]
    assert shares == pytest.approx([0.25, 0.5, 0.25], abs=0.03)


def test_a_person_is_drawn_with_all_of_their_trials():
    values, subject = np.array([[1.0], [1.0], [1.0], [0.0]]), np.array([7, 7, 7, 9])
    means = resampled_means(values, subject, draws=500)[:, 0]
    assert set(means.round(4).tolist()) == {0.0, 0.75, 1.0}


def test_an_interval_over_many_people_agrees_with_scipy_s_bootstrap():
    values = (np.random.default_rng(1).random(200) < 0.8).astype(float)
    scipys = scipy.stats.bootstrap(
        (values,), np.mean, method="percentile", rng=np.random.default_rng(2)
    ).confidence_interval
    assert bootstrap_interval(values, np.arange(200)) == pytest.approx(tuple(scipys), abs=0.01)


def test_near_copies_of_a_trial_do_not_make_an_interval_narrower():
    values, subject = np.array([1.0, 0.0, 1.0, 1.0]), np.arange(4)
    copies = bootstrap_interval(np.repeat(values, 50), np.repeat(subject, 50))
    assert copies == bootstrap_interval(values, subject)


@pytest.mark.parametrize(("value", "ends"), [(1.0, (0.7, 1.0)), (0.0, (0.0, 0.3))])
def test_all_right_and_all_wrong_are_bounded_by_the_number_of_people(value, ends):
    trials = np.full(40, value)
    assert bootstrap_interval(trials, np.arange(40) % 10) == pytest.approx(ends)


def test_no_trial_has_no_interval():
    assert bootstrap_interval([], []) is None


def test_what_is_hard_for_both_is_no_difference():
    hard = np.random.default_rng(0).random(50) < 0.5
    assert paired_difference(hard, hard, np.arange(50)) == (0.0, (0.0, 0.0))


def test_a_model_that_is_always_better_differs_for_certain():
    better, worse = np.ones(30), np.tile([0.0, 0.0, 1.0], 10)
    difference, (low, high) = paired_difference(better, worse, np.arange(30))
    assert difference == pytest.approx(2 / 3)
    assert 0 < low < difference < high


def test_models_without_a_common_trial_are_not_compared():
    with pytest.raises(ValueError, match="common trial"):
        paired_difference([], [], [])


def test_any_statistic_can_be_resampled_by_how_often_each_trial_counts():
    values, subject = np.array([1.0, 1.0, 0.0]), np.array([0, 0, 1])
    draws = resampled(lambda times: float((times @ values) / times.sum()), subject, draws=300)
    assert set(draws.round(4).tolist()) == {0.0, round(2 / 3, 4), 1.0}


@given(st.integers(0, 2**32 - 1))
def test_the_same_seed_gives_the_same_interval(seed):
    values, subject = [1.0, 0.0, 1.0], [0, 1, 2]
    first, second = (bootstrap_interval(values, subject, seed=seed, draws=50) for _ in range(2))
    assert first == second
    assert all(math.isfinite(end) for end in first)
