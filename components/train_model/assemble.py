"""Builds the model that ships, from pixels to names, and holds its edge version against it."""

from __future__ import annotations

import contextlib
import os
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import cv2
import keras
import numpy as np

from components.contracts import FRAMES
from components.errors import ContractError
from components.model_directory import FRAME_SIZE
from components.parquet import open_table

if TYPE_CHECKING:
    from collections.abc import Iterator

    import numpy.typing as npt

    Images = npt.NDArray[np.uint8]
    Outputs = dict[str, npt.NDArray[np.float32]]

LARGEST_DIFFERENCE = 1e-3
"""Between a probability of the edge model and of the Keras model. Both compute in float32; only the
order of the sums differs."""
COMPARED_FRAMES = 16
LATENCY_RUNS = 100
LATENCY_SECONDS = 10.0
WARM_UP_RUNS = 3


@dataclass(frozen=True)
class EdgeReport:
    """How the edge model does.

    Attributes:
        frames: how many real frames it was compared on.
        max_difference: the largest difference of a probability from the Keras model.
        latency_ms: p50 and p99 of one image on one thread.
        size_bytes: of the file.
    """

    frames: int
    max_difference: float
    latency_ms: dict[str, float]
    size_bytes: int


def assemble(backbone: keras.Model, head: keras.Model) -> keras.Model:
    """Join them: uint8 RGB [N, FRAME_SIZE, FRAME_SIZE, 3] in, `person` and `role` out."""
    image = keras.Input((FRAME_SIZE, FRAME_SIZE, 3), dtype="uint8", name="image")
    outputs = head(backbone(image))
    # Naming the last layers names the outputs of every format the model is exported to.
    named = {name: keras.layers.Identity(name=name)(outputs[name]) for name in ("person", "role")}
    return keras.Model(image, named, name="rollcall")


def export_edge(model: keras.Model, path: Path) -> None:
    """Write `model` as .tflite, in float32.

    Raises:
        ContractError: the converter wrote a file too small to hold the weights.
    """
    with _quiet(), tempfile.TemporaryDirectory() as scratch:
        written = Path(scratch) / "model.tflite"
        model.export(str(written), format="litert", verbose=False)
        content = written.read_bytes()
    if len(content) < 2 * model.count_params():
        raise ContractError(
            f"the edge model has {len(content)} bytes for {model.count_params()} parameters: "
            "the converter lost weights"
        )
    path.write_bytes(content)


class EdgeModel:
    """A .tflite model on one thread, as the robot runs it."""

    def __init__(self, path: Path) -> None:
        from ai_edge_litert.interpreter import Interpreter  # noqa: PLC0415 - prints when imported

        self._interpreter = Interpreter(model_path=str(path), num_threads=1)
        self._run = self._interpreter.get_signature_runner()

    def __call__(self, image: Images) -> Outputs:
        """Probabilities of one RGB image [FRAME_SIZE, FRAME_SIZE, 3]."""
        outputs: Outputs = self._run(image=image[None])
        return outputs


def check_edge(model: keras.Model, path: Path, images: Images) -> EdgeReport:
    """Run the edge model on real frames beside the Keras model, and time it.

    Raises:
        ContractError: there is no frame, or the two disagree.
    """
    if not len(images):
        raise ContractError("there is no sample frame to check the edge model on")
    with _quiet():
        edge = EdgeModel(path)
    expected = model.predict(images, batch_size=8, verbose=0)
    difference = 0.0
    for number, image in enumerate(images):
        for name, value in edge(image).items():
            difference = max(difference, float(np.abs(value[0] - expected[name][number]).max()))
    if not difference <= LARGEST_DIFFERENCE:
        raise ContractError(
            f"the edge model's probabilities differ by {difference:.2g} from the Keras model's "
            f"on {len(images)} frames; at most {LARGEST_DIFFERENCE} is allowed"
        )
    return EdgeReport(len(images), difference, measure_latency(edge, images), path.stat().st_size)


def measure_latency(edge: EdgeModel, images: Images) -> dict[str, float]:
    """Milliseconds of one image: p50 and p99 of at most LATENCY_RUNS in LATENCY_SECONDS."""
    for _ in range(WARM_UP_RUNS):
        edge(images[0])
    started, times = time.perf_counter(), []
    for run in range(LATENCY_RUNS):
        begin = time.perf_counter()
        edge(images[run % len(images)])
        times.append(time.perf_counter() - begin)
        if time.perf_counter() - started > LATENCY_SECONDS:
            break
    p50, p99 = np.percentile(times, [50, 99]) * 1000
    return {"p50": round(float(p50), 3), "p99": round(float(p99), 3)}


def read_samples(path: Path, most: int = COMPARED_FRAMES) -> Images:
    """Decode up to `most` frames, evenly spread over the sample file: RGB uint8 [n, ...]."""
    with open_table(path, FRAMES) as file:
        rows = file.metadata.num_rows
        wanted = {int(row) for row in np.linspace(0, rows - 1, min(most, rows))} if rows else set()
        images = np.empty((len(wanted), FRAME_SIZE, FRAME_SIZE, 3), np.uint8)
        row = kept = 0
        for batch in file.iter_batches(16, columns=["jpeg"]):
            for jpeg in batch["jpeg"].to_pylist():
                if row in wanted:
                    images[kept] = _decode(jpeg)
                    kept += 1
                row += 1
    return images


def _decode(jpeg: bytes) -> Images:
    image = cv2.imdecode(np.frombuffer(jpeg, np.uint8), cv2.IMREAD_COLOR_RGB)
    if image is None:
        raise ContractError("a sample frame is not a JPEG")
    return np.asarray(image, np.uint8)


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Keep the converters' hundreds of lines, written by C++ to the file descriptors, off the log.

    Errors are not lost: they are exceptions.
    """
    kept = [os.dup(descriptor) for descriptor in (1, 2)]
    sink = os.open(os.devnull, os.O_WRONLY)
    try:
        for descriptor in (1, 2):
            os.dup2(sink, descriptor)
        yield
    finally:
        for descriptor, saved in zip((1, 2), kept, strict=True):
            os.dup2(saved, descriptor)
            os.close(saved)
        os.close(sink)
