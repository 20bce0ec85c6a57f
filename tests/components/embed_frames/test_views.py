"""Augmented views: what they change, and that they depend on the frame alone."""

from __future__ import annotations

import cv2
import numpy as np
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from components.contracts import features_file, views_file, views_schema
from components.embed_frames import embed, spool
from components.embed_frames.embed import embed_frames
from components.embed_frames.views import TRANSFORMS, make_view, make_views
from components.parquet import read_table
from tests.components.embed_frames.conftest import CLIPS, DIMENSION, Means, shard_rows, write_shard
from tests.photographs import crops

BY_NAME = {transform.name: transform for transform in TRANSFORMS}


def applied(name, amount, image=None):
    image = crops(1)[0] if image is None else image
    return BY_NAME[name].apply(image, amount, np.random.default_rng(0)).astype(int)


def test_the_table_has_what_changes_between_two_days():
    assert list(BY_NAME) == ["mirror", "turn", "light", "colour", "blur", "cover"]


@given(st.sampled_from(TRANSFORMS), st.floats(0, 1), st.integers(0, 2**32 - 1))
def test_every_transform_gives_a_picture_of_the_same_size(transform, part, seed):
    image = np.random.default_rng(seed).integers(0, 256, (32, 32, 3), dtype=np.uint8)
    before = image.copy()
    amount = transform.low + part * (transform.high - transform.low)
    changed = transform.apply(image, amount, np.random.default_rng(seed))
    assert (changed.shape, changed.dtype) == (image.shape, np.uint8)
    assert (image == before).all()


def test_a_mirrored_picture_has_left_and_right_exchanged():
    image = crops(1)[0]
    assert (applied("mirror", 0.0) == image[:, ::-1]).all()


def test_a_turned_picture_has_its_content_turned():
    """Counter-clockwise, as OpenCV counts: what is right of the middle moves up."""
    image = np.zeros((224, 224, 3), np.uint8)
    cv2.circle(image, (180, 112), 5, (255, 255, 255), -1)
    rows = np.nonzero(applied("turn", 12.0, image)[..., 0].sum(axis=1))[0]
    assert rows.mean() < 112 - 68 * np.sin(np.radians(12)) + 0.04 * 224 + 2


def test_light_is_counted_in_stops():
    grey = np.full((8, 8, 3), 100, np.uint8)
    darker, same, brighter = (applied("light", stops, grey).mean() for stops in (-0.7, 0.0, 0.7))
    assert darker == pytest.approx(same * 2**-0.7, abs=1)
    assert brighter == pytest.approx(same * 2**0.7, abs=1)


def test_a_cast_moves_the_channels_apart_by_no_more_than_is_said():
    grey = np.full((8, 8, 3), 100, np.uint8)
    colour = applied("colour", 0.15, grey)[0, 0]
    assert len(set(colour.tolist())) > 1
    assert np.abs(colour - 100).max() <= 15


def test_blur_takes_the_detail_away():
    image = crops(1)[0]
    blurred = applied("blur", 1.5).astype(np.uint8)
    assert cv2.Laplacian(blurred, cv2.CV_64F).var() < cv2.Laplacian(image, cv2.CV_64F).var() / 2


def test_a_cover_hides_a_square_of_one_colour():
    image = np.random.default_rng(1).integers(0, 256, (100, 100, 3), dtype=np.uint8)
    changed = (applied("cover", 0.3, image) != image).any(axis=2)
    rows, columns = np.nonzero(changed)
    assert np.ptp(rows) <= 30
    assert np.ptp(columns) <= 30
    assert changed.sum() > 0.9 * 30 * 30


def test_a_view_depends_on_seed_clip_index_and_number_alone():
    image = crops(1)[0]
    view = make_view(image, 1, "a", 2, 3)
    assert (make_view(image, 1, "a", 2, 3) == view).all()
    others = [(0, "a", 2, 3), (1, "b", 2, 3), (1, "a", 0, 3), (1, "a", 2, 0)]
    assert all((make_view(image, *key) != view).any() for key in others)


def test_views_of_many_frames_are_those_of_each():
    pixels, keys = crops(4), [("a", 0), ("a", 3), ("b", 0), ("c", 1)]
    together = make_views(pixels, keys, seed=5, view=1)
    for row, key in enumerate(keys):
        assert (together[row] == make_view(pixels[row], 5, *key, 1)).all()


# --- embedded ----------------------------------------------------------------------------------


def views_of(directory):
    table = read_table(directory / views_file("A"), views_schema(DIMENSION))
    return table.drop_columns("feature").to_pylist(), np.stack(table["feature"].to_pylist())


def test_as_many_views_a_frame_are_embedded_in_the_order_of_the_frames(shard, fake, tmp_path):
    embed_frames(shard, fake(A=Means()), tmp_path / "out", augment_views=3)
    keys, features = views_of(tmp_path / "out")
    assert keys == [
        {"clip_id": clip, "index": index, "view": view}
        for clip, indices in CLIPS
        for index in indices
        for view in range(3)
    ]
    frames = pq.read_table(tmp_path / "out" / features_file("A"))["feature"].to_pylist()
    assert (features != np.repeat(frames, 3, axis=0)).any(axis=1).mean() > 0.9
    metadata = pq.ParquetFile(tmp_path / "out" / views_file("A")).metadata
    assert [metadata.row_group(number).num_rows for number in range(3)] == [21, 12, 33]


def test_views_are_the_same_however_the_frames_are_sharded_and_read(
    shard, pictures, fake, tmp_path, monkeypatch
):
    embed_frames(shard, fake(A=Means()), tmp_path / "whole", augment_views=2)
    last = write_shard(tmp_path / "last", shard_rows(CLIPS, pictures)[11:])
    monkeypatch.setattr(spool, "CHUNK_FRAMES", 4)
    embed_frames(last, fake(A=Means()), tmp_path / "part", augment_views=2)
    whole, part = views_of(tmp_path / "whole"), views_of(tmp_path / "part")
    assert whole[0][22:] == part[0]
    np.testing.assert_array_equal(whole[1][22:], part[1])


def test_without_views_none_are_made(shard, fake, tmp_path, monkeypatch):
    monkeypatch.setattr(embed, "make_views", None)
    embed_frames(shard, fake(A=Means()), tmp_path / "out")
    assert not (tmp_path / "out" / views_file("A")).exists()


def test_a_backbone_that_fails_leaves_no_views(shard, fake, tmp_path):
    networks = fake(Bad=Means(float("nan")), A=Means())
    embed_frames(shard, networks, tmp_path / "out", augment_views=1)
    assert not (tmp_path / "out" / views_file("Bad")).exists()
    assert (tmp_path / "out" / views_file("A")).exists()
