"""Copies the frames themselves into the dataset, for whoever has to look at pixels again."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np
import pyarrow as pa

from components.contracts import FRAMES, FRAMES_FILE, PICTURES_FILE, SIDES, Pictures, Split
from components.errors import ContractError
from components.parquet import parquet_writer
from components.split_dataset.gather import locate_clips, row_readers
from components.split_dataset.sides import code_of

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from components.split_dataset.gather import Clip
    from components.split_dataset.sides import Frames
    from components.telemetry import Progress

SIDES_OF: Final = {
    Pictures.EVALUATION: (Split.CALIBRATION, Split.TEST),
    Pictures.ALL: SIDES,
}


def write_pictures(
    shards: Sequence[Path],
    clips: Sequence[Clip],
    frames: Frames,
    pictures: str,
    directory: Path,
    progress: Progress,
) -> int:
    """Write PICTURES_FILE in the order of the index, a row group a clip; a clip is in memory.

    Args:
        shards: the directories that extract_frames wrote, in any order.
        clips: those of the dataset.
        frames: all of theirs.
        pictures: of which sides, a `Pictures`.
        directory: where to write.
        progress: advances by a clip.

    Returns:
        The number of frames written.

    Raises:
        ContractError: these are not the frames that were embedded, or `pictures` is unknown.
    """
    if pictures not in set(Pictures):
        raise ContractError(f"pictures is {pictures!r}; it has to be {' or '.join(Pictures)}")
    wanted = np.isin(frames.side, [code_of(side) for side in SIDES_OF[Pictures(pictures)]])
    found = {clip.clip_id: clip for clip in locate_clips(shards, FRAMES)}
    written = 0
    with (
        row_readers(shards, FRAMES_FILE, FRAMES) as readers,
        parquet_writer(directory / PICTURES_FILE, FRAMES) as writer,
    ):
        for number, clip in enumerate(clips):
            rows = frames.rows_of(number)
            where = found.get(clip.clip_id)
            if where is None:
                raise ContractError("a clip has features but no frames: a shard is missing")
            if wanted[rows].any():
                table = readers[where.shard].read(where.start, where.count)
                if not np.array_equal(table["dhash"].to_numpy(), frames.dhash[rows]):
                    raise ContractError("the frames of a clip are not those that were embedded")
                chosen = table.filter(pa.array(wanted[rows])).combine_chunks()
                writer.write_table(chosen, row_group_size=chosen.num_rows)
                written += chosen.num_rows
            progress.advance()
    return written
