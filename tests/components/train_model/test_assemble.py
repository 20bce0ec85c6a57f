"""The model that ships says what the head says."""

from __future__ import annotations

import keras
import numpy as np
import pytest

from components.model_directory import Classes
from components.train_model.assemble import build_head
from components.train_model.heads import Rows, train_head

CLASSES = Classes(("a", "b", "c", "d"), (0, 1, 0, 1))


@pytest.fixture(scope="module")
def head():
    generator = np.random.default_rng(0)
    person = np.arange(80, dtype=np.int32) % 4
    features = (generator.normal(size=(80, 9)) + 2 * np.eye(9)[person]).astype(np.float16)
    rows = Rows(features, person, clips=80)
    return train_head(rows, rows, CLASSES, epochs=2, seed=0)


@pytest.fixture
def features():
    return np.random.default_rng(1).normal(size=(20, 9)).astype(np.float16)


def test_keras_layers_say_what_the_head_says(head, features):
    said = build_head(head)(features.astype(np.float32))
    for name, expected in head.predict(features).items():
        np.testing.assert_allclose(np.asarray(said[name]), expected, atol=1e-5)


def test_the_layer_of_the_roles_is_not_trained(head):
    layer = build_head(head).get_layer("mean")
    assert not layer.trainable
    assert layer.get_weights()[0].tolist() == [[0.5, 0, 0], [0, 0.5, 0], [0.5, 0, 0], [0, 0.5, 0]]


def test_it_is_made_of_layers_that_load_in_safe_mode(head, features, tmp_path):
    model = build_head(head)
    model.save(tmp_path / "head.keras")
    loaded = keras.saving.load_model(tmp_path / "head.keras", safe_mode=True)
    wide = features.astype(np.float32)
    np.testing.assert_array_equal(loaded(wide)["person"], model(wide)["person"])
