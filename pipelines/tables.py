"""What the command prints at the end of a run."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rich.table import Table

from pipelines.progress import title_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pipelines.progress import StepCost


def leaderboard_table(leaderboard: dict[str, Any]) -> Table:
    """The leaderboard, best first. Accuracies are of identity, except for the role's."""
    protocol = leaderboard["protocol"]
    optimistic = " (within-session: optimistic)" if protocol["within_session"] else ""
    table = Table(title=f"Leaderboard, split {protocol['name']}{optimistic}", title_justify="left")
    table.add_column("model")
    for name in ("clips", "frames", "role", "strangers\nas students", "random\nsplit"):
        table.add_column(name, justify="right")
    for name in ("embed\nimages/s", "train\ns", "latency ms\np50 / p99", "size\nMB"):
        table.add_column(name, justify="right")
    for model in leaderboard["models"]:
        table.add_row(
            *_cells(model), style="bold" if model["name"] == leaderboard["champion"] else ""
        )
    return table


def _cells(model: dict[str, Any]) -> list[str]:
    if model["status"] != "succeeded":
        return [model["name"], f"failed: {model['reason']}"]
    strangers = model["strangers"]["transaction"]
    latency = model["latency_ms"]
    return [
        model["name"],
        _accuracy(model["transaction"], "identity_accuracy"),
        _accuracy(model["frame"], "identity_accuracy"),
        _accuracy(model["transaction"], "role_accuracy"),
        f"{strangers['taken_for_student']} of {strangers['n']}" if strangers["n"] else "none met",
        _accuracy(model["random_split"], "identity_accuracy"),
        f"{model['embed_images_per_second']:.0f}",
        f"{model['train_seconds']:.1f}",
        f"{latency['p50']:.1f} / {latency['p99']:.1f}",
        f"{model['size_bytes'] / 1e6:.1f}",
    ]


def _accuracy(scores: dict[str, Any], name: str) -> str:
    return f"{scores[name]:.3f}\nof {scores['n']}" if scores["n"] else "not tested"


def steps_table(steps: Sequence[StepCost], seconds: float) -> Table:
    """What each step took."""
    table = Table(title=f"Steps, {seconds:.1f} s in all", title_justify="left")
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
