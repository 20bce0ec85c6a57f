"""What the command prints at the end of a run."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

from rich.box import SIMPLE_HEAD
from rich.table import Table
from rich.text import Text

from components.compare_models.preference import WORDS
from pipelines.progress import title_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from pipelines.progress import StepCost
    from pipelines.traces import Item


COLUMNS: Final = ("clips", "frames", "role", "strangers", "random", "img/s", "train s", "ms", "MB")


def leaderboard_table(leaderboard: dict[str, Any]) -> Table:
    """The leaderboard, best first, narrow enough for 80 columns."""
    table = Table(
        title=_title(leaderboard), title_justify="left", box=SIMPLE_HEAD, padding=0, show_edge=False
    )
    table.add_column("model", no_wrap=True)
    for name in COLUMNS:
        table.add_column(name, justify="right", no_wrap=True)
    for model in leaderboard["models"]:
        best = model["name"] == leaderboard["champion"]
        table.add_row(*_cells(model), style="bold" if best else "")
    return table


LEGEND: Final = (
    "clips, frames: the right person. role: student or not. strangers: taken for\n"
    "students. random: frames, had they been split at random, which leaks.\n"
    "img/s: embedding. ms: one image on one thread, p50."
)


def decision(leaderboard: dict[str, Any]) -> list[str]:
    """What decided, and what each of the others lacked; or why nothing was ranked."""
    decided_by, models = leaderboard["decided_by"], leaderboard["models"]
    if decided_by is None:
        return [f"{leaderboard['rule'].capitalize()}."]
    tied = sum(bool(model["tied"]) for model in models)
    told = {
        "only_model": "The only model that could be tested.",
        "accuracy": "More accurate than the others, by more than chance explains.",
    }
    chosen = f"Of {tied} models tied in accuracy, chosen by {WORDS.get(decided_by)}."
    others = [f"  {model['name']}: {model['lacked']}" for model in models if model["lacked"]]
    return [told.get(decided_by, chosen), *others]


def failures(leaderboard: dict[str, Any]) -> list[str]:
    """A line for each model that failed."""
    failed = [row for row in leaderboard["models"] if row["status"] == "failed"]
    return [f"{row['name']}: {row['reason'].removeprefix(row['name'] + ': ')}" for row in failed]


def _title(leaderboard: dict[str, Any]) -> str:
    protocol = leaderboard["protocol"]
    test = protocol["sides"]["test"]
    how = protocol["name"].replace("_", " ")
    leaks = ", which leaks (not ranked)" if protocol["leaks"] else ""
    optimistic = ", within-session (optimistic)" if protocol["within_session"] else ""
    return (
        f"Leaderboard: {test['people']} people split {how}{leaks or optimistic}; "
        f"tested on {test['transactions']} clips, {test['frames']} frames"
    )


def _cells(model: dict[str, Any]) -> list[str]:
    if model["status"] != "succeeded":
        return [model["name"], "failed"]
    strangers = model["strangers"]["transaction"]
    return [
        model["name"],
        _share(model["transaction"]["identity_accuracy"]),
        _share(model["frame"]["identity_accuracy"]),
        _share(model["transaction"]["role_accuracy"]),
        f"{strangers['taken_for_student']} of {strangers['n']}" if strangers["n"] else "none met",
        _share(model["random_split"]["identity_accuracy"]),
        f"{model['embed_images_per_second']:.0f}",
        f"{model['train_seconds']:.1f}",
        f"{model['latency_ms']['p50']:.1f}",
        f"{model['size_bytes'] / 1e6:.1f}",
    ]


def _share(value: float | None) -> str:
    return "-" if value is None else f"{value:.3f}"


def steps_table(steps: Sequence[StepCost], seconds: float) -> Table:
    """What each step took."""
    title = f"Steps: {seconds:.1f} s in all"
    table = Table(title=title, title_justify="left", box=SIMPLE_HEAD, show_edge=False)
    table.add_column("step")
    for name in ("tasks", "wall s", "sum of tasks s", "peak memory MB"):
        table.add_column(name, justify="right")
    for step in steps:
        table.add_row(
            title_of(step.step),
            str(step.tasks),
            f"{step.wall_seconds:.1f}",
            f"{step.task_seconds:.1f}",
            f"{step.peak_memory_bytes / 1e6:.0f}",
        )
    return table


def traces_table(items: Sequence[Item]) -> Table:
    """What derives from a person; things of one kind in one folder share a row."""
    table = Table(title="What derives from this person", title_justify="left", box=SIMPLE_HEAD)
    for name in ("what", "where", "why"):
        table.add_column(name)
    table.add_column("number", justify="right")
    table.add_column("MB", justify="right")
    table.add_column("to do")
    rows: dict[tuple[str, ...], list[int]] = {}
    for item in items:
        key = (item.what, _folder_of(item.place), item.remark, item.action)
        rows.setdefault(key, []).append(item.bytes)
    for (what, where, why, action), sizes in rows.items():
        megabytes = f"{sum(sizes) / 1e6:.1f}" if sum(sizes) else ""
        table.add_row(what, Text(where), Text(why), str(len(sizes)), megabytes, action)
    return table


def _folder_of(place: str) -> str:
    """The folder of a person's file in a source; of anything else the place itself."""
    return f"{place.rpartition('/')[0]}/" if "/" in place.rstrip("/") else place


def audit_table(entries: Iterable[dict[str, Any]]) -> Table:
    """Lines of the audit log."""
    table = Table(title="Audit log", title_justify="left", box=SIMPLE_HEAD, show_edge=False)
    for name in ("time", "who", "command", "event", "outcome", "source", "counts"):
        table.add_column(name)
    for entry in entries:
        counts = json.dumps(entry["counts"]) if entry.get("counts") else ""
        sources = " ".join(each[:8] for each in entry.get("source_fingerprints", []))
        table.add_row(
            entry["time"][:19],
            Text(f"{entry['who']['user']}@{entry['who']['host']}"),
            entry["what"]["command"],
            entry["event"],
            entry.get("outcome", ""),
            sources,
            Text(counts),
        )
    return table
