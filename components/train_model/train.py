"""From a backbone's cached features to a model directory; whatever goes wrong is in it too."""

from __future__ import annotations

import logging
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import keras
import numpy as np

from components.artifacts import atomic_directory, digests_of, read_json, write_json
from components.contracts import EMBEDDING_FILE, SAMPLES_FILE, Split
from components.errors import BackboneError
from components.exported_backbones import KERAS_FILE, read_exported
from components.model_directory import (
    CLASSES_FILE,
    CONFUSION_FILE,
    CURVES_FILE,
    EDGE_MODEL_FILE,
    LINEAGE_FILE,
    METRICS_FILE,
    MODEL_FILE,
    STRANGER,
)
from components.telemetry import step
from components.train_model.assemble import (
    EdgeReport,
    assemble,
    check_edge,
    export_edge,
    read_samples,
)
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

log = logging.getLogger("rollcall")

PHASES = 4


@dataclass(frozen=True)
class Recipe:
    """What to train and how.

    Attributes:
        backbone: a name that stands in the dataset and among the exported backbones.
        epochs: passes over the features at the most.
        seed: of everything random.
        crop: how the frames were cut, a `Crop`; what the model is asked about has to be cut so.
    """

    backbone: str
    epochs: int
    seed: int
    crop: str


@dataclass(frozen=True)
class Tested:
    """A head with its scores on one test side, and the seconds that took."""

    head: Head
    frames: Scored
    transactions: Scored
    seconds: float


def train_model(dataset: Path, exported: Path, recipe: Recipe, model: Path) -> dict[str, Any]:
    """Train a backbone's head and write the model directory.

    Args:
        dataset: what split_dataset wrote.
        exported: what export_backbones wrote.
        recipe: what to train and how.
        model: the directory to make. Of a backbone that failed it holds the metrics alone.

    Returns:
        The metrics, as in metrics.json. With `status: failed` they say the reason: one backbone
        that fails is a row of the leaderboard, not the end of the run.
    """
    with step("train_model", recipe.backbone) as progress, atomic_directory(model) as directory:
        progress.expect(PHASES, "phases")
        try:
            metrics, lineage = _train(dataset, exported, recipe, directory, progress)
        except Exception as error:
            log.exception("training the head of %s failed", recipe.backbone)
            reason = str(error) if isinstance(error, BackboneError) else _named(error)
            metrics = {"name": recipe.backbone, "status": "failed", "reason": reason}
            lineage = {}
        write_json(directory / METRICS_FILE, metrics)
        write_json(directory / LINEAGE_FILE, {**lineage, "sha256": digests_of(directory)})
    return metrics


def _named(error: Exception) -> str:
    return f"{type(error).__name__}: {error}"


def _train(
    dataset_path: Path, exported: Path, recipe: Recipe, directory: Path, progress: Progress
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Write all but metrics and lineage, and return those."""
    name = recipe.backbone
    known, embedding = read_exported(exported)[name], read_json(dataset_path / EMBEDDING_FILE)[name]
    reason = known.reason or embedding["reason"]
    if reason or not known.dimension:
        raise BackboneError(reason or "it was exported without saying how long its features are")
    started = time.perf_counter()
    dataset = read_dataset(dataset_path, name, known.dimension, embedding["views"])
    honest = _test(dataset, dataset.split, recipe, started)
    progress.advance()
    leaky = _test(dataset, dataset.random_split, recipe, time.perf_counter())
    progress.advance()
    backbone = keras.saving.load_model(exported / name / KERAS_FILE, safe_mode=True)
    model = assemble(backbone, honest.head.model)
    model.save(directory / MODEL_FILE)
    export_edge(model, directory / EDGE_MODEL_FILE)
    progress.advance()
    samples = read_samples(dataset_path / SAMPLES_FILE)
    edge = check_edge(model, directory / EDGE_MODEL_FILE, samples)
    dataset.classes.write(directory / CLASSES_FILE)
    write_json(directory / CURVES_FILE, vars(honest.head.curves))
    write_json(directory / CONFUSION_FILE, confusions(honest.transactions, dataset.classes))
    progress.advance()
    parameters = {**vars(recipe), "weights": vars(known), "embedding": embedding}
    cost = {
        "embed_images_per_second": embedding["images_per_second"],
        "parameters": model.count_params(),
    }
    return {**_metrics(name, honest, leaky, edge), **cost}, describe(dataset, parameters)


def _metrics(name: str, honest: Tested, leaky: Tested, edge: EdgeReport) -> dict[str, Any]:
    return {
        "name": name,
        "status": "succeeded",
        "reason": None,
        "frame": accuracies(honest.frames),
        "transaction": accuracies(honest.transactions),
        "strangers": {
            "frame": stranger_counts(honest.frames),
            "transaction": stranger_counts(honest.transactions),
        },
        "random_split": accuracies(leaky.frames),
        "train_seconds": round(honest.seconds, 3),
        "latency_ms": edge.latency_ms,
        "size_bytes": edge.size_bytes,
        "edge": {"frames": edge.frames, "max_difference": edge.max_difference},
        "head": {
            "epochs": honest.head.curves.epoch[-1],
            "best_epoch": honest.head.best_epoch,
            "temperature": honest.head.temperature,
            "shrinkage": honest.head.shrinkage,
        },
    }


def _test(dataset: Dataset, sides: npt.NDArray[np.str_], recipe: Recipe, started: float) -> Tested:
    """Train on one side of a split and score on the other."""
    train, calibration = (
        _rows(dataset, sides == side, with_views=side is Split.TRAIN)
        for side in (Split.TRAIN, Split.CALIBRATION)
    )
    head = train_head(train, calibration, dataset.classes, epochs=recipe.epochs, seed=recipe.seed)
    test = sides == Split.TEST
    predicted = head.predict(dataset.features[test])
    frames = Scored(
        dataset.person[test], dataset.role[test], predicted["person"], predicted["role"]
    )
    transactions = pool(frames, dataset.transaction[test])
    return Tested(head, frames, transactions, time.perf_counter() - started)


def _rows(dataset: Dataset, mask: npt.NDArray[np.bool_], *, with_views: bool) -> Rows:
    known = mask & (dataset.person != STRANGER)
    clips = len(np.unique(dataset.clip_id[known]))
    features, rows = dataset.features[known], np.flatnonzero(known)
    if with_views and len(dataset.views):
        own = known[dataset.view_of]
        features = np.concatenate([features, dataset.views[own]])
        rows = np.concatenate([rows, dataset.view_of[own]])
    return Rows(features, dataset.person[rows], dataset.role[rows], clips)
