"""Curves agree with scikit-learn's, and with the rates at each of their thresholds."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest
from hypothesis import assume, given
from sklearn.metrics import auc, det_curve, roc_auc_score, roc_curve

from components.evaluation.error_curves import (
    MOST_POINTS,
    det_points,
    roc_points,
    score_histogram,
)
from components.evaluation.rates import open_set_errors
from components.model_directory import STRANGER
from tests.components.evaluation.cases import OUTCOMES, trials, trials_of

A, B, C = range(3)


def many(count=4000):
    random = np.random.default_rng(0)
    person = random.integers(STRANGER, 3, count)
    guess = np.where((person == STRANGER) | (random.random(count) < 0.2), A, person)
    return trials(person, guess, random.random(count))


def test_the_points_of_a_det_curve_computed_by_hand():
    met = trials([A, A, B, STRANGER, STRANGER], [A, C, B, A, B], [0.9, 0.8, 0.4, 0.6, 0.2])
    # One of three is never at rank 1, so FNIR starts at a third.
    above = np.nextafter(np.float32(0.9), np.float32(1))
    expected = [
        [0.2, 1, 1 / 3],
        [0.4, 0.5, 1 / 3],
        [0.6, 0.5, 2 / 3],
        [0.8, 0, 2 / 3],
        [0.9, 0, 2 / 3],
        [above, 0, 1],
    ]
    np.testing.assert_allclose(det_points(met), expected, rtol=1e-6)


def test_det_points_are_those_of_scikit_learn_where_a_wrong_person_scores_nothing():
    met = many(300)
    score = np.where(met.is_stranger | met.is_right, met.score, -1)
    fpir, fnir, thresholds = det_curve(~met.is_stranger, score)
    theirs = {t: (f, n) for t, f, n in zip(thresholds, fpir, fnir, strict=True)}
    common = [point for point in det_points(met) if point[0] in theirs]
    assert len(common) > 50
    for threshold, *errors in common:
        assert errors == pytest.approx(theirs[threshold])


@given(OUTCOMES)
def test_each_det_point_holds_the_rates_at_its_threshold(outcomes):
    met = trials_of(outcomes)
    points = det_points(met)
    assume(points is not None)
    for threshold, fpir, fnir in points:
        found = open_set_errors(met, threshold)
        assert (fpir, fnir) == (pytest.approx(found["fpir"]), pytest.approx(found["fnir"]))


def test_without_strangers_there_is_no_det_curve():
    assert det_points(trials([A], [A], [0.5])) is None


def test_without_known_people_there_is_no_det_curve():
    assert det_points(trials([STRANGER], [A], [0.5])) is None


@given(OUTCOMES)
def test_the_roc_curve_has_the_area_that_scikit_learn_finds(outcomes):
    met = trials_of(outcomes)
    is_student = (met.person == A) | (met.person == C)
    assume(0 < is_student.sum() < len(met))
    found = roc_points(met)
    expected = roc_auc_score(is_student, met.student_score)
    assert auc(found["fmr"], found["tmr"]) == pytest.approx(expected)


def test_roc_points_are_those_of_scikit_learn():
    met = trials([A, A, B, C, STRANGER], [A, B, B, C, A], [0.9, 0.8, 0.7, 0.6, 0.55])
    fmr, tmr, thresholds = roc_curve([1, 1, 0, 1, 0], met.student_score, drop_intermediate=False)
    found = roc_points(met)
    theirs = set(zip(fmr, tmr, thresholds, strict=True))
    ours = zip(found["fmr"][1:], found["tmr"][1:], found["threshold"][1:], strict=True)
    assert set(ours) <= theirs
    assert (found["fmr"][-1], found["tmr"][-1]) == (1, 1)


def test_a_roc_curve_starts_at_nobody_with_a_finite_threshold():
    found = roc_points(many(50))
    assert (found["fmr"][0], found["tmr"][0]) == (0, 0)
    assert all(math.isfinite(value) for values in found.values() for value in values)


@pytest.mark.parametrize("person", [A, B, STRANGER])
def test_with_students_alone_or_none_the_roc_curve_is_empty(person):
    assert roc_points(trials([person], [A], [0.5])) == {"fmr": [], "tmr": [], "threshold": []}


def test_a_long_curve_is_thinned_and_keeps_its_ends():
    points = det_points(many())
    assert len(points) == MOST_POINTS
    assert points[0][1] == 1
    assert points[-1][1:] == [0, 1]


def test_curves_are_numbers_that_json_has():
    json.dumps({"det": det_points(many(50)), "roc": roc_points(many(50))}, allow_nan=False)


@given(OUTCOMES)
def test_every_trial_is_in_one_bin_of_the_histogram(outcomes):
    found = score_histogram(trials_of(outcomes))
    counts = {name: sum(values) for name, values in found.items() if name != "edges"}
    persons = [person for person, _, _ in outcomes]
    expected = {"student": persons.count(A) + persons.count(C), "staff": persons.count(B)}
    assert counts == {**expected, "visitor": 0, "stranger": persons.count(STRANGER)}


def test_a_score_that_rounding_made_more_than_one_is_in_the_last_bin():
    score = np.nextafter(np.float32(1), np.float32(2))
    assert score_histogram(trials([A], [A], [score]))["student"][-1] == 1
