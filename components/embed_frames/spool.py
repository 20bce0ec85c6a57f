"""Decodes the frames of a shard, once, for as many backbones as there are.

The decoded pixels go to a temporary file. Kept in memory, either the frames of the shard or all the
backbones would have to be (6 GB for all 43); from a file, one backbone after the other runs over
all the frames, so that memory holds one backbone and one chunk of frames. The file is a ring of at
most SPOOL_FRAMES frames (2.5 GB): a longer shard passes through it in several blocks.
"""

from __future__ import annotations

import functools
import hashlib
import heapq
import itertools
import tempfile
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import IO, TYPE_CHECKING, Any, Final

import cv2
import numpy as np
import pyarrow as pa

from components.contracts import FRAME_INDEX, FRAMES
from components.cpus import usable_cpus
from components.embed_frames.ahead import work_ahead
from components.errors import ContractError
from components.model_directory import FRAME_SIZE

if TYPE_CHECKING:
    from collections.abc import Iterator

    import pyarrow.parquet as pq
    from numpy.typing import NDArray

SPOOL_FRAMES: Final = 16_384
BATCH_FRAMES: Final = 128
"""Rows read and decoded at a time."""
PART_FRAMES: Final = 16
"""Of these, a thread decodes at a time."""
CHUNK_FRAMES: Final = 256
"""Frames read back and embedded at a time, about: whole clips, 39 MB."""
MAX_SAMPLES: Final = 64
_FRAME_BYTES: Final = FRAME_SIZE * FRAME_SIZE * 3


@dataclass(frozen=True)
class Block:
    """Frames that are in the spool.

    Attributes:
        index: a table of FRAME_INDEX, one row a frame.
        clips: first and last + 1 row of each clip, none longer than CHUNK_FRAMES: row groups.
        spool: their pixels.
    """

    index: pa.Table
    clips: list[tuple[int, int]]
    spool: IO[bytes]

    def chunks(self) -> Iterator[tuple[list[tuple[int, int]], NDArray[np.uint8]]]:
        """Yield the clips of a chunk and their pixels, uint8 [N, 224, 224, 3] RGB.

        The pixels are overwritten when the next chunk but one is asked for: memory that is new each
        time costs more than reading into it.
        """
        buffers = np.empty((2, CHUNK_FRAMES, FRAME_SIZE, FRAME_SIZE, 3), np.uint8)
        for chunk, buffer in zip(self._chunks(), itertools.cycle(buffers), strict=False):
            yield chunk, self._read(chunk[0][0], chunk[-1][1], buffer)

    def _chunks(self) -> Iterator[list[tuple[int, int]]]:
        chunk: list[tuple[int, int]] = []
        for clip in self.clips:
            if chunk and clip[1] - chunk[0][0] > CHUNK_FRAMES:
                yield chunk
                chunk = []
            chunk.append(clip)
        if chunk:
            yield chunk

    def _read(self, start: int, stop: int, buffer: NDArray[np.uint8]) -> NDArray[np.uint8]:
        self.spool.seek(start * _FRAME_BYTES)
        pixels = buffer[: stop - start]
        if self.spool.readinto(pixels.data) != pixels.nbytes:  # type: ignore[attr-defined]
            raise OSError("the spool of decoded frames is shorter than what was written")
        return pixels


class Samples:
    """Keeps the frames whose seeded hashes are smallest: a random sample in one pass."""

    def __init__(self, seed: int, size: int = MAX_SAMPLES) -> None:
        self._seed, self._size = seed, size
        self._kept: list[tuple[int, int, pa.RecordBatch]] = []

    def offer(self, batch: pa.RecordBatch, first_row: int) -> None:
        """Consider the frames of a batch, the first of which is row `first_row` of the shard."""
        keys = zip(batch["clip_id"].to_pylist(), batch["index"].to_pylist(), strict=True)
        for offset, (clip_id, index) in enumerate(keys):
            key = f"{self._seed}/{clip_id}/{index}".encode()
            rank = -int.from_bytes(hashlib.blake2b(key, digest_size=8).digest(), "big")
            if len(self._kept) == self._size and rank <= self._kept[0][0]:
                continue
            # `take` copies: a slice would keep the whole batch alive.
            entry = (rank, first_row + offset, batch.take(pa.array([offset])))
            if len(self._kept) < self._size:
                heapq.heappush(self._kept, entry)
            else:
                heapq.heapreplace(self._kept, entry)

    def table(self) -> pa.Table:
        """The sample as a table of FRAMES, in the order of the shard."""
        rows = sorted(self._kept, key=lambda entry: entry[1])
        return pa.Table.from_batches([batch for _, _, batch in rows], schema=FRAMES)


