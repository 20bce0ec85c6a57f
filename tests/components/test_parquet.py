"""Tables appear whole, and hold the columns that were agreed."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from components.errors import ContractError
from components.parquet import open_table, parquet_writer, read_table, write_table

if TYPE_CHECKING:
    from pathlib import Path

SCHEMA = pa.schema([pa.field("word", pa.string()), pa.field("data", pa.binary())])
TABLE = pa.table({"word": ["a", "a"], "data": [b"1", b"2"]}, schema=SCHEMA)


class InterruptedWriteError(Exception):
    pass


def fail_to_write_table(path: Path) -> None:
    with parquet_writer(path, SCHEMA) as writer:
        writer.write_table(TABLE)
        raise InterruptedWriteError


def test_a_table_comes_back_as_it_was_written(tmp_path: Path) -> None:
    write_table(tmp_path / "t.parquet", TABLE)
    assert read_table(tmp_path / "t.parquet", SCHEMA).equals(TABLE)


def test_a_table_that_fails_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(InterruptedWriteError):
        fail_to_write_table(tmp_path / "t.parquet")
    assert list(tmp_path.iterdir()) == []


def test_a_table_without_rows_has_its_columns(tmp_path: Path) -> None:
    with parquet_writer(tmp_path / "t.parquet", SCHEMA):
        pass
    assert read_table(tmp_path / "t.parquet", SCHEMA).num_rows == 0


def test_words_share_a_dictionary_and_data_does_not(tmp_path: Path) -> None:
    write_table(tmp_path / "t.parquet", TABLE)
    group = pq.ParquetFile(tmp_path / "t.parquet").metadata.row_group(0)
    encodings = [group.column(number).has_dictionary_page for number in range(2)]
    assert encodings == [True, False]


def test_a_reader_may_take_some_columns(tmp_path: Path) -> None:
    write_table(tmp_path / "t.parquet", TABLE)
    assert read_table(tmp_path / "t.parquet", SCHEMA, ["word"]).column_names == ["word"]


def test_a_column_that_there_is_not_is_refused(tmp_path: Path) -> None:
    write_table(tmp_path / "t.parquet", TABLE)
    with pytest.raises(ContractError, match="sentence"):
        read_table(tmp_path / "t.parquet", SCHEMA, ["word", "sentence"])


def test_a_table_of_other_columns_is_refused(tmp_path: Path) -> None:
    write_table(tmp_path / "t.parquet", TABLE.select(["word"]))
    with pytest.raises(ContractError, match="other columns"):
        open_table(tmp_path / "t.parquet", SCHEMA)


@pytest.mark.parametrize("content", [None, b"", b"not Parquet"], ids=["missing", "empty", "text"])
def test_what_is_no_table_is_refused(tmp_path: Path, content: bytes | None) -> None:
    if content is not None:
        (tmp_path / "t.parquet").write_bytes(content)
    with pytest.raises(ContractError, match=r"t\.parquet"):
        open_table(tmp_path / "t.parquet", SCHEMA)
