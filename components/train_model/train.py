"""From a backbone's cached features to a model directory; whatever goes wrong is in it too."""

from __future__ import annotations

import logging
import sys
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from components.artifacts import atomic_directory, digests_of, read_json, write_json
from components.contracts import EMBEDDING_FILE, Split
from components.errors import BackboneError
from components.evaluation.rates import accuracies
from components.evaluation.trials import Labels, Predicted, decide
from components.exported_backbones import KERAS_FILE, read_exported
from components.lean_keras import KerasBackend, load_keras
from components.model_directory import (
    CURVES_FILE,
    LINEAGE_FILE,
    METRICS_FILE,
    STRANGER,
)
from components.shipped_model import Deployment, ship, shipping
from components.telemetry import step
from components.train_model.control import negative_control
from components.train_model.dataset import Dataset, Picked, read_dataset
from components.train_model.heads import Head, Rows, train_head
from components.train_model.lineage import describe

if TYPE_CHECKING:
    from pathlib import Path

    import keras
    import numpy.typing as npt

    from components.telemetry import Progress

log = logging.getLogger("rollcall")

PHASES = 3


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
    with shipping(join(exported / name / KERAS_FILE, head), dataset_path, directory) as converted:
        leaky = _random_split(dataset, recipe)
        control = _control(dataset, dataset.split, recipe)
        control["shows_leak"] = not _control(dataset, dataset.random_split, recipe)["passed"]
        progress.advance()
        shipped = ship(
            converted.result(),
            dataset_path,
            dataset.classes,
            Deployment(recipe.crop, recipe.frames_per_second, recipe.target_fpir),
            directory,
            temperature=head.temperature,
        )
    write_json(directory / CURVES_FILE, vars(head.curves))
    progress.advance()
    metrics = {
        "name": name,
        "status": "succeeded",
        "reason": None,
        **shipped,
        "random_split": leaky,
        "negative_control": control,
        "train_seconds": round(seconds, 3),
        "embed_images_per_second": embedding["images_per_second"],
        "head": _head_metrics(head),
    }
    parameters = {**vars(recipe), "weights": vars(known), "embedding": embedding}
    return metrics, describe(dataset, parameters)


def join(backbone: Path, head: Head) -> keras.Model:
    """The model that ships, from pixels to people and roles; heads are trained without Keras."""
    if "keras" not in sys.modules:
        load_keras(KerasBackend.OPENVINO)
    import keras  # noqa: PLC0415 - slow

    from components.train_model.assemble import assemble, build_head  # noqa: PLC0415

    return assemble(keras.saving.load_model(backbone, safe_mode=True), build_head(head))


def _head_metrics(head: Head) -> dict[str, Any]:
    return {
        "epochs": head.curves.epoch[-1],
        "best_epoch": head.best_epoch,
        "temperature": head.temperature,
        "shrinkage": head.shrinkage,
    }


def _random_split(dataset: Dataset, recipe: Recipe) -> dict[str, Any]:
    """Accuracies of frames had they been split at random: the same training, with the leak."""
    head = _train_head(dataset, dataset.random_split, recipe)
    test = dataset.random_split == Split.TEST
    labels = Labels(
        transaction=dataset.transaction[test],
        split=dataset.random_split[test],
        subject=np.unique(dataset.person_id, return_inverse=True)[1][test].astype(np.int32),
        person=dataset.person[test],
        role=dataset.role[test],
    )
    predicted = head.predict(Picked(dataset.features, np.flatnonzero(test)))
    return accuracies(decide(labels, Predicted(**predicted)))


def _train_head(dataset: Dataset, sides: npt.NDArray[np.str_], recipe: Recipe) -> Head:
    train, calibration = (
        _rows(dataset, sides == side) for side in (Split.TRAIN, Split.CALIBRATION)
    )
    return train_head(
        train,
        calibration,
        dataset.classes,
        epochs=recipe.epochs,
        seed=recipe.seed,
        backbone=recipe.backbone,
        augmented=_rows(dataset, sides == Split.TRAIN, with_views=True),
    )


def _control(dataset: Dataset, sides: npt.NDArray[np.str_], recipe: Recipe) -> dict[str, Any]:
    def train(relabelled: Dataset) -> Head:
        return _train_head(relabelled, sides, recipe)

    return negative_control(dataset, sides, train, recipe.seed, recipe.backbone)


def _rows(dataset: Dataset, mask: npt.NDArray[np.bool_], *, with_views: bool = False) -> Rows:
    known = mask & (dataset.person != STRANGER)
    clips = len(np.unique(dataset.clip_id[known]))
    rows = frames = np.flatnonzero(known)
    if with_views:
        own = np.flatnonzero(known[dataset.view_of])
        rows = np.concatenate([frames, len(known) + own])
        frames = np.concatenate([frames, dataset.view_of[own]])
    return Rows(Picked(dataset.features, rows), dataset.person[frames], clips)
