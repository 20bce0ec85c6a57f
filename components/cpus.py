"""How many processors this process may really use."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path
from typing import Final

_CGROUP: Final = Path("/sys/fs/cgroup")


def usable_cpus(cgroup: Path = _CGROUP) -> int:
    """Count the processors that this process may use: by its affinity and its container's quota.

    `os.cpu_count` counts those of the node, of which a pod has a few. A quota is written as
    "QUOTA PERIOD" in `cpu.max` (cgroup v2) or in two files below `cpu/` (v1); a part of a processor
    counts as one.
    """
    affinity = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    quota = _quota(cgroup)
    return max(1, min(affinity or 1, quota if quota is not None else affinity or 1))


def _quota(cgroup: Path) -> int | None:
    with contextlib.suppress(OSError, ValueError):  # no such file: no quota of that kind
        quota, period = (cgroup / "cpu.max").read_text(encoding="ascii").split()
        return None if quota == "max" else -(-int(quota) // int(period))
    with contextlib.suppress(OSError, ValueError):
        quota_us = int((cgroup / "cpu/cpu.cfs_quota_us").read_text(encoding="ascii"))
        period_us = int((cgroup / "cpu/cpu.cfs_period_us").read_text(encoding="ascii"))
        return None if quota_us < 0 else -(-quota_us // period_us)
    return None
