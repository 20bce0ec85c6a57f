"""How many processors this process may really use."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path
from typing import Final

from components.errors import RollcallError

CPUS_VARIABLE: Final = "ROLLCALL_CPUS"
"""The share of the machine that a task may take, where several run on it without containers."""

_CGROUP: Final = Path("/sys/fs/cgroup")


def usable_cpus(cgroup: Path = _CGROUP) -> int:
    """Count the processors that this process may use.

    That is the least of its affinity, its container's quota and CPUS_VARIABLE: `os.cpu_count`
    counts those of the node, of which a pod has a few. A quota is written as "QUOTA PERIOD" in
    `cpu.max` (cgroup v2) or in two files below `cpu/` (v1); a part of a processor counts as one.

    Raises:
        RollcallError: CPUS_VARIABLE is no whole number from 1.
    """
    affinity = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    limits = [affinity or 1, _quota(cgroup), _share()]
    return max(1, min(limit for limit in limits if limit is not None))


def _share() -> int | None:
    told = os.environ.get(CPUS_VARIABLE)
    if told is None:
        return None
    if not told.isdecimal() or not int(told):
        raise RollcallError(f"{CPUS_VARIABLE} is {told!r}; it has to be a whole number from 1")
    return int(told)


def _quota(cgroup: Path) -> int | None:
    with contextlib.suppress(OSError, ValueError):  # no such file: no quota of that kind
        quota, period = (cgroup / "cpu.max").read_text(encoding="ascii").split()
        return None if quota == "max" else -(-int(quota) // int(period))
    with contextlib.suppress(OSError, ValueError):
        quota_us = int((cgroup / "cpu/cpu.cfs_quota_us").read_text(encoding="ascii"))
        period_us = int((cgroup / "cpu/cpu.cfs_period_us").read_text(encoding="ascii"))
        return None if quota_us < 0 else -(-quota_us // period_us)
    return None
