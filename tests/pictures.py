"""Gives a dataset of made-up people pictures, and a small model of pixels to start from."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING

import numpy as np

from components.artifacts import digests_of, write_json
from components.contracts import Pictures
from components.model_directory import (
    CLASSES_FILE,
    DECISION_FILE,
    FRAME_SIZE,
    LINEAGE_FILE,
    METRICS_FILE,
    MODEL_FILE,
    Classes,
)
from components.shipped_model import Deployment
from components.split_dataset.assign import SplitOptions
from components.split_dataset.split import split_dataset
from tests.components.compare_models.finished_run import lineage, succeeded
from tests.shards import people, write_shards

if TYPE_CHECKING:
    from pathlib import Path


def write_dataset(folder: Path, **cohort: int) -> Path:
    """A dataset as split_dataset writes it with the pictures of all sides."""
    shards = write_shards(folder, people(**cohort))
    dataset, audit = folder / "dataset", folder / "audit"
    split_dataset(
        shards.features,
        shards.frames,
        shards.clips,
        shards.extractions,
        SplitOptions(),
        dataset=dataset,
        audit=audit,
        pictures=Pictures.ALL,
    )
    return dataset


def write_start(folder: Path, dataset: Path) -> Path:
    """A model as train_model writes it, of a backbone with everything that a training may touch."""
    import keras  # slow, and not all who want a dataset want a model

    classes = Classes.read(dataset / CLASSES_FILE)
    keras.utils.set_random_seed(0)
    pixels = (FRAME_SIZE, FRAME_SIZE, 3)
    backbone = keras.Sequential(
        [
            keras.Input(pixels, dtype="uint8"),
            keras.layers.Rescaling(1 / 255),
            keras.layers.Conv2D(8, 16, 16, activation="relu", name="early"),
            keras.layers.BatchNormalization(name="normalise"),
            keras.layers.Conv2D(16, 3, 2, activation="relu", name="late"),
            keras.layers.Dropout(0.2),
            keras.layers.GlobalAveragePooling2D(),
        ],
        name="Tiny_backbone",
    )
    member = np.eye(len(classes.roles), dtype=np.float32)[list(classes.role_of_person)]
    roles = keras.layers.Dense(len(classes.roles), use_bias=False, trainable=False, name="mean")
    features = keras.Input((16,))
    person = keras.layers.Dense(len(classes.people), activation="softmax", name="logits")(features)
    role = roles(person)
    head = keras.Model(features, {"person": person, "role": role}, name="head")
    roles.set_weights([member])
    image = keras.Input(pixels, dtype="uint8", name="image")
    outputs = head(backbone(image))
    named = {name: keras.layers.Identity(name=name)(outputs[name]) for name in ("person", "role")}
    folder.mkdir(parents=True)
    keras.Model(image, named, name="rollcall").save(folder / MODEL_FILE)
    classes.write(folder / CLASSES_FILE)
    write_json(folder / METRICS_FILE, succeeded("Tiny"))
    deployment = Deployment(crop="none", frames_per_second=5.0, target_fpir=0.01)
    write_json(folder / DECISION_FILE, {"threshold": 0.5, **asdict(deployment)})
    write_json(folder / LINEAGE_FILE, {**lineage(), "sha256": digests_of(folder)})
    return folder
