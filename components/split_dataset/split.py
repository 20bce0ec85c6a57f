"""Gathers the shards into one dataset, person by person, and has it audited."""

from __future__ import annotations

import logging
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from itertools import groupby
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from components.artifacts import (
    atomic_directory,
    open_table,
    parquet_writer,
    read_json,
    write_json,
)
from components.contracts import (
    AUDIT_FILE,
    CLASSES_FILE,
    EMBEDDING_FILE,
    FRAME_INDEX,
    FRAME_KEY,
    FRAMES,
    FRAMES_FILE,
    INDEX,
    INDEX_FILE,
    SAMPLES_FILE,
    STRANGER,
    Classes,
    Role,
    features_file,
    features_schema,
)
from components.errors import ContractError, SourceError
from components.split_dataset.assign import GAP_PARTS, Plan, SplitOptions, plan_clips, side_at
from components.split_dataset.audit import audit_index
from components.split_dataset.gather import Clip, RowReader, locate_clips
from components.telemetry import step

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from components.telemetry import Progress

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class SplitSummary:
    """What the dataset holds."""

    clips: int
    frames: int
    people: int
    strangers: int


def split_dataset(shards: Sequence[Path], dataset: Path, options: SplitOptions) -> SplitSummary:
    """Write the dataset directory: index, features, samples, classes, audit.

    Args:
        shards: the directories that embed_frames wrote, in any order.
        dataset: the directory to make.
        options: how to split.

    Raises:
        SourceError: there is nothing to split.
        LeakError: the audit found a session on both sides.
        ContractError: a shard is malformed.
    """
    clips = locate_clips(shards)
    if not clips:
        raise SourceError(
            f"none of the {len(shards)} shards has a frame: see the rejects for the reasons"
        )
    plans, strangers = plan_clips(clips, options)
    classes = classes_of(clip for clip in clips if clip.person_id not in strangers)
    embedding = merge_embeddings(shards)
    backbones = [name for name, row in embedding.items() if row["status"] == "succeeded"]
    with step("split_dataset") as progress, atomic_directory(dataset) as directory:
        progress.expect(len(clips) * (1 + len(backbones)), "clips")
        classes.write(directory / CLASSES_FILE)
        frames = _write_index(shards, clips, plans, classes, options, directory, progress)
        for name in backbones:
            _write_features(shards, clips, name, embedding[name]["dimension"], directory, progress)
        _write_samples(shards, directory)
        audit = audit_index(directory / INDEX_FILE, classes, options.gap_s, 1 / GAP_PARTS)
        audit["protocol"]["options"] = asdict(options)
        write_json(directory / AUDIT_FILE, audit)
        write_json(directory / EMBEDDING_FILE, embedding)
    return SplitSummary(len(clips), frames, len(classes.people), len(strangers))


def classes_of(clips: Any) -> Classes:  # noqa: ANN401
    """Number the people who are trained on, sorted by id."""
    role_of = {clip.person_id: Role(clip.role) for clip in clips}
    people = sorted(role_of)
    roles = tuple(Role)
    return Classes(tuple(people), tuple(roles.index(role_of[person]) for person in people))


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
    for key in ("engine", "precision", "dimension"):
        if len({row[key] for row in rows}) > 1:
            raise ContractError(f"the shards were embedded with different {key}: embed them again")
    frames, seconds = sum(row["frames"] for row in rows), sum(row["seconds"] for row in rows)
    return {
        **rows[0],
        "frames": frames,
        "seconds": seconds,
        "images_per_second": frames / seconds if seconds else None,
    }


def _write_index(
    shards: Sequence[Path],
    clips: Sequence[Clip],
    plans: dict[str, Plan],
    classes: Classes,
    options: SplitOptions,
    directory: Path,
    progress: Progress,
) -> int:
    label_of = {person: label for label, person in enumerate(classes.people)}
    frames = 0
    with ExitStack() as stack:
        readers = [stack.enter_context(RowReader(s / FRAMES_FILE, FRAME_INDEX)) for s in shards]
        writer = stack.enter_context(parquet_writer(directory / INDEX_FILE, INDEX))
        for person, own in groupby(clips, key=lambda clip: clip.person_id):
            parts = []
            for clip in own:
                keys = readers[clip.shard].read(clip.start, clip.count).select(FRAME_KEY.names)
                parts.append(_label_clip(keys, plans[clip.clip_id]))
                progress.advance()
            table = _label_person(
                pa.concat_tables(parts), label_of.get(person, STRANGER), classes, options.seed
            )
            writer.write_table(table)
            frames += table.num_rows
    return frames


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


def _write_features(
    shards: Sequence[Path],
    clips: Sequence[Clip],
    backbone: str,
    dimension: int,
    directory: Path,
    progress: Progress,
) -> None:
    schema, name = features_schema(dimension), features_file(backbone)
    with ExitStack() as stack:
        readers = [stack.enter_context(RowReader(shard / name, schema)) for shard in shards]
        writer = stack.enter_context(parquet_writer(directory / name, schema))
        for clip in clips:
            table = readers[clip.shard].read(clip.start, clip.count)
            if set(table["clip_id"].unique().to_pylist()) != {clip.clip_id}:
                raise ContractError(f"{name}: its rows are not in the order of the frames")
            writer.write_table(table)
            progress.advance()


def _write_samples(shards: Sequence[Path], directory: Path) -> None:
    with parquet_writer(directory / SAMPLES_FILE, FRAMES) as writer:
        for shard in shards:
            with open_table(shard / SAMPLES_FILE, FRAMES) as file:
                for batch in file.iter_batches():
                    writer.write_batch(batch)
