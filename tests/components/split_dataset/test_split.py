"""The dataset that is gathered from the shards."""

from __future__ import annotations

import json

import numpy as np
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest

from components.artifacts import digests_of, read_json, write_json
from components.contracts import (
    AUDIT_FILE,
    EMBEDDING_FILE,
    INDEX,
    INDEX_FILE,
    REJECTS,
    REJECTS_FILE,
    SOURCE_FILE,
    Reason,
    Reject,
    features_file,
    features_schema,
    rejects_table,
    views_file,
    views_schema,
)
from components.errors import ContractError, SourceError
from components.model_directory import CLASSES_FILE, Classes
from components.parquet import read_table, write_table
from tests.shards import BACKBONE, DIMENSION, people


def index_of(dataset):
    return read_table(dataset / INDEX_FILE, INDEX).to_pylist()


def test_the_dataset_is_the_same_however_it_was_sharded(split):
    one, many = (split(shards=number)[0] for number in (1, 5))
    same = [INDEX_FILE, CLASSES_FILE, features_file(BACKBONE)]
    digests = [{name: digests_of(each)[name] for name in same} for each in (one, many)]
    assert digests[0] == digests[1]


def test_every_frame_of_every_clip_is_in_the_index_once(split):
    clips = people()
    keys = [(row["clip_id"], row["index"]) for row in index_of(split(clips)[0])]
    wanted = {(clip.clip_id, index) for clip in clips for index in range(clip.frames)}
    assert len(keys) == len(wanted)
    assert set(keys) == wanted


def test_features_lie_in_the_order_of_the_index(split):
    dataset, _ = split()
    features = read_table(dataset / features_file(BACKBONE), features_schema(DIMENSION))
    keys = list(zip(*(features[name].to_pylist() for name in ("clip_id", "index")), strict=True))
    assert keys == [(row["clip_id"], row["index"]) for row in index_of(dataset)]


def test_views_are_gathered_of_the_frames_to_learn_from_alone(split):
    dataset, _ = split(views=2)
    views = read_table(dataset / views_file(BACKBONE), views_schema(DIMENSION))
    wanted = [
        (row["clip_id"], row["index"], view)
        for row in index_of(dataset)
        if row["split"] == "train"
        for view in (0, 1)
    ]
    keys = (views[name].to_pylist() for name in ("clip_id", "index", "view"))
    assert list(zip(*keys, strict=True)) == wanted


def test_shards_with_other_views_are_refused(split):
    def spoil(written):
        path = written.features[1] / EMBEDDING_FILE
        write_json(path, {BACKBONE: {**read_json(path)[BACKBONE], "views": 1}})

    with pytest.raises(ContractError, match="different views"):
        split(spoil=spoil)


def test_labels_are_indices_into_the_classes(split):
    dataset, _ = split()
    classes = Classes.read(dataset / CLASSES_FILE)
    for row in index_of(dataset):
        if row["person"] >= 0:
            assert classes.people[row["person"]] == row["person_id"]
            assert classes.roles[row["role_label"]] == row["role"]


def test_a_stranger_is_no_class(split):
    dataset, _ = split()
    classes = Classes.read(dataset / CLASSES_FILE)
    strangers = {row["person_id"] for row in index_of(dataset) if row["person"] < 0}
    assert strangers
    assert not strangers & set(classes.people)


def test_the_random_split_has_as_many_frames_on_each_side_as_the_honest_one(split):
    rows = index_of(split()[0])
    sides = [sorted(row[column] for row in rows) for column in ("split", "random_split")]
    assert sides[0] == sides[1]


def test_the_random_split_puts_sessions_on_both_sides(split):
    rows = [row for row in index_of(split()[0]) if row["person"] >= 0]
    sides = {(row["person_id"], row["session"], row["random_split"]) for row in rows}
    both = {(p, s) for p, s, side in sides if side == "test"}
    assert both & {(p, s) for p, s, side in sides if side == "train"}


def test_the_audit_stands_beside_the_dataset(split):
    _, audit = split(seed=3)
    found = read_json(audit / AUDIT_FILE)
    assert found["protocol"]["name"] == "by_session"
    assert found["protocol"]["options"]["seed"] == 3


def test_rejects_of_all_steps_are_gathered_and_counted(split):
    def reject(written):
        for folder, step in ((written.clips, "ingest_videos"), (written.extractions[0], "x")):
            rejects = [Reject("u", step, Reason.UNREADABLE, "why", clip_id=None)]
            write_table(folder / REJECTS_FILE, rejects_table(rejects))

    _, audit = split(spoil=reject)
    assert read_json(audit / SOURCE_FILE)["rejects_by_reason"] == {"unreadable": 2}
    assert read_table(audit / REJECTS_FILE, REJECTS).num_rows == 2


def test_a_clip_that_got_lost_on_the_way_is_noticed(split):
    with pytest.raises(ContractError, match="1 are neither in the dataset nor rejected"):
        split(spoil=lambda written: _forget_first_clip(written.features[0]))


def _forget_first_clip(shard):
    for path in shard.glob("*.parquet"):
        table = pq.read_table(path)
        write_table(path, table.filter(pc.field("clip_id") != table["clip_id"][0]))


def test_a_clip_that_came_twice_is_noticed(split):
    with pytest.raises(ContractError, match="whole, in one shard"):
        split(spoil=lambda written: written.features.append(written.features[0]))


def test_no_frame_at_all_is_an_error_that_counts_the_reasons(split):
    def reject_all(written):
        for shard in written.features:
            for path in shard.glob("*.parquet"):
                write_table(path, pq.read_table(path).slice(0, 0))
        ids = pq.read_table(written.clips / "clips.parquet")["clip_id"].to_pylist()
        rejects = [Reject("u", "extract_frames", Reason.NO_FRAMES, "none", clip) for clip in ids]
        write_table(written.extractions[0] / REJECTS_FILE, rejects_table(rejects))

    with pytest.raises(SourceError, match="'no_frames': 12"):
        split(spoil=reject_all)


def test_a_backbone_that_failed_in_one_shard_has_failed(split):
    def fail(written):
        write_json(
            written.features[1] / EMBEDDING_FILE,
            {BACKBONE: {"status": "failed", "reason": "not finite"}},
        )

    dataset, _ = split(spoil=fail)
    row = read_json(dataset / EMBEDDING_FILE)[BACKBONE]
    assert (row["status"], row["reason"]) == ("failed", "not finite")
    assert not (dataset / features_file(BACKBONE)).exists()


def test_the_embedding_speeds_of_the_shards_are_summed(split):
    dataset, _ = split(shards=2)
    row = read_json(dataset / EMBEDDING_FILE)[BACKBONE]
    assert (row["frames"], row["images_per_second"]) == (240, 240.0)


def test_shards_of_different_precision_are_refused(split):
    def mix(written):
        path = written.features[0] / EMBEDDING_FILE
        row = json.loads(path.read_text())[BACKBONE]
        write_json(path, {BACKBONE: {**row, "precision": "bf16"}})

    with pytest.raises(ContractError, match="precision"):
        split(spoil=mix)


def test_samples_of_all_shards_are_put_together(split):
    dataset, _ = split()
    table = pq.read_table(dataset / "samples.parquet")
    assert len(np.unique(table["clip_id"].to_pylist())) > 1
