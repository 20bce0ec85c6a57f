"""What is supposed of a cluster's spot nodes, to draw runs with."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass, field
from typing import Any, Final

from components.errors import RollcallError

MOST_RUNS: Final = 1_000_000


def _supposed(default: float, help_: str, **more: Any) -> Any:  # noqa: ANN401 - as dataclasses.field
    """A field, with what the command tells of it."""
    return field(default=default, metadata={"help": help_, "min": 0, **more})


@dataclass(frozen=True)
class Scenario:
    """What is supposed. Each field is an option of `rollcall cost`."""

    evictions_per_hour: float = _supposed(0.05, "Of one spot node.")
    startup_s: float = _supposed(
        60.0, "Seconds from a pod's start to its first work; they are paid for, too."
    )
    checkpoint_s: float = _supposed(
        60.0, "Seconds of work between two checkpoints of fine-tuning; 0 is none."
    )
    at_once: int = _supposed(0, "Iterations of a loop at the same time.", show_default="all")
    work_factor: float = _supposed(1.0, "As if each task had so many times the work.")
    runs: int = _supposed(10_000, "How many are drawn.", min=1, max=MOST_RUNS)
    seed: int = _supposed(0, "Of the draws; the same seed gives the same numbers.")

    def checked(self) -> Scenario:
        """The same.

        Raises:
            RollcallError: a value is out of its range.
        """
        if not all(0 <= value < math.inf for value in asdict(self).values()):
            raise RollcallError("what is supposed of a cluster has to be numbers from 0")
        if not 1 <= self.runs <= MOST_RUNS:
            raise RollcallError(f"--runs is {self.runs}; it has to be from 1 to {MOST_RUNS}")
        return self
