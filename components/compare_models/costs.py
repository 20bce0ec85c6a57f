"""What the steps before took, from what each of them noted."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from components.artifacts import read_json
from components.metrics import STEP

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path


@dataclass(frozen=True)
class StepCost:
    """What all tasks of one step took.

    Attributes:
        step: its name.
        tasks: how many ran.
        seconds: of all of them together.
        longest: seconds of the one that took longest.
        peak_memory_bytes: of the one that needed most.
    """

    step: str
    tasks: int
    seconds: float
    longest: float
    peak_memory_bytes: int


def costs_of(notes: Mapping[str, Sequence[Path]]) -> list[StepCost]:
    """Sum up the tasks of each step, in the order given.

    Args:
        notes: by step the files that `components.metrics.publish` wrote for its tasks; a step
            without a task is left out.

    Raises:
        ContractError: a file is missing.
        KeyError: a file does not say what its task took.
    """
    return [
        _sum(step, [read_json(file) for file in files]) for step, files in notes.items() if files
    ]


def _sum(step: str, tasks: Sequence[Mapping[str, Any]]) -> StepCost:
    seconds = [float(task[f"{STEP}.seconds"]) for task in tasks]
    memory = max(int(task[f"{STEP}.peak_memory_bytes"]) for task in tasks)
    return StepCost(step, len(tasks), sum(seconds), max(seconds), memory)
