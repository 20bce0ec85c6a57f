"""How much memory this process may use, and how many rows of a batch fit into it."""

from __future__ import annotations

import logging
import resource
from pathlib import Path
from typing import Final

import psutil

log = logging.getLogger("rollcall")

CGROUP_FILES: Final = (
    Path("/sys/fs/cgroup/memory.max"),
    Path("/sys/fs/cgroup/memory/memory.limit_in_bytes"),
)
"""Where a container's limit stands, with cgroups of version 2 and of version 1."""

LARGEST_PART: Final = 0.5
"""Of what is free that a batch may take: the libraries keep copies of their own."""


def memory_limit_bytes() -> int:
    """The least of the container's limit, the process' address space and the machine's memory."""
    told = (file.read_text(encoding="ascii").strip() for file in CGROUP_FILES if file.is_file())
    limits = [int(text) for text in told if text.isdigit()]
    soft, _ = resource.getrlimit(resource.RLIMIT_AS)
    if soft != resource.RLIM_INFINITY:
        limits.append(soft)
    return min([psutil.virtual_memory().total, *limits])


def free_bytes() -> int:
    """What this process may still use of its `memory_limit_bytes`; 0 where it is over."""
    soft, _ = resource.getrlimit(resource.RLIMIT_AS)
    memory = psutil.Process().memory_info()
    limit = memory_limit_bytes()
    used = memory.vms if soft != resource.RLIM_INFINITY and soft <= limit else memory.rss
    return max(0, limit - int(used))


def rows_that_fit(what: str, bytes_a_row: int, *, most: int, least: int = 1) -> int:
    """Choose how many rows are worked on at once, a power of two, and log it.

    Args:
        what: is batched, for the log.
        bytes_a_row: that a row needs, with everything that is computed from it meanwhile.
        most: more are of no use.
        least: fewer are not worth it; taken even where they do not seem to fit.

    Returns:
        The largest power of two of rows that take LARGEST_PART of the `free_bytes`, in
        `least` to `most`.
    """
    free = free_bytes()
    fitting = max(1, int(LARGEST_PART * free) // bytes_a_row)
    rows = max(least, min(most, 1 << (fitting.bit_length() - 1)))
    log.info(
        "%s: %d at once, %.1f MB of %.0f MB that are free",
        what,
        rows,
        rows * bytes_a_row / 1e6,
        free / 1e6,
    )
    return rows
