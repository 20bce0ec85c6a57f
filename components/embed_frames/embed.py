"""Turns the frames of a shard into features, one file a backbone."""

from __future__ import annotations

import contextlib
import logging
import time
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from components import telemetry
from components.artifacts import atomic_directory, write_json
from components.contracts import (
    EMBEDDING_FILE,
    FRAME_INDEX,
    FRAMES,
    FRAMES_FILE,
    SAMPLES_FILE,
    features_file,
    features_schema,
    views_file,
    views_schema,
)
from components.embed_frames import engines
from components.embed_frames.ahead import work_ahead
from components.embed_frames.spool import Block, Samples, spool_frames
from components.embed_frames.views import make_views
from components.errors import BackboneError, ContractError
from components.exported_backbones import ExportedBackbone, Status, read_exported
from components.parquet import open_table, parquet_writer, write_table

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from components.embed_frames.engines import Engine, EngineName, Precision
    from components.telemetry import Progress

log = logging.getLogger("rollcall")


@dataclass
class Embedding:
    """How it went with one backbone on one shard: its row of embedding.json.

    Attributes:
        status: whether its features are there.
        reason: why not.
        engine: "openvino" or "keras".
        precision: "bf16" or "f32".
        views: number of augmented views of each frame.
        frames: number of frames embedded.
        seconds: time spent in their inference; loading, writing and views are not part of it.
    """

    status: Status
    reason: str | None
    engine: EngineName
    precision: Precision
    views: int = 0
    frames: int = 0
    seconds: float = 0.0

    def to_json(self) -> dict[str, object]:
        """The row, with `images_per_second` where there is something to divide."""
        speed = round(self.frames / self.seconds, 1) if self.seconds > 0 else None
        return asdict(self) | {"seconds": round(self.seconds, 3), "images_per_second": speed}


@dataclass(frozen=True)
class Embedded:
    """What came of one shard.

    Attributes:
        frames: number of rows of the index and of every file of features.
        samples: number of rows of samples.parquet.
        backbones: how each went, in the order of backbones.json.
    """

    frames: int
    samples: int
    backbones: dict[str, Embedding]

    def summary(self) -> dict[str, object]:
        """Numbers of the shard, and images a second of each backbone."""
        rows = {name: row.to_json() for name, row in self.backbones.items()}
        speed = {name: row["images_per_second"] for name, row in rows.items()}
        return {"frames": self.frames, "samples": self.samples, "images_per_second": speed}


def embed_frames(
    frames: Path,
    exported: Path,
    output: Path,
    *,
    shard: int = 0,
    precision: str = "auto",
    engine: str = "auto",
    augment_views: int = 0,
    seed: int = 0,
) -> Embedded:
    """Embed a shard with every backbone that was exported.

    Writes into `output`, all in the row order of the frames, a row group a clip:
    frames.parquet (FRAME_INDEX), features-<backbone>.parquet (`features_schema`), where views are
    asked for views-<backbone>.parquet (`views_schema`), samples.parquet (FRAMES, at most 64 of
    them) and embedding.json.

    Args:
        frames: directory with frames.parquet (FRAMES); each clip's rows together and in order.
        exported: directory of components.exported_backbones.
        output: directory to write; it appears whole or not at all.
        shard: number of the shard, for the progress only.
        precision: "auto", "bf16" or "f32".
        engine: "auto", "openvino" or "keras".
        augment_views: augmented views of each frame that are embedded, too; each costs as much time
            as the frame itself.
        seed: chooses the samples, and draws the views.

    Raises:
        ContractError: the frames or the exported backbones are not as agreed.
        BackboneError: no backbone gave features, or engine or precision cannot be had.
    """
    with telemetry.step("embed_frames", item=str(shard)) as progress:
        chosen = engines.choose(engine, precision)
        known = {
            name: backbone
            for name, backbone in read_exported(exported).items()
            if not backbone.same_as  # its features are those of another
        }
        samples = Samples(seed)
        with (
            open_table(frames / FRAMES_FILE, FRAMES) as file,
            atomic_directory(output) as directory,
        ):
            total = file.metadata.num_rows
            rows = {name: _row(known[name], chosen, augment_views) for name in known}
            live = [name for name, row in rows.items() if row.status is Status.SUCCEEDED]
            progress.expect(total * len(live), "features")
            with contextlib.ExitStack() as stack:
                index = stack.enter_context(parquet_writer(directory / FRAMES_FILE, FRAME_INDEX))
                writers = {
                    name: _open_writers(stack, directory, name, known[name], augment_views)
                    for name in live
                }
                for block in spool_frames(file, samples):
                    _write_clips(index, block.index, block.clips)
                    for name in live:
                        writers_of = writers[name]
                        _embed_or_note(
                            rows[name], exported / name, block, writers_of, seed, progress
                        )
            _finish(directory, rows)
            sample = samples.table()
            write_table(directory / SAMPLES_FILE, sample)
    return Embedded(total, len(sample), rows)


def _row(backbone: ExportedBackbone, chosen: tuple[EngineName, Precision], views: int) -> Embedding:
    reason = None if backbone.reason is None else f"not exported: {backbone.reason}"
    return Embedding(backbone.status, reason, *chosen, views)