def spool_frames(file: pq.ParquetFile, samples: Samples) -> Iterator[Block]:
    """Decode a table of FRAMES block by block; a block is gone when the next one is asked for.

    Raises:
        ContractError: a frame is no 224 x 224 picture, a clip's rows are apart or out of order.
    """
    order = _Order()
    with (
        # Beside nothing of the run, and without a name: gone with the process, however that ends.
        tempfile.TemporaryFile(prefix="rollcall-frames-") as spool,
        ThreadPoolExecutor(usable_cpus()) as decoders,
    ):
        batches: list[pa.RecordBatch] = []
        rows = total = 0
        decode = functools.partial(_decode, decoders)
        for batch, pictures in work_ahead(decode, file.iter_batches(batch_size=BATCH_FRAMES)):
            if rows + len(batch) > SPOOL_FRAMES:
                yield _block(batches, spool)
                batches, rows = [], 0
                spool.seek(0)
            order.check(batch)
            samples.offer(batch, total)
            for pixels in pictures:
                spool.write(pixels.data)
            batches.append(batch.select(FRAME_INDEX.names))
            rows, total = rows + len(batch), total + len(batch)
        if batches:
            yield _block(batches, spool)


def _block(batches: list[pa.RecordBatch], spool: IO[bytes]) -> Block:
    index = pa.Table.from_batches(batches, schema=FRAME_INDEX).combine_chunks()
    spool.flush()
    return Block(index, _clips(index["clip_id"]), spool)


def _clips(clip_ids: pa.ChunkedArray) -> list[tuple[int, int]]:
    names = np.asarray(clip_ids.to_pylist(), dtype=object)
    cuts = [0, *(np.flatnonzero(names[1:] != names[:-1]) + 1).tolist(), len(names)]
    return [
        (part, min(part + CHUNK_FRAMES, stop))
        for start, stop in itertools.pairwise(cuts)
        for part in range(start, stop, CHUNK_FRAMES)
    ]


def _decode(decoders: ThreadPoolExecutor, batch: pa.RecordBatch) -> list[NDArray[np.uint8]]:
    parts = (batch.slice(start, PART_FRAMES) for start in range(0, len(batch), PART_FRAMES))
    return list(itertools.chain.from_iterable(decoders.map(_decode_part, parts)))


def _decode_part(batch: pa.RecordBatch) -> list[NDArray[np.uint8]]:
    frames = []
    for row, jpeg in enumerate(batch["jpeg"]):
        data = np.frombuffer(jpeg.as_buffer(), np.uint8)
        pixels: Any = cv2.imdecode(data, cv2.IMREAD_COLOR_RGB) if len(data) else None
        if pixels is None or pixels.shape != (FRAME_SIZE, FRAME_SIZE, 3):
            raise ContractError(
                f"frame {batch['index'][row]} of clip {batch['clip_id'][row]} is no JPEG of "
                f"{FRAME_SIZE} x {FRAME_SIZE}"
            )
        frames.append(pixels)
    return frames


class _Order:
    """Holds the frames to the order that every reader of the features relies on."""

    def __init__(self) -> None:
        self._seen: set[str] = set()
        self._clip = ""
        self._index = -1

    def check(self, batch: pa.RecordBatch) -> None:
        keys = zip(batch["clip_id"].to_pylist(), batch["index"].to_pylist(), strict=True)
        for clip, index in keys:
            if clip != self._clip:
                if clip in self._seen:
                    raise ContractError(f"the frames of clip {clip} do not stand together")
                self._seen.add(clip)
            elif index <= self._index:
                raise ContractError(f"the frames of clip {clip} are not in order")
            self._clip, self._index = clip, index
