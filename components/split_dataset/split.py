"""Gathers the shards into one dataset, person by person, and has it audited."""

from __future__ import annotations

from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass
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
    Split,
    features_file,
    features_schema,
    views_file,
    views_schema,
)
from components.errors import ContractError, SourceError
from components.model_directory import CLASSES_FILE, STRANGER, Classes, Role
from components.parquet import open_table, parquet_writer
from components.split_dataset.assign import GAP_PARTS, Plan, SplitOptions, plan_clips, side_at
from components.split_dataset.audit import audit_index
from components.split_dataset.enrolment import write_enrolment
from components.split_dataset.gather import Clip, RowReader, locate_clips
from components.split_dataset.ledger import close_books
from components.telemetry import step

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from pathlib import Path

    from components.telemetry import Progress


@dataclass(frozen=True)
class SplitSummary:
    """What the dataset holds."""

    clips: int
    frames: int
    people: int
    strangers: int


def split_dataset(
    shards: Sequence[Path],
    clips: Path,
    extractions: Sequence[Path],
    options: SplitOptions,
    *,
    dataset: Path,
    audit: Path,
) -> SplitSummary:
    """Gather the shards, label and split them, and prove that nothing leaked or got lost.

    Args:
        shards: the directories that embed_frames wrote, in any order.
        clips: the directory that ingest_videos wrote.
        extractions: the directories that extract_frames noted its rejects and qualities in.
        options: how to split.
        dataset: the directory to make: index, features, samples, classes.
        audit: the directory to make: what was found, the rejects, the books of the source, and how
            well each person is enrolled.

    Raises:
        SourceError: there is nothing to split.
        LeakError: the audit found a session on both sides.
        ContractError: a shard is malformed, or a clip got lost.
    """
    found = locate_clips(shards)
    with (
        step("split_dataset") as progress,
        atomic_directory(dataset) as data,
        atomic_directory(audit) as books,
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
        progress.expect(len(found) * (1 + len(usable)), "clips")
        classes.write(data / CLASSES_FILE)
        frames = gathering.write_index(plans, classes, options.seed)
        for name in usable:
            gathering.write_features(name)
            if embedding[name]["views"]:
                gathering.write_views(name, embedding[name]["views"])
        gathering.write_samples()
        write_json(data / EMBEDDING_FILE, embedding)
        findings = audit_index(data / INDEX_FILE, classes, options.gap_s, 1 / GAP_PARTS)
        findings["protocol"]["options"] = asdict(options)
        write_json(books / AUDIT_FILE, findings)
    return SplitSummary(len(found), frames, len(classes.people), len(strangers))


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

    def write_index(self, plans: dict[str, Plan], classes: Classes, seed: int) -> int:
        """Write the index, one person in memory at a time; returns the number of frames."""
        label_of = {person: label for label, person in enumerate(classes.people)}
        frames = 0
        with (
            self._readers(FRAMES_FILE, FRAME_INDEX) as readers,
            parquet_writer(self.directory / INDEX_FILE, INDEX) as writer,
        ):
            for person, own in groupby(self.clips, key=lambda clip: clip.person_id):
                parts = []
                for clip in own:
                    keys = readers[clip.shard].read(clip.start, clip.count).select(FRAME_KEY.names)
                    parts.append(_label_clip(keys, plans[clip.clip_id]))
                    self.progress.advance()
                label = label_of.get(person, STRANGER)
                table = _label_person(pa.concat_tables(parts), label, classes, seed)
                writer.write_table(table)
                frames += table.num_rows
        return frames

    def write_features(self, backbone: str) -> None:
        """Write one backbone's features in the order of the index."""
        name = features_file(backbone)
        schema = features_schema(dimension_of(self.shards[0] / name))
        with (
            self._readers(name, schema) as readers,
            parquet_writer(self.directory / name, schema) as writer,
        ):
            for clip in self.clips:
                table = readers[clip.shard].read(clip.start, clip.count)
                if set(table["clip_id"].unique().to_pylist()) != {clip.clip_id}:
                    raise ContractError(f"{name}: its rows are not in the order of the frames")
                writer.write_table(table)
                self.progress.advance()

    def write_views(self, backbone: str, views: int) -> None:
        """Write the `views` of each frame to learn from, in the order of the index."""
        name = views_file(backbone)
        schema = views_schema(dimension_of(self.shards[0] / name))
        at = 0
        with (
            self._readers(name, schema) as readers,
            RowReader(self.directory / INDEX_FILE, INDEX) as index,
            parquet_writer(self.directory / name, schema) as writer,
        ):
            for clip in self.clips:
                table = readers[clip.shard].read(views * clip.start, views * clip.count)
                sides = np.asarray(index.read(at, clip.count)["split"].to_pylist())
                writer.write_table(table.filter(pa.array(np.repeat(sides == Split.TRAIN, views))))
                at += clip.count

    def write_samples(self) -> None:
        """Put the shards' sample frames together."""
        with parquet_writer(self.directory / SAMPLES_FILE, FRAMES) as writer:
            for shard in self.shards:
                with open_table(shard / SAMPLES_FILE, FRAMES) as file:
                    for batch in file.iter_batches():
                        writer.write_batch(batch)

    @contextmanager
    def _readers(self, name: str, schema: pa.Schema) -> Iterator[list[RowReader]]:
        with ExitStack() as stack:
            yield [stack.enter_context(RowReader(s / name, schema)) for s in self.shards]


def _label_clip(keys: pa.Table, plan: Plan) -> pa.Table:
    sides = [side_at(plan, time_s).value for time_s in keys["time_s"].to_pylist()]
    clip_ids = keys["clip_id"].to_pylist()
    transactions = [f"{clip}/{side}" for clip, side in zip(clip_ids, sides, strict=True)]
    return keys.append_column("split", pa.array(sides, pa.string())).append_column(
        "transaction", pa.array(transactions, pa.string())
    )


def _label_person(table: pa.Table, label: int, classes: Classes, seed: int) -> pa.Table:
    classes.check_labels([label], where="the dataset's index")
    sides = np.asarray(table["split"].to_pylist(), dtype=object)
    if label != STRANGER:
        # The same number of frames on each side, but any frame on any: what a leak looks like.
        name = np.frombuffer(table["person_id"][0].as_py().encode(), np.uint8)
        sides = np.random.default_rng([seed, *name.tolist()]).permutation(sides)
    role = tuple(Role).index(Role(table["role"][0].as_py()))
    rows = table.num_rows
    return (
        table.append_column("random_split", pa.array(sides, pa.string()))
        .append_column("person", pa.array([label] * rows, pa.int32()))
        .append_column("role_label", pa.array([role] * rows, pa.int32()))
        .select(INDEX.names)
        .cast(INDEX)
    )
