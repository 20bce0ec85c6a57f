"""How long a run takes with how many workers, measured here and predicted for a cluster.

Makes a synthetic cohort and runs the training pipeline on it:

- with 1, 2, 4, ... workers, each of them one processor, to which its steps are held, as by
  themselves they take what there is: the measured curve;
- one task at a time with the processors that the table of placements gives to a pod, on all of the
  cohort and on parts of it: what each task costs, from which a cluster's curve is predicted.

    python -m pipelines.scaling_study [--workers 1,2,4] [--repeats 1] [--output FOLDER] [--write]

Writes report.html, scaling.svg and scaling.json into the output folder, and prints tables. With
--write also the figures and the chart of docs/scaling.md. What was cut off leaves no half of a
file, and is measured anew.
"""

from __future__ import annotations

import argparse
import contextlib
import csv
import logging
import math
import os
import shutil
import signal
import sys
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import pyarrow.parquet as pq
from kubernetes.utils.quantity import parse_quantity
from rich.console import Console

from components.artifacts import atomic_file, write_json
from components.contracts import CLIPS, CLIPS_FILE
from components.cpus import CPUS_VARIABLE, usable_cpus
from components.errors import RollcallError
from components.synthesize_cohort import CohortOptions, synthesize_cohort
from pipelines.local import WORK, local_registry, only_run, run_training
from pipelines.options import DEFAULTS, LITES
from pipelines.placement import PLACEMENTS
from pipelines.progress import EventReader, StepsState, show_progress
from pipelines.scaling_model import (
    BACKBONE_STEPS,
    NEEDS,
    ORIGINAL_IMAGES,
    SHARD_STEPS,
    WITHOUT_STARTS,
    Amdahl,
    Cluster,
    Prediction,
    TaskCost,
    fit_amdahl,
    fit_cost,
    predict,
)
from pipelines.scaling_report import print_tables, render_page, render_report, render_svg

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

COHORT: Final = CohortOptions(students=8, staff=2, visitors=6, sessions=2, seconds=10.0)
BACKBONES: Final = LITES[:2]
"""Two, so that heads train beside each other, and no more, so that the study ends soon."""
PARTS: Final = (1, 2, 4)
"""All of the cohort, every other person, every fourth: what costs are fitted to."""
PREDICTED: Final = (1, 2, 4, 8, 12, 16, 20, 24, 32, 48, 64)

DOCS: Final = Path(__file__).parents[1] / "docs"
FILES: Final = ("report.html", "scaling.json", "scaling.svg")


@dataclass(frozen=True)
class TaskTime:
    """What one task took.

    Attributes:
        step: its step.
        item: its shard or backbone.
        seconds: from the start of its process, imports included, to its end.
        clip_seconds: length of the clips that it handled.
    """

    step: str
    item: str
    seconds: float
    clip_seconds: float


@dataclass(frozen=True)
class Run:
    """What one run of the pipeline took.

    Attributes:
        workers: shards, and tasks at a time.
        cpus: processors of each worker.
        clips_s: lengths of the clips in seconds.
        seconds: from its start to its end, that of Kubeflow's runner included.
        step_seconds: by step, from the start of its first task to the end of its last.
        tasks: all of them.
    """

    workers: int
    cpus: int
    clips_s: tuple[float, ...]
    seconds: float
    step_seconds: dict[str, float]
    tasks: tuple[TaskTime, ...]


@dataclass(frozen=True)
class Study:
    """All that was found.

    Attributes:
        processors: of this machine.
        backbones: that were trained.
        repeats: how often each run was measured; the fastest counts, as others slow it, only.
        measured: a run for each number of workers, fewest first.
        alone: runs of one task at a time, on all of the cohort and on parts of it.
        law: Amdahl's, fitted to the runs whose workers have a processor each.
        costs: by step; of train_model by "train_model BACKBONE".
        cluster: what it adds.
        predictions: by the name of what is predicted.
    """

    processors: int
    backbones: tuple[str, ...]
    repeats: int
    measured: tuple[Run, ...]
    alone: tuple[Run, ...]
    law: Amdahl
    costs: dict[str, TaskCost]
    cluster: Cluster
    predictions: dict[str, tuple[Prediction, ...]]

    def to_json(self) -> dict[str, Any]:
        """As plain values, with what follows from them."""
        return {**asdict(self), "serial_share": self.law.serial_share}


