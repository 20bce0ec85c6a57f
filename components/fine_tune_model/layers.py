"""Which layers of a model are trained, in which precision, and what a frame costs in memory."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import keras
import numpy as np

from components.errors import ContractError

if TYPE_CHECKING:
    from collections.abc import Iterator

ALL: Final = "all"
_BYTES: Final = 4


def leaves(model: keras.Model) -> Iterator[keras.layers.Layer]:
    """The layers of a model and of the models within it, in order."""
    for layer in model.layers:
        if isinstance(layer, keras.Model):
            yield from leaves(layer)
        else:
            yield layer


def set_trainable(backbone: keras.Model, depth: str) -> list[keras.layers.Layer]:
    """Let the last layers of a backbone be trained, and freeze the others.

    Batch normalisation stays as it is and works with the means it has: with its own statistics of
    few people's faces, which lag behind the weights, it is another network in inference than in
    training.

    Args:
        backbone: whose layers are set.
        depth: how many layers with weights, batch normalisation not counted, or ALL.

    Returns:
        The layers that are trained, in order.

    Raises:
        ContractError: `depth` is neither ALL nor a number from 1 to the number of such layers.
    """
    able = [
        layer
        for layer in leaves(backbone)
        if layer.weights
        and not isinstance(layer, keras.layers.BatchNormalization | keras.layers.Normalization)
    ]
    count = len(able) if depth == ALL else int(depth) if depth.isdecimal() else 0
    if not 1 <= count <= len(able):
        raise ContractError(f"depth is {depth}: it has to be {ALL}, or 1 to {len(able)} layers")
    chosen = able[-count:]
    backbone.trainable = True
    for layer in leaves(backbone):
        layer.trainable = any(layer is one for one in chosen)
    return chosen


def set_policy(backbone: keras.Model, policy: str) -> None:
    """Let a backbone compute in `policy`; its weights stay float32, and so does the head."""
    for layer in leaves(backbone):
        layer.dtype_policy = keras.DTypePolicy(policy)


def bytes_a_frame(backbone: keras.Model, first: keras.layers.Layer) -> int:
    """Estimate what a frame of a batch needs while the layers from `first` on are trained.

    It is the sum of what these layers put out. TensorFlow does not keep all of that, but gradients
    come on top: of EfficientNetLite0 these are 80 MB, and training took 65 MB a frame.
    """
    layers = list(leaves(backbone))
    trained = layers[next(number for number, layer in enumerate(layers) if layer is first) :]
    outputs = (output for layer in trained for output in keras.tree.flatten(layer.output))
    return sum(_BYTES * int(np.prod(output.shape[1:])) for output in outputs)
