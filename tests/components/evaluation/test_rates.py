"""Error rates, held against cases computed by hand and against scikit-learn."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import accuracy_score, confusion_matrix

from components.evaluation.rates import (
    accuracies,
    measure,
    open_set_errors,
    stranger_counts,
    student_errors,
)
from components.evaluation.threshold import Basis, Threshold
from components.model_directory import STRANGER
from tests.components.evaluation.cases import OUTCOMES, trials, trials_of

A, B, C = range(3)  # a and c are students, b is staff
TRIALS = trials(
    person=[A, A, A, B, C, C, STRANGER, STRANGER, STRANGER],
    guess=[A, C, A, B, B, C, A, B, C],
    score=[0.8, 0.6, 0.3, 0.8, 0.7, 0.5, 0.5, 0.9, 0.4],
)
THRESHOLD = 0.5


def test_accuracies_count_the_people_it_was_trained_on_whatever_the_score():
    # Wrong person: the second and the fifth; wrong role: the fifth.
    assert accuracies(TRIALS) == {
        "identity_accuracy": pytest.approx(4 / 6),
        "role_accuracy": pytest.approx(5 / 6),
        "n": 6,
    }


def test_fpir_is_the_share_of_strangers_taken_for_anybody():
    found = open_set_errors(TRIALS, THRESHOLD)  # 0.5 and 0.9 reach it, whoever they are taken for
    assert (found["fpir"], found["fpir_n"]) == (pytest.approx(2 / 3), 3)


def test_fnir_counts_mates_that_are_not_at_rank_one_or_below_the_threshold():
    found = open_set_errors(TRIALS, THRESHOLD)  # taken for c, at 0.3, taken for b
    assert (found["fnir"], found["fnir_n"]) == (0.5, 6)


def test_fmr_is_the_share_of_others_taken_for_a_known_student():
    found = student_errors(TRIALS, THRESHOLD)  # of b and three strangers, the one at 0.5
    assert (found["fmr"], found["fmr_n"]) == (0.25, 4)


def test_fnmr_is_the_share_of_students_who_are_not():
    found = student_errors(TRIALS, THRESHOLD)  # at 0.3, and taken for staff; another student is one
    assert (found["fnmr"], found["fnmr_n"]) == (0.4, 5)


def test_strangers_taken_for_students_are_counted_by_the_same_rule():
    assert stranger_counts(TRIALS, THRESHOLD) == {"n": 3, "taken_for_student": 1}


def test_rates_without_a_trial_are_none_rather_than_zero():
    nobody = measure(trials([], [], []), Threshold(None, Basis.NONE, 0.01, 0))
    rates = {**nobody, **nobody["student"], **nobody["open_set"]}
    counts = {"n", "fmr_n", "fnmr_n", "fpir_n", "fnir_n"}
    assert {name for name, value in rates.items() if value == 0} == counts
    assert all(
        rates[name] is None
        for name in ("identity_accuracy", "identity_interval", "fpir", "fpir_upper", "fnir", "fmr")
    )


def test_no_error_in_n_trials_leaves_three_in_n_possible():
    met = trials([STRANGER] * 40, [A] * 40, [0.1] * 40)
    found = open_set_errors(met, THRESHOLD)
    assert (found["fpir"], found["fpir_upper"]) == (0, pytest.approx(3 / 40))


def test_frames_of_one_transaction_count_as_one_trial_of_the_bound():
    frames = trials([STRANGER] * 40, [A] * 40, [0.1] * 40, transaction=np.repeat(["s", "t"], 20))
    assert open_set_errors(frames, THRESHOLD)["fpir_upper"] == 1


def test_intervals_resample_people():
    person = [A] * 50 + [B] * 50 + [C] * 50
    clustered = measure(
        trials(person, [A] * 100 + [C] * 50, [0.9] * 150), Threshold(0.5, Basis.STRANGERS, 0.01, 9)
    )
    low, high = clustered["identity_interval"]  # all of one person's are wrong: any share may be
    assert low == 0
    assert high == 1


def test_a_threshold_stands_beside_what_it_was_chosen_on():
    found = measure(TRIALS, Threshold(0.5, Basis.STRANGERS, 0.02, 9))["open_set"]
    assert (found["threshold"], found["basis"], found["target_fpir"]) == (0.5, "strangers", 0.02)


@given(OUTCOMES)
def test_accuracies_are_those_of_scikit_learn(outcomes):
    known = [(person, guess) for person, guess, _ in outcomes if person != STRANGER]
    if known:
        expected = accuracy_score(*zip(*known, strict=True))
        assert accuracies(trials_of(outcomes))["identity_accuracy"] == pytest.approx(expected)


@given(OUTCOMES, st.sampled_from(np.linspace(0, 1.05, 22)))
def test_fmr_and_fnmr_are_those_of_scikit_learn_s_confusion_matrix(outcomes, threshold):
    found, met = student_errors(trials_of(outcomes), threshold), trials_of(outcomes)
    is_student = (met.person == A) | (met.person == C)
    let_in = (met.score >= threshold) & (met.predicted != B)
    (tn, fp), (fn, tp) = confusion_matrix(is_student, let_in, labels=[False, True])
    assert found["fmr"] == (pytest.approx(fp / (fp + tn)) if fp + tn else None)
    assert found["fnmr"] == (pytest.approx(fn / (fn + tp)) if fn + tp else None)


@given(OUTCOMES, st.permutations(range(30)))
def test_the_order_of_the_trials_changes_no_rate(outcomes, order):
    shuffled = [outcomes[number] for number in order if number < len(outcomes)]
    for errors in (open_set_errors, student_errors):
        one, other = errors(trials_of(outcomes), 0.5), errors(trials_of(shuffled), 0.5)
        assert one == other


@given(OUTCOMES, st.floats(0, 1), st.floats(0, 1))
def test_a_higher_threshold_never_raises_fpir_nor_lowers_fnir(outcomes, one, other):
    low, high = (open_set_errors(trials_of(outcomes), each) for each in sorted((one, other)))
    for name, first, second in (("fpir", high, low), ("fnir", low, high)):
        assert first[name] is None or 0 <= first[name] <= second[name] <= 1


@given(OUTCOMES, st.floats(0, 1))
def test_every_rate_lies_within_what_its_trials_leave_possible(outcomes, threshold):
    met = trials_of(outcomes)
    found = {**open_set_errors(met, threshold), **student_errors(met, threshold)}
    for name in ("fpir", "fmr"):
        assert found[name] is None or found[name] <= found[f"{name}_upper"] <= 1
    for name in ("fnir", "fnmr"):
        if found[name] is not None:
            low, high = found[f"{name}_interval"]
            assert 0 <= low <= high <= 1


@given(OUTCOMES)
def test_without_a_threshold_only_the_rank_counts(outcomes):
    met = trials_of(outcomes)
    found, accuracy = open_set_errors(met, None), accuracies(met)["identity_accuracy"]
    assert found["fpir"] in {None, 1}
    assert (found["fnir"] is None) == (accuracy is None)
    assert accuracy is None or found["fnir"] == pytest.approx(1 - accuracy)
