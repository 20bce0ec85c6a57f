"""How the runs and schedules of a cluster are shown."""

from __future__ import annotations

from typing import TYPE_CHECKING, Self

from rich.box import SIMPLE_HEAD
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn
from rich.table import Table
from rich.text import Text

from pipelines.kubeflow import printable
from pipelines.progress import title_of
from pipelines.runs import steps_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from kfp_server_api import V2beta1Run
    from rich.console import Console

    from pipelines.runs import RunRow
    from pipelines.schedules import Schedule


class RunDisplay:
    """A bar for each step; where there is no terminal, a line for each step that got further."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._progress = Progress(
            TextColumn("{task.description:<20}"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("{task.fields[seconds]:>7.0f} s"),
            console=console,
            disable=not console.is_terminal,
        )
        self._bars: dict[str, TaskID] = {}
        self._told: dict[str, str] = {}

    def __enter__(self) -> Self:
        self._progress.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._progress.stop()

    def take(self, run: V2beta1Run) -> None:
        """Show how far a run is."""
        for each in steps_of(run):
            if each.step not in self._bars:
                self._bars[each.step] = self._progress.add_task(title_of(each.step), seconds=0.0)
            self._progress.update(
                self._bars[each.step], completed=each.done, total=each.tasks, seconds=each.seconds
            )
            failed = f", {each.failed} failed" if each.failed else ""
            told = f"{title_of(each.step)}: {each.done} of {each.tasks} done{failed}"
            if not self._console.is_terminal and self._told.get(each.step) != told:
                self.say(told)
            self._told[each.step] = told

    def say(self, line: str) -> None:
        """Show a line above the bars."""
        say(self._console, line)


def runs_table(rows: Sequence[RunRow], models: dict[str, str]) -> Table:
    """Runs, newest first."""
    table = Table(box=SIMPLE_HEAD, show_edge=False, padding=(0, 1, 0, 0))
    for column in ("run", "state", "UTC", "took"):
        table.add_column(column, no_wrap=True)
    table.add_column("experiment")
    if models:
        table.add_column("model")
    for each in rows:
        table.add_row(
            each.run_id,
            each.state.lower(),
            f"{each.started:%d %b %H:%M}" if each.started else "",
            duration(each.seconds),
            Text(f"{each.experiment}, by schedule" if each.scheduled else each.experiment),
            *([models[each.run_id]] if models else []),
        )
    return table


def schedules_table(schedules: Sequence[Schedule]) -> Table:
    """Schedules, newest first."""
    table = Table(box=SIMPLE_HEAD, show_edge=False)
    for column in ("schedule", "state", "cron (second first)", "catches up", "what"):
        table.add_column(column)
    for each in schedules:
        catches_up = "yes" if each.catch_up else "no"
        table.add_row(
            Text(each.name), each.state.lower(), Text(each.cron), catches_up, Text(each.what)
        )
    return table


def steps_table(run: V2beta1Run) -> Table:
    """How far each step of a run is."""
    title = f"{printable(run.display_name or '')}: {(run.state or '').lower()}"
    table = Table(title=Text(title), title_justify="left", box=SIMPLE_HEAD, show_edge=False)
    for column in ("step", "done", "failed", "running", "took"):
        table.add_column(column, justify="left" if column == "step" else "right")
    for each in steps_of(run):
        counts = (f"{each.done} of {each.tasks}", str(each.failed), str(each.running))
        table.add_row(title_of(each.step), *counts, duration(each.seconds))
    return table


def duration(seconds: float) -> str:
    """As 1:02:03."""
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes // 60}:{minutes % 60:02}:{rest:02}"


def say(console: Console, line: str, style: str = "") -> None:
    """Print a line as it is, however long."""
    console.print(line, style=style, markup=False, highlight=False, soft_wrap=True)
