"""The layer is trained by Adam, as Keras would, on a loss in which everybody counts alike."""

from __future__ import annotations

import keras
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from components.model_directory import Classes
from components.train_model import trainer
from components.train_model.heads import Rows
from components.train_model.lda import fit_lda
from components.train_model.trainer import Trainer, balanced_weights

CLASSES = Classes(("a", "b", "c", "d", "e"), (0, 1, 0, 2, 0))
DIMENSION = 12
BATCH = 16


@given(st.lists(st.integers(0, 8), min_size=1, max_size=80))
def test_everybody_counts_alike_however_many_frames_they_have(labels):
    person = np.array(labels)
    weights = balanced_weights(person)
    sums = [weights[person == each].sum() for each in np.unique(person)]
    np.testing.assert_allclose(sums, len(person) / len(sums), rtol=1e-5)
    assert weights.mean() == pytest.approx(1.0)


@pytest.fixture
def rows():
    generator = np.random.default_rng(0)
    person = generator.integers(0, len(CLASSES.people), 70).astype(np.int32)
    features = generator.normal(size=(70, DIMENSION)) + np.eye(DIMENSION)[person]
    return Rows(features.astype(np.float16), person, clips=70)


@pytest.fixture
def start(rows):
    return fit_lda(rows.features, rows.person, len(CLASSES.people), len(rows))


def keras_network(weights):
    """The same layer of Keras, with its loss and its optimiser."""
    inputs = keras.Input((DIMENSION,))
    logits = keras.layers.Dense(len(CLASSES.people), name="logits")
    person = keras.layers.Softmax()(logits(inputs))
    member = np.eye(3)[list(CLASSES.role_of_person)]
    mean = keras.ops.matmul(person, (member / member.sum(0)).astype(np.float32))
    outputs = {"person": person, "role": mean / keras.ops.sum(mean, axis=-1, keepdims=True)}
    network = keras.Model(inputs, outputs)
    logits.set_weights(weights)
    loss = keras.losses.CategoricalCrossentropy(label_smoothing=trainer.LABEL_SMOOTHING)
    network.compile(keras.optimizers.Adam(trainer.LEARNING_RATE), {"person": loss, "role": loss})
    return network


def test_an_epoch_is_the_steps_of_keras_on_the_same_batches(rows, start, monkeypatch):
    monkeypatch.setattr(trainer, "DROPOUT", 0.0)
    monkeypatch.setattr(trainer, "LEARNING_RATE", 1e-2)
    weights = start.divided_by(2.0)
    ours = Trainer(start.standardisation, CLASSES, weights)
    loss = ours.epoch(rows, BATCH, np.random.default_rng(3))["loss"]

    network = keras_network(weights)
    order = np.random.default_rng(3).permutation(len(rows))
    x = start.standardisation.apply(rows.features).astype(np.float32)
    counts, total = balanced_weights(rows.person), 0.0
    role = np.array(CLASSES.role_of_person)[rows.person]
    for first in range(0, len(rows), BATCH):
        batch = order[first : first + BATCH]
        targets = {"person": np.eye(5)[rows.person[batch]], "role": np.eye(3)[role[batch]]}
        network.reset_metrics()
        told = network.train_on_batch(x[batch], targets, counts[batch], return_dict=True)
        total += float(told["loss"]) * len(batch) / len(rows)
    assert loss == pytest.approx(total, rel=1e-4)
    for one, other in zip(ours.weights, network.get_layer("logits").get_weights(), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-3, atol=1e-4)


def test_a_frame_is_learnt_without_most_of_its_features(rows, start, monkeypatch):
    seen = []
    inputs = Trainer._inputs
    monkeypatch.setattr(
        Trainer, "_inputs", lambda *of: seen.append(np.ones_like(inputs(*of))) or seen[-1]
    )
    trained = Trainer(start.standardisation, CLASSES, start.divided_by(1.0))
    trained.epoch(rows, BATCH, np.random.default_rng(0))
    values = np.concatenate([each.ravel() for each in seen])
    assert np.unique(values).tolist() == pytest.approx([0, 1 / (1 - trainer.DROPOUT)])
    assert (values == 0).mean() == pytest.approx(trainer.DROPOUT, abs=0.05)


def test_judging_changes_nothing(rows, start):
    trained = Trainer(start.standardisation, CLASSES, start.divided_by(1.0))
    before = [each.copy() for each in trained.weights]
    first = trained.evaluate(rows, BATCH)
    assert trained.evaluate(rows, 1024) == pytest.approx(first)
    assert all(map(np.array_equal, trained.weights, before))
