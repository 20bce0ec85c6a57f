"""What a step tells while it works: how far it is, how long it took, how much memory it needed.

With ROLLCALL_EVENTS set to a file (the command does that), every event is one JSON line appended to
it; `rollcall run` draws its progress bars from them. Without it, a line is logged now and then,
which is what one wants in the log of a pod.
"""

from __future__ import annotations

import contextlib
import json
import logging
import os
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psutil

from components.errors import RollcallError

if TYPE_CHECKING:
    from collections.abc import Iterator

EVENTS_VARIABLE = "ROLLCALL_EVENTS"
SECONDS_BETWEEN_EVENTS = 0.2
SECONDS_BETWEEN_LOG_LINES = 10.0

log = logging.getLogger("rollcall")


def peak_memory_bytes() -> int:
    """The largest resident set of this process so far, in bytes."""
    status = Path("/proc/self/status")
    if status.exists():  # VmHWM starts anew at exec; ru_maxrss inherits the parent's
        for line in status.read_text(encoding="ascii").splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024
    import resource  # noqa: PLC0415 - not on every system

    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


def cost() -> dict[str, float]:
    """What this process took so far: seconds from its start, imports included, and peak memory."""
    return {
        "seconds": round(time.time() - psutil.Process().create_time(), 3),
        "peak_memory_bytes": peak_memory_bytes(),
    }


@dataclass
class Progress:
    """How far one task of a step is.

    Attributes:
        step: name of the step, e.g. "extract_frames".
        item: what tells this task from its siblings: a shard, a backbone.
        unit: what is counted, in the plural.
    """

    step: str
    item: str = ""
    unit: str = "items"
    total: int = 0
    done: int = 0
    _last_event: float = field(default=0.0, repr=False)

    def expect(self, total: int, unit: str) -> None:
        """Say how many of what there will be."""
        self.total, self.unit = total, unit
        self._emit("progress")

    def advance(self, count: int = 1) -> None:
        """Say that `count` more are done."""
        self.done += count
        wait = (
            SECONDS_BETWEEN_EVENTS if EVENTS_VARIABLE in os.environ else SECONDS_BETWEEN_LOG_LINES
        )
        if time.monotonic() - self._last_event >= wait or self.done == self.total:
            self._emit("progress")

    def _emit(self, event: str, **more: Any) -> None:  # noqa: ANN401 - whatever JSON takes
        self._last_event = time.monotonic()
        values = {
            "event": event,
            "step": self.step,
            "item": self.item,
            "unit": self.unit,
            "done": self.done,
            "total": self.total,
            "time": time.time(),
            **more,
        }
        events = os.environ.get(EVENTS_VARIABLE)
        if events:
            with Path(events).open("a", encoding="utf-8") as stream:
                stream.write(json.dumps(values) + "\n")  # one write: lines of siblings do not mix
        else:
            log.info("%s", values)


@contextlib.contextmanager
def step(name: str, item: str = "") -> Iterator[Progress]:
    """Report a task of the step `name`: its start, its progress, and at the end its `cost`."""
    progress = Progress(name, item)
    progress._emit("start")  # noqa: SLF001
    error = None
    try:
        yield progress
    except BaseException as raised:
        # Only our own messages are known to carry no path and no pseudonym.
        own = isinstance(raised, RollcallError)
        error = f"{type(raised).__name__}: {raised}" if own else type(raised).__name__
        raise
    finally:
        progress._emit("end", **cost(), error=error)  # noqa: SLF001
