"""What a run takes with so many workers: Amdahl's law, and a schedule of the DAG on a cluster.

A task costs a fixed time (imports, models to load) and a time for each second of the clips that it
handles; both are fitted to tasks that were measured. The schedule places such tasks, as many as the
DAG has with so many workers, and what Kubeflow and Kubernetes add to each.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np
from scipy.optimize import nnls

from components.ingest_videos.sharding import balance
from pipelines.placement import PLACEMENTS

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

ORIGINAL_IMAGES: Final = 4840
ORIGINAL_WORKERS: Final = 20
ORIGINAL_MINUTES: Final = (48.0, 12.0)
"""Of HPCC Systems' GNN on Azure, as it was and with ORIGINAL_WORKERS (its Figure 4)."""

SHARD_STEPS: Final = ("extract_frames", "embed_frames")
BACKBONE_STEPS: Final = ("train_model",)

NEEDS: Final[Mapping[str, tuple[str, ...]]] = {
    "ingest_videos": (),
    "decide_retraining": ("ingest_videos",),
    "export_backbones": ("decide_retraining",),
    # A loop of Kubeflow begins when all has come that any of its steps needs.
    "extract_frames": ("export_backbones",),
    "embed_frames": ("extract_frames",),
    "split_dataset": ("embed_frames",),
    "train_model": ("split_dataset",),
    "compare_models": ("train_model",),
    "register_model": ("compare_models",),
}
"""What each step waits for, in an order in which they can run. What follows from it is left out."""


GROUPS: Final = {
    "ingest_videos": 2,  # the run, and what the exit handler waits for
    "export_backbones": 1,  # the condition that training is due
    SHARD_STEPS[0]: 2,  # the loop, and the iteration
    BACKBONE_STEPS[0]: 2,
}
"""What a step is the first of, each with a driver of its own."""


def _line(x: Sequence[float], y: Sequence[float]) -> tuple[float, float]:
    """Fit a + b x to y by least squares with a and b not negative (Lawson and Hanson's NNLS)."""
    columns = np.column_stack([np.ones(len(x)), np.asarray(x, np.float64)])
    intercept, slope = nnls(columns, np.asarray(y, np.float64))[0]
    return float(intercept), float(slope)


@dataclass(frozen=True)
class Amdahl:
    """Amdahl's law: T(n) = serial + parallel / n.

    G. Amdahl, Validity of the single processor approach to achieving large scale computing
    capabilities, AFIPS 1967.

    Attributes:
        serial_seconds: what more workers do not shorten.
        parallel_seconds: what n workers do in an nth of the time.
    """

    serial_seconds: float
    parallel_seconds: float

    @property
    def serial_share(self) -> float:
        """Part of the time of one worker that is serial."""
        return self.serial_seconds / self.seconds(1)

    def seconds(self, workers: float) -> float:
        """Time with so many workers."""
        return self.serial_seconds + self.parallel_seconds / workers

    def speed_up(self, workers: float) -> float:
        """How many times as fast as one worker."""
        return self.seconds(1) / self.seconds(workers)


def fit_amdahl(workers: Sequence[int], seconds: Sequence[float]) -> Amdahl:
    """Fit the law to times that were measured with two or more numbers of workers.

    Linear in 1 / n, so by least squares, with both parts not negative.
    """
    return Amdahl(*_line([1 / count for count in workers], seconds))


def serial_share_of(speed_up: float, workers: int) -> float:
    """The serial share with which Amdahl's law gives a speed-up: (1/S - 1/n) / (1 - 1/n)."""
    return (1 / speed_up - 1 / workers) / (1 - 1 / workers)


@dataclass(frozen=True)
class TaskCost:
    """What a task costs.

    Attributes:
        fixed_seconds: whatever it is given.
        seconds_per_clip_second: for each second of the clips that it handles.
    """

    fixed_seconds: float
    seconds_per_clip_second: float

    def seconds(self, clip_seconds: float) -> float:
        """Time of a task that handles so much."""
        return self.fixed_seconds + self.seconds_per_clip_second * clip_seconds


def fit_cost(clip_seconds: Sequence[float], seconds: Sequence[float]) -> TaskCost:
    """Fit the cost to tasks that handled different amounts."""
    return TaskCost(*_line(clip_seconds, seconds))


@dataclass(frozen=True)
class Cluster:
    """What a cluster adds to the work: assumptions, to be replaced by a cluster's own times.

    Attributes:
        driver_seconds: of the pod in which Kubeflow resolves the inputs of a task, of a loop, of
            an iteration, and of the run and its exit handler, before what they hold can start.
        start_seconds: from then until the task's process starts, on a node that has the image.
        pull_seconds: of an image that a node does not have.
        node_seconds: of a spot node, as the pool scales from none: until the autoscaler has looked
            and the node is ready.
        regular_workers: tasks that the regular pool, which is always there, runs at once.
    """

    driver_seconds: float = 6.0
    start_seconds: float = 9.0
    pull_seconds: float = 30.0
    node_seconds: float = 150.0
    regular_workers: int = 2


WITHOUT_STARTS: Final = Cluster(0.0, 0.0, 0.0, 0.0)


