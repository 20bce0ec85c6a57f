"""Outputs are whole or not there, and digests prove what they are."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

import pytest

from components.artifacts import (
    atomic_directory,
    atomic_file,
    digests_of,
    read_json,
    sha256_of,
    verify_digests,
    write_json,
)
from components.errors import ContractError, DigestError

if TYPE_CHECKING:
    from pathlib import Path


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
