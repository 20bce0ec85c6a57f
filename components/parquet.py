"""Tables as Parquet files: appear whole, and hold the columns that were agreed."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.parquet as pq

from components.artifacts import atomic_file
from components.errors import ContractError
from components.lean_imports import left_out

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

with left_out("pandas"):  # PyArrow looks for it with the first array, once; it takes 0.2 s
    pa.array([0])


@contextlib.contextmanager
def parquet_writer(path: Path, schema: pa.Schema) -> Iterator[pq.ParquetWriter]:
    """Open a Parquet file (zstd) that appears under its name only when it is complete."""
    words = [field.name for field in schema if pa.types.is_string(field.type)]
    with (
        atomic_file(path) as temporary,
        # A dictionary helps words that repeat; of JPEGs it would only keep a copy in memory.
        pq.ParquetWriter(temporary, schema, compression="zstd", use_dictionary=words) as writer,
    ):
        yield writer


def write_table(path: Path, table: pa.Table) -> None:
    """Write one table whole."""
    with parquet_writer(path, table.schema) as writer:
        writer.write_table(table)


def open_table(path: Path, schema: pa.Schema) -> pq.ParquetFile:
    """Open a Parquet file that has to be of `schema`.

    Raises:
        ContractError: the file is missing, is no Parquet, or has other columns.
    """
    try:
        file = pq.ParquetFile(path, pre_buffer=False)  # which would hold all of it in memory
    except (OSError, pa.ArrowException) as error:
        raise ContractError(f"{path.name} cannot be read as Parquet: {error}") from error
    if not file.schema_arrow.equals(schema):
        file.close()
        raise ContractError(
            f"{path.name} has other columns than agreed:\n{file.schema_arrow}\nwanted:\n{schema}"
        )
    return file


def read_table(path: Path, schema: pa.Schema, columns: list[str] | None = None) -> pa.Table:
    """Read a table of `schema`, or some of its columns.

    Raises:
        ContractError: as `open_table`, or one of `columns` is not in `schema`.
    """
    unknown = sorted(set(columns or ()) - set(schema.names))
    if unknown:  # Parquet would leave it out without a word
        raise ContractError(f"{path.name} has no column {', '.join(unknown)}")
    with open_table(path, schema) as file:
        return file.read(columns=columns)