def run_once(
    source: Path,
    work: Path,
    console: Console,
    *,
    workers: int,
    cpus: int,
    backbones: Sequence[str],
    roster: Path,
    registry: Path,
) -> Run:
    """Run the pipeline with so many workers, each with so many processors, and say what it took.

    Where there are fewer processors the workers share them. Every run gets a copy of an empty
    `registry`: to make its tables takes seconds that no server takes, and a champion would be
    work that the first run had not.

    Raises:
        RollcallError: as `run_training`.
    """
    options = replace(DEFAULTS, backbones=tuple(backbones), workers=workers, roster=str(roster))
    uri = local_registry(work / "registry")
    arguments = {"source": str(source), "registry": uri, **options.checked().arguments()}
    shares = {
        CPUS_VARIABLE: cpus,
        "ROLLCALL_PARALLELISM": workers,
        # TensorFlow's, and those of the libraries below NumPy.
        "TF_NUM_INTRAOP_THREADS": cpus,
        "TF_NUM_INTEROP_THREADS": 1,
        "OMP_NUM_THREADS": cpus,
        "OPENBLAS_NUM_THREADS": cpus,
    }
    environment = {name: str(value) for name, value in shares.items()}
    try:
        shutil.copytree(registry, work / "registry")
        with _on_processors(workers * cpus):
            done = run_training(arguments, work, console, keep=True, environment=environment)
        return _read_run(work / WORK, workers, cpus, done.seconds)
    finally:
        shutil.rmtree(work)


@contextlib.contextmanager
def _on_processors(count: int) -> Iterator[None]:
    """Leave this process, and those that it starts, so many processors at the most."""
    if not hasattr(os, "sched_setaffinity"):
        raise RollcallError(
            "this system cannot hold a process to some of its processors; use Linux"
        )
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, set(sorted(before)[:count]))
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


def _read_run(work: Path, workers: int, cpus: int, seconds: float) -> Run:
    steps = StepsState()
    for event in EventReader(work / "events.jsonl").read():
        steps.take(event)
    (path,) = work.glob(f"pipeline/*/ingest-videos/clips/{CLIPS_FILE}")
    table = pq.read_table(path, schema=CLIPS, columns=["duration_s", "shard"])
    clips = list(zip(*table.to_pydict().values(), strict=True))

    def clip_seconds(step: str, item: str) -> float:
        """A shard's task handles its clips, every other all of them."""
        return sum(
            length for length, shard in clips if step not in SHARD_STEPS or item == str(shard)
        )

    tasks = tuple(
        TaskTime(step, item, task.seconds, clip_seconds(step, item))
        for step in NEEDS
        for item, task in sorted(steps.tasks[step].items())
    )
    step_seconds = {step: round(steps.seconds(step), 3) for step in NEEDS}
    lengths = tuple(length for length, _ in clips)
    return Run(workers, cpus, lengths, seconds, step_seconds, tasks)


def make_registry(folder: Path) -> Path:
    """Make an empty registry."""
    from components.registry import connected  # noqa: PLC0415 - slow

    logging.getLogger("mlflow").setLevel(logging.WARNING)  # it tells of each table
    folder.mkdir(parents=True)
    with connected(local_registry(folder)) as client:
        client.search_registered_models()
    return folder


