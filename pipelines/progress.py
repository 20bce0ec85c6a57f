"""Reads the events that the steps write, and shows them."""

from __future__ import annotations

import json
import os
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor, wait
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Self, TypeVar

from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TaskID,
    TextColumn,
)

from components.telemetry import EVENTS_VARIABLE
from pipelines.placement import PLACEMENTS

if TYPE_CHECKING:
    from collections.abc import Callable

    from rich.console import Console

T = TypeVar("T")

SECONDS_BETWEEN_LOOKS: Final = 0.2


@dataclass
class TaskState:
    """What is known of one task of a step: one shard, one backbone."""

    started: float
    ended: float | None = None
    done: int = 0
    total: int = 0
    unit: str = ""
    seconds: float = 0.0
    peak_memory_bytes: int = 0
    error: str | None = None

    def take(self, event: dict[str, Any]) -> None:
        """Learn from an event."""
        self.done, self.total, self.unit = event["done"], event["total"], event["unit"]
        if event["event"] == "end":
            self.ended, self.seconds = event["time"], event["seconds"]
            self.started = self.ended - self.seconds  # the imports before the first event count
            self.peak_memory_bytes, self.error = event["peak_memory_bytes"], event["error"]


@dataclass(frozen=True)
class StepCost:
    """What a step took.

    Attributes:
        step: its name.
        tasks: how many tasks it had.
        wall_seconds: from the start of its first task to the end of its last.
        task_seconds: the sum over its tasks.
        peak_memory_bytes: of its hungriest task.
    """

    step: str
    tasks: int
    wall_seconds: float
    task_seconds: float
    peak_memory_bytes: int

    def to_json(self) -> dict[str, Any]:
        """As plain values."""
        return asdict(self)


@dataclass
class StepsState:
    """What is known of every step, in the order in which they began."""

    tasks: dict[str, dict[str, TaskState]] = field(default_factory=dict)

    def take(self, event: dict[str, Any]) -> None:
        """Learn from an event. A retried task starts anew."""
        items = self.tasks.setdefault(event["step"], {})
        if event["event"] == "start" or event["item"] not in items:
            items[event["item"]] = TaskState(started=event["time"])
        items[event["item"]].take(event)

    def seconds(self, step: str) -> float:
        """From the start of the step's first task to the end of its last, or to now."""
        tasks = self.tasks[step].values()
        ends = [time.time() if task.ended is None else task.ended for task in tasks]
        return max(ends) - min(task.started for task in tasks)

    def costs(self) -> list[StepCost]:
        """What each step took whose tasks have all ended."""
        return [
            StepCost(
                step,
                len(tasks),
                round(self.seconds(step), 3),
                round(sum(task.seconds for task in tasks.values()), 3),
                max(task.peak_memory_bytes for task in tasks.values()),
            )
            for step, tasks in self.tasks.items()
            if all(task.ended is not None for task in tasks.values())
        ]

    def errors(self) -> list[str]:
        """One line for each task that failed, or that began and was never heard of again."""
        lines = []
        for step, tasks in self.tasks.items():
            for item, task in tasks.items():
                name = f"{step} {item}".strip()
                if task.error:
                    lines.append(f"{name}: {task.error}")
                elif task.ended is None:
                    lines.append(f"{name}: ended without a word; was it out of memory?")
        return lines


class EventReader:
    """Reads the lines that were added to a file since the last look."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._at = 0

    def read(self) -> list[dict[str, Any]]:
        """The new events; a line that is still being written waits for the next look."""
        if not self._path.exists():
            return []
        with self._path.open("rb") as stream:
            stream.seek(self._at)
            content = stream.read()
        whole = content[: content.rfind(b"\n") + 1]
        self._at += len(whole)
        return [json.loads(line) for line in whole.splitlines()]


class ProgressDisplay:
    """A bar for each step; where there is no terminal, a line for each task that is done."""

    def __init__(self, console: Console) -> None:
        self.steps = StepsState()
        self._console = console
        self._progress = Progress(
            TextColumn("{task.description:<20}"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("{task.fields[unit]:<10}"),
            TextColumn("{task.fields[seconds]:>6.1f} s"),
            console=console,
            disable=not console.is_terminal,
        )
        self._bars: dict[str, TaskID] = {}

    def __enter__(self) -> Self:
        self._progress.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._progress.stop()

    def take(self, events: list[dict[str, Any]]) -> None:
        """Show what the events say."""
        for event in events:
            self.steps.take(event)
            if event["event"] == "end" and not self._console.is_terminal:
                name = f"{title_of(event['step'])} {event['item']}".strip()
                self._console.print(f"{name}: {event['seconds']:.1f} s", highlight=False)
        for step in self.steps.tasks:
            self._show(step)

    def _show(self, step: str) -> None:
        tasks = self.steps.tasks[step].values()
        if step not in self._bars:
            self._bars[step] = self._progress.add_task(title_of(step), unit="", seconds=0.0)
        self._progress.update(
            self._bars[step],
            completed=sum(task.done for task in tasks),
            total=sum(task.total for task in tasks) or None,
            unit=next((task.unit for task in tasks if task.total), ""),
            seconds=self.steps.seconds(step),
        )


def show_progress(work: Callable[[], T], console: Console) -> T:
    """Do `work`, which writes events in this process, with a bar for each of its steps."""
    with (
        tempfile.TemporaryDirectory() as folder,
        ProgressDisplay(console) as display,
        ThreadPoolExecutor(1) as executor,
    ):
        events = Path(folder) / "events.jsonl"
        os.environ[EVENTS_VARIABLE] = str(events)
        try:
            reader, future = EventReader(events), executor.submit(work)
            while not wait([future], SECONDS_BETWEEN_LOOKS).done:
                display.take(reader.read())
            display.take(reader.read())
            return future.result()
        finally:
            del os.environ[EVENTS_VARIABLE]


def title_of(step: str) -> str:
    """The name of a step that people read, as in the Kubeflow UI."""
    return PLACEMENTS[step].title if step in PLACEMENTS else step.replace("_", " ").capitalize()
