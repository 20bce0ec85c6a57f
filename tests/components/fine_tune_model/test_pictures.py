"""Frames come in an order that can be repeated, and that never needs more than a window of them."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from components.contracts import FRAMES, INDEX, INDEX_FILE, PICTURES_FILE, Split
from components.errors import ContractError
from components.fine_tune_model.pictures import Pictures, read_jpegs, read_pictures, shuffled
from components.model_directory import CLASSES_FILE, STRANGER, Classes
from components.parquet import read_table, write_table
from tests.pictures import write_dataset

WINDOW = 1000


@pytest.fixture(scope="module")
def dataset(tmp_path_factory):
    return write_dataset(tmp_path_factory.mktemp("data"), students=3, staff=1, visitors=3)


@pytest.fixture(scope="module")
def pictures(dataset):
    return read_pictures(dataset)


def test_every_picture_has_the_labels_of_its_row_in_the_index(dataset, pictures):
    keys = ["clip_id", "index"]
    frames = read_table(dataset / PICTURES_FILE, FRAMES, keys).to_pylist()
    labels = {
        (row["clip_id"], row["index"]): row
        for row in read_table(dataset / INDEX_FILE, INDEX).to_pylist()
    }
    own = [labels[frame["clip_id"], frame["index"]] for frame in frames]
    assert len(own) > 0
    assert pictures.person.tolist() == [row["person"] for row in own]
    assert pictures.role.tolist() == [row["role_label"] for row in own]
    assert pictures.split.tolist() == [row["split"] for row in own]
    assert pictures.transaction.tolist() == [row["transaction"] for row in own]


def test_a_side_is_without_strangers_unless_they_are_asked_for(pictures):
    known, all_ = pictures.side(Split.TEST), pictures.side(Split.TEST, strangers=True)
    assert set(known) < set(all_)
    assert STRANGER not in pictures.person[known]
    assert set(pictures.split[all_]) == {Split.TEST}


def copied(dataset, folder, file, change, schema):
    folder.mkdir()
    for name in (PICTURES_FILE, INDEX_FILE, CLASSES_FILE):
        (folder / name).symlink_to(dataset / name)
    (folder / file).unlink()
    write_table(folder / file, change(read_table(dataset / file, schema)))
    return folder


@pytest.mark.parametrize(
    "change",
    [
        lambda table: table.take(list(range(table.num_rows))[::-1]),
        lambda table: table.set_column(
            table.schema.get_field_index("clip_id"),
            FRAMES.field("clip_id"),
            pa.array(["x"] * table.num_rows),
        ),
        lambda table: pa.concat_tables([table, table]),
    ],
    ids=["in another order", "of another clip", "twice"],
)
def test_pictures_that_are_not_those_of_the_index_are_refused(dataset, tmp_path, change):
    spoilt = copied(dataset, tmp_path / "x", PICTURES_FILE, change, FRAMES)
    with pytest.raises(ContractError, match="rows are not those"):
        read_pictures(spoilt)


def test_a_label_out_of_range_is_refused(dataset, tmp_path):
    def change(table):
        column = pa.array([99] * table.num_rows, pa.int32())
        return table.set_column(INDEX.get_field_index("person"), INDEX.field("person"), column)

    with pytest.raises(ContractError, match="outside"):
        read_pictures(copied(dataset, tmp_path / "x", INDEX_FILE, change, INDEX))


def test_a_dataset_without_pictures_says_what_it_lacks(tmp_path):
    with pytest.raises(ContractError, match="pictures of all sides"):
        read_pictures(tmp_path)


def made_up(counts: list[int], sizes: list[int]) -> Pictures:
    rows = sum(counts)
    none = np.zeros(rows, np.int32)
    return Pictures(
        path=None,
        classes=Classes(("p",), (0,)),
        starts=np.cumsum([0, *counts]),
        sizes=np.asarray(sizes),
        person=none,
        role=none,
        split=np.full(rows, "train"),
        transaction=np.full(rows, "t"),
    )


clips = st.lists(st.tuples(st.integers(1, 6), st.integers(1, 700)), min_size=1, max_size=12)


@given(clips, st.data(), st.integers(0, 5))
def test_an_epoch_has_each_of_its_frames_once(sizes, data, epoch):
    counts, weights = zip(*sizes, strict=True)
    pictures = made_up(list(counts), list(weights))
    rows = np.asarray(
        data.draw(st.lists(st.integers(0, sum(counts) - 1), unique=True, min_size=1).map(sorted))
    )
    windows = shuffled(pictures, rows, (0, epoch), WINDOW)
    assert sorted(np.concatenate(windows).tolist()) == rows.tolist()


@given(clips)
def test_a_window_has_no_more_bytes_than_it_may_and_a_clip(sizes):
    counts, weights = zip(*sizes, strict=True)
    pictures = made_up(list(counts), list(weights))
    for window in shuffled(pictures, np.arange(sum(counts)), (0, 1), WINDOW):
        own = np.unique(pictures.clip_of(window))
        assert pictures.sizes[own].sum() <= WINDOW + pictures.sizes[own].max()


def test_the_order_is_that_of_seed_and_epoch(pictures):
    rows = pictures.side(Split.TRAIN)

    def order(*seed):
        return np.concatenate(shuffled(pictures, rows, seed)).tolist()

    assert order(3, 1) == order(3, 1)
    assert order(3, 1) != order(3, 2) != order(4, 2)


@pytest.mark.parametrize("first", [0, 1, 17, 1000])
def test_reading_from_a_frame_on_gives_the_rest_of_the_same_order(pictures, first):
    windows = shuffled(pictures, pictures.side(Split.TRAIN), (0, 1), 30_000)
    assert len(windows) > 1
    assert list(read_jpegs(pictures, windows, first)) == list(read_jpegs(pictures, windows))[first:]


def test_each_row_comes_with_its_own_picture(dataset, pictures):
    jpegs = read_table(dataset / PICTURES_FILE, FRAMES, ["jpeg"])["jpeg"].to_pylist()
    windows = shuffled(pictures, pictures.side(Split.TRAIN), (0, 1))
    assert all(jpeg == jpegs[row] for jpeg, row in read_jpegs(pictures, windows))


def test_windows_that_are_skipped_are_not_read(pictures, monkeypatch):
    import pyarrow.parquet as pq

    read, groups = pq.ParquetFile.read_row_group, []

    def counted(self, group, *arguments, **more):
        groups.append(group)
        return read(self, group, *arguments, **more)

    monkeypatch.setattr(pq.ParquetFile, "read_row_group", counted)
    windows = shuffled(pictures, pictures.side(Split.TRAIN), (0, 1), 30_000)
    list(read_jpegs(pictures, windows, len(windows[0])))
    assert set(groups).isdisjoint(pictures.clip_of(windows[0]).tolist())
