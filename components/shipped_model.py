"""Makes the model that ships, and judges it by what it says of frames itself.

Precision moves probabilities, and with them thresholds and accuracies. So the edge model itself, in
the precision in which it ships, runs over the pictures of the calibration and the test side.
"""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from components.contracts import INDEX, INDEX_FILE, Split
from components.cpus import usable_cpus
from components.edge.convert import converting
from components.edge.export import export_precisions
from components.edge.frames import read_pictures, representative_frames, sample_frames
from components.edge.score import score_edge
from components.evaluation.evaluate import evaluate
from components.evaluation.precision import choose_precision
from components.evaluation.trials import Labels, Predicted, decide, decide_pooled
from components.head import copy_detector
from components.model_directory import CLASSES_FILE, EDGE_MODEL_FILE, MODEL_FILE, Crop
from components.parquet import read_table

if TYPE_CHECKING:
    from concurrent.futures import Future
    from contextlib import AbstractContextManager
    from pathlib import Path

    import keras
    import numpy.typing as npt

    from components.edge.convert import Converted
    from components.edge.export import EdgeFile
    from components.evaluation.trials import Trials
    from components.model_directory import Classes

COMPARED_FRAMES: Final = 16
"""On which each edge model is held against the Keras model."""
JUDGED: Final = (Split.CALIBRATION, Split.TEST)
_COLUMNS: Final = ("clip_id", "index", "person_id", "split", "transaction", "person", "role_label")


@dataclass(frozen=True)
class Deployment:
    """How the model will be used.

    Attributes:
        crop: how frames were cut, a `Crop`; what the model is asked about has to be cut so.
        frames_per_second: at which clips were sampled; a robot that pools frames should do so too.
        target_fpir: the share of strangers' trials that may reach the threshold.
    """

    crop: str
    frames_per_second: float
    target_fpir: float


@dataclass(frozen=True)
class JudgedFrames:
    """The frames of the JUDGED sides, n of them, in the order of the dataset's index.

    Attributes:
        labels: what they are.
        clip_id: str [n].
        index: int32 [n], the frame's number in its clip.
    """

    labels: Labels
    clip_id: npt.NDArray[np.str_]
    index: npt.NDArray[np.int32]


def read_judged(dataset: Path) -> JudgedFrames:
    """Look up by which frames of a dataset its models are judged.

    Raises:
        ContractError: there is no index, or it has other columns.
    """
    index = read_table(dataset / INDEX_FILE, INDEX, list(_COLUMNS))
    columns = {name: np.asarray(index[name].to_pylist()) for name in _COLUMNS}
    # Everybody's number is the same for all models of a dataset.
    _, subject = np.unique(columns["person_id"], return_inverse=True)
    mask = np.isin(columns["split"], JUDGED)
    labels = Labels(
        transaction=columns["transaction"][mask],
        split=columns["split"][mask],
        subject=subject[mask].astype(np.int32),
        person=columns["person"][mask].astype(np.int32),
        role=columns["role_label"][mask].astype(np.int32),
    )
    return JudgedFrames(labels, columns["clip_id"][mask], columns["index"][mask].astype(np.int32))


def shipping(
    model: keras.Model, dataset: Path, directory: Path
) -> AbstractContextManager[Future[Converted]]:
    """Write the model for Keras, and convert it for the edge while other things are done.

    Args:
        model: uint8 RGB images in, `person` and `role` out.
        dataset: what split_dataset wrote.
        directory: of the model, to write into.

    Raises:
        ContractError: there are no sample frames.
    """
    return converting(model, directory / MODEL_FILE, sample_frames(dataset, COMPARED_FRAMES))


def ship(
    converted: Converted,
    dataset: Path,
    classes: Classes,
    deployment: Deployment,
    directory: Path,
    *,
    temperature: float,
) -> dict[str, Any]:
    """Write the model for the edge, and what it is worth.

    Args:
        converted: the model, and what Keras says of sample frames.
        dataset: what split_dataset wrote.
        classes: the meaning of its outputs.
        deployment: how it will be used.
        directory: of the model, to write into.
        temperature: by which its logits are divided; the calibration error is given without it too.

    Returns:
        Its part of metrics.json.

    Raises:
        ContractError: there are no sample frames or pictures, or an edge model is broken.
    """
    frames = read_judged(dataset)
    classes.write(directory / CLASSES_FILE)
    if deployment.crop == Crop.FACE:
        copy_detector(directory)
    files = export_precisions(converted, representative_frames(dataset))
    told = {precision: _ask(file, dataset, frames) for precision, file in files.items()}
    accuracies = {
        precision: _accuracies(decide_pooled(frames.labels, said))
        for precision, said in told.items()
    }
    latencies = {precision: file.latency_ms["p50"] for precision, file in files.items()}
    precision, rule = choose_precision(accuracies, latencies)
    chosen = files[precision]
    shutil.copyfile(chosen.path, directory / EDGE_MODEL_FILE)
    evaluation = evaluate(
        frames.labels,
        told[precision],
        classes,
        temperature=temperature,
        target_fpir=deployment.target_fpir,
    )
    evaluation.write(
        directory,
        crop=deployment.crop,
        precision=str(precision),
        frames_per_second=deployment.frames_per_second,
    )
    return {
        **evaluation.metrics,
        "parameters": converted.parameters,
        "latency_ms": chosen.latency_ms,
        "size_bytes": chosen.size_bytes,
        "edge": {
            "precision": str(precision),
            "rule": rule,
            "frames": chosen.frames,
            "precisions": {
                str(each): {
                    "size_bytes": file.size_bytes,
                    "latency_ms": file.latency_ms,
                    "identity_accuracy": accuracies[each][Split.TEST],
                    "frame_identity_accuracy": _accuracies(decide(frames.labels, told[each]))[
                        Split.TEST
                    ],
                    "max_difference": file.max_difference,
                }
                for each, file in files.items()
            },
        },
    }


def _ask(file: EdgeFile, dataset: Path, frames: JudgedFrames) -> Predicted:
    pictures = read_pictures(dataset, frames.clip_id, frames.index)
    return Predicted(*score_edge(file.path, pictures, usable_cpus()))


def _accuracies(trials: Trials) -> dict[str, float | None]:
    """Identity accuracy of known people on each of the JUDGED sides; None without a trial."""
    known = {side: (trials.split == side) & ~trials.is_stranger for side in JUDGED}
    return {
        side: float(trials.is_right[mask].mean()) if mask.any() else None
        for side, mask in known.items()
    }
