"""The `rollcall` command."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console

from components.backbones import find_backbone, find_weights
from components.errors import RollcallError
from pipelines.settings import Settings

app = typer.Typer(
    help="Head-rotation videos in, an honestly evaluated face classifier out.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode="rich",
    pretty_exceptions_enable=False,
)
console = Console()

DEFAULT_BACKBONES = "EfficientNetLite0,EfficientNetLite1,EfficientNetLite2"
REGISTRY_FOLDER = Path("runs/registry")

Backbones = Annotated[
    str, typer.Option(help="Backbones, separated by commas, named as in keras.applications.")
]
Workers = Annotated[int, typer.Option(min=1, help="Shards worked on at the same time.")]
Epochs = Annotated[int, typer.Option(min=0, help="Passes over the features at the most.")]
WeightsOption = Annotated[
    str,
    typer.Option(help="imagenet, none (random), or a folder of NAME.weights.h5 files."),
]
Registry = Annotated[str, typer.Option(help="MLflow URI.", show_default="SQLite in runs/registry")]
Seed = Annotated[int, typer.Option(min=0, help="Of everything random.")]
Output = Annotated[Path, typer.Option(help="Folder for the results.")]
Keep = Annotated[bool, typer.Option("--keep", help="Keep frames and features (they show faces).")]


@app.command(epilog="Example: rollcall demo --output runs/demo")
def demo(
    output: Output = Path("runs/demo"),
    backbones: Backbones = DEFAULT_BACKBONES,
    seed: Seed = 0,
) -> None:
    """Make a synthetic cohort, train on it, and show who won."""
    from dataclasses import replace  # noqa: PLC0415

    from pipelines.demo import DEMO_COHORT  # noqa: PLC0415

    cohort = output / "cohort"
    _synthesize(cohort, replace(DEMO_COHORT, seed=seed))
    _train(cohort, output, _names(backbones), seed=seed)


@app.command(epilog="Example: rollcall synthesize /tmp/cohort --students 5 --sessions 3 --seed 7")
def synthesize(
    out: Annotated[Path, typer.Argument(help="Folder to write roster.csv and videos/ into.")],
    students: Annotated[int, typer.Option(min=0, help="Number of students.")] = 12,
    staff: Annotated[int, typer.Option(min=0, help="Number of staff.")] = 4,
    visitors: Annotated[int, typer.Option(min=0, help="Number of visitors.")] = 8,
    sessions: Annotated[int, typer.Option(min=1, help="Clips of each person.")] = 2,
    seconds: Annotated[float, typer.Option(help="Length of a clip.")] = 10.0,
    size: Annotated[int, typer.Option(help="Width and height in pixels.")] = 288,
    fps: Annotated[int, typer.Option(help="Frames a second.")] = 12,
    seed: Seed = 0,
    processes: Annotated[int, typer.Option(min=1, help="Clips rendered at the same time.")] = 2,
) -> None:
    """Write videos of synthetic heads that turn in circles, and their roster."""
    from components.synthesize_cohort import CohortOptions  # noqa: PLC0415

    options = CohortOptions(
        students=students,
        staff=staff,
        visitors=visitors,
        sessions=sessions,
        seconds=seconds,
        size=size,
        fps=fps,
        seed=seed,
        processes=processes,
    )
    _synthesize(out, options)


@app.command(
    epilog="Example: rollcall run --source ~/cohort --output runs/first --backbones "
    "MobileNetV2,EfficientNetLite0 --weights ~/weights"
)
def run(
    source: Annotated[str, typer.Option(help="Folder with roster.csv and videos/.")],
    output: Output,
    backbones: Backbones = DEFAULT_BACKBONES,
    workers: Workers = 2,
    epochs: Epochs = 5,
    weights: WeightsOption = "imagenet",
    registry: Registry = "",
    seed: Seed = 0,
    keep: Keep = False,
) -> None:
    """Run the training pipeline on this machine: the same DAG as on a cluster."""
    _train(
        Path(source.removeprefix("file://")),
        output,
        _names(backbones),
        workers=workers,
        epochs=epochs,
        weights=weights,
        registry=registry,
        seed=seed,
        keep=keep,
    )


@app.command("compile", epilog="Example: rollcall compile --check")
def compile_(
    check: Annotated[
        bool, typer.Option("--check", help="Write nothing; fail if a file is stale.")
    ] = False,
) -> None:
    """Write the pipelines as YAML for a Kubeflow server."""
    from pipelines.compilation import compile_pipelines, stale_pipelines  # noqa: PLC0415

    if not check:
        for path in compile_pipelines(Settings()):
            console.print(f"wrote {path}")
    elif stale := stale_pipelines(Settings()):
        names = ", ".join(path.name for path in stale)
        raise RollcallError(f"stale: {names}. Run `make compile-pipeline` and commit the result.")
    else:
        console.print("the compiled pipelines are current")


def main() -> None:
    """Run the command; errors that a user can mend are shown without a traceback."""
    try:
        app()
    except RollcallError as error:
        Console(stderr=True).print(f"[bold red]Error:[/] {error}", highlight=False, markup=True)
        sys.exit(1)


def _names(backbones: str) -> list[str]:
    """Split and check, so that a typing error costs a second and not a run."""
    names = [name.strip() for name in backbones.split(",") if name.strip()]
    if not names:
        raise RollcallError("--backbones is empty: name at least one, e.g. EfficientNetLite0")
    return list(dict.fromkeys(find_backbone(name).name for name in names))


def _synthesize(out: Path, options: Any) -> None:  # noqa: ANN401
    from components.synthesize_cohort import synthesize_cohort  # noqa: PLC0415
    from pipelines.progress import show_progress  # noqa: PLC0415

    summary = show_progress(lambda: synthesize_cohort(out, options), console)
    console.print(f"{summary.people} people, {summary.clips} clips in {out}")


def _train(
    source: Path,
    output: Path,
    backbones: list[str],
    *,
    workers: int = 2,
    epochs: int = 5,
    weights: str = "imagenet",
    registry: str = "",
    seed: int = 0,
    keep: bool = False,
) -> None:
    from pipelines.local import run_training, sqlite_registry  # noqa: PLC0415
    from pipelines.tables import LEGEND, failures, leaderboard_table, steps_table  # noqa: PLC0415

    for name in backbones:
        find_weights(name, weights)
    arguments = {
        "source": str(source.resolve()),
        "backbones": backbones,
        "workers": workers,
        "epochs": epochs,
        "weights": weights if weights in {"imagenet", "none"} else str(Path(weights).resolve()),
        "registry": registry or sqlite_registry(REGISTRY_FOLDER),
        "seed": seed,
    }
    done = run_training(arguments, output.resolve(), console, keep=keep)
    console.print(steps_table(done.steps, done.seconds))
    console.print(leaderboard_table(done.leaderboard))
    console.print(LEGEND, style="dim", highlight=False)
    for line in failures(done.leaderboard):
        console.print(line, style="red", markup=False)
    console.print(f"Champion: [bold]{done.leaderboard['champion']}[/], version {done.version}")
    console.print(f"Report:   {output / 'report.html'}")
    console.print(f"Model:    {output / 'champion'}")


if __name__ == "__main__":
    main()
