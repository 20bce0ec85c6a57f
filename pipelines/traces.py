"""What a local run's output folder holds of one person, and how it is recognised.

A model was made from a person if the ids of their clips are in its lineage, their pseudonym is
among its classes, or the digest of the pseudonym is in its lineage: so it is found, too, when the
clips have gone, or when the person was one of the strangers it was only tested on.

Frames and features go as a whole folder: they are intermediate data of a run, and what is left of
them without one person could be of no use to another run anyway.
"""

from __future__ import annotations

import csv
import functools
import mmap
import re
import shutil
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import unquote, urlsplit

import pyarrow as pa
import pyarrow.parquet as pq

from components.artifacts import atomic_file, digests_of, read_json, sha256_of
from components.contracts import CLIPS, CLIPS_FILE
from components.errors import ContractError, RollcallError
from components.model_directory import CLASSES_FILE, LINEAGE_FILE, Classes
from components.parquet import read_table
from components.pseudonyms import holds
from components.removal import AREAS, is_of
from pipelines.local import (
    CHAMPION,
    CHECKPOINTS,
    COPIES_CSV,
    ENROLMENT_CSV,
    REJECTS_CSV,
    REPORT_FILE,
    RUN_LOG,
    WORK,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

REMOVE: Final = "remove"
REWRITE: Final = "rewrite without them"
REVOKE: Final = "revoke"
LEAVE: Final = "leave"

_AREA = re.compile("|".join(f"/{area}/" for area in AREAS))


@dataclass
class Item:
    """One thing that derives from the person.

    Attributes:
        what: its kind.
        place: where it is, the pseudonym being replaced.
        action: REMOVE, REWRITE, REVOKE or LEAVE.
        bytes: its size.
        sha256: digests before anything was done, by name; None where it could not be read.
        remark: what else is to be known of it.
        act: does it; raises RollcallError or OSError if it cannot be done.
        outcome: what came of it.
        error: why it failed.
    """

    what: str
    place: str
    action: str
    bytes: int
    sha256: dict[str, str | None]
    remark: str = ""
    act: Callable[[], None] = field(default=lambda: None, repr=False)
    outcome: str = "pending"
    error: str = ""

    def carry_out(self) -> None:
        """Do what is to be done, and note what came of it."""
        if self.action == LEAVE:
            self.outcome = "left"
            return
        try:
            self.act()
        except RollcallError as error:
            self.outcome, self.error = "failed", str(error)
        except OSError as error:  # its text has a path in it
            self.outcome, self.error = "failed", f"the system refuses: {error.strerror}"
        else:
            self.outcome = "done"

    def to_json(self) -> dict[str, Any]:
        """As the receipt has it."""
        names = ("what", "place", "action", "outcome", "bytes", "sha256", "remark", "error")
        return {name: value for name in names if (value := getattr(self, name)) not in ("", {})}


@dataclass(frozen=True)
class Clue:
    """What a person's traces are known by."""

    person_id: str
    clip_ids: frozenset[str]

    def trace_in(self, model: Path) -> str:
        """Say by what a model directory is known to derive from the person; empty if it does not.

        Raises:
            ContractError: its lineage or classes cannot be read.
        """
        lineage = read_json(model / LINEAGE_FILE)
        sides = lineage.get("clips", {}).values()
        if any(not self.clip_ids.isdisjoint(side) for side in sides):
            return "their clips are in its lineage"
        classes = model / CLASSES_FILE
        if classes.exists() and self.person_id in Classes.read(classes).people:
            return "they are one of its classes"
        if "people" in lineage and holds(lineage["people"], self.person_id):
            return "they are among the people of its lineage"
        return ""

    def is_in_uri(self, uri: str) -> bool:
        """Whether a file of a source is the person's."""
        path = unquote(urlsplit(uri).path)
        return any(is_of(path[area.end() :], self.person_id) for area in _AREA.finditer(path))

    def is_in_row(self, row: dict[str, Any]) -> bool:
        """Whether a row of a table is the person's, by whichever of the three columns it has."""
        return (
            row.get("person_id") == self.person_id
            or row.get("clip_id") in self.clip_ids
            or self.is_in_uri(row.get("uri") or "")
        )

    def is_in_text(self, path: Path) -> bool:
        """Whether a file has the pseudonym or the id of one of the clips in it, as a whole word."""
        words = "|".join(map(re.escape, (self.person_id, *sorted(self.clip_ids))))
        pattern = re.compile(rf"(?<![\w-])(?:{words})(?![\w-])".encode())
        if not path.stat().st_size:
            return False
        with path.open("rb") as stream, mmap.mmap(stream.fileno(), 0, prot=mmap.PROT_READ) as text:
            return pattern.search(text) is not None


def traces_in(output: Path, clue: Clue, problems: list[str]) -> Iterator[Item]:
    """Find what a run's output folder holds of the person; what cannot be looked into is a problem.

    The leaderboard and steps.json hold counts and scores of everybody together: they stay.
    """
    yield from _models(output, clue, problems)
    if _may_be_in_work(output / WORK, clue):
        yield _folder_item("frames and features", output / WORK, "removed as a whole")
    if (output / CHECKPOINTS).exists() and any((output / CHECKPOINTS).iterdir()):
        yield _folder_item("unfinished model", output / CHECKPOINTS, "left by a killed run")
    for left in sorted(output.glob(".*.partial")):
        make = _folder_item if left.is_dir() else _file_item
        yield make("unfinished output", left, "left by a run that was killed")
    for name in (REPORT_FILE, RUN_LOG):
        if (output / name).exists() and clue.is_in_text(output / name):
            yield _file_item("text", output / name, "the pseudonym or a clip's id is in it")
    for name in (REJECTS_CSV, ENROLMENT_CSV, COPIES_CSV):
        table = output / name
        if table.exists() and any(clue.is_in_row(row) for row in _rows(table)):
            found = _file_item("table", table, "other rows stay")
            found.action, found.act = REWRITE, functools.partial(_rewrite, table, clue)
            yield found


def _models(output: Path, clue: Clue, problems: list[str]) -> Iterator[Item]:
    champion = output / CHAMPION
    if champion.exists():
        try:
            if trace := clue.trace_in(champion):
                yield _folder_item("model", champion, trace)
        except ContractError as error:
            problems.append(f"{CHAMPION}/: {error}")


def _folder_item(what: str, folder: Path, remark: str) -> Item:
    digests: dict[str, str | None] = {**digests_of(folder)}
    size = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
    return Item(
        what, f"{folder.name}/", REMOVE, size, digests, remark, lambda: shutil.rmtree(folder)
    )


def _file_item(what: str, path: Path, remark: str) -> Item:
    digests: dict[str, str | None] = {"content": sha256_of(path)}
    return Item(what, path.name, REMOVE, path.stat().st_size, digests, remark, path.unlink)


def clip_ids_in(output: Path, person_id: str) -> set[str]:
    """Ids of the person's clips in the clips tables of a run that was kept."""
    ids: set[str] = set()
    for table in sorted((output / WORK).rglob(CLIPS_FILE)):
        try:
            rows = read_table(table, CLIPS, ["person_id", "clip_id"]).to_pylist()
        except ContractError:  # of another version, or half a table; then all goes: see below
            continue
        ids.update(row["clip_id"] for row in rows if row["person_id"] == person_id)
    return ids


def _may_be_in_work(work: Path, clue: Clue) -> bool:
    """False only where the clips are listed, and no table and no model, a champion, has a trace."""
    if not work.exists():
        return False
    scratch = work / "scratch"
    if not any(work.rglob(CLIPS_FILE)) or (scratch.exists() and any(scratch.iterdir())):
        return True
    try:
        return any(_is_in_table(path, clue) for path in sorted(work.rglob("*.parquet"))) or any(
            clue.trace_in(path.parent) for path in sorted(work.rglob(LINEAGE_FILE))
        )
    except (OSError, ContractError, pa.ArrowException):  # half a file
        return True


def _is_in_table(path: Path, clue: Clue) -> bool:
    with pq.ParquetFile(path) as file:
        known = ("person_id", "clip_id", "uri")
        columns = [name for name in file.schema_arrow.names if name in known]
        batches = file.iter_batches(columns=columns) if columns else ()
        return any(clue.is_in_row(row) for batch in batches for row in batch.to_pylist())


def _rows(table: Path) -> Iterator[dict[str, str]]:
    with table.open(encoding="utf-8", newline="") as stream:
        yield from csv.DictReader(stream)


def _rewrite(table: Path, clue: Clue) -> None:
    with (
        table.open(encoding="utf-8", newline="") as old,
        atomic_file(table) as path,
        path.open("w", encoding="utf-8", newline="") as new,
    ):
        reader = csv.DictReader(old)
        writer = csv.DictWriter(new, reader.fieldnames or (), lineterminator="\n")
        writer.writeheader()
        writer.writerows(row for row in reader if not clue.is_in_row(row))
