"""Builds the model that ships, from pixels to names."""

from __future__ import annotations

import keras

from components.model_directory import FRAME_SIZE


def assemble(backbone: keras.Model, head: keras.Model) -> keras.Model:
    """Join them: uint8 RGB [N, FRAME_SIZE, FRAME_SIZE, 3] in, `person` and `role` out."""
    image = keras.Input((FRAME_SIZE, FRAME_SIZE, 3), dtype="uint8", name="image")
    outputs = head(backbone(image))
    # Naming the last layers names the outputs of every format the model is exported to.
    named = {name: keras.layers.Identity(name=name)(outputs[name]) for name in ("person", "role")}
    return keras.Model(image, named, name="rollcall")
