"""Makes what extract_frames and embed_frames write, of made-up people whose features are known."""

from __future__ import annotations

import functools
import hashlib
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

import cv2
import numpy as np
import pyarrow as pa

from components.artifacts import write_json
from components.contracts import (
    CLIP_QUALITY,
    CLIP_QUALITY_FILE,
    CLIPS,
    CLIPS_FILE,
    EMBEDDING_FILE,
    EXTRACT_FILE,
    FRAME_INDEX,
    FRAMES,
    FRAMES_FILE,
    INGEST_FILE,
    PEOPLE,
    PEOPLE_FILE,
    REJECTS_FILE,
    SAMPLES_FILE,
    features_file,
    features_schema,
    rejects_table,
    views_file,
    views_schema,
)
from components.model_directory import FRAME_SIZE
from components.parquet import parquet_writer, write_table

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

BACKBONE = "Tiny"
DIMENSION = 12
MIDDLE, STEP = 128, 30
"""The level of a colour that stands for the feature 0, and levels for a difference of 1."""


@dataclass(frozen=True)
class FakeClip:
    """A clip that nobody filmed; `hashes` are those of its frames, if not like nothing else."""

    person_id: str
    role: str
    session: str
    clip_id: str
    frames: int = 20
    frames_per_second: float = 5.0
    hashes: tuple[int, ...] = ()


def people(
    students: int = 3, staff: int = 1, visitors: int = 2, sessions: int = 2
) -> list[FakeClip]:
    """One clip for each session of each person."""
    roles = ["student"] * students + ["staff"] * staff + ["visitor"] * visitors
    return [
        FakeClip(f"p{number}", role, f"s{session}", f"{number:08x}{session:08x}")
        for number, role in enumerate(roles)
        for session in range(sessions)
    ]


@dataclass(frozen=True)
class Shards:
    """Where everything that split_dataset reads lies."""

    features: list[Path]
    frames: list[Path]
    clips: Path
    extractions: list[Path]


def write_shards(
    folder: Path, clips: Sequence[FakeClip], shards: int = 2, views: int = 0
) -> Shards:
    """Write the clips in `shards` shards, with features in which each person is a point."""
    parts = [list(clips[number::shards]) for number in range(shards)]
    features = [_write_shard(folder / f"features{n}", part, views) for n, part in enumerate(parts)]
    frames = [_write_frames(folder / f"frames{n}", part) for n, part in enumerate(parts)]
    extractions = [_write_extraction(folder / f"extraction{n}", p) for n, p in enumerate(parts)]
    return Shards(features, frames, _write_clips(folder / "clips", clips), extractions)


def _write_shard(folder: Path, clips: Sequence[FakeClip], views: int) -> Path:
    folder.mkdir(parents=True)
    keys = [_key(clip, index) for clip in clips for index in range(clip.frames)]
    vectors = [_feature(clip, index) for clip in clips for index in range(clip.frames)]
    table = pa.Table.from_pylist(keys, FRAME_INDEX)
    write_table(folder / FRAMES_FILE, table)
    flat = pa.array(np.concatenate(vectors) if vectors else np.empty(0, np.float16))
    schema = features_schema(DIMENSION)
    feature = pa.FixedSizeListArray.from_arrays(flat, DIMENSION)
    columns = [table["clip_id"].combine_chunks(), table["index"].combine_chunks(), feature]
    write_table(folder / features_file(BACKBONE), pa.Table.from_arrays(columns, schema=schema))
    if views:
        _write_views(folder, columns, views)
    samples = [_frame(clip, index) for clip in clips for index in range(clip.frames)][::7]
    write_table(folder / SAMPLES_FILE, pa.Table.from_pylist(samples, FRAMES))
    write_json(folder / EMBEDDING_FILE, {BACKBONE: _embedding(len(keys), views)})
    return folder


def _write_views(folder: Path, columns: list[pa.Array], views: int) -> None:
    """Views whose features are those of the frames: one cannot be told from the other."""
    rows = pa.array(np.repeat(np.arange(len(columns[0])), views))
    clip_id, index, feature = (column.take(rows) for column in columns)
    view = pa.array(np.tile(np.arange(views, dtype=np.int32), len(columns[0])))
    table = pa.Table.from_arrays([clip_id, index, view, feature], schema=views_schema(DIMENSION))
    write_table(folder / views_file(BACKBONE), table)


def _write_frames(folder: Path, clips: Sequence[FakeClip]) -> Path:
    folder.mkdir(parents=True)
    with parquet_writer(folder / FRAMES_FILE, FRAMES) as writer:
        for clip in clips:
            rows = [_frame(clip, index) for index in range(clip.frames)]
            writer.write_table(pa.Table.from_pylist(rows, FRAMES))
    return folder


