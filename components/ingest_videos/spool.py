"""Rows on their way to a Parquet file, and back from it in any order, a thousand at a time."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pyarrow as pa

if TYPE_CHECKING:
    import numpy.typing as npt
    import pyarrow.parquet as pq

ROWS_AT_ONCE: Final = 1024


class Rows:
    """Gathers single rows into row groups of ROWS_AT_ONCE; only the last one may be smaller."""

    def __init__(self, writer: pq.ParquetWriter, schema: pa.Schema) -> None:
        self._writer = writer
        self._schema = schema
        self._rows: list[dict[str, Any]] = []

    def add(self, row: dict[str, Any]) -> None:
        """Take one row."""
        self._rows.append(row)
        if len(self._rows) == ROWS_AT_ONCE:
            self.flush()

    def flush(self) -> None:
        """Write what waits; nothing is to be added after that."""
        if self._rows:
            self._writer.write_table(pa.Table.from_pylist(self._rows, schema=self._schema))
            self._rows.clear()


class RowReader:
    """Reads single rows of a file that `Rows` wrote; holds one row group in memory."""

    def __init__(self, file: pq.ParquetFile) -> None:
        self._file = file
        self._group = -1
        self._table: pa.Table | None = None

    def take(self, numbers: npt.NDArray[np.int64]) -> list[dict[str, Any]]:
        """Return the rows of these numbers, in this order."""
        groups = numbers // ROWS_AT_ONCE
        cuts = np.flatnonzero(np.diff(groups)) + 1
        rows: list[dict[str, Any]] = []
        for part in np.split(numbers, cuts):
            if len(part):
                table = self._row_group(int(part[0]) // ROWS_AT_ONCE)
                rows += table.take(pa.array(part % ROWS_AT_ONCE)).to_pylist()
        return rows

    def _row_group(self, group: int) -> pa.Table:
        if self._table is None or group != self._group:
            self._table, self._group = self._file.read_row_group(group), group
        return self._table