def measure(
    source: Path,
    work: Path,
    console: Console,
    *,
    counts: Sequence[int],
    repeats: int,
    backbones: Sequence[str],
) -> tuple[tuple[Run, ...], tuple[Run, ...]]:
    """Make all runs: those with several workers, and those of one task at a time."""
    of_pods = [math.ceil(parse_quantity(PLACEMENTS[step].cpu_limit)) for step in SHARD_STEPS]
    pod = min(usable_cpus(), *of_pods)
    registry = make_registry(work / "registry")
    rosters = {part: write_part(source / "roster.csv", part, work) for part in PARTS}
    plan = [(f"workers: {count}, a processor each", count, 1, 1) for count in counts]
    plan += [(f"one task at a time, people: 1 of {part}", 1, pod, part) for part in PARTS]
    best: dict[tuple[int, int, int], Run] = {}
    for number in range(repeats):
        for at, (name, *key) in enumerate(plan):
            console.print(f"Run {number * len(plan) + at + 1} of {repeats * len(plan)}: {name}")
            workers, cpus, part = key
            run = run_once(
                source,
                work / "run",
                console,
                workers=workers,
                cpus=cpus,
                backbones=backbones,
                roster=rosters[part],
                registry=registry,
            )
            before = best.setdefault((workers, cpus, part), run)
            best[workers, cpus, part] = fastest(before, run)
    return (
        tuple(best[count, 1, 1] for count in counts),
        tuple(best[1, pod, part] for part in PARTS),
    )


def fastest(first: Run, second: Run) -> Run:
    """The faster of two of the same, with each task at its fastest: what else runs only slows."""
    tasks = zip(first.tasks, second.tasks, strict=True)
    least = tuple(min(pair, key=lambda each: each.seconds) for pair in tasks)
    return replace(min(first, second, key=lambda each: each.seconds), tasks=least)


def write_part(roster: Path, part: int, folder: Path) -> Path:
    """Write a roster of every `part`-th person of each role, the first of each among them."""
    with roster.open(encoding="utf-8", newline="") as stream:
        reader = csv.DictReader(stream)
        seen: dict[str, int] = {}
        kept = []
        for row in reader:
            seen[row["role"]] = seen.get(row["role"], -1) + 1
            if seen[row["role"]] % part == 0:
                kept.append(row)
    path = folder / f"roster-{part}.csv"
    with atomic_file(path) as temporary, temporary.open("w", encoding="utf-8", newline="") as out:
        writer = csv.DictWriter(out, reader.fieldnames or [])
        writer.writeheader()
        writer.writerows(kept)
    return path


def fit_costs(runs: Sequence[Run]) -> dict[str, TaskCost]:
    """What a task of each step costs, from runs on more and on less, one task at a time."""
    points: dict[str, list[tuple[float, float]]] = {}
    for run in runs:
        for task in run.tasks:
            name = f"{task.step} {task.item}" if task.step in BACKBONE_STEPS else task.step
            points.setdefault(name, []).append((task.clip_seconds, task.seconds))
    return {name: fit_cost(*zip(*found, strict=True)) for name, found in points.items()}


def analyse(
    measured: Sequence[Run],
    alone: Sequence[Run],
    *,
    processors: int,
    backbones: Sequence[str],
    repeats: int,
    cluster: Cluster,
) -> Study:
    """Fit the laws to what was measured, and predict."""
    fair = [run for run in measured if run.workers <= processors]
    law = fit_amdahl([run.workers for run in fair], [run.seconds for run in fair])
    costs = fit_costs(alone)
    cohort = alone[0].clips_s
    original = clips_of(ORIGINAL_IMAGES)
    wanted = {
        "cohort": (cohort, cluster),
        "cohort_without_starts": (cohort, WITHOUT_STARTS),
        "original": (original, cluster),
        "original_nodes_up": (original, replace(cluster, node_seconds=0.0, pull_seconds=0.0)),
        "original_without_starts": (original, WITHOUT_STARTS),
        "tenfold": (original * 10, cluster),
    }
    predictions = {
        name: tuple(predict(costs, clips, count, backbones, adds) for count in PREDICTED)
        for name, (clips, adds) in wanted.items()
    }
    return Study(
        processors,
        tuple(backbones),
        repeats,
        tuple(measured),
        tuple(alone),
        law,
        costs,
        cluster,
        predictions,
    )


