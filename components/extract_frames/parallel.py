"""Several clips decoded at a time, given back in the order in which they came.

Each worker is a thread with a decoding process of its own (`components.guard`), so that one clip is
downloaded while another is decoded. A clip's frames wait in a temporary file until all of it went
well: a clip whose decoder crashes in the middle gives a reject, and never a part of its frames.
"""

from __future__ import annotations

import struct
import tempfile
from collections import Counter, deque
from dataclasses import dataclass, field
from typing import IO, TYPE_CHECKING, Any, Final, Self

from components.contracts import ClipError
from components.extract_frames.clip_quality import ClipQuality
from components.extract_frames.frame import Frame
from components.extract_frames.selection import Fault, Limits, Selection
from components.guard import Guard, GuardLimits, GuardPool, guarded_threads
from components.sources import localise

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from concurrent.futures import Future
    from pathlib import Path
    from types import TracebackType

    Clip = dict[str, Any]
    """A row of the clips table."""

_TASK: Final = "components.extract_frames.decode:decode_clip"
_IN_MEMORY_BYTES: Final = 4 << 20
"""Of a clip's frames; what is more goes to disk."""
_LONGEST_WAIT_S: Final = 3600.0
"""For one clip: more than its download and its decoding may take together."""
_LENGTH: Final = struct.Struct("<I")


@dataclass(frozen=True, slots=True)
class Settings:
    """How clips are decoded.

    Attributes:
        frames_per_second: samples a second of video.
        max_duration_s: where a clip is cut short.
        limits: what a frame has to be like.
        guard: what one clip may cost.
        workers: clips at a time.
    """

    frames_per_second: float
    max_duration_s: float
    limits: Limits
    guard: GuardLimits
    workers: int


@dataclass
class Decoded:
    """What came of one clip; leaving it as a context manager forgets its frames.

    Attributes:
        clip: its row in the clips table.
        spool: the frames that were kept, packed.
        quality: what those that were sampled are like.
        error: why it gave no frames; None if it did.
        dropped: how many of them were dropped for what.
        is_cut_short: whether a part of the clip was left out.
    """

    clip: Clip
    spool: IO[bytes]
    quality: ClipQuality
    error: ClipError | None = None
    dropped: Counter[Fault] = field(default_factory=Counter)
    is_cut_short: bool = False

    def frames(self) -> Iterator[Frame]:
        """Yield the frames that were kept, in order."""
        self.spool.seek(0)
        while head := self.spool.read(_LENGTH.size):
            yield Frame.unpack(self.spool.read(_LENGTH.unpack(head)[0]))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.spool.close()


def decode_in_order(
    clips: Iterable[Clip], settings: Settings, scratch: Path, admit: Callable[[Clip], None]
) -> Iterator[Decoded]:
    """Decode clips, several at a time, and yield them in their order.

    Memory does not grow with the number of clips, nor with their length.

    Args:
        clips: rows of the clips table.
        settings: how to decode.
        scratch: a folder for frames that wait.
        admit: called right before a clip is opened; raises `ClipError` if it may not be.

    Raises:
        SourceError: the storage does not work.
        GuardError: there is no decoding process.
    """
    with guarded_threads(_TASK, settings.guard, settings.workers) as (threads, guards):
        waiting: deque[Future[Decoded]] = deque()
        for clip in clips:
            waiting.append(threads.submit(_decode, clip, guards, settings, scratch, admit))
            if len(waiting) > settings.workers:
                yield waiting.popleft().result(_LONGEST_WAIT_S)
        while waiting:
            yield waiting.popleft().result(_LONGEST_WAIT_S)


def _decode(
    clip: Clip,
    guards: GuardPool,
    settings: Settings,
    scratch: Path,
    admit: Callable[[Clip], None],
) -> Decoded:
    spool = tempfile.SpooledTemporaryFile(_IN_MEMORY_BYTES, dir=str(scratch))  # noqa: SIM115
    decoded = Decoded(clip, spool, ClipQuality(settings.limits))
    try:
        admit(clip)
        with localise(clip["uri"], clip["etag"]) as path, guards.lend() as guard:
            _fill(decoded, guard, path, settings)
    except ClipError as error:
        decoded.error = error
    except BaseException:
        decoded.spool.close()
        raise
    return decoded


def _fill(decoded: Decoded, guard: Guard, path: Path, settings: Settings) -> None:
    def sampled() -> Iterator[Frame]:
        for message in guard.run(
            path,
            frames_per_second=settings.frames_per_second,
            max_duration_s=settings.max_duration_s,
        ):
            yield Frame.unpack(message)

    selection = Selection(settings.limits)
    for frame in selection.select(decoded.quality.watch(sampled())):
        packed = frame.pack()
        decoded.spool.write(_LENGTH.pack(len(packed)) + packed)
    decoded.dropped = selection.dropped
    decoded.is_cut_short = guard.returned.get("cut_short") is not None
