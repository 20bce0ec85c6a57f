"""Runs an exported backbone over pixels, with OpenVINO or with Keras."""

from __future__ import annotations

import enum
import gc
import importlib.util
from typing import TYPE_CHECKING, Any, Final, Protocol

import numpy as np

from components.cpus import usable_cpus
from components.errors import BackboneError
from components.exported_backbones import KERAS_FILE, OPENVINO_FILE
from components.model_directory import FRAME_SIZE
from components.silent_openvino import load_openvino

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

OPENVINO_BATCH: Final = 4
"""Frames a request: what is between two layers stays in the processor's caches. Of a small network
8 are a tenth slower, of a large one 1 is."""
KERAS_BATCH: Final = 32
PIXELS_SHAPE: Final = (FRAME_SIZE, FRAME_SIZE, 3)


class EngineName(enum.StrEnum):
    """What runs the backbones."""

    OPENVINO = "openvino"
    KERAS = "keras"


class Precision(enum.StrEnum):
    """What the backbones are computed in."""

    BF16 = "bf16"
    F32 = "f32"


class Engine(Protocol):
    """A loaded backbone."""

    def infer(self, pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Turn uint8 [N, 224, 224, 3] RGB into float32 [N, D]."""

    def close(self) -> None:
        """Give the memory of the backbone back."""


def choose(engine: str, precision: str) -> tuple[EngineName, Precision]:
    """Say what "auto" comes to here: OpenVINO if it is installed, bf16 if the CPU computes it.

    Features of the two precisions differ (cosine 0.99), so the choice belongs with the features.

    Args:
        engine: "auto", "openvino" or "keras".
        precision: "auto", "bf16" or "f32".

    Raises:
        BackboneError: what was asked for by name cannot be had here, or is no such name.
    """
    installed = importlib.util.find_spec("openvino") is not None
    if engine == "auto":
        engine = EngineName.OPENVINO if installed else EngineName.KERAS
    if engine not in set(EngineName) or precision not in {"auto", *Precision}:
        raise BackboneError(
            f"engine {engine!r} with precision {precision!r}: the engines are auto, "
            f"{', '.join(EngineName)}, the precisions auto, {', '.join(Precision)}"
        )
    if engine == EngineName.OPENVINO and not installed:
        raise BackboneError("OpenVINO is not installed: pip install openvino, or engine auto")
    has_bf16 = engine == EngineName.OPENVINO and _cpu_has_bf16()
    if precision == Precision.BF16 and not has_bf16:
        raise BackboneError(f"no bf16 with {engine} on this CPU; set the precision to auto or f32")
    if precision == "auto":
        precision = Precision.BF16 if has_bf16 else Precision.F32
    return EngineName(engine), Precision(precision)


def load(engine: EngineName, precision: Precision, directory: Path) -> Engine:
    """Load the backbone that was exported into `directory`.

    Raises:
        BackboneError: it was not exported for `engine`.
    """
    file = directory / (OPENVINO_FILE if engine is EngineName.OPENVINO else KERAS_FILE)
    if not file.is_file():
        raise BackboneError(f"{directory.name} was exported without {file.name}: export it anew")
    return OpenVino(file, precision) if engine is EngineName.OPENVINO else Keras(file)


class OpenVino:
    """An OpenVINO model on the CPU, fed asynchronously."""

    def __init__(self, file: Path, precision: Precision) -> None:
        openvino = load_openvino()
        core = openvino.Core()
        model = core.read_model(file)
        model.reshape([OPENVINO_BATCH, *PIXELS_SHAPE])
        hints = {
            "PERFORMANCE_HINT": "THROUGHPUT",
            "INFERENCE_PRECISION_HINT": str(precision),
            "INFERENCE_NUM_THREADS": usable_cpus(),  # of the node's, those that a pod may use
            "ENABLE_CPU_PINNING": False,  # two pods on a node would take the same cores
        }
        compiled = core.compile_model(model, "CPU", hints)
        self._dimension = int(compiled.outputs[0].shape[1])
        streams = int(compiled.get_property("OPTIMAL_NUMBER_OF_INFER_REQUESTS"))
        self._queue = openvino.AsyncInferQueue(compiled, 2 * streams)  # so that none ever waits

    def infer(self, pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
        """As `Engine.infer`."""
        features = np.empty((len(pixels), self._dimension), np.float32)

        def keep(request: Any, start: int) -> None:  # noqa: ANN401 - an openvino.InferRequest
            rows = features[start : start + OPENVINO_BATCH]
            rows[:] = request.get_output_tensor().data[: len(rows)]

        self._queue.set_callback(keep)
        for start in range(0, len(pixels), OPENVINO_BATCH):
            self._queue.start_async({0: _filled(pixels[start : start + OPENVINO_BATCH])}, start)
        self._queue.wait_all()
        return features

    def close(self) -> None:
        """As `Engine.close`."""
        del self._queue


def _filled(batch: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """The batch, with black frames at its end when it is the last one and short."""
    if len(batch) == OPENVINO_BATCH:
        return batch
    return np.concatenate([batch, np.zeros((OPENVINO_BATCH - len(batch), *PIXELS_SHAPE), np.uint8)])


class Keras:
    """The Keras model itself: slower, and what the other is tested against."""

    def __init__(self, file: Path) -> None:
        import keras  # noqa: PLC0415 - slow, and not in the data image

        self._model = keras.saving.load_model(file, compile=False, safe_mode=True)

    def infer(self, pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
        """As `Engine.infer`."""
        features = self._model.predict(pixels, batch_size=KERAS_BATCH, verbose=0)
        return np.asarray(features, np.float32)

    def close(self) -> None:
        """As `Engine.close`."""
        import keras  # noqa: PLC0415

        del self._model
        keras.backend.clear_session()
        gc.collect()


def _cpu_has_bf16() -> bool:
    return "BF16" in load_openvino().Core().get_property("CPU", "OPTIMIZATION_CAPABILITIES")
