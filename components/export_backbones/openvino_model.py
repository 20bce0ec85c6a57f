"""Writes a Keras model that runs on OpenVINO as OpenVINO's own, in f32, to be run fast."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from components.backbones import draw_patterns
from components.errors import BackboneError
from components.openvino_graph import compute, trace
from components.silent_openvino import load_openvino

if TYPE_CHECKING:
    from pathlib import Path

    import keras

LARGEST_DIFFERENCE = 1e-3
"""In parts of the largest feature; only the order of the sums may differ."""


def write_openvino(model: keras.Model, path: Path) -> None:
    """Write a network from pixels to features, uint8 [N, H, W, 3] in and float32 [N, D] out.

    Raises:
        BackboneError: what was written gives other features than what Keras made of `model`.
    """
    pixels = draw_patterns(model.input_shape[1], seed=1)[:2]
    (expected,) = compute(_as_keras_has_it(model), pixels)
    load_openvino().save_model(to_openvino(model), path, compress_to_fp16=False)
    (features,) = compute(path, pixels)
    largest, apart = np.abs(expected).max(), np.abs(features - expected).max()
    if not apart <= LARGEST_DIFFERENCE * largest:
        raise BackboneError(
            f"what OpenVINO runs gives other features than Keras, by up to {apart:.2g} where the "
            f"largest is {largest:.2g}"
        )


def to_openvino(model: keras.Model) -> Any:  # noqa: ANN401 - made in C++
    """Make an openvino.Model of a network, without what slows it down."""
    load_openvino()
    from openvino.passes import ConstantFolding, Manager  # noqa: PLC0415 - without its telemetry

    from components.export_backbones.transposes import move_transposes  # noqa: PLC0415 - OpenVINO

    network = _as_keras_has_it(model)
    network.set_friendly_name(model.name)
    network.inputs[0].set_names({"pixels"})
    network.outputs[0].set_names({"features"})
    manager = Manager()
    manager.register_pass(ConstantFolding())
    manager.run_passes(network)
    move_transposes(network)
    return network


def _as_keras_has_it(model: keras.Model) -> Any:  # noqa: ANN401 - made in C++
    return trace(lambda pixels: model(pixels, training=False), model.input_shape[1])
