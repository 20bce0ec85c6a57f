"""Writes a model for the edge in three precisions, and holds each against the Keras model.

What TensorFlow's converter writes in float32 LiteRT Quantizer turns into float16 and int8, without
TensorFlow. The head stays in float32 in all of them: it is little work, and 8 bits would have to
tell all people apart. (With the head in int8, too, EfficientNetLite0 to 2 gave probabilities of
128, and lost 15, 10 and 30 points of the transactions of 20 people; so they lost none.)
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from components.cpus import usable_cpus
from components.edge.convert import NO_FRAME
from components.edge.model import OUTPUTS, EdgeModel, Precision, measure_together
from components.errors import ContractError
from components.quiet import quiet

if TYPE_CHECKING:
    from pathlib import Path

    from components.edge.convert import Converted, Images, Probabilities

LARGEST_DIFFERENCE: Final = 1e-3
"""Between a probability of the float32 edge model and of the Keras model: only the order of the
sums differs. What float16 and int8 move is measured, and judged by what it does to the accuracy."""
LARGEST_SUM_ERROR: Final = 1e-3
"""Of the probabilities of an output, from 1; broken models are off by far more."""
HEAD: Final = "head"
"""Name of the head inside a model; the names of its tensors begin with those of model and head."""

log = logging.getLogger("rollcall")


@dataclass(frozen=True)
class EdgeFile:
    """An edge model and how it does.

    Attributes:
        path: of the .tflite file.
        size_bytes: of it.
        latency_ms: p50 and p99 of one image on one thread.
        max_difference: the largest difference of a probability from the Keras model.
        frames: on how many real frames that is.
    """

    path: Path
    size_bytes: int
    latency_ms: dict[str, float]
    max_difference: float
    frames: int


def export_precisions(converted: Converted, representative: Images) -> dict[Precision, EdgeFile]:
    """Write a converted model as <precision>.tflite beside it, check each file, and time them.

    Args:
        converted: with a part named HEAD.
        representative: frames [n, H, W, 3] by which int8 chooses the ranges of its activations.

    Returns:
        What was written. int8 is missing, with a warning, where the backbone cannot be quantised.

    Raises:
        ContractError: there is no frame, or the float32 model does something else than in Keras.
    """
    expected, compared = converted.expected, converted.compared
    if not len(representative):
        raise ContractError(NO_FRAME)
    full = converted.path
    paths = {precision: full.with_name(f"{precision}.tflite") for precision in Precision}
    paths[Precision.FLOAT32] = full
    found = {Precision.FLOAT32: check(full, Precision.FLOAT32, expected, compared)}
    _write_float16(full, paths[Precision.FLOAT16])
    found[Precision.FLOAT16] = check(
        paths[Precision.FLOAT16], Precision.FLOAT16, expected, compared
    )
    small = paths[Precision.INT8]
    try:
        _write_int8(full, small, f"^{converted.name}[^/]*/(?!{HEAD})", representative)
        found[Precision.INT8] = check(small, Precision.INT8, expected, compared)
    except (ContractError, RuntimeError, ValueError) as error:
        log.warning("there is no int8 model: %s", error)
    latencies = measure_together({precision: paths[precision] for precision in found})
    return {
        each: EdgeFile(
            paths[each], paths[each].stat().st_size, latencies[each], difference, len(compared)
        )
        for each, difference in found.items()
    }


def check(path: Path, precision: Precision, expected: Probabilities, images: Images) -> float:
    """Run an edge model on real frames, and hold it against what the Keras model says.

    Returns:
        The largest difference of a probability.

    Raises:
        ContractError: it says something else than probabilities, or in float32 other ones than
            expected.
    """
    edge = EdgeModel(path)
    outputs = [edge(image) for image in images]
    difference = 0.0
    for name in OUTPUTS:
        told = np.concatenate([output[name] for output in outputs])
        if not np.allclose(told.sum(1), 1, atol=LARGEST_SUM_ERROR) or told.min() < 0:
            raise ContractError(f"the {precision} edge model gives no probabilities as {name}")
        difference = max(difference, float(np.abs(told - expected[name]).max()))
    if precision is Precision.FLOAT32 and difference > LARGEST_DIFFERENCE:
        raise ContractError(
            f"the edge model's probabilities differ by {difference:.2g} from the Keras model's on "
            f"{len(images)} frames; at most {LARGEST_DIFFERENCE} is allowed"
        )
    return difference


def _write_float16(full: Path, path: Path) -> None:
    from litert_quantizer import Quantizer  # noqa: PLC0415 - slow, and not needed to check
    from litert_quantizer.algorithm_manager import AlgorithmName  # noqa: PLC0415
    from litert_quantizer.qtyping import TFLOperationName  # noqa: PLC0415

    with quiet():
        quantizer = Quantizer(full.read_bytes())
        quantizer.add_weight_only_config(
            ".*", TFLOperationName.ALL_SUPPORTED, 16, algorithm_key=AlgorithmName.FLOAT_CASTING
        )
        made = quantizer.quantize(enable_progress_report=False)
    path.write_bytes(made.quantized_model)


def _write_int8(full: Path, path: Path, scope: str, representative: Images) -> None:
    """Quantise what `scope` (a regular expression of tensor names) matches."""
    from litert_quantizer import Quantizer  # noqa: PLC0415
    from litert_quantizer.qtyping import TFLOperationName  # noqa: PLC0415

    with quiet():
        quantizer = Quantizer(full.read_bytes())
        quantizer.add_static_config(
            scope, TFLOperationName.ALL_SUPPORTED, activation_num_bits=8, weight_num_bits=8
        )
        inputs = [{"image": image[None]} for image in representative]
        ranges = quantizer.calibrate({"serving_default": inputs}, num_threads=usable_cpus())
        made = quantizer.quantize(ranges, enable_progress_report=False)
    path.write_bytes(made.quantized_model)