def _open_writers(
    stack: contextlib.ExitStack, directory: Path, name: str, known: ExportedBackbone, views: int
) -> list[pq.ParquetWriter]:
    """Open the files of a backbone's features, and of its views where there are any."""
    if not known.dimension:
        raise ContractError(f"{name} is said to be exported, but not how long its features are")
    files = [(features_file(name), features_schema(known.dimension))]
    if views:
        files.append((views_file(name), views_schema(known.dimension)))
    return [stack.enter_context(parquet_writer(directory / file, schema)) for file, schema in files]


def _embed_or_note(
    row: Embedding,
    directory: Path,
    block: Block,
    writers: list[pq.ParquetWriter],
    seed: int,
    progress: Progress,
) -> None:
    """Embed a block with one backbone; what stops the backbone stands in its row."""
    if row.status is Status.FAILED:
        progress.advance(len(block.index))
        return
    before = row.frames
    try:
        _embed(row, directory, block, writers, seed, progress)
    except OSError:  # the disk: nothing that another backbone would survive
        raise
    except Exception as error:
        log.exception("%s could not embed", directory.name)
        expected = isinstance(error, BackboneError)
        row.reason = str(error) if expected else f"{type(error).__name__}: {error}"
        row.status = Status.FAILED
        progress.advance(len(block.index) - (row.frames - before))


def _embed(
    row: Embedding,
    directory: Path,
    block: Block,
    writers: list[pq.ParquetWriter],
    seed: int,
    progress: Progress,
) -> None:
    engine = engines.load(row.engine, row.precision, directory)

    def infer(chunk: tuple[list[tuple[int, int]], NDArray[np.uint8]]) -> list[pa.Table]:
        clips, pixels = chunk
        start = time.perf_counter()
        features = engine.infer(pixels)
        row.seconds += time.perf_counter() - start
        keys = block.index.slice(clips[0][0], len(pixels)).select(["clip_id", "index"])
        tables = [_features_table(keys, features, writers[0].schema)]
        if row.views:
            schema = writers[1].schema
            tables.append(_views_table(engine, pixels, keys, row.views, seed, schema))
        return tables

    try:
        for (clips, pixels), tables in work_ahead(infer, block.chunks()):
            first = clips[0][0]
            for writer, table, each in zip(writers, tables, (1, row.views), strict=False):
                groups = [(each * (start - first), each * (end - first)) for start, end in clips]
                _write_clips(writer, table, groups)
            row.frames += len(pixels)
            progress.advance(len(pixels))
    finally:
        engine.close()


def _views_table(
    engine: Engine,
    pixels: NDArray[np.uint8],
    keys: pa.Table,
    views: int,
    seed: int,
    schema: pa.Schema,
) -> pa.Table:
    """Embed the views of a chunk's frames, one of each frame in memory at a time."""
    names = list(zip(*keys.to_pydict().values(), strict=True))
    features = np.stack(
        [engine.infer(make_views(pixels, names, seed, view)) for view in range(views)], axis=1
    )
    number = pa.array(np.tile(np.arange(views, dtype=np.int32), len(keys)))
    keys = keys.take(pa.array(np.repeat(np.arange(len(keys)), views))).append_column("view", number)
    return _features_table(keys, features.reshape(len(keys), -1), schema)


def _features_table(keys: pa.Table, features: NDArray[np.float32], schema: pa.Schema) -> pa.Table:
    """Put features behind their keys.

    Raises:
        BackboneError: a feature is not finite, or float16 cannot hold it.
    """
    dimension = schema.field("feature").type.list_size
    if features.shape != (len(keys), dimension):
        raise BackboneError(f"features of shape {features.shape}, {dimension} were announced")
    if not np.isfinite(features).all():
        raise BackboneError("it gave features that are not finite")
    with np.errstate(over="ignore"):
        half = features.astype(np.float16)
    if not np.isfinite(half).all():
        raise BackboneError(f"a feature of {np.abs(features).max():.3g} is too large for float16")
    if (features.any(axis=1) & ~half.any(axis=1)).any():
        raise BackboneError("the features of a frame are all too small for float16")
    values = pa.FixedSizeListArray.from_arrays(pa.array(half.ravel()), dimension)
    return pa.Table.from_arrays([*keys.columns, values], schema=schema)


def _write_clips(writer: pq.ParquetWriter, table: pa.Table, clips: list[tuple[int, int]]) -> None:
    """Write a row group for each clip, so that a reader can take one without the others."""
    for start, stop in clips:
        writer.write_table(table.slice(start, stop - start), row_group_size=stop - start)


def _finish(directory: Path, rows: dict[str, Embedding]) -> None:
    """Take back the files of backbones that failed, and write how each went.

    Raises:
        BackboneError: every one failed.
    """
    for name, row in rows.items():
        if row.status is Status.FAILED:
            for file in (features_file(name), views_file(name)):
                (directory / file).unlink(missing_ok=True)
            row.frames, row.seconds = 0, 0.0
    if all(row.status is Status.FAILED for row in rows.values()):
        reasons = "\n".join(f"{name}: {row.reason}" for name, row in rows.items())
        raise BackboneError(f"no backbone gave features:\n{reasons}")
    write_json(directory / EMBEDDING_FILE, {name: row.to_json() for name, row in rows.items()})
