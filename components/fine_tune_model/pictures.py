"""The dataset's frames with their labels, read clip by clip in an order that can be repeated.

The order of an epoch depends on nothing but its seed, its number and the file: the clips (row
groups) are shuffled, as many of them as fit into a window of bounded size are read, and the frames
of the window are shuffled. So whoever resumes at a frame skips what came before without reading it,
and memory holds one window of JPEGs, however many frames there are.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np
import pyarrow.compute as pc

from components.contracts import FRAMES, INDEX, INDEX_FILE, PICTURES_FILE, Split
from components.errors import ContractError
from components.model_directory import CLASSES_FILE, STRANGER, Classes
from components.parquet import open_table, read_table

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    import numpy.typing as npt
    import pyarrow as pa
    import pyarrow.parquet as pq

    Rows = npt.NDArray[np.int64]

WINDOW_BYTES: Final = 128 << 20
"""Of JPEGs that are shuffled together: some 10,000 frames."""

_LABELS: Final = ["clip_id", "index", "split", "transaction", "person", "role_label"]


@dataclass(frozen=True)
class Pictures:
    """N frames in the order of the file, without their pixels.

    Attributes:
        path: the Parquet file, of schema FRAMES.
        classes: what the labels mean.
        starts: int64 [G + 1], the first row of each row group, and N.
        sizes: int64 [G], bytes of each row group's JPEGs.
        person: int32 [N], an index into classes.people or STRANGER.
        role: int32 [N], an index into classes.roles.
        split: str [N], the side of each frame.
        transaction: str [N], which frames are pooled into one decision.
    """

    path: Path
    classes: Classes
    starts: Rows
    sizes: Rows
    person: npt.NDArray[np.int32]
    role: npt.NDArray[np.int32]
    split: npt.NDArray[np.str_]
    transaction: npt.NDArray[np.str_]

    def side(self, side: Split, *, strangers: bool = False) -> Rows:
        """The rows of a side, in order; those of strangers only where they are asked for."""
        return np.flatnonzero((self.split == side) & (strangers | (self.person != STRANGER)))

    def clip_of(self, rows: Rows) -> Rows:
        """The row group of each row."""
        return np.searchsorted(self.starts, rows, side="right") - 1


def read_pictures(dataset: Path) -> Pictures:
    """Look the labels of the dataset's frames up, without reading a picture.

    Raises:
        ContractError: the frames are missing, or are not some of the index in its order, or a label
            is out of range.
    """
    path = dataset / PICTURES_FILE
    if not path.is_file():
        raise ContractError(
            f"the dataset has no {PICTURES_FILE}: split it with the pictures of all sides"
        )
    classes = Classes.read(dataset / CLASSES_FILE)
    index = read_table(dataset / INDEX_FILE, INDEX, _LABELS)
    with open_table(path, FRAMES) as file:
        groups = [file.metadata.row_group(group) for group in range(file.num_row_groups)]
        sizes = [_jpeg_bytes(group) for group in groups]
        found = _rows_of(file.read(columns=["clip_id", "index"]), index)
    person = found["person"].to_numpy().astype(np.int32)
    role = found["role_label"].to_numpy().astype(np.int32)
    classes.check_labels(np.unique(person).tolist(), where=INDEX_FILE)
    if role.size and not 0 <= role.min() <= role.max() < len(classes.roles):
        raise ContractError(f"{INDEX_FILE}: a role label is outside 0..{len(classes.roles) - 1}")
    return Pictures(
        path=path,
        classes=classes,
        starts=np.cumsum([0, *(group.num_rows for group in groups)], dtype=np.int64),
        sizes=np.asarray(sizes, np.int64),
        person=person,
        role=role,
        split=np.asarray(found["split"].to_pylist()),
        transaction=np.asarray(found["transaction"].to_pylist()),
    )


def _jpeg_bytes(group: pq.RowGroupMetaData) -> int:
    columns = (group.column(number) for number in range(group.num_columns))
    return next(c.total_uncompressed_size for c in columns if c.path_in_schema == "jpeg")


def _rows_of(frames: pa.Table, index: pa.Table) -> pa.Table:
    """The rows of the index that belong to `frames`, which are some of them in the same order."""
    own, all_ = (
        pc.binary_join_element_wise(table["clip_id"], table["index"].cast("string"), "/")
        for table in (frames, index)
    )
    places = pc.index_in(own, value_set=all_)
    if places.null_count or (np.diff(places.to_numpy()) <= 0).any():
        raise ContractError(f"{PICTURES_FILE}: its rows are not those of {INDEX_FILE}, in order")
    return index.take(places)


def shuffled(
    pictures: Pictures, rows: Rows, seed: Sequence[int], window_bytes: int = WINDOW_BYTES
) -> list[Rows]:
    """Put some rows into the order of one epoch: windows of rows, to be read one after another.

    Args:
        pictures: where they lie.
        rows: which, in increasing order.
        seed: the same seed gives the same order.
        window_bytes: of JPEGs in a window; a single clip may have more.
    """
    random = np.random.default_rng(seed)
    clips = pictures.clip_of(rows)
    order = random.permutation(np.unique(clips))
    windows = np.zeros(len(pictures.sizes), np.int64)
    windows[order] = np.cumsum(pictures.sizes[order]) // window_bytes
    window = windows[clips]
    return [random.permutation(rows[window == number]) for number in np.unique(window)]


def read_jpegs(
    pictures: Pictures, windows: Sequence[Rows], first: int = 0
) -> Iterator[tuple[bytes, int]]:
    """Read the frames of `windows` from the frame number `first` on: JPEG and row of each.

    Windows before `first` are not read, and no more than one is in memory.
    """
    with open_table(pictures.path, FRAMES) as file:
        for rows in windows:
            wanted = rows[first:]
            first = max(0, first - len(rows))
            jpegs: dict[int, bytes] = {}
            keep = set(wanted.tolist())
            for clip in np.unique(pictures.clip_of(wanted)).tolist():
                column = file.read_row_group(clip, columns=["jpeg"])["jpeg"]
                for row, jpeg in enumerate(column, int(pictures.starts[clip])):
                    if row in keep:
                        jpegs[row] = jpeg.as_py()
            for row in wanted.tolist():
                yield jpegs.pop(row), row
