"""Reads one backbone's part of the dataset, and trusts none of its labels."""

from __future__ import annotations

from dataclasses import dataclass, field
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

BATCH_ROWS = 256
WORDS = ("split", "random_split", "transaction", "clip_id", "person_id")
NUMBERS = ("person", "role_label", "index")


@dataclass(frozen=True)
class Picked:
    """Some rows [n] of features [N, D], copied only as far as they are asked for."""

    features: npt.NDArray[np.float16]
    rows: npt.NDArray[np.intp]

    def __len__(self) -> int:
        """How many rows."""
        return len(self.rows)

    def __getitem__(self, which: slice | npt.NDArray[np.intp]) -> npt.NDArray[np.float16]:
        """Copy some of them."""
        return self.features[self.rows[which]]

    @property
    def shape(self) -> tuple[int, int]:
        """How many rows, and how long each is."""
        return len(self.rows), self.features.shape[1]


@dataclass(frozen=True)
class Dataset:
    """The features of one backbone with their labels; N rows in the order of the index.

    Attributes:
        classes: what the labels mean.
        features: float16 [N + V, D], of augmented views behind those of the frames.
        person: int32 [N], an index into classes.people or STRANGER.
        role: int32 [N], an index into classes.roles.
        split: str [N], the honest side of each frame.
        random_split: str [N], the side under a random split of frames.
        transaction: str [N], which frames are pooled into one decision.
        clip_id: str [N].
        person_id: str [N], the pseudonym, of strangers too.
        index: int32 [N], the frame's number in its clip.
        view_of: int64 [V], the row of each view's frame, which is one to learn from.
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
    view_of: npt.NDArray[np.int64] = field(default_factory=lambda: np.empty(0, np.int64))


def read_dataset(directory: Path, backbone: str, dimension: int, views: int = 0) -> Dataset:
    """Read what split_dataset wrote, with so many views of each frame to learn from.

    Memory is 2 D bytes a frame or view for the features, and 4 a letter of its words for the rest.

    Raises:
        ContractError: a label is out of range, or the features are not those of the index.
    """
    classes = Classes.read(directory / CLASSES_FILE)
    index = read_table(directory / INDEX_FILE, INDEX, [*WORDS, *NUMBERS])
    words = {name: _words(index[name].combine_chunks()) for name in WORDS}
    person, role, number = (index[name].to_numpy() for name in NUMBERS)
    classes.check_labels(np.unique(person).tolist(), where=INDEX_FILE)
    if role.size and not 0 <= role.min() <= role.max() < len(classes.roles):
        raise ContractError(f"{INDEX_FILE}: a role label is outside 0..{len(classes.roles) - 1}")
    view_of = np.repeat(np.flatnonzero(words["split"] == Split.TRAIN), views)
    frames, clip_id = len(number), words["clip_id"]
    features = np.empty((frames + len(view_of), dimension), np.float16)
    path, schema = directory / features_file(backbone), features_schema(dimension)
    _read_features(path, schema, clip_id, number, features[:frames])
    if views:
        path, schema = directory / views_file(backbone), views_schema(dimension)
        _read_features(path, schema, clip_id[view_of], number[view_of], features[frames:])
    return Dataset(
        classes=classes,
        features=features,
        person=person,
        role=role,
        index=number,
        view_of=view_of,
        **words,
    )


def _words(column: pa.Array) -> npt.NDArray[np.str_]:
    """Words that repeat, without an object of Python's for each time they do."""
    coded = column.dictionary_encode()
    return np.asarray(coded.dictionary.to_pylist(), np.str_)[coded.indices.to_numpy()]


def _read_features(
    path: Path,
    schema: pa.Schema,
    clip_id: npt.NDArray[np.str_],
    index: npt.NDArray[np.int_],
    features: npt.NDArray[np.float16],
) -> None:
    """Fill `features` [n, D] from a file whose rows have to be these n frames."""
    name, dimension = path.name, features.shape[1]
    at = 0
    with open_table(path, schema) as file:
        if file.metadata.num_rows != len(clip_id):
            raise ContractError(f"{name} has {file.metadata.num_rows} rows, not {len(clip_id)}")
        for batch in file.iter_batches(BATCH_ROWS):
            rows = slice(at, at + batch.num_rows)
            same_clip = _words(batch["clip_id"]) == clip_id[rows]
            same_frame = batch["index"].to_numpy() == index[rows]
            if not (same_clip & same_frame).all():
                raise ContractError(f"{name}: its rows are not those of {INDEX_FILE}")
            features[rows] = batch["feature"].flatten().to_numpy().reshape(-1, dimension)
            at = rows.stop
