"""Converts a Keras model for the edge, in a process of its own: no step needs TensorFlow besides.

python -m components.edge.convert MODEL.keras FRAMES.npy MODEL.tflite PROBABILITIES.npz
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Final

import numpy as np

from components.errors import ContractError
from components.lean_keras import load_keras
from components.quiet import quiet

if TYPE_CHECKING:
    from collections.abc import Iterator
    from concurrent.futures import Future

    import keras
    import numpy.typing as npt

    Images = npt.NDArray[np.uint8]
    Probabilities = dict[str, npt.NDArray[np.float32]]

TIMEOUT_S: Final = 1800
NO_FRAME: Final = "there is no sample frame to quantise and to check the edge model on"
LAST_CHARACTERS: Final = 2000
"""Of what a conversion that failed printed."""


@dataclass(frozen=True)
class Converted:
    """A model as .tflite in float32.

    Attributes:
        path: of the file.
        name: of the model; the names of the file's tensors begin with it.
        parameters: number of its weights.
        compared: frames [n, H, W, 3].
        expected: what Keras on TensorFlow says of them, by output.
    """

    path: Path
    name: str
    parameters: int
    compared: Images
    expected: Probabilities


@contextmanager
def converting(model: keras.Model, file: Path, compared: Images) -> Iterator[Future[Converted]]:
    """Save a model as `file` and convert it meanwhile; what comes of it is there until the end.

    Raises:
        ContractError: there are no frames; and from the result, if it cannot be converted.
    """
    if not len(compared):
        raise ContractError(NO_FRAME)
    model.save(file)
    told = (model.name, model.count_params(), compared)
    del model  # where nobody else holds it, its memory is that of the conversion now
    with TemporaryDirectory(prefix="rollcall-edge-") as folder, ThreadPoolExecutor(1) as aside:
        yield aside.submit(_convert_apart, file, Path(folder), *told)


def _convert_apart(
    file: Path, folder: Path, name: str, parameters: int, compared: Images
) -> Converted:
    frames, path, said = (folder / each for each in ("frames.npy", "model.tflite", "said.npz"))
    np.save(frames, compared)
    _run(file, frames, path, said)
    with np.load(said) as arrays:
        return Converted(path, name, parameters, compared, dict(arrays))


def _run(*arguments: Path) -> None:
    """Call `convert` in a process of its own."""
    # On a processor: a GPU may be full of the training that goes on beside it.
    environment = {**os.environ, "CUDA_VISIBLE_DEVICES": "-1"}
    done = subprocess.run(
        [sys.executable, "-m", __name__, *arguments],
        capture_output=True,
        text=True,
        env=environment,
        timeout=TIMEOUT_S,
        check=False,
    )
    if not done.returncode:
        return
    told = done.stderr.strip()[-LAST_CHARACTERS:]
    if done.returncode == -signal.SIGKILL:
        raise ContractError(f"the conversion was killed, as where memory runs out: {told}")
    raise ContractError(f"the conversion ended with {done.returncode}: {told}")


def convert(file: Path, frames: Path, path: Path, said: Path) -> None:
    """Convert the model in `file` to `path`, and write what it says of `frames` to `said`.

    Raises:
        ContractError: the converter wrote a file too small to hold the weights.
    """
    load_keras()
    import keras  # noqa: PLC0415 - slow

    model = keras.saving.load_model(file, compile=False, safe_mode=True)
    np.savez(said, **model.predict(np.load(frames), batch_size=8, verbose=0))
    export_float32(model, path)


def export_float32(model: keras.Model, path: Path) -> None:
    """Write a model of Keras on TensorFlow as .tflite, in float32.

    Raises:
        ContractError: the converter wrote a file too small to hold the weights.
    """
    with quiet():
        content = _convert(model)
    if len(content) < 2 * model.count_params():
        raise ContractError(
            f"the edge model has {len(content)} bytes for {model.count_params()} parameters: "
            "the converter lost weights"
        )
    path.write_bytes(content)


def _convert(model: keras.Model) -> bytes:
    """Convert by way of one traced function and the variables that it reads.

    `model.export` traces the model several times for its archive, and takes twice as long.
    """
    import tensorflow as tf  # noqa: PLC0415 - slow

    pixels = model.inputs[0]
    spec = tf.TensorSpec(pixels.shape, pixels.dtype, name=pixels.name)
    held = tf.Module()
    held.read = [variable.value for variable in model.variables]
    held.serve = tf.function(
        lambda image: model(image, training=False), input_signature=[spec], autograph=False
    )
    function = held.serve.get_concrete_function()
    converted: bytes = tf.lite.TFLiteConverter.from_concrete_functions([function], held).convert()
    return converted


if __name__ == "__main__":
    convert(*map(Path, sys.argv[1:]))
