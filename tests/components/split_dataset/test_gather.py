"""Rows are found and read back wherever the row groups end."""

from __future__ import annotations

import tempfile
from pathlib import Path

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from components.errors import ContractError
from components.parquet import parquet_writer
from components.split_dataset.gather import RowReader

SCHEMA = pa.schema([("n", pa.int64())])


@given(st.data(), st.lists(st.integers(1, 9), min_size=1, max_size=6))
def test_any_range_of_rows_comes_back_as_it_was_written(data, groups):
    rows = sum(groups)
    start = data.draw(st.integers(0, rows - 1))
    count = data.draw(st.integers(1, rows - start))
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "rows.parquet"
        with parquet_writer(path, SCHEMA) as writer:
            at = 0
            for size in groups:
                writer.write_table(pa.table({"n": range(at, at + size)}, SCHEMA))
                at += size
        with RowReader(path, SCHEMA) as reader:
            assert reader.read(start, count)["n"].to_pylist() == list(range(start, start + count))


def test_rows_beyond_the_end_are_refused(tmp_path):
    with parquet_writer(tmp_path / "rows.parquet", SCHEMA) as writer:
        writer.write_table(pa.table({"n": [1, 2]}, SCHEMA))
    with (
        RowReader(tmp_path / "rows.parquet", SCHEMA) as reader,
        pytest.raises(ContractError, match="of a file of 2"),
    ):
        reader.read(1, 2)


def test_a_row_group_that_was_read_to_its_end_is_let_go(tmp_path):
    with parquet_writer(tmp_path / "rows.parquet", SCHEMA) as writer:
        writer.write_table(pa.table({"n": [1, 2]}, SCHEMA))
    with RowReader(tmp_path / "rows.parquet", SCHEMA) as reader:
        reader.read(0, 1)
        assert reader._table is not None
        reader.read(1, 1)
        assert reader._table is None
