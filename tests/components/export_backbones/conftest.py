"""Keras runs on OpenVINO here, as in the step; it cannot run on TensorFlow, too, in one process."""

from components.lean_keras import KerasBackend, load_keras

load_keras(KerasBackend.OPENVINO)
