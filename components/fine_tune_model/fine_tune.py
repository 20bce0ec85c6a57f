"""From a trained model to the same with its backbone fine-tuned; a killed task goes on."""

from __future__ import annotations

import hashlib
import logging
import zipfile
from dataclasses import asdict, dataclass, fields, replace
from importlib.metadata import version
from typing import TYPE_CHECKING, Any, Final

import keras
import tensorflow as tf

from components.artifacts import (
    atomic_directory,
    digests_of,
    read_json,
    sha256_of,
    verify_digests,
    write_json,
)
from components.contracts import INDEX_FILE, PICTURES_FILE
from components.errors import BackboneError, ContractError
from components.fine_tune_model.checkpoint import Checkpoint
from components.fine_tune_model.devices import find_setup, strategy_of
from components.fine_tune_model.layers import ALL
from components.fine_tune_model.pictures import read_pictures
from components.fine_tune_model.training import Place, Plan, Training
from components.model_directory import (
    CLASSES_FILE,
    CURVES_FILE,
    DECISION_FILE,
    LINEAGE_FILE,
    METRICS_FILE,
    MODEL_FILE,
    Classes,
)
from components.shipped_model import Deployment, ship, shipping
from components.telemetry import step
from components.trusted_model import load_model

if TYPE_CHECKING:
    from pathlib import Path

    from components.fine_tune_model.devices import Setup
    from components.fine_tune_model.pictures import Pictures
    from components.telemetry import Progress

log = logging.getLogger("rollcall")

WEIGHTS_IN_MODEL: Final = "model.weights.h5"
"""Their file inside the archive that a .keras file is."""


def fine_tune_model(
    dataset: Path, start: Path, plan: Plan, checkpoints: Path, model: Path
) -> dict[str, Any]:
    """Fine-tune a trained model and write its directory.

    A task that is killed and started again with the same arguments goes on at the last checkpoint.
    On processors of the same kind it ends with the same weights, bit by bit, as one that was not.

    Args:
        dataset: what split_dataset wrote, with the pictures of all sides.
        start: the directory of the trained model; it has to be of the same dataset.
        plan: how to train.
        checkpoints: a folder for what is resumed from; trainings may share it.
        model: the directory to make.

    Returns:
        The metrics, as in metrics.json. A start that failed, or a loss that is not finite any more,
        is a model that failed. All else is raised, for the task to be tried again.

    Raises:
        ContractError: the dataset has no pictures, or the model is of another one.
        DigestError: the model is not what was written.
    """
    frozen = read_json(start / METRICS_FILE)
    verify_digests(start, read_json(start / LINEAGE_FILE)["sha256"])
    name, checkpoint = name_of(frozen["name"], plan.depth), None
    with step("fine_tune_model", name) as progress, atomic_directory(model) as directory:
        if frozen["status"] == "succeeded":
            pictures, setup = read_pictures(dataset), find_setup()
            checkpoint = Checkpoint(checkpoints, _recipe(dataset, start, plan, setup))
            task = _Task(start, pictures, plan, setup, checkpoint, progress)
            metrics, lineage = _fine_tune(task, directory)
        else:
            metrics, lineage = frozen, {}
        metrics = {**metrics, "name": name}
        write_json(directory / METRICS_FILE, metrics)
        write_json(directory / LINEAGE_FILE, {**lineage, "sha256": digests_of(directory)})
    if checkpoint:
        checkpoint.delete()  # not before what it was kept for is in its place
    return metrics


@dataclass(frozen=True)
class _Task:
    """What a model is fine-tuned from, and how."""

    start: Path
    pictures: Pictures
    plan: Plan
    setup: Setup
    checkpoint: Checkpoint
    progress: Progress


def name_of(backbone: str, depth: str) -> str:
    """What a fine-tuned model is called, beside the frozen one and those of other depths."""
    return f"{backbone}-tuned" + ("" if depth == ALL else depth)


def _recipe(dataset: Path, start: Path, plan: Plan, setup: Setup) -> dict[str, Any]:
    """All that a training's steps depend on; how often it saves may be changed on the way."""
    with zipfile.ZipFile(start / MODEL_FILE) as file:  # beside metadata that hold the date
        weights = hashlib.sha256(file.read(WEIGHTS_IN_MODEL)).hexdigest()
    return {
        "plan": asdict(replace(plan, checkpoint_every=0)),
        "dataset": {file: sha256_of(dataset / file) for file in (INDEX_FILE, PICTURES_FILE)},
        "start": weights,
        "setup": asdict(setup),
        "versions": {"rollcall": version("rollcall"), "keras": keras.__version__}
        | {"tensorflow": tf.__version__},
    }


def _fine_tune(task: _Task, directory: Path) -> tuple[dict[str, Any], dict[str, Any]]:
    """Write all but metrics and lineage, and return those."""
    frozen = read_json(task.start / METRICS_FILE)
    try:
        model, found = _train(task)
    except BackboneError as error:
        log.warning("the model failed: %s", error)
        return {"status": "failed", "reason": str(error)}, {}
    write_json(directory / CURVES_FILE, found.curves)
    decision = read_json(task.start / DECISION_FILE)
    dataset = task.pictures.path.parent
    with shipping(model, dataset, directory) as converted:
        shipped = ship(
            converted.result(),
            dataset,
            task.pictures.classes,
            Deployment(**{field.name: decision[field.name] for field in fields(Deployment)}),
            directory,
            temperature=frozen["head"]["temperature"],
        )
    # The control is that of the start: to fine-tune on permuted labels would double the work. How
    # a random split would have done nobody has measured.
    metrics = {
        **frozen,
        **shipped,
        "random_split": {"identity_accuracy": None, "role_accuracy": None, "n": 0},
        "train_seconds": round(found.seconds, 3),
        "head": frozen["head"] | {"epochs": found.epoch - 1, "best_epoch": found.best},
    }
    return metrics, _lineage(task, found)


def _train(task: _Task) -> tuple[keras.Model, Place]:
    """Train; returns the model without loss and optimizer, and how it went."""
    if task.pictures.classes != Classes.read(task.start / CLASSES_FILE):
        raise ContractError("the model was trained on other people than the dataset has")
    keras.utils.set_random_seed(task.plan.seed)
    tf.config.experimental.enable_op_determinism()
    with strategy_of(task.setup).scope():
        model = load_model(task.start)
        training = Training(model, task.pictures, task.plan, task.setup, task.checkpoint)
        found = training.run(task.progress)
    return keras.Model(model.inputs, model.output, name=model.name), found


def _lineage(task: _Task, found: Place) -> dict[str, Any]:
    """That of the start, which is of the same clips, and what was done to it."""
    lineage = read_json(task.start / LINEAGE_FILE)
    tuning = {**asdict(task.plan), **asdict(task.setup), "batch": found.batch}
    return {
        **lineage,
        "parameters": {**lineage["parameters"], "fine_tuning": tuning},
        "start": sha256_of(task.start / LINEAGE_FILE),
    }
