"""The stills of one album after the other, read off their table in its order."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import pyarrow as pa
import pyarrow.compute as pc

from components.contracts import STILLS
from components.errors import ContractError
from components.parquet import open_table

if TYPE_CHECKING:
    from pathlib import Path

_ROWS_AT_ONCE: Final = 4096


class StillsReader:
    """Reads the table once; albums have to be asked for in its order, some may be left out."""

    def __init__(self, path: Path) -> None:
        """Open the table.

        Raises:
            ContractError: it is missing or malformed.
        """
        self._file = open_table(path, STILLS)
        self._batches = self._file.iter_batches(_ROWS_AT_ONCE)
        self._waiting: pa.RecordBatch | None = None

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def take(self, clip_id: str) -> pa.Table:
        """Return the rows of an album, in their order.

        Raises:
            ContractError: no row of it follows those that were read.
        """
        parts: list[pa.RecordBatch] = []
        while (batch := self._next()) is not None:
            is_ours = pc.equal(batch["clip_id"], clip_id)
            start, count = pc.index(is_ours, True).as_py(), pc.sum(is_ours).as_py() or 0
            if parts and start != 0:
                self._waiting = batch
                break
            if start < 0:
                continue
            parts.append(batch.slice(start, count))
            if start + count < len(batch):
                self._waiting = batch.slice(start + count)
                break
        if not parts:
            raise ContractError("the table of stills lacks an album of the clips table")
        return pa.Table.from_batches(parts)

    def _next(self) -> pa.RecordBatch | None:
        batch, self._waiting = self._waiting, None
        return batch if batch is not None else next(self._batches, None)
