"""A checkpoint is whole or not there, and belongs to one training."""

from __future__ import annotations

import logging
import os
import time

import numpy as np
import pytest

from components.fine_tune_model.checkpoint import ABANDONED_S, RUN_VARIABLE, Checkpoint

ARRAYS = {"model/0": np.arange(6, dtype=np.float32).reshape(2, 3), "optimizer/0": np.int64(7)}


@pytest.fixture
def saved(tmp_path):
    checkpoint = Checkpoint(tmp_path, {"seed": 0})
    checkpoint.save(ARRAYS, {"step": 4})
    return checkpoint


def test_what_was_saved_comes_back(saved, tmp_path):
    arrays, notes = Checkpoint(tmp_path, {"seed": 0}).load()
    assert notes == {"step": 4}
    assert list(arrays) == list(ARRAYS)
    assert all((arrays[name] == ARRAYS[name]).all() for name in ARRAYS)
    assert all(arrays[name].dtype == ARRAYS[name].dtype for name in ARRAYS)


def test_another_recipe_does_not_find_it_and_leaves_it_alone(saved, tmp_path):
    assert Checkpoint(tmp_path, {"seed": 1}).load() is None
    assert saved.load() is not None


def test_another_run_of_the_same_does_not_find_it_and_a_retry_in_the_same_run_does(
    tmp_path, monkeypatch
):
    for run in ("tuning-4fx2k", "tuning-9qplz"):
        monkeypatch.setenv(RUN_VARIABLE, run)
        assert Checkpoint(tmp_path, {"seed": 0}).load() is None
        Checkpoint(tmp_path, {"seed": 0}).save(ARRAYS, {"run": run})
    monkeypatch.setenv(RUN_VARIABLE, "tuning-4fx2k")
    assert Checkpoint(tmp_path, {"seed": 0}).load()[1] == {"run": "tuning-4fx2k"}


def test_the_order_of_a_recipe_does_not_matter(tmp_path):
    one, other = Checkpoint(tmp_path, {"a": 1, "b": 2}), Checkpoint(tmp_path, {"b": 2, "a": 1})
    assert one.path == other.path


def test_the_last_one_counts_and_there_is_one_file(saved, tmp_path):
    saved.save(ARRAYS, {"step": 8})
    assert saved.load()[1] == {"step": 8}
    assert list(tmp_path.iterdir()) == [saved.path]


def test_a_write_that_fails_leaves_the_one_before(saved, tmp_path, monkeypatch):
    def full(*_, **__):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(np, "savez", full)
    with pytest.raises(OSError, match="No space"):
        saved.save(ARRAYS, {"step": 8})
    assert saved.load()[1] == {"step": 4}


def test_half_a_write_of_a_killed_training_is_cleared_away(saved, tmp_path):
    half = tmp_path / f".{saved.path.name}.0a1b2c3d.partial"
    half.write_bytes(saved.path.read_bytes()[:100])
    assert Checkpoint(tmp_path, {"seed": 0}).load()[1] == {"step": 4}
    assert not half.exists()


@pytest.mark.parametrize("keep", [0, 50, -30])
def test_a_damaged_one_is_set_aside_and_said(saved, tmp_path, caplog, keep):
    saved.path.write_bytes(saved.path.read_bytes()[:keep])
    with caplog.at_level(logging.WARNING, logger="rollcall"):
        assert saved.load() is None
    assert "damaged" in caplog.text
    assert [path.suffix for path in tmp_path.iterdir()] == [".damaged"]


def test_a_flipped_bit_is_damage(saved):
    content = bytearray(saved.path.read_bytes())
    content[content.index(np.arange(6, dtype=np.float32).tobytes()) + 3] ^= 1
    saved.path.write_bytes(content)
    assert saved.load() is None


def test_what_nobody_went_on_with_is_deleted_after_a_while(saved, tmp_path):
    old = time.time() - ABANDONED_S - 1
    fresh = Checkpoint(tmp_path, {"seed": 1})
    fresh.save(ARRAYS, {})
    os.utime(saved.path, (old, old))
    Checkpoint(tmp_path, {"seed": 2})
    assert list(tmp_path.iterdir()) == [fresh.path]


def test_ones_own_is_found_however_old_it_is(saved, tmp_path):
    old = time.time() - ABANDONED_S - 1
    os.utime(saved.path, (old, old))
    assert Checkpoint(tmp_path, {"seed": 0}).load() is not None


def test_deleting_it_twice_is_no_error(saved):
    saved.delete()
    saved.delete()
    assert saved.load() is None
