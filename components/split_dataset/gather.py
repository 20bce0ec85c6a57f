"""Finds every clip's rows in the shards and reads them back clip by clip."""

from __future__ import annotations

from bisect import bisect_right
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from itertools import accumulate, groupby
from typing import TYPE_CHECKING, Any, Self

import pyarrow as pa

from components.contracts import FRAME_INDEX, FRAMES_FILE
from components.errors import ContractError
from components.parquet import open_table

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path
    from types import TracebackType

BATCH_ROWS = 4096


@dataclass(frozen=True, order=True)
class Clip:
    """One clip's frames and where they lie. Clips sort by person, session, clip id."""

    person_id: str
    session: str
    clip_id: str
    role: str
    shard: int
    start: int
    count: int
    first_s: float
    last_s: float


def locate_clips(shards: Sequence[Path], schema: pa.Schema = FRAME_INDEX) -> list[Clip]:
    """List the clips of all shards in one order that does not depend on how they were sharded.

    Memory is one small record a clip.

    Args:
        shards: directories with a FRAMES_FILE each.
        schema: of those files, FRAME_INDEX or FRAMES.

    Raises:
        ContractError: a shard is malformed, or a clip's rows are not contiguous.
    """
    clips = [
        clip for number, shard in enumerate(shards) for clip in _clips_of(number, shard, schema)
    ]
    if len({clip.clip_id for clip in clips}) != len(clips):
        raise ContractError("the frames of a clip lie apart: a clip must be whole, in one shard")
    return sorted(clips)


def _clips_of(number: int, shard: Path, schema: pa.Schema) -> Iterator[Clip]:
    rows = _key_rows(shard / FRAMES_FILE, schema)
    for clip_id, group in groupby(rows, key=lambda row: row["clip_id"]):
        own = list(group)
        first, last = own[0], own[-1]
        yield Clip(
            person_id=first["person_id"],
            session=first["session"],
            clip_id=clip_id,
            role=first["role"],
            shard=number,
            start=first["row"],
            count=len(own),
            first_s=first["time_s"],
            last_s=last["time_s"],
        )


def _key_rows(path: Path, schema: pa.Schema) -> Iterator[dict[str, Any]]:
    columns = ["clip_id", "person_id", "role", "session", "time_s"]
    row_number = 0
    with open_table(path, schema) as file:
        for batch in file.iter_batches(BATCH_ROWS, columns=columns):
            for row in batch.to_pylist():
                yield {**row, "row": row_number}
                row_number += 1


@contextmanager
def row_readers(shards: Sequence[Path], name: str, schema: pa.Schema) -> Iterator[list[RowReader]]:
    """Open the file `name` of every shard, in their order."""
    with ExitStack() as stack:
        yield [stack.enter_context(RowReader(shard / name, schema)) for shard in shards]


class RowReader:
    """Reads ranges of rows of one Parquet file; holds a row group in memory while it has more."""

    def __init__(self, path: Path, schema: pa.Schema) -> None:
        self._file = open_table(path, schema)
        groups = range(self._file.num_row_groups)
        sizes = [self._file.metadata.row_group(group).num_rows for group in groups]
        self._starts = [0, *accumulate(sizes)]
        self._group = -1
        self._table: pa.Table | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._file.close()

    @property
    def rows(self) -> int:
        """How many rows the file has."""
        return self._starts[-1]

    def read(self, start: int, count: int) -> pa.Table:
        """Rows `start` to `start + count`.

        Raises:
            ContractError: the file ends before.
        """
        if start + count > self.rows:
            raise ContractError(f"rows {start}..{start + count} asked of a file of {self.rows}")
        parts = []
        while count > 0:
            group = bisect_right(self._starts, start) - 1
            table = self._row_group(group)
            offset = start - self._starts[group]
            part = table.slice(offset, count)
            parts.append(part)
            start, count = start + part.num_rows, count - part.num_rows
        if start == self._starts[self._group + 1]:
            self._group, self._table = -1, None
        return pa.concat_tables(parts)

    def _row_group(self, group: int) -> pa.Table:
        if self._table is None or group != self._group:
            self._table, self._group = self._file.read_row_group(group), group
        return self._table
