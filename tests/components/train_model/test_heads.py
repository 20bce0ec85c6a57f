"""The head starts from LDA, and training can only make its calibration loss smaller."""

from __future__ import annotations

import keras
import numpy as np
import pytest

from components.model_directory import Classes
from components.train_model.heads import (
    Rows,
    build_head,
    choose_temperature,
    smoothed_cross_entropy,
    train_head,
)
from components.train_model.lda import fit_lda

CLASSES = Classes(("a", "b", "c", "d"), (0, 1, 0, 2))


def rows(seed: int, per_person: int = 40, shift: float = 0.0) -> Rows:
    """People as points in 10 dimensions; `shift` moves them as another session does."""
    centres = np.random.default_rng(7).normal(size=(4, 10))
    moves = np.random.default_rng(100 + seed).normal(size=(4, 10))
    person = np.arange(4 * per_person, dtype=np.int32) % 4
    noise = np.random.default_rng(seed).normal(size=(len(person), 10))
    features = centres[person] + shift * moves[person] + 0.6 * noise
    role = np.array(CLASSES.role_of_person, np.int32)[person]
    return Rows(features.astype(np.float16), person, role, clips=len(person))


@pytest.fixture(scope="module")
def trained():
    return train_head(rows(0), rows(1, shift=0.5), CLASSES, epochs=5, seed=0)


def test_before_training_it_computes_lda_exactly():
    train = rows(0)
    start = fit_lda(train.features, train.person, 4, len(train))
    logits = start.logits(train.features)
    expected = np.exp(logits - logits.max(1, keepdims=True))
    expected /= expected.sum(1, keepdims=True)
    predicted = build_head(start, 1.0, CLASSES).predict(train.features, verbose=0)
    np.testing.assert_allclose(predicted["person"], expected, atol=1e-4)


def test_the_role_is_the_mean_of_its_peoples_probabilities_normalised(trained):
    predicted = trained.predict(rows(2).features)
    person, role = predicted["person"], predicted["role"]
    means = np.stack([(person[:, 0] + person[:, 2]) / 2, person[:, 1], person[:, 3]], axis=1)
    np.testing.assert_allclose(role, means / means.sum(1, keepdims=True), atol=1e-5)


def test_a_face_like_nobodys_is_of_each_role_with_equal_odds():
    start = fit_lda(rows(0).features, rows(0).person, 4, len(rows(0)))
    head = build_head(start, 1e9, CLASSES)
    np.testing.assert_allclose(head.predict(rows(2).features, verbose=0)["role"], 1 / 3, atol=1e-5)


def test_a_role_that_nobody_has_is_never_said():
    classes = Classes(("a", "b", "c", "d"), (0, 1, 0, 1))
    start = fit_lda(rows(0).features, rows(0).person, 4, len(rows(0)))
    role = build_head(start, 1.0, classes).predict(rows(2).features, verbose=0)["role"]
    assert not role[:, 2].any()
    np.testing.assert_allclose(role.sum(1), 1, atol=1e-5)


def test_training_leaves_the_layer_of_the_roles_alone(trained):
    kernel = trained.model.get_layer("mean").get_weights()[0]
    assert kernel.tolist() == [[0.5, 0, 0], [0, 1, 0], [0.5, 0, 0], [0, 0, 1]]


def test_the_kept_weights_have_the_smallest_calibration_loss(trained):
    curves = trained.curves
    assert curves.calibration_loss[trained.best_epoch] == min(curves.calibration_loss)
    judged = rows(1, shift=0.5)
    predicted = trained.predict(judged.features)
    losses = [
        smoothed_cross_entropy(labels, predicted[name])
        for name, labels in (("person", judged.person), ("role", judged.role))
    ]
    assert np.mean(losses[0]) + np.mean(losses[1]) == pytest.approx(
        min(curves.calibration_loss), rel=1e-4
    )


def test_the_smoothed_loss_is_that_of_targets_with_a_tenth_spread_over_all():
    probabilities = np.array([[0.7, 0.2, 0.1]], np.float32)
    target = np.array([0.9 + 0.1 / 3, 0.1 / 3, 0.1 / 3])
    expected = -(target * np.log(probabilities[0])).sum()
    found = np.asarray(smoothed_cross_entropy(np.array([0]), probabilities))
    assert found[0] == pytest.approx(expected, rel=1e-5)


def test_clips_that_are_learnt_by_heart_do_not_drive_every_probability_to_certainty():
    head = train_head(rows(0), rows(0), CLASSES, epochs=0, seed=0)
    assert head.predict(rows(0).features)["person"].max() < 0.999


def test_the_curves_begin_with_the_lda_start(trained):
    assert trained.curves.epoch == list(range(len(trained.curves.epoch)))


def test_no_epoch_keeps_the_start():
    head = train_head(rows(0), rows(1), CLASSES, epochs=0, seed=0)
    assert (head.best_epoch, head.curves.epoch) == (0, [0])


def test_the_same_seed_gives_the_same_weights():
    first, second = (
        train_head(rows(0), rows(1, shift=0.5), CLASSES, epochs=2, seed=3) for _ in range(2)
    )
    for one, other in zip(first.model.get_weights(), second.model.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)


def test_a_harder_calibration_session_gives_a_higher_temperature():
    start = fit_lda(rows(0).features, rows(0).person, 4, len(rows(0)))
    easy, hard = (choose_temperature(start, rows(1, shift=shift)) for shift in (0.0, 1.0))
    assert 1.0 <= easy < hard


def test_without_calibration_frames_the_training_frames_judge():
    none = Rows(np.empty((0, 10), np.float16), np.empty(0, np.int32), np.empty(0, np.int32), 0)
    head = train_head(rows(0), none, CLASSES, epochs=1, seed=0)
    assert np.isfinite(head.curves.calibration_loss).all()


def test_it_is_made_of_layers_that_load_in_safe_mode(trained, tmp_path):
    trained.model.save(tmp_path / "head.keras")
    loaded = keras.saving.load_model(tmp_path / "head.keras", safe_mode=True)
    features = rows(2).features
    np.testing.assert_array_equal(
        loaded.predict(features, verbose=0)["person"], trained.predict(features)["person"]
    )
