"""The frames themselves, for whoever has to look at pixels again."""

from __future__ import annotations

import pyarrow.parquet as pq
import pytest

from components.contracts import FRAMES, FRAMES_FILE, INDEX, INDEX_FILE, PICTURES_FILE
from components.errors import ContractError
from components.parquet import read_table, write_table


def keys(path, schema, sides=None):
    rows = read_table(path, schema).to_pylist()
    return [
        (row["clip_id"], row["index"]) for row in rows if sides is None or row["split"] in sides
    ]


@pytest.mark.parametrize(
    ("pictures", "sides"),
    [("evaluation", {"calibration", "test"}), ("all", {"train", "calibration", "test"})],
)
def test_those_of_the_sides_asked_for_lie_in_the_order_of_the_index(split, pictures, sides):
    dataset, _ = split(pictures=pictures, shards=3)
    assert keys(dataset / PICTURES_FILE, FRAMES) == keys(dataset / INDEX_FILE, INDEX, sides)


def test_they_are_those_that_were_extracted(split):
    written = []
    dataset, _ = split(spoil=lambda shards: written.extend(shards.frames))
    extracted = {
        (row["clip_id"], row["index"]): row
        for folder in written
        for row in read_table(folder / FRAMES_FILE, FRAMES).to_pylist()
    }
    rows = read_table(dataset / PICTURES_FILE, FRAMES).to_pylist()
    assert all(row == extracted[row["clip_id"], row["index"]] for row in rows)


def test_a_row_group_is_a_clip(split):
    with pq.ParquetFile(split()[0] / PICTURES_FILE) as file:
        clips = [
            file.read_row_group(group, ["clip_id"])["clip_id"].unique().to_pylist()
            for group in range(file.num_row_groups)
        ]
    assert all(len(own) == 1 for own in clips)
    assert len(clips) == len({own[0] for own in clips})


def test_a_shard_without_frames_is_noticed(split):
    with pytest.raises(ContractError, match="no frames: a shard is missing"):
        split(spoil=lambda written: written.frames.pop())


def test_frames_that_were_not_embedded_are_refused(split):
    def swap(written):
        path = written.frames[0] / FRAMES_FILE
        table = read_table(path, FRAMES)
        write_table(path, table.set_column(9, FRAMES.field("dhash"), table["dhash"][::-1]))

    with pytest.raises(ContractError, match="not those that were embedded"):
        split(spoil=swap)


def test_unknown_sides_are_refused(split):
    with pytest.raises(ContractError, match="evaluation or all"):
        split(pictures="some")
