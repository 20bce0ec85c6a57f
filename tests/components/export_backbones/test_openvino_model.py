"""A Keras model as OpenVINO's own."""

from __future__ import annotations

import keras
import numpy as np
import openvino
import pytest
from openvino import opset16

from components.errors import BackboneError
from components.export_backbones.openvino_model import write_openvino


@pytest.fixture
def small():
    """A network with one of most that real ones are made of."""
    keras.utils.set_random_seed(0)
    inputs = keras.layers.Input((32, 32, 3), dtype="uint8")
    x = keras.layers.Rescaling(1 / 255)(inputs)
    x = keras.layers.Conv2D(4, 3, strides=2, activation="swish")(x)
    x = keras.layers.BatchNormalization()(keras.layers.ZeroPadding2D()(x))
    x = keras.layers.Concatenate()([x, keras.layers.DepthwiseConv2D(3, padding="same")(x)])
    weight = keras.layers.GlobalAveragePooling2D(keepdims=True)(x)
    x = keras.layers.Multiply()([x, keras.layers.Conv2D(8, 1, activation="sigmoid")(weight)])
    return keras.Model(inputs, keras.layers.GlobalMaxPooling2D()(x), name="small")


def test_what_is_written_takes_any_number_of_pixels_and_gives_features(small, tmp_path):
    write_openvino(small, tmp_path / "openvino.xml")
    model = openvino.Core().read_model(tmp_path / "openvino.xml")
    assert {path.name for path in tmp_path.iterdir()} == {"openvino.xml", "openvino.bin"}
    (pixels,), (features,) = model.inputs, model.outputs
    assert (pixels.names, pixels.element_type.to_string()) == ({"pixels"}, "u8")
    assert (features.names, features.element_type.to_string()) == ({"features"}, "f32")
    assert str(pixels.partial_shape) == "[?,32,32,3]"
    assert str(features.partial_shape) == "[?,8]"


def test_only_the_transpose_of_the_pixels_is_left(small, tmp_path):
    write_openvino(small, tmp_path / "openvino.xml")
    nodes = openvino.Core().read_model(tmp_path / "openvino.xml").get_ops()
    assert [node.get_type_name() for node in nodes].count("Transpose") == 1


def test_what_gives_other_features_is_refused(small, tmp_path, monkeypatch):
    save = openvino.save_model

    def save_doubled(model, path, **more):
        doubled = opset16.multiply(model.results[0].input_value(0), np.float32(2))
        save(openvino.Model([doubled], model.get_parameters()), path, **more)

    monkeypatch.setattr(openvino, "save_model", save_doubled)
    with pytest.raises(BackboneError, match="gives other features than Keras"):
        write_openvino(small, tmp_path / "openvino.xml")
