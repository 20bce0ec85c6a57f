"""What split_dataset wrote is read, and no label is trusted."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest

from components.contracts import INDEX, INDEX_FILE, features_file, features_schema
from components.errors import ContractError
from components.model_directory import CLASSES_FILE, Classes
from components.parquet import read_table, write_table
from components.split_dataset.assign import SplitOptions
from components.split_dataset.split import split_dataset
from components.train_model.dataset import read_dataset
from tests.shards import BACKBONE, DIMENSION, people, write_shards


@pytest.fixture
def dataset(tmp_path):
    shards = write_shards(tmp_path, people(), views=2)
    split_dataset(
        shards.features,
        shards.frames,
        shards.clips,
        shards.extractions,
        SplitOptions(),
        dataset=tmp_path / "dataset",
        audit=tmp_path / "audit",
    )
    return tmp_path / "dataset"


def test_features_come_back_in_the_order_of_the_index(dataset):
    read = read_dataset(dataset, BACKBONE, DIMENSION)
    table = read_table(dataset / features_file(BACKBONE), features_schema(DIMENSION))
    assert read.features.dtype == np.float16
    np.testing.assert_array_equal(read.features, np.stack(table["feature"].to_pylist()))


def test_views_know_their_frames(dataset):
    read = read_dataset(dataset, BACKBONE, DIMENSION, views=2)
    assert len(read.view_of) == 2 * (read.split == "train").sum()
    assert (read.split[read.view_of] == "train").all()
    # The views of these shards have the features of their frames.
    views = read.features[len(read.index) :]
    np.testing.assert_array_equal(views, read.features[read.view_of])


def test_fewer_views_than_were_said_are_refused(dataset):
    with pytest.raises(ContractError, match="rows, not"):
        read_dataset(dataset, BACKBONE, DIMENSION, views=3)


def test_labels_beyond_the_classes_are_refused(dataset):
    classes = Classes.read(dataset / CLASSES_FILE)
    Classes(classes.people[:-1], classes.role_of_person[:-1]).write(dataset / CLASSES_FILE)
    with pytest.raises(ContractError, match="outside"):
        read_dataset(dataset, BACKBONE, DIMENSION)


def test_role_labels_beyond_the_roles_are_refused(dataset):
    table = read_table(dataset / INDEX_FILE, INDEX)
    wrong = pa.array([3] * table.num_rows, pa.int32())
    at = table.column_names.index("role_label")
    write_table(dataset / INDEX_FILE, table.set_column(at, INDEX.field("role_label"), wrong))
    with pytest.raises(ContractError, match="role label"):
        read_dataset(dataset, BACKBONE, DIMENSION)


def test_features_of_other_frames_are_refused(dataset):
    path = dataset / features_file(BACKBONE)
    table = read_table(path, features_schema(DIMENSION))
    write_table(path, table.take(list(reversed(range(table.num_rows)))))
    with pytest.raises(ContractError, match="rows are not those"):
        read_dataset(dataset, BACKBONE, DIMENSION)


def test_features_that_are_too_few_are_refused(dataset):
    path = dataset / features_file(BACKBONE)
    write_table(path, read_table(path, features_schema(DIMENSION)).slice(1))
    with pytest.raises(ContractError, match="rows, not"):
        read_dataset(dataset, BACKBONE, DIMENSION)


def test_features_of_another_length_are_refused(dataset):
    with pytest.raises(ContractError, match="other columns"):
        read_dataset(dataset, BACKBONE, DIMENSION + 1)
