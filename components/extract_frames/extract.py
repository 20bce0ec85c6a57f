"""One shard's clips into frames.parquet, clip by clip.

The rows of a clip stand together, in the order of their index; clips stand in the order of the
clips table. A row group never spans two clips, so that a reader can take one clip at a time.
"""

from __future__ import annotations

import logging
import time
from contextlib import closing
from dataclasses import asdict, dataclass, field
from functools import partial
from itertools import islice
from typing import TYPE_CHECKING, Any, Final

import pyarrow as pa
import pyarrow.compute as pc

from components.artifacts import atomic_directory, write_json
from components.contracts import (
    CLIP_QUALITY,
    CLIP_QUALITY_FILE,
    CLIPS,
    CLIPS_FILE,
    EXTRACT_FILE,
    FRAMES,
    FRAMES_FILE,
    REJECTS,
    REJECTS_FILE,
    STILLS_CODEC,
    STILLS_FILE,
    ClipError,
    Reason,
    Reject,
    rejects_table,
)
from components.cpus import usable_cpus
from components.errors import ContractError
from components.extract_frames.parallel import Settings, decode_in_order
from components.extract_frames.selection import Fault, Limits
from components.extract_frames.stills_reader import StillsReader
from components.guard import GuardLimits
from components.model_directory import Crop
from components.parquet import open_table, parquet_writer
from components.telemetry import step

if TYPE_CHECKING:
    from collections import Counter
    from collections.abc import Iterator
    from datetime import date
    from pathlib import Path

    import pyarrow.parquet as pq

    from components.extract_frames.frame import Frame
    from components.extract_frames.parallel import Decoded

STEP: Final = "extract_frames"
MAX_FRAMES_PER_SECOND: Final = 60.0
MAX_DURATION_S: Final = 300.0

DEFAULT_GUARD: Final = GuardLimits()

_ROWS_IN_A_GROUP: Final = 64
_CLIPS_AT_ONCE: Final = 1024
_CLIP_COLUMNS: Final = ("clip_id", "person_id", "role", "session")

log = logging.getLogger("rollcall.extract_frames")


@dataclass
class Extracted:
    """What came of a shard.

    Attributes:
        clips: clips that gave frames.
        clips_cut_short: those of them that are damaged, or went on beyond the limit.
        frames_sampled: frames that were looked at: those written and those dropped.
        frames: frames written.
        frames_dropped_dark: frames not written, being under-exposed.
        frames_dropped_bright: frames not written, being over-exposed.
        frames_dropped_blurred: frames not written, being blurred.
        frames_dropped_near_duplicate: frames not written, being like one that was.
        frames_cropped: frames written that show the head alone.
        frames_without_face: frames written that show the whole square, as no face was found in it.
        stills: stills that gave a frame; they are counted among the frames sampled too.
        rejects_by_reason: clips, albums and single stills that gave none, by `Reason`.
        seconds: how long it took.
    """

    clips: int = 0
    clips_cut_short: int = 0
    frames_sampled: int = 0
    frames: int = 0
    frames_dropped_dark: int = 0
    frames_dropped_bright: int = 0
    frames_dropped_blurred: int = 0
    frames_dropped_near_duplicate: int = 0
    frames_cropped: int = 0
    frames_without_face: int = 0
    stills: int = 0
    rejects_by_reason: dict[str, int] = field(default_factory=dict)
    seconds: float = 0.0

    def drop(self, dropped: Counter[Fault]) -> None:
        """Count the frames of a clip that were dropped."""
        self.frames_dropped_dark += dropped[Fault.DARK]
        self.frames_dropped_bright += dropped[Fault.BRIGHT]
        self.frames_dropped_blurred += dropped[Fault.BLURRED]
        self.frames_dropped_near_duplicate += dropped[Fault.NEAR_DUPLICATE]

    def summary(self) -> dict[str, float]:
        """Return what extract.json holds: numbers alone, so that shards can be added up."""
        counts = asdict(self)
        rejects = sum(counts.pop("rejects_by_reason").values())
        return {**counts, "rejects": rejects}


def extract(
    clips: Path,
    output: Path,
    *,
    shard: int,
    frames_per_second: float,
    limits: Limits,
    today: date,
    crop: str = Crop.NONE,
    max_duration_s: float = MAX_DURATION_S,
    guard: GuardLimits = DEFAULT_GUARD,
    decoders: int | None = None,
) -> Extracted:
    """Write frames, rejects, clip_quality.parquet and extract.json for one shard.

    Args:
        clips: directory that ingest_videos wrote.
        output: directory to write; it appears only when it is complete.
        shard: which shard of the clips.
        frames_per_second: samples a second of video, above 0 and up to MAX_FRAMES_PER_SECOND.
        limits: what a frame has to be like, see `selection.Selection`.
        today: the day on which consent still has to hold.
        crop: which part of the square in the middle a frame shows, a `Crop`.
        max_duration_s: where a clip is cut short, whatever its file says of its length.
        guard: what one clip may cost.
        decoders: decoding processes; None for one a processor.

    Raises:
        ContractError: a parameter is out of range, or there is no such table or shard.
        GuardError: there is no decoding process.
        SourceError: the storage does not work.
    """
    if not 0 < frames_per_second <= MAX_FRAMES_PER_SECOND:
        raise ContractError(
            f"frames_per_second is {frames_per_second}; it has to be above 0 and up to "
            f"{MAX_FRAMES_PER_SECOND:g}"
        )
    if crop not in set(Crop):
        raise ContractError(f"crop is {crop!r}; it has to be {' or '.join(Crop)}")
    limits.check()
    workers = decoders or usable_cpus()
    settings = Settings(frames_per_second, max_duration_s, limits, Crop(crop), guard, workers)
    started = time.monotonic()
    with (
        step(STEP, str(shard)) as progress,
        atomic_directory(output) as work,
        open_table(clips / CLIPS_FILE, CLIPS) as table,
        parquet_writer(work / FRAMES_FILE, FRAMES) as frames_writer,
        parquet_writer(work / REJECTS_FILE, REJECTS) as rejects_writer,
        parquet_writer(work / CLIP_QUALITY_FILE, CLIP_QUALITY) as quality_writer,
    ):
        progress.expect(_count_clips(table, shard), "clips")
        writer = _Writer(frames_writer, rejects_writer, quality_writer, settings.crop)
        clips_of_shard = _with_stills(_clips_of(table, shard), clips / STILLS_FILE)
        for decoded in decode_in_order(
            clips_of_shard, settings, work, partial(check_consent, today=today)
        ):
            with closing(decoded):
                writer.take(decoded)
            progress.advance()
        extracted = writer.result
        extracted.seconds = round(time.monotonic() - started, 3)
        write_json(work / EXTRACT_FILE, extracted.summary())
    log.info("shard %d: %d frames of %d clips", shard, extracted.frames, extracted.clips)
    return extracted


