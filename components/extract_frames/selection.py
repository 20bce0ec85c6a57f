"""Which of a clip's sampled frames are kept: well exposed, sharp, and unlike those before them."""

from __future__ import annotations

import enum
import heapq
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Protocol, TypeVar

import numpy as np

from components.errors import ContractError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

KEEP_SHARPEST: Final = 5
"""Where fewer frames of a clip would stay, its sharpest dropped ones make up this many."""

HASH_BITS: Final = 64

_FIRST_CAPACITY: Final = 64


class Fault(enum.StrEnum):
    """Why a frame is dropped. Of several reasons the first one here counts."""

    DARK = "dark"
    BRIGHT = "bright"
    BLURRED = "blurred"
    NEAR_DUPLICATE = "near_duplicate"


class Measured(Protocol):
    """A frame, as far as this module cares; `decode.Frame` says what its measures are."""

    @property
    def index(self) -> int:
        """Its place in the clip."""
        ...

    @property
    def sharpness(self) -> float:
        """Its sharpness."""
        ...

    @property
    def dark_share(self) -> float:
        """The part of its middle that is black."""
        ...

    @property
    def bright_share(self) -> float:
        """The part of its middle that is white."""
        ...

    @property
    def dhash(self) -> int:
        """Its perceptual hash."""
        ...


FrameT = TypeVar("FrameT", bound=Measured)


@dataclass(frozen=True, slots=True)
class Limits:
    """What a frame has to be like. As they stand here, they drop nothing.

    Attributes:
        min_sharpness: a frame of less is blurred; 0 keeps all.
        near_duplicate_bits: a frame is a near-duplicate when its hash differs in fewer of 64 bits
            from that of a frame of the clip that was kept before; 1 drops equal hashes alone, 0
            keeps all.
        max_dark_share: a frame is under-exposed when a larger part of its middle is black; 1 keeps
            all.
        max_bright_share: a frame is over-exposed when a larger part of its middle is white; 1 keeps
            all.
    """

    min_sharpness: float = 0.0
    near_duplicate_bits: int = 0
    max_dark_share: float = 1.0
    max_bright_share: float = 1.0

    def check(self) -> None:
        """Refuse values that make no sense.

        Raises:
            ContractError: one is out of its range, or not a number.
        """
        if not self.min_sharpness >= 0:
            raise ContractError(f"min_sharpness is {self.min_sharpness}; it has to be 0 or more")
        if not 0 <= self.near_duplicate_bits <= HASH_BITS:
            raise ContractError(
                f"near_duplicate_bits is {self.near_duplicate_bits}; it has to be 0 to {HASH_BITS}"
            )
        for name in ("max_dark_share", "max_bright_share"):
            share = getattr(self, name)
            if not 0 <= share <= 1:
                raise ContractError(f"{name} is {share}; it has to be 0 to 1")

    def fault_of(self, frame: Measured) -> Fault | None:
        """Say what is wrong with a frame, looked at by itself."""
        if frame.dark_share > self.max_dark_share:
            return Fault.DARK
        if frame.bright_share > self.max_bright_share:
            return Fault.BRIGHT
        return Fault.BLURRED if frame.sharpness < self.min_sharpness else None


class Selection:
    """Selects among the frames of one clip.

    Attributes:
        dropped: how many frames were dropped for what; final once all frames were taken.
    """

    def __init__(self, limits: Limits) -> None:
        """Prepare for one clip."""
        self._limits = limits
        self._kept = _Hashes()
        self.dropped: Counter[Fault] = Counter()

    def select(self, frames: Iterable[FrameT]) -> Iterator[FrameT]:
        """Pass on the frames without a fault; never fewer than KEEP_SHARPEST of so many.

        Where fewer have none, the sharpest of the others are taken back, the earlier one of equally
        sharp ones: a clip filmed in the dark, or of a head that holds still, is thinned but not
        lost. Order is kept. Only the few frames that may be taken back wait, and only until
        it is sure that they are not needed, so that memory does not grow with the clip but for the
        8 bytes of each kept frame's hash.
        """
        source = iter(frames)
        kept: list[FrameT] = []
        spare: list[tuple[float, int, Fault, FrameT]] = []  # a heap, its least sharp frame on top
        for frame in source:
            fault = self._fault_of(frame)
            if fault is None:
                kept.append(frame)
                if len(kept) == KEEP_SHARPEST:
                    break
            else:
                heapq.heappush(spare, (frame.sharpness, -frame.index, fault, frame))
                if len(spare) > KEEP_SHARPEST:
                    heapq.heappop(spare)
        for *_, fault, frame in heapq.nlargest(KEEP_SHARPEST - len(kept), spare):
            self.dropped[fault] -= 1
            kept.append(frame)
        spare.clear()
        yield from sorted(kept, key=lambda frame: frame.index)
        yield from (frame for frame in source if self._fault_of(frame) is None)

    def _fault_of(self, frame: Measured) -> Fault | None:
        """Say what is wrong with the next frame, and take note of it."""
        fault = self._limits.fault_of(frame)
        if fault is None and self._limits.near_duplicate_bits:
            if self._kept.hold_one_within(frame.dhash, self._limits.near_duplicate_bits):
                fault = Fault.NEAR_DUPLICATE
            else:
                self._kept.add(frame.dhash)
        if fault is not None:
            self.dropped[fault] += 1
        return fault


class _Hashes:
    """The hashes of the frames that were kept."""

    def __init__(self) -> None:
        self._values = np.empty(_FIRST_CAPACITY, dtype=np.uint64)
        self._count = 0

    def hold_one_within(self, value: int, bits: int) -> bool:
        """Say whether one of them differs from `value` in fewer than `bits` bits."""
        differences = np.bitwise_count(self._values[: self._count] ^ np.uint64(value))
        return bool((differences < bits).any())

    def add(self, value: int) -> None:
        if self._count == len(self._values):
            self._values = np.concatenate([self._values, np.empty_like(self._values)])
        self._values[self._count] = value
        self._count += 1
