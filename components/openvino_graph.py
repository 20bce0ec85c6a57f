"""What Keras on OpenVINO computes, as a network of OpenVINO's."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from components.silent_openvino import load_openvino

if TYPE_CHECKING:
    from collections.abc import Callable


def trace(function: Callable[[Any], Any], size: int) -> Any:  # noqa: ANN401 - made in C++
    """The openvino.Model of what a function of Keras tensors makes of frames.

    `keras.Model.export` builds one of a single frame, and lets it take more afterwards, but for
    what is reshaped in it: EfficientNet's fails on two.

    Args:
        function: of uint8 [N, size, size, 3] RGB, to a tensor or a list of them.
        size: width and height of the frames.
    """
    import keras  # noqa: PLC0415 - slow
    from keras.src.backend.openvino.core import OpenVINOKerasTensor  # noqa: PLC0415

    openvino = load_openvino()
    from openvino import opset16 as opset  # noqa: PLC0415 - without its telemetry

    pixels = opset.parameter([-1, size, size, 3], openvino.Type.u8)
    outputs = keras.tree.flatten(function(OpenVINOKerasTensor(pixels.output(0))))
    return openvino.Model([tensor.output for tensor in outputs], [pixels])


def compute(network: Any, pixels: Any) -> tuple[Any, ...]:  # noqa: ANN401 - made in C++
    """The outputs of an openvino.Model, or of a file of one, in f32: arrays of NumPy."""
    core = load_openvino().Core()
    compiled = core.compile_model(network, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
    outputs: tuple[Any, ...] = compiled(pixels).to_tuple()
    return outputs
