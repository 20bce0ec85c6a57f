"""The frames of a dataset on which edge models are made, checked and scored."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import cv2
import numpy as np

from components.contracts import FRAMES, INDEX, INDEX_FILE, PICTURES_FILE, SAMPLES_FILE, Split
from components.errors import ContractError
from components.model_directory import FRAME_SIZE
from components.parquet import open_table, read_table

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator
    from pathlib import Path

    import numpy.typing as npt

    Images = npt.NDArray[np.uint8]
    Key = tuple[str, int]

REPRESENTATIVE_FRAMES: Final = 100
"""By which int8 chooses the ranges of its activations."""
FEWEST_REPRESENTATIVE: Final = 16
CHUNK: Final = 32
"""Pictures decoded at once; 5 MB."""


def representative_frames(dataset: Path, most: int = REPRESENTATIVE_FRAMES) -> Images:
    """Up to `most` frames by which int8 may choose its ranges: RGB uint8 [n, ...].

    They are of the training side: int8 learns from them, and the calibration side is to say what
    it lost by that, the test side what is left. Where the samples have fewer than
    FEWEST_REPRESENTATIVE of those, frames of the calibration side are taken too, never of the test
    side.
    """
    frames = sample_frames(dataset, most, {Split.TRAIN})
    if len(frames) >= FEWEST_REPRESENTATIVE:
        return frames
    return sample_frames(dataset, most, {Split.TRAIN, Split.CALIBRATION})


def sample_frames(dataset: Path, most: int, sides: Collection[str] = frozenset(Split)) -> Images:
    """Decode up to `most` of a dataset's samples of some sides, evenly spread: RGB uint8 [n, ...].

    Raises:
        ContractError: a table is missing or broken.
    """
    path = dataset / SAMPLES_FILE
    keys = _keys(read_table(path, FRAMES, ["clip_id", "index"]).to_pydict())
    side = _sides(dataset, set(keys))
    rows = [row for row, key in enumerate(keys) if side.get(key) in sides]
    wanted = {rows[at] for at in np.linspace(0, len(rows) - 1, min(most, len(rows)), dtype=int)}
    found = [_decode(jpeg) for row, (_, jpeg) in enumerate(_jpegs(path)) if row in wanted]
    return np.stack(found) if found else np.empty((0, FRAME_SIZE, FRAME_SIZE, 3), np.uint8)


def read_pictures(
    dataset: Path, clip_id: npt.NDArray[np.str_], index: npt.NDArray[np.int32]
) -> Iterator[Images]:
    """Decode some of a dataset's pictures, a CHUNK at a time; memory is that of a chunk.

    Args:
        dataset: what split_dataset wrote.
        clip_id: of the frames wanted, in the order of the dataset's index, [n].
        index: of the frames wanted, [n].

    Yields:
        RGB uint8 [at most CHUNK, FRAME_SIZE, FRAME_SIZE, 3], n in all, in the order asked for.

    Raises:
        ContractError: a picture is missing, or the pictures are not in the order of the index.
    """
    wanted = zip(clip_id.tolist(), index.tolist(), strict=True)
    following, found = next(wanted, None), 0
    chunk: list[Images] = []
    for key, jpeg in _jpegs(dataset / PICTURES_FILE):
        if key == following:
            chunk.append(_decode(jpeg))
            following, found = next(wanted, None), found + 1
        if chunk and (len(chunk) == CHUNK or following is None):
            yield np.stack(chunk)
            chunk = []
        if following is None:
            return
    if following is not None:
        raise ContractError(
            f"{PICTURES_FILE} has {found} of the {len(index)} pictures wanted, in the order of "
            f"{INDEX_FILE}"
        )


def _sides(dataset: Path, keys: set[Key]) -> dict[Key, str]:
    table = read_table(dataset / INDEX_FILE, INDEX, ["clip_id", "index", "split"]).to_pydict()
    found = zip(_keys(table), table["split"], strict=True)
    return {key: split for key, split in found if key in keys}


def _keys(columns: dict[str, list[str] | list[int]]) -> list[Key]:
    return list(zip(columns["clip_id"], columns["index"], strict=True))  # type: ignore[arg-type]


def _jpegs(path: Path) -> Iterator[tuple[Key, bytes]]:
    with open_table(path, FRAMES) as file:
        for batch in file.iter_batches(CHUNK, columns=["clip_id", "index", "jpeg"]):
            columns = batch.to_pydict()
            yield from zip(_keys(columns), columns["jpeg"], strict=True)


def _decode(jpeg: bytes) -> Images:
    image = cv2.imdecode(np.frombuffer(jpeg, np.uint8), cv2.IMREAD_COLOR_RGB)
    if image is None:
        raise ContractError("a frame is not a JPEG")
    return np.asarray(image, np.uint8)
