"""Builds the model that ships, from pixels to names."""

from __future__ import annotations

from typing import TYPE_CHECKING

import keras
import numpy as np

from components.model_directory import FRAME_SIZE

if TYPE_CHECKING:
    from components.train_model.heads import Head


def assemble(backbone: keras.Model, head: keras.Model) -> keras.Model:
    """Join them: uint8 RGB [N, FRAME_SIZE, FRAME_SIZE, 3] in, `person` and `role` out."""
    image = keras.Input((FRAME_SIZE, FRAME_SIZE, 3), dtype="uint8", name="image")
    outputs = head(backbone(image))
    # Naming the last layers names the outputs of every format the model is exported to.
    named = {name: keras.layers.Identity(name=name)(outputs[name]) for name in ("person", "role")}
    return keras.Model(image, named, name="rollcall")


def build_head(head: Head) -> keras.Model:
    """Make Keras layers of a head: features [N, D] in, what `Head.predict` says of them out."""
    standardisation, classes = head.standardisation, head.classes
    features = keras.Input((len(standardisation.mean),), name="features")
    unit = keras.layers.UnitNormalization(name="unit_length")(features)
    standard = keras.layers.Normalization(
        mean=standardisation.mean, variance=standardisation.scale**2, name="standardise"
    )(unit)
    logits = keras.layers.Dense(len(classes.people), name="logits")
    person = keras.layers.Softmax(name="person")(logits(standard))
    mean_of = keras.layers.Dense(len(classes.roles), use_bias=False, trainable=False, name="mean")
    mean = mean_of(person)
    role = mean / keras.ops.sum(mean, axis=-1, keepdims=True)
    logits.set_weights(head.weights)
    member = np.eye(len(classes.roles), dtype=np.float32)[list(classes.role_of_person)]
    mean_of.set_weights([member / np.maximum(member.sum(0), 1)])
    return keras.Model(features, {"person": person, "role": role}, name="head")
