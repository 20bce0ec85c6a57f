"""Several clips decoded at a time, given back in the order in which they came.

Each worker is a thread with a decoding process of its own (`components.guard`), so that one clip is
downloaded while another is decoded. A clip's frames wait in a temporary file until all of it went
well: a clip whose decoder crashes in the middle gives a reject, and never a part of its frames.
"""

from __future__ import annotations

import struct
import tempfile
from collections import Counter, deque
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import islice
from typing import IO, TYPE_CHECKING, Any, Final

from components.contracts import SECONDS_A_STILL, ClipError, Reason
from components.extract_frames.clip_quality import ClipQuality
from components.extract_frames.frame import Frame
from components.extract_frames.selection import Fault, Limits, Selection
from components.guard import Guard, GuardLimits, GuardPool, guarded_threads
from components.model_directory import Crop
from components.sources import localise

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from concurrent.futures import Future
    from pathlib import Path

    import pyarrow as pa

    Clip = dict[str, Any]
    """A row of the clips table."""

_TASK: Final = "components.extract_frames.decode:decode"
_PREPARE: Final = "components.extract_frames.decode:load_detector"
_IN_MEMORY_BYTES: Final = 4 << 20
"""Of a clip's frames; what is more goes to disk."""
_LONGEST_WAIT_S: Final = 3600.0
"""For one file: more than its download and its decoding may take together."""
_STILLS_AT_ONCE: Final = 1024
_LENGTH: Final = struct.Struct("<I")


@dataclass(frozen=True, slots=True)
class Settings:
    """How clips are decoded.

    Attributes:
        frames_per_second: samples a second of video.
        max_duration_s: where a clip is cut short.
        limits: what a frame has to be like.
        crop: which part of the square a frame shows.
        guard: what one clip may cost.
        workers: clips at a time.
    """

    frames_per_second: float
    max_duration_s: float
    limits: Limits
    crop: Crop
    guard: GuardLimits
    workers: int


@dataclass
class Decoded:
    """What came of one clip. It has to be closed.

    Attributes:
        clip: its row in the clips table.
        spool: the frames that were kept, packed.
        quality: what those that were sampled are like.
        stills: of an album its rows of the stills table; None of a clip.
        error: why it gave no frames; None if it did.
        dropped: how many of them were dropped for what.
        is_cut_short: whether a part of the clip was left out.
        still_errors: URIs of stills that gave no frame, and why.
    """

    clip: Clip
    spool: IO[bytes]
    quality: ClipQuality
    stills: pa.Table | None = None
    error: ClipError | None = None
    dropped: Counter[Fault] = field(default_factory=Counter)
    is_cut_short: bool = False
    still_errors: list[tuple[str, ClipError]] = field(default_factory=list)

    def frames(self) -> Iterator[Frame]:
        """Yield the frames that were kept, in order."""
        self.spool.seek(0)
        while head := self.spool.read(_LENGTH.size):
            yield Frame.unpack(self.spool.read(_LENGTH.unpack(head)[0]))

    def close(self) -> None:
        """Forget the frames."""
        self.spool.close()


def decode_in_order(
    clips: Iterable[tuple[Clip, pa.Table | None]],
    settings: Settings,
    scratch: Path,
    admit: Callable[[Clip], None],
) -> Iterator[Decoded]:
    """Decode clips, several at a time, and yield them in their order.

    Memory does not grow with the number of clips, nor with their length.

    Args:
        clips: rows of the clips table, with the stills of those that are albums.
        settings: how to decode.
        scratch: a folder for frames that wait.
        admit: called right before a clip is opened; raises `ClipError` if it may not be.

    Raises:
        SourceError: the storage does not work.
        GuardError: there is no decoding process.
    """
    prepare = _PREPARE if settings.crop is Crop.FACE else ""
    waiting: deque[tuple[Future[Decoded], int]] = deque()
    pools = guarded_threads(_TASK, settings.guard, settings.workers, prepare)
    try:
        with pools as (threads, guards):
            for clip, stills in clips:
                task = partial(_decode, clip, stills, guards, settings, scratch, admit)
                waiting.append((threads.submit(task), 1 if stills is None else len(stills)))
                if len(waiting) > settings.workers:
                    yield _result(*waiting.popleft())
            while waiting:
                yield _result(*waiting.popleft())
    finally:
        for future, _ in waiting:
            future.add_done_callback(_forget)


def _result(future: Future[Decoded], files: int) -> Decoded:
    return future.result(_LONGEST_WAIT_S * files)


def _forget(future: Future[Decoded]) -> None:
    if not future.cancelled() and not future.exception():
        future.result().close()


def _decode(
    clip: Clip,
    stills: pa.Table | None,
    guards: GuardPool,
    settings: Settings,
    scratch: Path,
    admit: Callable[[Clip], None],
) -> Decoded:
    spool = tempfile.SpooledTemporaryFile(_IN_MEMORY_BYTES, dir=str(scratch))  # noqa: SIM115
    decoded = Decoded(clip, spool, ClipQuality(settings.limits), stills)
    try:
        admit(clip)
        if stills is None:
            with localise(clip["uri"], clip["etag"]) as path, guards.lend() as guard:
                _select(decoded, _frames_of(path, guard, settings, is_still=False), settings)
                decoded.is_cut_short = guard.returned.get("cut_short") is not None
        else:
            _select(decoded, _frames_of_stills(decoded, stills, guards, settings), settings)
            if not decoded.quality.sampled:
                raise ClipError(Reason.NO_FRAMES, "none of its stills can be decoded")  # noqa: TRY301
    except ClipError as error:
        decoded.error = error
    except BaseException:
        decoded.close()
        raise
    return decoded


def _select(decoded: Decoded, frames: Iterable[Frame], settings: Settings) -> None:
    """Keep the frames that are as they have to be."""
    selection = Selection(settings.limits)
    for frame in selection.select(decoded.quality.watch(frames)):
        packed = frame.pack()
        decoded.spool.write(_LENGTH.pack(len(packed)) + packed)
    decoded.dropped = selection.dropped


def _frames_of(path: Path, guard: Guard, settings: Settings, *, is_still: bool) -> Iterator[Frame]:
    for message in guard.run(
        path,
        is_still=is_still,
        frames_per_second=settings.frames_per_second,
        max_duration_s=settings.max_duration_s,
        crop=settings.crop,
    ):
        yield Frame.unpack(message)


def _frames_of_stills(
    decoded: Decoded, stills: pa.Table, guards: GuardPool, settings: Settings
) -> Iterator[Frame]:
    """Decode still after still; one that gives no frame is noted and the others go on."""
    for batch in stills.to_batches(_STILLS_AT_ONCE):
        for still in batch.to_pylist():
            try:
                with localise(still["uri"], still["etag"]) as path, guards.lend() as guard:
                    frames = list(islice(_frames_of(path, guard, settings, is_still=True), 2))
                if len(frames) != 1:
                    raise ClipError(Reason.DECODER_CRASHED, "it gave not one frame")  # noqa: TRY301
            except ClipError as error:
                decoded.still_errors.append((still["uri"], error))
                continue
            index = still["index"]
            yield replace(frames[0], index=index, time_s=index * SECONDS_A_STILL)
