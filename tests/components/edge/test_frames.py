"""The frames of a dataset on which edge models are made, checked and scored."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pytest

from components.contracts import FRAMES, INDEX, INDEX_FILE, PICTURES_FILE, SAMPLES_FILE, Split
from components.edge import frames as frames_module
from components.edge.frames import read_pictures, representative_frames, sample_frames
from components.errors import ContractError
from components.extract_frames.picture import encode_jpeg
from components.parquet import write_table
from tests.tiny_model import plain_frame

if TYPE_CHECKING:
    from pathlib import Path

SIDES = {"t": Split.TRAIN, "c": Split.CALIBRATION, "e": Split.TEST}


def key(clip_id: str, index: int) -> dict[str, object]:
    of_clip = {"clip_id": clip_id, "person_id": "p", "role": "student", "session": "s"}
    return {**of_clip, "index": index, "time_s": index / 5}


def level(clip_id: str, index: int) -> int:
    """The grey by which a test knows a frame: 10 a frame, a few more with each clip."""
    return 10 * index + 3 * list(SIDES).index(clip_id)


def write_dataset(folder: Path, samples: dict[str, int], frames: int = 20) -> Path:
    """A clip of each side, of which some frames are samples and all are pictures."""
    keys = [(clip, index) for clip in SIDES for index in range(frames)]
    rows = [
        {
            **key(*each),
            "jpeg": encode_jpeg(plain_frame((level(*each),) * 3)),
            **dict.fromkeys(("sharpness", "brightness", "dhash"), 0),
        }
        for each in keys
    ]
    index = [
        {**key(*each), "split": SIDES[each[0]], "random_split": "train", "transaction": each[0]}
        | {"person": 0, "role_label": 0}
        for each in keys
    ]
    chosen = [row for row in rows if row["index"] < samples.get(str(row["clip_id"]), 0)]
    write_table(folder / INDEX_FILE, pa.Table.from_pylist(index, INDEX))
    write_table(folder / PICTURES_FILE, pa.Table.from_pylist(rows, FRAMES))
    write_table(folder / SAMPLES_FILE, pa.Table.from_pylist(chosen, FRAMES))
    return folder


def levels(images: np.ndarray) -> list[int]:
    return [round(float(image.mean())) for image in images]


def test_representative_frames_are_of_the_training_side(tmp_path: Path) -> None:
    dataset = write_dataset(tmp_path, {"t": 16, "c": 5, "e": 5})
    assert levels(representative_frames(dataset)) == [level("t", index) for index in range(16)]


def test_where_they_are_few_those_of_the_calibration_side_help_out_and_never_the_test_side(
    tmp_path: Path,
) -> None:
    dataset = write_dataset(tmp_path, {"t": 2, "c": 3, "e": 9})
    wanted = [level("t", 0), level("t", 1), *(level("c", index) for index in range(3))]
    assert levels(representative_frames(dataset)) == wanted


def test_samples_are_spread_evenly_from_the_first_to_the_last(tmp_path: Path) -> None:
    dataset = write_dataset(tmp_path, {"t": 11})
    assert levels(sample_frames(dataset, 3)) == [level("t", index) for index in (0, 5, 10)]


def test_no_sample_is_an_empty_array(tmp_path: Path) -> None:
    assert sample_frames(write_dataset(tmp_path, {}), 3).shape == (0, 224, 224, 3)


@pytest.mark.parametrize("chunk", [1, 3, 100])
def test_pictures_come_in_the_order_of_the_index_and_only_those_wanted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, chunk: int
) -> None:
    monkeypatch.setattr(frames_module, "CHUNK", chunk)
    dataset = write_dataset(tmp_path, {})
    wanted = [("t", 3), ("t", 4), ("c", 0), ("e", 1), ("e", 19)]
    clip_id, index = np.array([clip for clip, _ in wanted]), np.array([at for _, at in wanted])
    read = list(read_pictures(dataset, clip_id, index))
    assert levels(np.concatenate(read)) == [level(*each) for each in wanted]
    assert max(len(images) for images in read) <= chunk


@pytest.mark.parametrize(
    "wanted", [[("t", 20)], [("x", 0)], [("c", 0), ("t", 0)]], ids=["frame", "clip", "order"]
)
def test_a_picture_that_is_not_where_it_should_be_is_told(
    tmp_path: Path, wanted: list[tuple[str, int]]
) -> None:
    dataset = write_dataset(tmp_path, {})
    clip_id, index = np.array([clip for clip, _ in wanted]), np.array([at for _, at in wanted])
    with pytest.raises(ContractError, match=rf"{len(wanted) - 1} of the {len(wanted)} pictures"):
        list(read_pictures(dataset, clip_id, index))
