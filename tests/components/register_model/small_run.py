"""What a run hands to register_model: small, but with real features and heads."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import keras
import numpy as np
import pyarrow as pa

from components.artifacts import digests_of, read_json, write_json
from components.contracts import AUDIT_FILE, INDEX, INDEX_FILE, TRANSACTIONS
from components.exported_backbones import (
    HEAD_FILE,
    REIGNING,
    ExportedBackbone,
    Status,
    write_exported,
)
from components.model_directory import (
    CLASSES_FILE,
    EDGE_MODEL_FILE,
    LINEAGE_FILE,
    METRICS_FILE,
    STRANGER,
    TRANSACTIONS_FILE,
    Classes,
)
from components.parquet import read_table, write_table
from components.split_dataset.assign import SplitOptions
from components.split_dataset.split import split_dataset
from tests.shards import BACKBONE, DIMENSION, _vector, people, write_shards
from tests.tiny_model import tiny_tflite

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

PEOPLE = people(students=4, staff=2, visitors=4)


@dataclass(frozen=True)
class SmallRun:
    """Where everything lies, and how to add the models.

    Attributes:
        folder: of all the others.
        index: rows of the dataset's index.
    """

    folder: Path
    index: list[dict[str, Any]] = field(repr=False)

    @property
    def dataset(self) -> Path:
        return self.folder / "dataset"

    @property
    def exported(self) -> Path:
        return self.folder / "exported"

    @property
    def audit(self) -> Path:
        return self.folder / "audit"

    @property
    def classes(self) -> Classes:
        return Classes.read(self.dataset / CLASSES_FILE)

    def tested(self) -> dict[str, int]:
        """The test transactions of known people, and whose they are."""
        rows = (row for row in self.index if row["split"] == "test" and row["person"] != STRANGER)
        return {row["transaction"]: row["person"] for row in rows}

    def write_model(self, name: str, *, wrong: int = 0, **changes: Any) -> Path:
        """The new model: it gets all but the first `wrong` test transactions right."""
        folder = self.folder / name
        folder.mkdir()
        (folder / EDGE_MODEL_FILE).write_bytes(tiny_tflite())
        self.classes.write(folder / CLASSES_FILE)
        rows = [
            {
                "transaction": transaction,
                "split": "test",
                "subject": person,
                "person": person,
                "role_label": 0,
                "predicted": person if number >= wrong else person + 1,
                "score": 0.9,
                "predicted_role": 0,
                "student_score": 0.9,
                "frames": 20,
            }
            for number, (transaction, person) in enumerate(sorted(self.tested().items()))
        ]
        write_table(folder / TRANSACTIONS_FILE, pa.Table.from_pylist(rows, TRANSACTIONS))
        write_json(folder / METRICS_FILE, {**METRICS, "name": BACKBONE, **changes})
        write_lineage(folder)
        return folder

    def write_reigning(
        self,
        known: Sequence[str] | None = None,
        *,
        learnt: Sequence[str] = (),
        crop: str = "none",
        **row: Any,
    ) -> None:
        """Export a champion that tells the people `known` apart as well as can be."""
        known = self.classes.people if known is None else known
        folder = self.exported / REIGNING
        folder.mkdir(exist_ok=True)
        make_head(known).save(folder / HEAD_FILE)
        Classes(tuple(known), (0,) * len(known)).write(folder / CLASSES_FILE)
        write_lineage(folder, train=learnt, crop=crop)
        values = {"dimension": DIMENSION, "version": "1", "same_as": BACKBONE, **row}
        status = values.pop("status", Status.SUCCEEDED)
        backbone = ExportedBackbone(Status.SUCCEEDED, dimension=DIMENSION)
        reigning = ExportedBackbone(status, **values)
        write_exported(self.exported, {BACKBONE: backbone, REIGNING: reigning})


METRICS = {
    "status": "succeeded",
    "transaction": {"identity_accuracy": 0.9, "n": 8, "open_set": {"fpir_upper": 0.5}},
    "frame": {},
    "latency_ms": {"p50": 8.0, "p99": 9.0},
    "size_bytes": 9_000_000,
    "negative_control": {"identity_accuracy": 0.1, "chance": 0.1, "passed": True},
}


def write_lineage(folder: Path, *, train: Sequence[str] = (), crop: str = "none") -> None:
    """What a model was made from, with the digests of what is there."""
    parameters = {"seed": 0, "crop": crop, "weights": {"weights": "none", "license": None}}
    lineage = {
        "code_version": "0.1.0",
        "python": "3.11.2",
        "libraries": {},
        "parameters": parameters,
        "clips": {"train": list(train), "calibration": [], "test": []},
    }
    write_json(folder / LINEAGE_FILE, {**lineage, "sha256": digests_of(folder)})


def make_head(known: Sequence[str]) -> keras.Model:
    """Takes each person's features for theirs: the nearest of the points that the shards have."""
    points = np.stack([_vector(person) for person in known])
    features = keras.Input((DIMENSION,), name="features")
    dense = keras.layers.Dense(len(known), name="logits")
    person = keras.layers.Softmax(name="person")(dense(features))
    role = keras.layers.Dense(3, activation="softmax", name="role")(person)
    head = keras.Model(features, {"person": person, "role": role}, name="head")
    dense.set_weights([points.T, -(points**2).sum(1) / 2])
    return head


def write_small_run(folder: Path) -> SmallRun:
    """The dataset of a few people, audited, and a backbone exported without files."""
    shards = write_shards(folder / "shards", PEOPLE)
    split_dataset(
        shards.features,
        shards.frames,
        shards.clips,
        shards.extractions,
        SplitOptions(),
        dataset=folder / "dataset",
        audit=folder / "audit",
    )
    findings = read_json(folder / "audit" / AUDIT_FILE)
    findings["protocol"]["leaks"] = False
    write_json(folder / "audit" / AUDIT_FILE, findings)
    (folder / "exported").mkdir()
    backbone = ExportedBackbone(Status.SUCCEEDED, dimension=DIMENSION)
    write_exported(folder / "exported", {BACKBONE: backbone})
    return SmallRun(folder, read_table(folder / "dataset" / INDEX_FILE, INDEX).to_pylist())