@dataclass(frozen=True)
class Task:
    """A task to be placed.

    Attributes:
        name: that of its step, and of its shard or backbone.
        step: its step.
        seconds: how long it works.
        needs: names of the tasks that it waits for.
        drivers: pods of Kubeflow, one after another, between those and its own.
    """

    name: str
    step: str
    seconds: float
    needs: tuple[str, ...]
    drivers: int


@dataclass
class Worker:
    """A place of a pool, for one task at a time: when it is free, and the images it has."""

    free: float = 0.0
    last: str = ""
    is_up: bool = False
    images: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Placed:
    """When a task runs.

    Attributes:
        task: which.
        ends: when it has ended; it works for as long as its task says before that.
        behind: the task whose end it waited for last; empty for one that waited for none.
    """

    task: Task
    ends: float
    behind: str


@dataclass(frozen=True)
class Prediction:
    """What a run takes.

    Attributes:
        workers: how many.
        seconds: from its start to its end.
        work_seconds: by step, the time that the longest chain of tasks spends working.
        start_seconds: the rest of that chain: pods, images and nodes that it waits for.
    """

    workers: int
    seconds: float
    work_seconds: dict[str, float]
    start_seconds: float


def tasks_of(
    costs: Mapping[str, TaskCost], clips_s: Sequence[float], workers: int, backbones: Sequence[str]
) -> list[Task]:
    """The tasks of a run: as many shards as workers, dealt out as ingest_videos does it.

    Args:
        costs: by step; of train_model by "train_model BACKBONE".
        clips_s: lengths of the clips in seconds.
        workers: shards, but no more than clips.
        backbones: names.
    """
    shards = balance(clips_s, workers)
    loads = np.bincount(shards, weights=clips_s)
    everything = float(np.sum(clips_s))
    items: dict[str, list[tuple[str, float]]] = {
        step: [(step, costs[step].seconds(everything))]
        for step in NEEDS
        if step not in (*SHARD_STEPS, *BACKBONE_STEPS)
    }
    for step in SHARD_STEPS:
        items[step] = [(f"{step} {n}", costs[step].seconds(load)) for n, load in enumerate(loads)]
    for step in BACKBONE_STEPS:
        names = [f"{step} {backbone}" for backbone in backbones]
        items[step] = [(name, costs[name].seconds(everything)) for name in names]
    return [
        Task(name, step, seconds, _needs(name, step, items), _drivers(step))
        for step in NEEDS
        for name, seconds in items[step]
    ]


def _needs(name: str, step: str, items: Mapping[str, list[tuple[str, float]]]) -> tuple[str, ...]:
    """All tasks of the steps that it waits for; in a loop that of its own iteration."""
    if step == "embed_frames":
        return (name.replace(step, "extract_frames"),)
    return tuple(before for needed in NEEDS[step] for before, _ in items[needed])


def _drivers(step: str) -> int:
    return 1 + GROUPS.get(step, 0)


def schedule(tasks: Sequence[Task], workers: int, cluster: Cluster) -> dict[str, Placed]:
    """Place every task, that which is ready first at first, where it ends the earliest.

    List scheduling (R. Graham, Bounds on multiprocessing timing anomalies, SIAM J. Appl. Math. 17,
    1969) on two pools, that of the task's row in the table of placements.

    Returns:
        The tasks by name.
    """
    pools = {
        "spot": [Worker() for _ in range(workers)],
        "regular": [Worker(is_up=True) for _ in range(cluster.regular_workers)],
    }
    placed: dict[str, Placed] = {}
    waiting = list(tasks)
    while waiting:
        ready = [
            (max([placed[need].ends for need in task.needs], default=0.0), task)
            for task in waiting
            if all(need in placed for need in task.needs)
        ]
        at, task = min(ready, key=lambda each: each[0])
        waiting.remove(task)
        placed[task.name] = _place(task, at, pools[PLACEMENTS[task.step].pool], cluster, placed)
    return placed


def _place(
    task: Task, ready: float, pool: Sequence[Worker], cluster: Cluster, placed: Mapping[str, Placed]
) -> Placed:
    image = PLACEMENTS[task.step].image
    asked = ready + task.drivers * cluster.driver_seconds

    def ends(worker: Worker) -> float:
        node = 0.0 if worker.is_up else cluster.node_seconds
        pull = 0.0 if image in worker.images else cluster.pull_seconds
        return max(asked, worker.free) + node + pull + cluster.start_seconds + task.seconds

    worker = min(pool, key=ends)
    latest = max(task.needs, key=lambda need: placed[need].ends, default="")
    behind = worker.last if worker.free > asked else latest
    done = Placed(task, ends(worker), behind)
    worker.free, worker.last, worker.is_up = done.ends, task.name, True
    worker.images |= {image}
    return done


def predict(
    costs: Mapping[str, TaskCost],
    clips_s: Sequence[float],
    workers: int,
    backbones: Sequence[str],
    cluster: Cluster,
) -> Prediction:
    """What a run over such clips takes; the arguments are those of `tasks_of` and `schedule`."""
    placed = schedule(tasks_of(costs, clips_s, workers, backbones), workers, cluster)
    last = max(placed.values(), key=lambda each: each.ends)
    work = dict.fromkeys(NEEDS, 0.0)
    at: Placed | None = last
    while at is not None:
        work[at.task.step] += at.task.seconds
        at = placed.get(at.behind)
    return Prediction(workers, last.ends, work, last.ends - sum(work.values()))
