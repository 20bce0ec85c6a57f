"""An edge model as the robot runs it: with LiteRT, on one thread, one picture at a time."""

from __future__ import annotations

import enum
import time
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from components.errors import ContractError
from components.model_directory import FRAME_SIZE
from components.quiet import quiet

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    import numpy.typing as npt

    Images = npt.NDArray[np.uint8]
    Outputs = dict[str, npt.NDArray[np.float32]]

LATENCY_RUNS: Final = 100
WARM_UP_RUNS: Final = 3
TURNS: Final = 4
SECONDS_A_TURN: Final = 1.0
OUTPUTS: Final = ("person", "role")


class Precision(enum.StrEnum):
    """What the weights and the activations of an edge model are kept in."""

    FLOAT32 = "float32"
    FLOAT16 = "float16"
    """The weights; everything is computed in float32."""
    INT8 = "int8"
    """All of the backbone; the head stays in float32."""


def load_interpreter(path: Path) -> Any:  # noqa: ANN401 - LiteRT has no types
    """Load a .tflite file on one thread.

    Raises:
        ContractError: it is none.
    """
    with quiet():  # it tells of its delegate
        from ai_edge_litert.interpreter import Interpreter  # noqa: PLC0415 - slow

        try:
            interpreter = Interpreter(model_path=str(path), num_threads=1)
            interpreter.allocate_tensors()
        except (RuntimeError, ValueError) as error:
            raise ContractError(f"{path.name} is no model that LiteRT can run: {error}") from error
    return interpreter


class EdgeModel:
    """A .tflite model of people and roles."""

    def __init__(self, path: Path) -> None:
        """Load it.

        Raises:
            ContractError: it is no such model.
        """
        interpreter = load_interpreter(path)
        try:
            self._run = interpreter.get_signature_runner()
        except ValueError as error:
            raise ContractError(f"{path.name} has no signature to call it by") from error
        if not set(OUTPUTS) <= set(self._run.get_output_details()):
            raise ContractError(f"{path.name} has no outputs {' and '.join(OUTPUTS)}")

    def __call__(self, image: Images) -> Outputs:
        """Probabilities of one RGB image [FRAME_SIZE, FRAME_SIZE, 3], each [1, classes]."""
        outputs: Outputs = self._run(image=image[None])
        return outputs

    def classes(self, output: str) -> int:
        """How many classes an output has."""
        return int(self._run.get_output_details()[output]["shape"][-1])


def measure_together(models: Mapping[str, Path]) -> dict[str, dict[str, float]]:
    """Measure models against each other, undisturbed by what else runs on this machine.

    Processor time is measured, which is the latency where nobody else wants the processor: by the
    clock, a neighbour doubles now this model's median and now that one's. In turns, as a neighbour
    takes cache and memory, too. One model is in memory at a time; it is asked about noise, as the
    time does not depend on the picture.

    Args:
        models: the .tflite files by name.

    Returns:
        Milliseconds of one image on one thread by name: p50 and p99.
    """
    image = np.random.default_rng(0).integers(0, 256, (FRAME_SIZE, FRAME_SIZE, 3), np.uint8)
    times: dict[str, list[float]] = {name: [] for name in models}
    for _ in range(TURNS):
        for name, path in models.items():
            edge = EdgeModel(path)
            times[name] += _time(edge, image)
    return {name: percentiles_ms(taken) for name, taken in times.items()}


def percentiles_ms(seconds: list[float]) -> dict[str, float]:
    """Return p50 and p99 of durations, in milliseconds."""
    p50, p99 = np.percentile(seconds, [50, 99]) * 1000
    return {"p50": round(float(p50), 3), "p99": round(float(p99), 3)}


def _time(edge: EdgeModel, image: Images) -> list[float]:
    """Processor seconds of a model, one image after the other, in one of its turns."""
    for _ in range(WARM_UP_RUNS):
        edge(image)
    started, times = time.perf_counter(), []
    for _ in range(LATENCY_RUNS // TURNS):
        begin = time.thread_time()  # LiteRT computes in the thread that calls it
        edge(image)
        times.append(time.thread_time() - begin)
        if time.perf_counter() - started > SECONDS_A_TURN:
            break
    return times
