"""Keras is imported without what it would only plot with, and without TensorFlow if it can be."""

from __future__ import annotations

import subprocess
import sys

import pytest

CODE = """
import gc, sys
from components.lean_keras import NEEDLESS, KerasBackend, load_keras
load_keras()
assert "keras" in sys.modules
assert not set(NEEDLESS) & set(sys.modules), sorted(set(NEEDLESS) & set(sys.modules))
assert gc.isenabled()
assert gc.get_freeze_count() > 100_000
import keras, sklearn, pandas, matplotlib
assert keras.backend.backend() == "tensorflow"
load_keras()
"""

ON_OPENVINO = """
import sys
from components.lean_keras import KerasBackend, load_keras
load_keras(KerasBackend.OPENVINO)
import keras
assert keras.backend.backend() == "openvino"
inputs = keras.Input((2,))
keras.Model(inputs, keras.layers.Dense(1)(inputs)).save(sys.argv[1])
assert "tensorflow" not in sys.modules
"""

TWICE = """
from components.lean_keras import KerasBackend, load_keras
load_keras(KerasBackend.OPENVINO)
load_keras()
"""


def run(code, *arguments):
    command = [sys.executable, "-c", code, *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)


@pytest.mark.parametrize("code", [CODE, ON_OPENVINO])
def test_keras_brings_none_of_what_is_needless_and_leaves_it_importable(code, tmp_path):
    done = run(code, tmp_path / "model.keras")
    assert done.returncode == 0, done.stderr


def test_keras_runs_on_one_thing_in_a_process():
    done = run(TWICE)
    assert "Keras runs on openvino in this process, and this needs it on tensorflow" in done.stderr
