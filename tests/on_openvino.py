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
from pathlib import Path
from components.lean_keras import KerasBackend, load_keras
load_keras(KerasBackend.OPENVINO)
import keras
from components.export_backbones.openvino_model import write_openvino
model = keras.saving.load_model(sys.argv[1], safe_mode=True, compile=False)
write_openvino(model, Path(sys.argv[2]))
"""


def export(names: Iterable[str], weights: str, output: Path) -> None:
    """What the step export_backbones does."""
    _run(EXPORT, weights, output, *names)


def write_openvino(keras_file: Path, output: Path) -> None:
    """Write a saved model as OpenVINO's own."""
    _run(WRITE, keras_file, output)


def _run(code: str, *arguments: str | Path) -> None:
    subprocess.run([sys.executable, "-c", code, *arguments], check=True, timeout=240)
