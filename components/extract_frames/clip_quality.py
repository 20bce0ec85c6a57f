"""What one clip's sampled frames were like, in one row of CLIP_QUALITY."""

from __future__ import annotations

from array import array
from typing import TYPE_CHECKING, Any, Final, Protocol, TypeVar

import numpy as np
import pyarrow as pa

from components.contracts import CLIP_QUALITY
from components.extract_frames.selection import HASH_BITS, Fault, Limits, Measured

if TYPE_CHECKING:
    from collections import Counter
    from collections.abc import Iterable, Iterator, Mapping

    import numpy.typing as npt

_CLIP_COLUMNS: Final = ("clip_id", "person_id", "role", "session", "duration_s")
_MEDIANS: Final = ("dark_share", "bright_share", "sharpness", "brightness")


class Sampled(Measured, Protocol):
    """A sampled frame, as far as this module cares; `frame.Frame` says what its measures are."""

    @property
    def time_s(self) -> float:
        """Seconds since the first frame of the clip."""
        ...

    @property
    def brightness(self) -> float:
        """Its mean luma."""
        ...


SampledT = TypeVar("SampledT", bound=Sampled)


class ClipQuality:
    """Looks at every sampled frame of one clip on its way to the selection.

    It holds 24 bytes a sampled frame, of which a clip has 18,000 at the very most.
    """

    def __init__(self, limits: Limits) -> None:
        """Prepare for one clip, whose frames are blurred by `limits`."""
        self._limits = limits
        self._blurred = 0
        self._seen_s = 0.0
        self._hashes = array("Q")
        self._values = {name: array("f") for name in _MEDIANS}

    def watch(self, frames: Iterable[SampledT]) -> Iterator[SampledT]:
        """Pass all frames on, taking note of each."""
        for frame in frames:
            self._blurred += self._limits.fault_of(frame) is Fault.BLURRED
            self._seen_s = frame.time_s
            self._hashes.append(frame.dhash)
            for name, values in self._values.items():
                values.append(getattr(frame, name))
            yield frame

    @property
    def sampled(self) -> int:
        """How many frames have been watched."""
        return len(self._hashes)

    def table(
        self, clip: Mapping[str, Any], dropped: Counter[Fault], *, cut_short: bool
    ) -> pa.Table:
        """Return the row of CLIP_QUALITY, once all frames were watched; there has to be one.

        `seen_s` is the time of the last sampled frame, which is less than `duration_s` where a clip
        breaks off. `blurred_share` is the part of the sampled frames whose fault, looked at by
        themselves, is blur; `dark_share` and `bright_share`, parts of a frame's middle,
        `sharpness` and `brightness` are medians over the sampled frames; `spread` and `flicker` are
        Hamming distances, see `distances`.

        Args:
            clip: its row in the clips table.
            dropped: how many of its frames were dropped for what.
            cut_short: whether a part of it was left out.
        """
        spread, flicker = distances(np.frombuffer(self._hashes, np.uint64))
        row = {
            **{name: clip[name] for name in _CLIP_COLUMNS},
            "seen_s": self._seen_s,
            "cut_short": cut_short,
            "frames_sampled": self.sampled,
            "frames": self.sampled - dropped.total(),
            **{f"frames_dropped_{fault}": dropped[fault] for fault in Fault},
            "blurred_share": self._blurred / self.sampled,
            **{name: float(np.median(values)) for name, values in self._values.items()},
            "spread": spread,
            "flicker": flicker,
        }
        return pa.Table.from_pylist([row], schema=CLIP_QUALITY)


def distances(hashes: npt.NDArray[np.uint64]) -> tuple[float, float]:
    """How far the frames of a clip are from each other, by their difference hashes.

    Where a head turns, frames of different times differ more than those that follow each other;
    where it holds still, what noise and a shaking hand do is as large between any two.

    Args:
        hashes: (n,) 64 bits each, in the order of the frames.

    Returns:
        The mean Hamming distance in bits of any two of the frames, and of one and the next; 0 where
        there is only one.
    """
    count = len(hashes)
    if count == 1:
        return 0.0, 0.0
    bits = np.arange(HASH_BITS, dtype=np.uint64)
    set_in = [np.count_nonzero(hashes >> bit & np.uint64(1)) for bit in bits]
    # A bit that is set in k of n frames differs in k (n - k) of the n (n - 1) / 2 pairs.
    spread = sum(number * (count - number) for number in set_in) / (count * (count - 1) / 2)
    return float(spread), float(np.bitwise_count(hashes[1:] ^ hashes[:-1]).mean())
