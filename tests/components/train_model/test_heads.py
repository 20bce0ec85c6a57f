"""The head starts from LDA, and training can only make its calibration loss smaller."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from components.model_directory import Classes
from components.train_model.curves import Curves
from components.train_model.dataset import Picked
from components.train_model.heads import Head, Rows, train_head
from components.train_model.lda import fit_lda
from components.train_model.trainer import LABEL_SMOOTHING
from tests.large_cohort import train_within, write_cohort

CLASSES = Classes(("a", "b", "c", "d"), (0, 1, 0, 2))


def rows(seed: int, per_person: int = 40, shift: float = 0.0) -> Rows:
    """People as points in 10 dimensions; `shift` moves them as another session does."""
    centres = np.random.default_rng(7).normal(size=(4, 10))
    moves = np.random.default_rng(100 + seed).normal(size=(4, 10))
    person = np.arange(4 * per_person, dtype=np.int32) % 4
    noise = np.random.default_rng(seed).normal(size=(len(person), 10))
    features = centres[person] + shift * moves[person] + 0.6 * noise
    return Rows(features.astype(np.float16), person, clips=len(person))


def start_of(train: Rows, temperature: float = 1.0, classes: Classes = CLASSES) -> Head:
    start = fit_lda(train.features, train.person, 4, len(train))
    weights = start.divided_by(temperature)
    return Head(start.standardisation, weights, classes, Curves(), start.shrinkage, temperature, 0)


def smoothed_cross_entropy(labels: np.ndarray, probabilities: np.ndarray) -> np.ndarray:
    logarithms = np.log(probabilities)
    own = logarithms[np.arange(len(labels)), labels]
    return -(1 - LABEL_SMOOTHING) * own - LABEL_SMOOTHING * logarithms.mean(1)


@pytest.fixture(scope="module")
def trained():
    return train_head(rows(0), rows(1, shift=0.5), CLASSES, epochs=5, seed=0)


def test_before_training_it_computes_lda_exactly():
    train = rows(0)
    start = fit_lda(train.features, train.person, 4, len(train))
    logits = start.logits(train.features)
    expected = np.exp(logits - logits.max(1, keepdims=True))
    expected /= expected.sum(1, keepdims=True)
    predicted = start_of(train).predict(train.features)
    np.testing.assert_allclose(predicted["person"], expected, atol=1e-4)


def test_the_role_is_the_mean_of_its_peoples_probabilities_normalised(trained):
    predicted = trained.predict(rows(2).features)
    person, role = predicted["person"], predicted["role"]
    means = np.stack([(person[:, 0] + person[:, 2]) / 2, person[:, 1], person[:, 3]], axis=1)
    np.testing.assert_allclose(role, means / means.sum(1, keepdims=True), atol=1e-5)


def test_a_face_like_nobodys_is_of_each_role_with_equal_odds():
    role = start_of(rows(0), temperature=1e9).predict(rows(2).features)["role"]
    np.testing.assert_allclose(role, 1 / 3, atol=1e-5)


def test_a_role_that_nobody_has_is_never_said():
    classes = Classes(("a", "b", "c", "d"), (0, 1, 0, 1))
    role = start_of(rows(0), classes=classes).predict(rows(2).features)["role"]
    assert not role[:, 2].any()
    np.testing.assert_allclose(role.sum(1), 1, atol=1e-5)


def test_the_kept_weights_have_the_smallest_calibration_loss(trained):
    curves = trained.curves
    assert curves.calibration_loss[trained.best_epoch] == min(curves.calibration_loss)
    judged = rows(1, shift=0.5)
    predicted = trained.predict(judged.features)
    role = np.array(CLASSES.role_of_person)[judged.person]
    losses = [
        smoothed_cross_entropy(labels, predicted[name])
        for name, labels in (("person", judged.person), ("role", role))
    ]
    assert np.mean(losses[0]) + np.mean(losses[1]) == pytest.approx(
        min(curves.calibration_loss), rel=1e-4
    )


def test_the_curves_begin_with_the_lda_start(trained):
    assert trained.curves.epoch == list(range(len(trained.curves.epoch)))


def test_no_epoch_keeps_the_start():
    head = train_head(rows(0), rows(1), CLASSES, epochs=0, seed=0)
    assert (head.best_epoch, head.curves.epoch) == (0, [0])


def test_the_same_seed_gives_the_same_weights():
    first, second = (
        train_head(rows(0), rows(1, shift=0.5), CLASSES, epochs=2, seed=3) for _ in range(2)
    )
    assert all(map(np.array_equal, first.weights, second.weights))


def test_without_calibration_frames_the_training_frames_judge():
    none = Rows(np.empty((0, 10), np.float16), np.empty(0, np.int32), 0)
    head = train_head(rows(0), none, CLASSES, epochs=1, seed=0)
    assert np.isfinite(head.curves.calibration_loss).all()


def test_it_says_the_same_however_many_frames_it_passes_over_at_once(trained):
    features = rows(2).features
    whole, parts = trained.predict(features), replace(trained, chunk=7).predict(features)
    for name in whole:
        np.testing.assert_allclose(parts[name], whole[name], rtol=1e-5)


def test_the_logits_times_the_temperature_are_those_of_lda_before_training():
    head = train_head(rows(0), rows(1, shift=0.5), CLASSES, epochs=0, seed=0)
    start = fit_lda(rows(0).features, rows(0).person, 4, len(rows(0)))
    weights, bias = head.weights
    np.testing.assert_allclose(weights * head.temperature, start.weights, rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(bias * head.temperature, start.bias, rtol=1e-4, atol=1e-5)


def test_another_seed_and_another_backbone_train_otherwise(trained):
    for changed in ({"seed": 1}, {"seed": 0, "backbone": "Other"}):
        head = train_head(rows(0), rows(1, shift=0.5), CLASSES, epochs=5, **changed)
        assert head.curves.loss[1] != trained.curves.loss[1]


def test_nothing_is_left_of_the_training_before(trained):
    train_head(rows(5), rows(6), CLASSES, epochs=3, seed=9)
    again = train_head(rows(0), rows(1, shift=0.5), CLASSES, epochs=5, seed=0)
    assert again.curves == trained.curves


def test_rows_that_are_picked_from_a_dataset_train_as_copies_of_them_do():
    whole, chosen = rows(0), np.arange(0, 160, 3)
    parts = [whole.person[chosen], len(chosen)]
    copied, picked = (
        train_head(Rows(features, *parts), rows(1), CLASSES, epochs=1, seed=0)
        for features in (whole.features[chosen], Picked(whole.features, chosen))
    )
    assert copied.curves == picked.curves


def test_fifty_thousand_frames_of_200_people_are_trained_on_within_two_gigabytes(tmp_path):
    write_cohort(tmp_path / "dataset", frames=50_000, people=200, dimension=1280)
    trained = train_within(2**31, tmp_path / "dataset", 1280)
    assert trained == {"frames": 50_000, "epochs": 1, "accuracy": 1.0}


def losses(epochs: int, augmented: Rows | None) -> list[float]:
    judge = rows(1, shift=0.5)
    head = train_head(rows(0), judge, CLASSES, epochs=epochs, seed=0, augmented=augmented)
    return head.curves.loss


def test_views_leave_the_start_as_it_is():
    assert losses(0, rows(3, shift=2.0)) == losses(0, None)


def test_views_are_learnt_from():
    assert losses(1, rows(3, shift=2.0))[1] != losses(1, None)[1]
