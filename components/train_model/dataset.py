"""Reads one backbone's part of the dataset, and trusts none of its labels."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from components.contracts import (
    INDEX,
    INDEX_FILE,
    Split,
    features_file,
    features_schema,
    views_file,
    views_schema,
)
from components.errors import ContractError
from components.model_directory import CLASSES_FILE, Classes
from components.parquet import open_table, read_table

if TYPE_CHECKING:
    from pathlib import Path

    import numpy.typing as npt
    import pyarrow as pa

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
        views: float16 [V, D], features of augmented views of the frames to learn from.
        view_of: int64 [V], the row of each view's frame.
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
    views: npt.NDArray[np.float16]
    view_of: npt.NDArray[np.int64]


def read_dataset(directory: Path, backbone: str, dimension: int, views: int = 0) -> Dataset:
    """Read what split_dataset wrote, with so many views of each frame to learn from.

    Memory is 2 D bytes a frame or view for the features, and about 200 for the rest.

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
    clip_id, number = columns["clip_id"], columns["index"].astype(np.int32)
    path, schema = directory / features_file(backbone), features_schema(dimension)
    features = _read_features(path, schema, clip_id, number)
    view_of = np.repeat(np.flatnonzero(columns["split"] == Split.TRAIN), views)
    of_views = np.empty((0, dimension), np.float16)
    if views:
        path, schema = directory / views_file(backbone), views_schema(dimension)
        of_views = _read_features(path, schema, clip_id[view_of], number[view_of])
    return Dataset(
        classes=classes,
        features=features,
        person=person,
        role=role,
        split=columns["split"],
        random_split=columns["random_split"],
        transaction=columns["transaction"],
        clip_id=clip_id,
        person_id=columns["person_id"],
        index=number,
        views=of_views,
        view_of=view_of,
    )


def _read_features(
    path: Path, schema: pa.Schema, clip_id: npt.NDArray[np.str_], index: npt.NDArray[np.int32]
) -> npt.NDArray[np.float16]:
    """Read the features of these frames, which have to be the rows of the file."""
    name, dimension = path.name, schema.field("feature").type.list_size
    features = np.empty((len(clip_id), dimension), np.float16)
    at = 0
    with open_table(path, schema) as file:
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
