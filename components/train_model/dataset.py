"""Reads one backbone's part of the dataset, and trusts none of its labels."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from components.contracts import INDEX, INDEX_FILE, features_file, features_schema
from components.errors import ContractError
from components.model_directory import CLASSES_FILE, Classes
from components.parquet import open_table, read_table

if TYPE_CHECKING:
    from pathlib import Path

    import numpy.typing as npt

BATCH_ROWS = 2048


@dataclass(frozen=True)
class Dataset:
    """The features of one backbone with their labels; N rows in the order of the index.

    Attributes:
        classes: what the labels mean.
        features: float16 [N, D].
        person: int32 [N], an index into classes.people or STRANGER.
        role: int32 [N], an index into classes.roles.
        split: str [N], the honest side of each frame.
        random_split: str [N], the side under a random split of frames.
        transaction: str [N], which frames are pooled into one decision.
        clip_id: str [N].
        person_id: str [N], the pseudonym, of strangers too.
        index: int32 [N], the frame's number in its clip.
    """

    classes: Classes
    features: npt.NDArray[np.float16]
    person: npt.NDArray[np.int32]
    role: npt.NDArray[np.int32]
    split: npt.NDArray[np.str_]
    random_split: npt.NDArray[np.str_]
    transaction: npt.NDArray[np.str_]
    clip_id: npt.NDArray[np.str_]
    person_id: npt.NDArray[np.str_]
    index: npt.NDArray[np.int32]


def read_dataset(directory: Path, backbone: str, dimension: int) -> Dataset:
    """Read what split_dataset wrote.

    Memory is 2 D bytes a frame for the features, and about 200 for the rest.

    Raises:
        ContractError: a label is out of range, or the features are not those of the index.
    """
    classes = Classes.read(directory / CLASSES_FILE)
    index = read_table(directory / INDEX_FILE, INDEX)
    columns = {name: np.asarray(index[name].to_pylist()) for name in INDEX.names}
    person, role = columns["person"].astype(np.int32), columns["role_label"].astype(np.int32)
    classes.check_labels(np.unique(person).tolist(), where=INDEX_FILE)
    if role.size and not 0 <= role.min() <= role.max() < len(classes.roles):
        raise ContractError(f"{INDEX_FILE}: a role label is outside 0..{len(classes.roles) - 1}")
    features = _read_features(directory, backbone, dimension, columns["clip_id"], columns["index"])
    return Dataset(
        classes=classes,
        features=features,
        person=person,
        role=role,
        split=columns["split"],
        random_split=columns["random_split"],
        transaction=columns["transaction"],
        clip_id=columns["clip_id"],
        person_id=columns["person_id"],
        index=columns["index"].astype(np.int32),
    )


def _read_features(
    directory: Path,
    backbone: str,
    dimension: int,
    clip_id: npt.NDArray[np.str_],
    index: npt.NDArray[np.int_],
) -> npt.NDArray[np.float16]:
    name = features_file(backbone)
    features = np.empty((len(clip_id), dimension), np.float16)
    at = 0
    with open_table(directory / name, features_schema(dimension)) as file:
        if file.metadata.num_rows != len(clip_id):
            raise ContractError(f"{name} has {file.metadata.num_rows} rows, not {len(clip_id)}")
        for batch in file.iter_batches(BATCH_ROWS):
            rows = slice(at, at + batch.num_rows)
            same_clip = np.asarray(batch["clip_id"].to_pylist()) == clip_id[rows]
            same_frame = batch["index"].to_numpy() == index[rows]
            if not (same_clip & same_frame).all():
                raise ContractError(f"{name}: its rows are not those of {INDEX_FILE}")
            features[rows] = batch["feature"].flatten().to_numpy().reshape(-1, dimension)
            at = rows.stop
    return features