def _key(clip: FakeClip, index: int) -> dict[str, object]:
    return {
        "clip_id": clip.clip_id,
        "person_id": clip.person_id,
        "role": clip.role,
        "session": clip.session,
        "index": index,
        "time_s": index / clip.frames_per_second,
        "sharpness": 100.0,
        "brightness": 128.0,
        "dhash": clip.hashes[index] if clip.hashes else hash_of(f"{clip.clip_id}/{index}"),
    }


def _frame(clip: FakeClip, index: int) -> dict[str, object]:
    return {**_key(clip, index), "jpeg": _picture(clip, index), "face_box": None}


def _feature(clip: FakeClip, index: int) -> np.ndarray:
    where = _vector(clip.person_id) + 0.3 * _vector(clip.clip_id)
    return (where + 0.05 * _vector(f"{clip.clip_id}{index}")).astype(np.float16)


def hash_of(name: str) -> int:
    """A difference hash that is far from any other's: two differ in 32 of 64 bits or so."""
    return int.from_bytes(hashlib.sha256(name.encode()).digest()[:8], "big")


def _vector(name: str) -> np.ndarray:
    return np.random.default_rng(list(name.encode())).normal(size=DIMENSION)


@functools.cache
def _picture(clip: FakeClip, index: int) -> bytes:
    """A JPEG of four squares whose colours are the features: their averages give them back."""
    levels = np.clip(MIDDLE + STEP * _feature(clip, index).reshape(2, 2, 3), 0, 255)
    side = FRAME_SIZE // 2
    squares = np.kron(levels[..., ::-1], np.ones((side, side, 1))).astype(np.uint8)
    return cv2.imencode(".jpg", squares)[1].tobytes()


def averaging_weights(side: int) -> np.ndarray:
    """Weights of a convolution of `side` pixels without overlaps that averages each colour."""
    return np.broadcast_to(np.eye(3, dtype=np.float32) / side**2, (side, side, 3, 3))


def _embedding(frames: int, views: int) -> dict[str, object]:
    return {
        "status": "succeeded",
        "reason": None,
        "engine": "openvino",
        "precision": "f32",
        "views": views,
        "frames": frames,
        "seconds": 0.5,
        "images_per_second": frames / 0.5,
    }


def quality(clip: FakeClip, **more: object) -> dict[str, object]:
    """A row of CLIP_QUALITY in which nothing is wrong."""
    row = {
        "clip_id": clip.clip_id,
        "person_id": clip.person_id,
        "role": clip.role,
        "session": clip.session,
        "duration_s": 10.0,
        "seen_s": 9.8,
        "cut_short": False,
        "frames_sampled": clip.frames,
        "frames": clip.frames,
        **dict.fromkeys((n for n in CLIP_QUALITY.names if n.startswith("frames_dropped")), 0),
        **dict.fromkeys(("blurred_share", "dark_share", "bright_share"), 0.0),
        "sharpness": 100.0,
        "brightness": 128.0,
        "spread": 9.0,
        "flicker": 5.0,
    }
    return {**row, **more}


def _write_extraction(folder: Path, clips: Sequence[FakeClip]) -> Path:
    folder.mkdir(parents=True)
    rows = [quality(clip) for clip in clips]
    write_table(folder / CLIP_QUALITY_FILE, pa.Table.from_pylist(rows, CLIP_QUALITY))
    write_table(folder / REJECTS_FILE, rejects_table([]))
    write_json(folder / EXTRACT_FILE, {"clips": 1, "frames": 20, "seconds": 0.5})
    return folder


def _write_clips(folder: Path, clips: Sequence[FakeClip]) -> Path:
    folder.mkdir(parents=True)
    rows = [
        {
            "clip_id": clip.clip_id,
            "uri": f"videos/{clip.person_id}/{clip.session}.mp4",
            "bytes": 1,
            "person_id": clip.person_id,
            "role": clip.role,
            "session": clip.session,
            "duration_s": 4.0,
            "fps": 30.0,
            "width": 320,
            "height": 240,
            "codec": "h264",
            "shard": 0,
        }
        for clip in clips
    ]
    write_table(folder / CLIPS_FILE, pa.Table.from_pylist(rows, CLIPS))
    roster = {clip.person_id: clip.role for clip in clips}
    own = Counter(clip.person_id for clip in clips)
    people = [
        {"person_id": person, "role": role, "consent": "valid", "clips_rejected": 0}
        | {"clips_accepted": own[person]}
        for person, role in roster.items()
    ]
    write_table(folder / PEOPLE_FILE, pa.Table.from_pylist(people, PEOPLE))
    write_table(folder / REJECTS_FILE, rejects_table([]))
    write_json(folder / INGEST_FILE, {"fingerprint": "0" * 64, "clips": len(clips)})
    return folder
