"""Models of real layers that are made and run in no time."""

from __future__ import annotations

import keras

from components.model_directory import FRAME_SIZE

PIXELS = (FRAME_SIZE, FRAME_SIZE, 3)
DIMENSION = 12


def make_backbone(seed: int = 0, scale: float = 1 / 255) -> keras.Model:
    """Pixels to DIMENSION features."""
    keras.utils.set_random_seed(seed)
    layers = [
        keras.Input(PIXELS, dtype="uint8"),
        keras.layers.Rescaling(scale),
        keras.layers.Conv2D(DIMENSION, 16, 16),
        keras.layers.GlobalAveragePooling2D(),
    ]
    return keras.Sequential(layers, name="tiny")


def make_head(people: int = 2, seed: int = 0) -> keras.Model:
    """Features to probabilities of people and of three roles."""
    keras.utils.set_random_seed(seed)
    features = keras.Input((DIMENSION,), name="features")
    person = keras.layers.Dense(people, activation="softmax", name="person")(features)
    role = keras.layers.Dense(3, activation="softmax", name="role")(person)
    return keras.Model(features, {"person": person, "role": role}, name="head")
