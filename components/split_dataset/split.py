"""Gathers the shards into one dataset, person by person, and has it audited."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from itertools import groupby
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from components.artifacts import atomic_directory, read_json, write_json
from components.contracts import (
    AUDIT_FILE,
    EMBEDDING_FILE,
    FRAME_INDEX,
    FRAME_KEY,
    FRAMES,
    FRAMES_FILE,
    INDEX,
    INDEX_FILE,
    SAMPLES_FILE,
    Pictures,
    Protocol,
    Split,
    features_file,
    features_schema,
    views_file,
    views_schema,
)
from components.errors import ContractError, LeakError, SourceError
from components.model_directory import CLASSES_FILE, STRANGER, Classes, Role
from components.parquet import open_table, parquet_writer
from components.split_dataset.assign import SplitOptions, plan_clips
from components.split_dataset.audit import audit_index
from components.split_dataset.duplicates import find_duplicates
from components.split_dataset.enrolment import write_enrolment
from components.split_dataset.gather import Clip, locate_clips, row_readers
from components.split_dataset.ledger import close_books, write_copies
from components.split_dataset.pictures import write_pictures
from components.split_dataset.sides import code_of, names_of, read_frames, shuffled
from components.telemetry import step

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Sequence
    from pathlib import Path

    from components.split_dataset.sides import Codes, Frames
    from components.telemetry import Progress


def split_dataset(
    shards: Sequence[Path],
    frames: Sequence[Path],
    clips: Path,
    extractions: Sequence[Path],
    options: SplitOptions,
    *,
    dataset: Path,
    audit: Path,
    pictures: str = Pictures.EVALUATION,
) -> dict[str, Any]:
    """Gather the shards, label and split them, and prove that nothing leaked or got lost.

    Args:
        shards: the directories that embed_frames wrote, in any order.
        frames: the directories that extract_frames wrote, in any order.
        clips: the directory that ingest_videos wrote.
        extractions: the directories that extract_frames noted its rejects and qualities in.
        options: how to split.
        dataset: the directory to make: index, features, pictures, samples, classes.
        audit: the directory to make: what was found, the rejects, the books of the source, how well
            each person is enrolled, and which clips are copies. It is made where there is a leak,
            too, without what was found.
        pictures: of which sides the frames themselves are copied, a `Pictures`.

    Returns:
        What AUDIT_FILE holds.

    Raises:
        SourceError: there is nothing to split, or nobody can be tested as `options` want it.
        LeakError: the audit found that the sides are not apart.
        ContractError: a shard is malformed, or a clip got lost.
    """
    found = locate_clips(shards)
    with (
        step("split_dataset") as progress,
        _books(audit) as books,
        atomic_directory(dataset) as data,
    ):
        used = {clip.clip_id for clip in found}
        summary = close_books(clips, extractions, used, books)
        if not found:
            reasons = summary["rejects_by_reason"]
            raise SourceError(f"no clip gave a single frame; rejected, by reason: {reasons}")
        write_enrolment(clips, extractions, used, books)
        plans, strangers = plan_clips(found, options)
        classes = classes_of(clip for clip in found if clip.person_id not in strangers)
        embedding = merge_embeddings(shards)
        gathering = Gathering(shards, found, data, progress)
        usable = [name for name, row in embedding.items() if row["status"] == "succeeded"]
        progress.expect(len(found) * (2 + len(usable)), "clips")
        classes.write(data / CLASSES_FILE)
        planned = read_frames(shards, found, plans)
        sides, random_side, copied = settle_sides(planned, found, strangers, options)
        copies = [(found[one].clip_id, found[other].clip_id) for one, other in copied]
        write_copies(clips, copies, books)
        gathering.write_index(sides.side, random_side, classes)
        for name in usable:
            gathering.write_features(name)
            if embedding[name]["views"]:
                gathering.write_views(name, embedding[name]["views"], sides.side)
        write_pictures(frames, found, sides, pictures, data, progress)
        gathering.write_samples()
        write_json(data / EMBEDDING_FILE, embedding)
        findings = audit_index(data / INDEX_FILE, classes, options, len(copied))
        findings["protocol"]["options"] = asdict(options)
        write_json(books / AUDIT_FILE, findings)
    return findings


@contextmanager
def _books(audit: Path) -> Iterator[Path]:
    """Make a directory that stays where there is a leak: it says where to look."""
    leak = None
    with atomic_directory(audit) as directory:
        try:
            yield directory
        except LeakError as error:
            leak = error
    if leak:
        raise leak


def settle_sides(
    frames: Frames, clips: Sequence[Clip], strangers: Collection[str], options: SplitOptions
) -> tuple[Frames, Codes, list[tuple[int, int]]]:
    """Take near-duplicates out, or shuffle, as the protocol asks.

    Returns:
        The frames with their final sides, what a split at random would have made of those, and the
        pairs of clips, by their places, that are one recording under two names.
    """
    if options.protocol == Protocol.RANDOM_FRAMES:
        side = shuffled(frames, clips, strangers, options.seed)
        frames = replace(frames, side=side)
        return frames, side, find_duplicates(frames).copied_clips
    duplicates = find_duplicates(frames)
    side = frames.side.copy()
    side[duplicates.near] = code_of(Split.NEAR_DUPLICATE)
    frames = replace(frames, side=side)
    return frames, shuffled(frames, clips, strangers, options.seed), duplicates.copied_clips


def classes_of(clips: Iterable[Clip]) -> Classes:
    """Number the people who are trained on, sorted by id."""
    role_of = {clip.person_id: Role(clip.role) for clip in clips}
    people = sorted(role_of)
    roles = tuple(Role)
    return Classes(tuple(people), tuple(roles.index(role_of[person]) for person in people))


def dimension_of(features: Path) -> int:
    """Length of the vectors in a file of features.

    Raises:
        ContractError: it is no such file.
    """
    try:
        return pq.read_schema(features).field("feature").type.list_size
    except (OSError, KeyError, AttributeError, pa.ArrowException) as error:
        raise ContractError(f"{features.name} is no file of features: {error!r}") from error


def merge_embeddings(shards: Sequence[Path]) -> dict[str, dict[str, Any]]:
    """Sum the shards' embedding reports; a backbone that failed in one shard has failed.

    Raises:
        ContractError: two shards embedded other backbones, or at another precision.
    """
    reports = [read_json(shard / EMBEDDING_FILE) for shard in shards]
    if any(set(report) != set(reports[0]) for report in reports):
        raise ContractError("the shards were embedded with different backbones: embed them again")
    return {name: _merge([report[name] for report in reports]) for name in reports[0]}


def _merge(rows: Sequence[dict[str, Any]]) -> dict[str, Any]:
    failed = next((row for row in rows if row["status"] != "succeeded"), None)
    if failed:
        return failed
    for key in ("engine", "precision", "views"):
        if len({row[key] for row in rows}) > 1:
            raise ContractError(f"the shards were embedded with different {key}: embed them again")
    frames, seconds = sum(row["frames"] for row in rows), sum(row["seconds"] for row in rows)
    return {
        **rows[0],
        "frames": frames,
        "seconds": seconds,
        "images_per_second": frames / seconds if seconds else None,
    }


@dataclass(frozen=True)
class Gathering:
    """Copies the shards' rows, clip by clip in one order, into the dataset's files."""

    shards: Sequence[Path]
    clips: Sequence[Clip]
    directory: Path
    progress: Progress

    def write_index(self, side: Codes, random_side: Codes, classes: Classes) -> None:
        """Write the index, one person in memory at a time."""
        label_of = {person: label for label, person in enumerate(classes.people)}
        at = 0
        with (
            row_readers(self.shards, FRAMES_FILE, FRAME_INDEX) as readers,
            parquet_writer(self.directory / INDEX_FILE, INDEX) as writer,
        ):
            for person, own in groupby(self.clips, key=lambda clip: clip.person_id):
                parts = []
                for clip in own:
                    keys = readers[clip.shard].read(clip.start, clip.count).select(FRAME_KEY.names)
                    rows = slice(at, at + clip.count)
                    parts.append(_with_sides(keys, side[rows], random_side[rows]))
                    at = rows.stop
                    self.progress.advance()
                label = label_of.get(person, STRANGER)
                writer.write_table(_with_labels(pa.concat_tables(parts), label, classes))

    def write_features(self, backbone: str) -> None:
        """Write one backbone's features in the order of the index."""
        name = features_file(backbone)
        schema = features_schema(dimension_of(self.shards[0] / name))
        with (
            row_readers(self.shards, name, schema) as readers,
            parquet_writer(self.directory / name, schema) as writer,
        ):
            for clip in self.clips:
                table = readers[clip.shard].read(clip.start, clip.count)
                if set(table["clip_id"].unique().to_pylist()) != {clip.clip_id}:
                    raise ContractError(f"{name}: its rows are not in the order of the frames")
                writer.write_table(table)
                self.progress.advance()

    def write_views(self, backbone: str, views: int, side: Codes) -> None:
        """Write the `views` of each frame to learn from, in the order of the index."""
        name = views_file(backbone)
        schema = views_schema(dimension_of(self.shards[0] / name))
        learnt = np.repeat(side == code_of(Split.TRAIN), views)
        at = 0
        with (
            row_readers(self.shards, name, schema) as readers,
            parquet_writer(self.directory / name, schema) as writer,
        ):
            for clip in self.clips:
                rows = slice(at, at + views * clip.count)
                table = readers[clip.shard].read(views * clip.start, views * clip.count)
                writer.write_table(table.filter(pa.array(learnt[rows])))
                at = rows.stop

    def write_samples(self) -> None:
        """Put the shards' sample frames together."""
        with parquet_writer(self.directory / SAMPLES_FILE, FRAMES) as writer:
            for shard in self.shards:
                with open_table(shard / SAMPLES_FILE, FRAMES) as file:
                    for batch in file.iter_batches():
                        writer.write_batch(batch)


def _with_sides(keys: pa.Table, side: Codes, random_side: Codes) -> pa.Table:
    clip_ids, sides = keys["clip_id"].to_pylist(), names_of(side)
    columns = {
        "split": sides,
        "random_split": names_of(random_side),
        "transaction": [f"{clip}/{side}" for clip, side in zip(clip_ids, sides, strict=True)],
    }
    for name, values in columns.items():
        keys = keys.append_column(name, pa.array(values, pa.string()))
    return keys


def _with_labels(table: pa.Table, label: int, classes: Classes) -> pa.Table:
    classes.check_labels([label], where="the dataset's index")
    role = tuple(Role).index(Role(table["role"][0].as_py()))
    rows = table.num_rows
    return (
        table.append_column("person", pa.array([label] * rows, pa.int32()))
        .append_column("role_label", pa.array([role] * rows, pa.int32()))
        .select(INDEX.names)
        .cast(INDEX)
    )
