"""Dealing clips out to shards so that each takes about as long as the others."""

from __future__ import annotations

import heapq
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy.typing as npt


def balance(
    durations_s: Sequence[float] | npt.NDArray[np.float64], workers: int
) -> npt.NDArray[np.int32]:
    """Deal clips out, longest first, each to the shard with the least to do so far.

    Graham's longest-processing-time rule (1969): the loads of two shards never differ by more than
    the longest clip, and the longest load is at most 4/3 of the best possible one.

    Args:
        durations_s: (n,) lengths in seconds.
        workers: number of shards wanted, at least 1.

    Returns:
        (n,) the shard of each clip: 0 to min(n, workers) - 1, none of them empty.
    """
    durations = np.asarray(durations_s, dtype=np.float64)
    shards = np.zeros(len(durations), dtype=np.int32)
    # (load, clips, shard): the clips break a tie of loads, so that no shard stays empty.
    loads = [(0.0, 0, shard) for shard in range(min(workers, len(durations)))]
    for position in np.argsort(-durations, kind="stable"):
        load, clips, shard = loads[0]
        shards[position] = shard
        heapq.heapreplace(loads, (load + float(durations[position]), clips + 1, shard))
    return shards
