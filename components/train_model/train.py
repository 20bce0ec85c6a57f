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
from components.evaluation.evaluate import Evaluation, evaluate
from components.evaluation.precision import choose_precision
from components.evaluation.rates import accuracies
from components.evaluation.trials import Labels, Predicted, decide
from components.exported_backbones import KERAS_FILE, read_exported
from components.model_directory import (
    CLASSES_FILE,
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
        frames_per_second: at which clips were sampled; a robot that pools frames should do so too.
        target_fpir: the share of strangers' trials that may reach the threshold.
    """

    backbone: str
    epochs: int
    seed: int
    crop: str
    frames_per_second: float
    target_fpir: float


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
    head = _train_head(dataset, dataset.split, recipe)
    seconds = time.perf_counter() - started
    progress.advance()
    leaky = _random_split(dataset, recipe)
    progress.advance()
    model = _ship(exported / name, head, directory)
    progress.advance()
    judged = np.isin(dataset.split, (Split.CALIBRATION, Split.TEST))
    evaluation = evaluate(
        _labels(dataset, judged, dataset.split),
        _predict(head, dataset, judged),
        dataset.classes,
        temperature=head.temperature,
        target_fpir=recipe.target_fpir,
    )
    samples = read_samples(dataset_path / SAMPLES_FILE)
    checked = check_edge(model, directory / EDGE_MODEL_FILE, samples)
    edge = _edge_metrics(checked, evaluation)
    dataset.classes.write(directory / CLASSES_FILE)
    write_json(directory / CURVES_FILE, vars(head.curves))
    evaluation.write(
        directory,
        crop=recipe.crop,
        precision=edge["precision"],
        frames_per_second=recipe.frames_per_second,
    )
    progress.advance()
    metrics = {
        "name": name,
        "status": "succeeded",
        "reason": None,
        **evaluation.metrics,
        "random_split": leaky,
        "train_seconds": round(seconds, 3),
        "embed_images_per_second": embedding["images_per_second"],
        "parameters": model.count_params(),
        "latency_ms": checked.latency_ms,
        "size_bytes": checked.size_bytes,
        "edge": edge,
        "head": _head_metrics(head),
    }
    parameters = {**vars(recipe), "weights": vars(known), "embedding": embedding}
    return metrics, describe(dataset, parameters)


def _ship(backbone: Path, head: Head, directory: Path) -> keras.Model:
    """Write the model that ships, in both formats."""
    model = assemble(keras.saving.load_model(backbone / KERAS_FILE, safe_mode=True), head.model)
    model.save(directory / MODEL_FILE)
    export_edge(model, directory / EDGE_MODEL_FILE)
    return model


def _head_metrics(head: Head) -> dict[str, Any]:
    return {
        "epochs": head.curves.epoch[-1],
        "best_epoch": head.best_epoch,
        "temperature": head.temperature,
        "shrinkage": head.shrinkage,
    }


def _edge_metrics(checked: EdgeReport, evaluation: Evaluation) -> dict[str, Any]:
    accuracy = {
        unit: evaluation.metrics[unit]["identity_accuracy"] for unit in ("transaction", "frame")
    }
    precision, rule = choose_precision({"float32": accuracy["transaction"]})
    measured = {
        "size_bytes": checked.size_bytes,
        "latency_ms": checked.latency_ms,
        "identity_accuracy": accuracy["transaction"],
        "frame_identity_accuracy": accuracy["frame"],
        "max_difference": checked.max_difference,
    }
    return {
        "precision": precision,
        "rule": rule,
        "frames": checked.frames,
        "precisions": {"float32": measured},
    }


def _random_split(dataset: Dataset, recipe: Recipe) -> dict[str, Any]:
    """Accuracies of frames had they been split at random: the same training, with the leak."""
    head = _train_head(dataset, dataset.random_split, recipe)
    test = dataset.random_split == Split.TEST
    labels = _labels(dataset, test, dataset.random_split)
    return accuracies(decide(labels, _predict(head, dataset, test)))


def _train_head(dataset: Dataset, sides: npt.NDArray[np.str_], recipe: Recipe) -> Head:
    train, calibration = (
        _rows(dataset, sides == side, with_views=side is Split.TRAIN)
        for side in (Split.TRAIN, Split.CALIBRATION)
    )
    return train_head(train, calibration, dataset.classes, epochs=recipe.epochs, seed=recipe.seed)


def _predict(head: Head, dataset: Dataset, mask: npt.NDArray[np.bool_]) -> Predicted:
    return Predicted(**head.predict(dataset.features[mask]))


def _rows(dataset: Dataset, mask: npt.NDArray[np.bool_], *, with_views: bool) -> Rows:
    known = mask & (dataset.person != STRANGER)
    clips = len(np.unique(dataset.clip_id[known]))
    features, rows = dataset.features[known], np.flatnonzero(known)
    if with_views and len(dataset.views):
        own = known[dataset.view_of]
        features = np.concatenate([features, dataset.views[own]])
        rows = np.concatenate([rows, dataset.view_of[own]])
    return Rows(features, dataset.person[rows], dataset.role[rows], clips)


def _labels(dataset: Dataset, mask: npt.NDArray[np.bool_], sides: npt.NDArray[np.str_]) -> Labels:
    """What some frames are. Everybody's number is the same for all backbones of a dataset."""
    _, subject = np.unique(dataset.person_id, return_inverse=True)
    return Labels(
        transaction=dataset.transaction[mask],
        split=sides[mask],
        subject=subject[mask].astype(np.int32),
        person=dataset.person[mask],
        role=dataset.role[mask],
    )
