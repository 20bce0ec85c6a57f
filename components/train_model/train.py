"""From a backbone's cached features to a model directory; whatever goes wrong is in it too."""

from __future__ import annotations

import logging
import time
from typing import TYPE_CHECKING, Any

import keras
import numpy as np

from components.artifacts import atomic_directory, digests_of, read_json, write_json
from components.contracts import (
    BACKBONES_FILE,
    CLASSES_FILE,
    CONFUSION_FILE,
    CURVES_FILE,
    EDGE_MODEL_FILE,
    EMBEDDING_FILE,
    LINEAGE_FILE,
    METRICS_FILE,
    MODEL_FILE,
    SAMPLES_FILE,
    STRANGER,
    Split,
)
from components.errors import BackboneError
from components.telemetry import step
from components.train_model.assemble import assemble, check_edge, export_edge, read_samples
from components.train_model.dataset import Dataset, read_dataset
from components.train_model.evaluate import (
    Scored,
    accuracies,
    confusions,
    pool,
    stranger_counts,
)
from components.train_model.heads import Head, Rows, train_head
from components.train_model.lineage import describe

if TYPE_CHECKING:
    from pathlib import Path

    import numpy.typing as npt

    from components.telemetry import Progress

log = logging.getLogger(__name__)

PHASES = 4


def train_model(
    dataset: Path, exported: Path, backbone: str, model: Path, *, epochs: int, seed: int
) -> dict[str, Any]:
    """Train `backbone`'s head and write the model directory.

    Args:
        dataset: what split_dataset wrote.
        exported: what export_backbones wrote.
        backbone: a name that stands in both.
        model: the directory to make. Of a backbone that failed it holds the metrics alone.
        epochs: passes over the features at the most.
        seed: of everything random.

    Returns:
        The metrics, as in metrics.json. With `status: failed` they say the reason: one backbone
        that fails is a row of the leaderboard, not the end of the run.
    """
    with step("train_model", backbone) as progress, atomic_directory(model) as directory:
        progress.expect(PHASES, "phases")
        try:
            metrics, lineage = _train(
                dataset, exported, backbone, directory, epochs, seed, progress
            )
        except Exception as error:
            log.exception("training the head of %s failed", backbone)
            metrics = {"name": backbone, "status": "failed", "reason": reason_of(error)}
            lineage = {}
        write_json(directory / METRICS_FILE, metrics)
        write_json(directory / LINEAGE_FILE, {**lineage, "sha256": digests_of(directory)})
    return metrics


def reason_of(error: Exception) -> str:
    """A reason fit for a table: the message, with the kind of error where that is not ours."""
    return str(error) if isinstance(error, BackboneError) else f"{type(error).__name__}: {error}"


def _train(
    dataset_path: Path,
    exported: Path,
    name: str,
    directory: Path,
    epochs: int,
    seed: int,
    progress: Progress,
) -> tuple[dict[str, Any], dict[str, Any]]:
    backbone_row = _succeeded(exported / BACKBONES_FILE, name)
    embedding = _succeeded(dataset_path / EMBEDDING_FILE, name)
    started = time.perf_counter()
    dataset = read_dataset(dataset_path, name, backbone_row["dimension"])
    head = _head(dataset, dataset.split, epochs, seed)
    frames, transactions = _score(dataset, dataset.split, head)
    train_seconds = time.perf_counter() - started
    progress.advance()
    leaky, _ = _score(
        dataset, dataset.random_split, _head(dataset, dataset.random_split, epochs, seed)
    )
    progress.advance()
    backbone = keras.saving.load_model(exported / name / "backbone.keras", safe_mode=True)
    whole = assemble(backbone, head.model)
    whole.save(directory / MODEL_FILE)
    export_edge(whole, directory / EDGE_MODEL_FILE)
    progress.advance()
    samples = read_samples(dataset_path / SAMPLES_FILE)
    edge = check_edge(whole, directory / EDGE_MODEL_FILE, samples)
    progress.advance()
    dataset.classes.write(directory / CLASSES_FILE)
    write_json(directory / CURVES_FILE, vars(head.curves))
    write_json(directory / CONFUSION_FILE, confusions(transactions, dataset.classes))
    parameters = {"backbone": name, "epochs": epochs, "seed": seed, "embedding": embedding}
    lineage = describe(dataset, {**parameters, "weights": backbone_row})
    metrics = {
        "name": name,
        "status": "succeeded",
        "reason": None,
        "frame": accuracies(frames),
        "transaction": accuracies(transactions),
        "strangers": {
            "frame": stranger_counts(frames),
            "transaction": stranger_counts(transactions),
        },
        "random_split": accuracies(leaky),
        "embed_images_per_second": embedding["images_per_second"],
        "train_seconds": round(train_seconds, 3),
        "latency_ms": edge.latency_ms,
        "parameters": whole.count_params(),
        "size_bytes": edge.size_bytes,
        "edge": {"frames": edge.frames, "max_difference": edge.max_difference},
        "head": {
            "epochs": head.curves.epoch[-1],
            "best_epoch": head.best_epoch,
            "temperature": head.temperature,
            "shrinkage": head.shrinkage,
        },
    }
    return metrics, lineage


def _succeeded(path: Path, name: str) -> dict[str, Any]:
    row: dict[str, Any] | None = read_json(path).get(name)
    if row is None:
        raise BackboneError(f"{name} stands not in {path.name}: it was not asked for")
    if row["status"] != "succeeded":
        raise BackboneError(row["reason"])
    return row


def _head(dataset: Dataset, sides: npt.NDArray[np.str_], epochs: int, seed: int) -> Head:
    train = _rows(dataset, sides == Split.TRAIN)
    calibration = _rows(dataset, sides == Split.CALIBRATION)
    return train_head(train, calibration, dataset.classes, epochs=epochs, seed=seed)


def _rows(dataset: Dataset, mask: npt.NDArray[np.bool_]) -> Rows:
    known = mask & (dataset.person != STRANGER)
    clips = len(np.unique(dataset.clip_id[known]))
    return Rows(dataset.features[known], dataset.person[known], dataset.role[known], clips)


def _score(dataset: Dataset, sides: npt.NDArray[np.str_], head: Head) -> tuple[Scored, Scored]:
    test = sides == Split.TEST
    predicted = head.predict(dataset.features[test])
    frames = Scored(
        dataset.person[test], dataset.role[test], predicted["person"], predicted["role"]
    )
    return frames, pool(frames, dataset.transaction[test])
