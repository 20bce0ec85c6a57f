"""Outputs are whole or not there, and digests prove what they are."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from components.artifacts import (
    atomic_directory,
    atomic_file,
    digests_of,
    open_table,
    parquet_writer,
    read_json,
    read_table,
    sha256_of,
    verify_digests,
    write_json,
    write_table,
)
from components.errors import ContractError, DigestError

if TYPE_CHECKING:
    from pathlib import Path

SCHEMA = pa.schema([pa.field("word", pa.string()), pa.field("data", pa.binary())])
TABLE = pa.table({"word": ["a", "a"], "data": [b"1", b"2"]}, schema=SCHEMA)


class InterruptedWriteError(Exception):
    pass


def interrupt() -> None:
    raise InterruptedWriteError


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_a_file_appears_when_it_is_complete(tmp_path: Path) -> None:
    with atomic_file(tmp_path / "new" / "a") as temporary:
        temporary.write_text("x")
        assert not (tmp_path / "new" / "a").exists()
    assert (tmp_path / "new" / "a").read_text() == "x"


def fail_to_write_file(path: Path) -> None:
    with atomic_file(path) as temporary:
        temporary.write_text("half")
        interrupt()


def fail_to_write_directory(path: Path) -> None:
    with atomic_directory(path) as work:
        (work / "new").touch()
        interrupt()


def fail_to_write_table(path: Path) -> None:
    with parquet_writer(path, SCHEMA) as writer:
        writer.write_table(TABLE)
        interrupt()


def test_a_file_that_fails_leaves_the_old_one(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("old")
    with pytest.raises(InterruptedWriteError):
        fail_to_write_file(tmp_path / "a")
    assert (tmp_path / "a").read_text() == "old"


def test_a_file_that_fails_leaves_no_rest(tmp_path: Path) -> None:
    with pytest.raises(InterruptedWriteError):
        fail_to_write_file(tmp_path / "a")
    assert names(tmp_path) == []


def test_a_directory_takes_the_place_of_the_old_one(tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "old").touch()
    with atomic_directory(tmp_path / "out") as work:
        (work / "new").touch()
    assert names(tmp_path / "out") == ["new"]


def test_a_directory_that_fails_leaves_the_old_one_and_no_rest(tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "old").touch()
    with pytest.raises(InterruptedWriteError):
        fail_to_write_directory(tmp_path / "out")
    assert (names(tmp_path), names(tmp_path / "out")) == (["out"], ["old"])


def test_a_table_comes_back_as_it_was_written(tmp_path: Path) -> None:
    write_table(tmp_path / "t.parquet", TABLE)
    assert read_table(tmp_path / "t.parquet", SCHEMA).equals(TABLE)


def test_a_table_that_fails_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(InterruptedWriteError):
        fail_to_write_table(tmp_path / "t.parquet")
    assert names(tmp_path) == []


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


def test_json_comes_back_as_it_was_written(tmp_path: Path) -> None:
    write_json(tmp_path / "a.json", {"b": [1, None, "é"]})
    assert read_json(tmp_path / "a.json") == {"b": [1, None, "é"]}


@pytest.mark.parametrize("content", [None, "", "{", "[1]"])
def test_what_is_no_json_object_is_refused(tmp_path: Path, content: str | None) -> None:
    if content is not None:
        (tmp_path / "a.json").write_text(content)
    with pytest.raises(ContractError, match=r"a\.json"):
        read_json(tmp_path / "a.json")


def test_a_digest_is_that_of_the_whole_content(tmp_path: Path) -> None:
    content = b"x" * (3 << 20) + b"y"
    (tmp_path / "a").write_bytes(content)
    assert sha256_of(tmp_path / "a") == hashlib.sha256(content).hexdigest()


def test_digests_name_files_by_their_path_below_the_directory(tmp_path: Path) -> None:
    (tmp_path / "b").mkdir()
    (tmp_path / "b" / "c").write_bytes(b"1")
    (tmp_path / "a").write_bytes(b"2")
    assert list(digests_of(tmp_path)) == ["a", "b/c"]


def test_an_untouched_directory_passes(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"1")
    verify_digests(tmp_path, digests_of(tmp_path))


def test_all_changes_are_named_at_once(tmp_path: Path) -> None:
    for name in "abc":
        (tmp_path / name).write_text(name)
    digests = digests_of(tmp_path)
    (tmp_path / "a").unlink()
    (tmp_path / "b").write_text("other")
    with pytest.raises(DigestError, match="a is missing; b was changed"):
        verify_digests(tmp_path, digests)
