"""Does in another process what needs Keras on OpenVINO, for tests that have it on TensorFlow."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

EXPORT = """
import sys
from pathlib import Path
from components.export_backbones.export import export_backbones
weights, output, *names = sys.argv[1:]
export_backbones(names, weights, Path(output))
"""

WRITE = """
import sys
from components.lean_keras import KerasBackend, load_keras
load_keras(KerasBackend.OPENVINO)
import keras, openvino
from components.export_backbones.openvino_model import to_openvino
model = keras.saving.load_model(sys.argv[1], safe_mode=True, compile=False)
openvino.save_model(to_openvino(model), sys.argv[2], compress_to_fp16=False)
"""


def export(names: Iterable[str], weights: str, output: Path) -> None:
    """What the step export_backbones does."""
    _run(EXPORT, weights, output, *names)


def write_openvino(keras_file: Path, output: Path) -> None:
    """Write a saved model as OpenVINO's own, without holding it against Keras."""
    _run(WRITE, keras_file, output)


def _run(code: str, *arguments: str | Path) -> None:
    subprocess.run([sys.executable, "-c", code, *arguments], check=True, timeout=240)