def clips_of(images: int, seconds: float = 10.0) -> tuple[float, ...]:
    """Lengths of the clips that so many images are sampled from, at the default rate."""
    whole, rest = divmod(images / DEFAULTS.frames_per_second, seconds)
    return (seconds,) * int(whole) + ((round(rest, 6),) if rest else ())


def write_study(study: Study, output: Path) -> None:
    """Write the report, its data and its chart."""
    texts = {"report.html": render_report(study), "scaling.svg": render_svg(study)}
    for name, text in texts.items():
        with atomic_file(output / name) as path:
            path.write_text(text, encoding="utf-8")
    with atomic_file(output / "scaling.json") as path:
        write_json(path, study.to_json())


def write_docs(study: Study, folder: Path = DOCS) -> None:
    """Write the figures of docs/scaling.md, between its two marks, and its chart anew."""
    page = folder / "scaling.md"
    with atomic_file(page) as path:
        path.write_text(render_page(study, page.read_text(encoding="utf-8")), encoding="utf-8")
    with atomic_file(folder / "scaling.svg") as path:
        path.write_text(render_svg(study), encoding="utf-8")


def check_counts(counts: Sequence[int], processors: int) -> None:
    """See that a law can be fitted, before anything is measured.

    Raises:
        RollcallError: fewer than two numbers of workers can have a processor for each.
    """
    if sum(count <= processors for count in counts) < 2:
        raise RollcallError(
            f"Amdahl's law needs two numbers of workers that can have a processor each; here are "
            f"{processors}: name two of 1 to {processors} among the workers"
        )


def _counts(text: str) -> list[int]:
    counts = sorted({int(part) for part in text.split(",")})
    if not counts or counts[0] < 1:
        raise ValueError
    return counts


def _parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="scaling_study", description=(__doc__ or "").split("\n")[0]
    )
    parser.add_argument("--workers", type=_counts, default=_counts("1,2,4"), help="1,2,4")
    parser.add_argument("--repeats", type=int, default=1, help="of each run; the fastest counts")
    parser.add_argument("--output", type=Path, default=Path("runs/scaling"))
    parser.add_argument("--backbones", default=",".join(BACKBONES))
    parser.add_argument("--source", type=Path, help="a folder, instead of a synthetic cohort")
    parser.add_argument("--write", action="store_true", help="write docs/scaling.md, too")
    adds = parser.add_argument_group("what a cluster adds, in seconds")
    for name in ("driver", "start", "pull", "node"):
        default = getattr(Cluster(), f"{name}_seconds")
        adds.add_argument(f"--{name}-seconds", type=float, default=default)
    return parser.parse_args(arguments)


def main(arguments: Sequence[str] | None = None) -> None:
    """Make the study."""
    told = _parse(arguments)
    console = Console()
    output = told.output.resolve()
    output.mkdir(parents=True, exist_ok=True)
    backbones = told.backbones.split(",")
    cluster = Cluster(told.driver_seconds, told.start_seconds, told.pull_seconds, told.node_seconds)
    processors = usable_cpus()
    check_counts(told.workers, processors)
    with only_run(output):
        source, work = told.source, output / ".study"
        if source is None:
            source, options = output / "cohort", replace(COHORT, processes=processors)
            show_progress(lambda: synthesize_cohort(source, options), console)
        shutil.rmtree(work, ignore_errors=True)  # of a study that was cut off
        try:
            measured, alone = measure(
                source,
                work,
                console,
                counts=told.workers,
                repeats=told.repeats,
                backbones=backbones,
            )
        finally:
            shutil.rmtree(work, ignore_errors=True)
        study = analyse(
            measured,
            alone,
            processors=processors,
            backbones=backbones,
            repeats=told.repeats,
            cluster=cluster,
        )
        write_study(study, output)
        if told.write:
            write_docs(study)
    print_tables(study, console)
    for name in FILES:
        console.print(output / name, soft_wrap=True)


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, lambda number, _: sys.exit(128 + number))  # what it started goes
    try:
        main()
    except RollcallError as error:
        sys.exit(f"Error: {error}")