class _Writer:
    """Writes what came of clip after clip, and counts it."""

    def __init__(
        self,
        frames: pq.ParquetWriter,
        rejects: pq.ParquetWriter,
        quality: pq.ParquetWriter,
        crop: Crop,
    ) -> None:
        self._frames = frames
        self._rejects = rejects
        self._quality = quality
        self._crop = crop
        self.result = Extracted()

    def take(self, decoded: Decoded) -> None:
        """Write the frames of one clip, or its reject; of an album also those of its stills."""
        for uri, error in decoded.still_errors:
            self._reject(uri, None, error)
        if decoded.error is not None:
            self._reject(decoded.clip["uri"], decoded.clip["clip_id"], decoded.error)
            return
        if decoded.stills is not None:
            self.result.stills += decoded.quality.sampled
        frames = decoded.frames()
        while group := list(islice(frames, _ROWS_IN_A_GROUP)):
            self._write(decoded.clip, group)
        self._quality.write_table(
            decoded.quality.table(decoded.clip, decoded.dropped, cut_short=decoded.is_cut_short)
        )
        self.result.clips += 1
        self.result.clips_cut_short += decoded.is_cut_short
        self.result.frames_sampled += decoded.quality.sampled
        self.result.drop(decoded.dropped)

    def _reject(self, uri: str, clip_id: str | None, error: ClipError) -> None:
        reject = Reject(uri, STEP, error.reason, error.detail, clip_id)
        self._rejects.write_table(rejects_table([reject]))
        counts = self.result.rejects_by_reason
        counts[str(error.reason)] = counts.get(str(error.reason), 0) + 1

    def _write(self, clip: dict[str, Any], group: list[Frame]) -> None:
        of_clip = {name: clip[name] for name in _CLIP_COLUMNS}
        rows = [{**of_clip, **asdict(frame)} for frame in group]
        # The schema leaves out the measures that nobody asks for after the selection.
        self._frames.write_table(pa.Table.from_pylist(rows, schema=FRAMES))
        self.result.frames += len(group)
        if self._crop is Crop.FACE:
            without = sum(frame.face_box is None for frame in group)
            self.result.frames_without_face += without
            self.result.frames_cropped += len(group) - without


def check_consent(clip: dict[str, Any], today: date) -> None:
    """Refuse a clip whose consent ended since it was ingested.

    Raises:
        ClipError: CONSENT_MISSING or CONSENT_EXPIRED.
    """
    expires_on: date | None = clip["consent_expires_on"]
    if expires_on is None:
        raise ClipError(Reason.CONSENT_MISSING, "the clips table has no end of consent for it")
    if today > expires_on:
        raise ClipError(Reason.CONSENT_EXPIRED, f"consent ended on {expires_on}")


def _count_clips(table: pq.ParquetFile, shard: int) -> int:
    """Count the clips of a shard.

    Raises:
        ContractError: it has none; ingest_videos never makes an empty shard.
    """
    batches = table.iter_batches(columns=["shard"])
    count = sum(pc.sum(pc.equal(batch["shard"], shard)).as_py() or 0 for batch in batches)
    if not count:
        raise ContractError(f"{CLIPS_FILE} has no clip in shard {shard}; take one that it has")
    return count


def _with_stills(
    clips: Iterator[dict[str, Any]], path: Path
) -> Iterator[tuple[dict[str, Any], pa.Table | None]]:
    """Give each album its rows of the stills table, which has the albums in the same order.

    Raises:
        ContractError: there is no such table, or it lacks an album.
    """
    reader: StillsReader | None = None
    try:
        for clip in clips:
            if clip["codec"] != STILLS_CODEC:
                yield clip, None
                continue
            reader = reader or StillsReader(path)
            yield clip, reader.take(clip["clip_id"])
    finally:
        if reader is not None:
            reader.close()


def _clips_of(table: pq.ParquetFile, shard: int) -> Iterator[dict[str, Any]]:
    for batch in table.iter_batches(batch_size=_CLIPS_AT_ONCE):
        yield from batch.filter(pc.equal(batch["shard"], shard)).to_pylist()
