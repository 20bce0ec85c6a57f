"""A model directory of the smallest model there can be: it knows people by the colour they show.

It is put together from operators, without TensorFlow, so that a test of it takes no time.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import flatbuffers
import numpy as np
from ai_edge_litert import schema_py_generated as tfl

from components.artifacts import digests_of, write_json
from components.head import copy_detector
from components.model_directory import (
    CLASSES_FILE,
    DECISION_FILE,
    EDGE_MODEL_FILE,
    FRAME_SIZE,
    LINEAGE_FILE,
    Classes,
    Crop,
)

if TYPE_CHECKING:
    from pathlib import Path

PEOPLE = ("red", "green", "blue")
CLASSES = Classes(people=PEOPLE, role_of_person=(0, 1, 2))
SURE = 0.05
"""Logits a level of colour: 60 levels more than the others are 20 times as likely."""
COLOURS = {"red": (255, 0, 0), "green": (0, 255, 0), "blue": (0, 0, 255), "grey": (128, 128, 128)}


def write_model(folder: Path, *, threshold: float | None = 0.6, crop: str = Crop.NONE) -> Path:
    """Write what the robot needs of a model directory, with the digests."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / EDGE_MODEL_FILE).write_bytes(tiny_tflite())
    CLASSES.write(folder / CLASSES_FILE)
    rule = {"threshold": threshold, "crop": crop, "frames_per_second": 5.0}
    write_json(folder / DECISION_FILE, rule)
    if crop == Crop.FACE:
        copy_detector(folder)
    return sign(folder)


def plain_frame(colour: tuple[int, int, int], size: int = FRAME_SIZE) -> np.ndarray:
    """A frame of one RGB colour, (size, size, 3) uint8."""
    return np.full((size, size, 3), colour, np.uint8)


def sign(folder: Path) -> Path:
    """Write the lineage anew, as though the files had been written so."""
    (folder / LINEAGE_FILE).unlink(missing_ok=True)
    write_json(folder / LINEAGE_FILE, {"sha256": digests_of(folder)})
    return folder


def tiny_tflite(gain: float = 1.0) -> bytes:
    """Pixels to their mean colour, to a softmax over PEOPLE, each with a role of their own.

    With another `gain` than 1 the roles' probabilities do not add up to 1.
    """
    graph = _Graph()
    image = graph.tensor("image", [1, FRAME_SIZE, FRAME_SIZE, 3], np.uint8)
    pixels = graph.apply(
        "CAST", [image], "pixels", [1, FRAME_SIZE, FRAME_SIZE, 3], tfl.CastOptionsT()
    )
    axes = graph.constant("axes", np.array([1, 2], np.int32))
    colour = graph.apply("MEAN", [pixels, axes], "colour", [1, 3], tfl.ReducerOptionsT())
    weights = graph.constant("weights", SURE * np.eye(3, dtype=np.float32))
    dense = tfl.FullyConnectedOptionsT()
    logits = graph.apply("FULLY_CONNECTED", [colour, weights, -1], "logits", [1, 3], dense)
    softmax = tfl.SoftmaxOptionsT()
    softmax.beta = 1.0
    person = graph.apply("SOFTMAX", [logits], "person", [1, 3], softmax)
    own = graph.constant("own", np.float32(gain) * np.eye(3, dtype=np.float32))
    role = graph.apply("FULLY_CONNECTED", [person, own, -1], "role", [1, 3], dense)
    return graph.pack(image, {"person": person, "role": role})


class _Graph:
    """A .tflite model in the making."""

    def __init__(self) -> None:
        self._graph = tfl.SubGraphT()
        self._graph.tensors, self._graph.operators = [], []
        self._buffers, self._codes = [tfl.BufferT()], []

    def tensor(self, name: str, shape: list[int], kind: type) -> int:
        made = tfl.TensorT()
        types = {np.uint8: "UINT8", np.int32: "INT32", np.float32: "FLOAT32"}
        made.name, made.shape, made.type = name, shape, getattr(tfl.TensorType, types[kind])
        self._graph.tensors.append(made)
        return len(self._graph.tensors) - 1

    def constant(self, name: str, value: np.ndarray) -> int:
        made = self.tensor(name, list(value.shape), value.dtype.type)
        buffer = tfl.BufferT()
        buffer.data = np.frombuffer(value.tobytes(), np.uint8)
        self._graph.tensors[made].buffer = len(self._buffers)
        self._buffers.append(buffer)
        return made

    def apply(
        self, name: str, inputs: list[int], output: str, shape: list[int], options: Any
    ) -> int:
        code = tfl.OperatorCodeT()
        code.builtinCode = code.deprecatedBuiltinCode = getattr(tfl.BuiltinOperator, name)
        made = tfl.OperatorT()
        made.opcodeIndex, made.inputs = len(self._codes), inputs
        made.outputs = [self.tensor(output, shape, np.float32)]
        kind = type(options).__name__.removesuffix("T")
        made.builtinOptions, made.builtinOptionsType = options, getattr(tfl.BuiltinOptions, kind)
        self._codes.append(code)
        self._graph.operators.append(made)
        return made.outputs[0]

    def pack(self, image: int, outputs: dict[str, int]) -> bytes:
        self._graph.inputs, self._graph.outputs = [image], list(outputs.values())
        signature = tfl.SignatureDefT()
        signature.signatureKey = "serving_default"
        signature.inputs = [_named("image", image)]
        signature.outputs = [_named(name, tensor) for name, tensor in outputs.items()]
        model = tfl.ModelT()
        model.version, model.operatorCodes, model.buffers = 3, self._codes, self._buffers
        model.subgraphs, model.signatureDefs = [self._graph], [signature]
        builder = flatbuffers.Builder()
        builder.Finish(model.Pack(builder), b"TFL3")
        return bytes(builder.Output())


def _named(name: str, tensor: int) -> tfl.TensorMapT:
    made = tfl.TensorMapT()
    made.name, made.tensorIndex = name, tensor
    return made
