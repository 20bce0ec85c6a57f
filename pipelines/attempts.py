"""What a run did: each attempt at a task, read from a local run or from Kubeflow."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from scipy.optimize import linear_sum_assignment

from components.artifacts import read_json
from components.errors import RollcallError
from pipelines.local import STEPS_FILE
from pipelines.node_pools import POOLS
from pipelines.placement import PLACEMENTS

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

POOL_LABEL: Final = "rollcall.io/pool"
TUNING: Final = frozenset({"fine_tune_model"})
"""Steps whose nodes are chosen by a parameter of their own."""

ATTEMPT: Final = re.compile(r"executor\((\d+)\)")
"""How Kubeflow's compiler and Argo call the pods of a task that has retries: its first is (0)."""

ENDED: Final = ("SUCCEEDED", "SKIPPED", "FAILED", "CANCELED")

TOLERANCE_S: Final = 5.0
"""Argo writes whole seconds, and the ends of a task and of its pod not always in the same round."""

NEVER_S: Final = 1e9
"""Seconds that stand for an infinite distance, which SciPy's assignment does not take."""


@dataclass(frozen=True)
class Attempt:
    """One pod of a task.

    Attributes:
        step: of which it is a task, e.g. extract_frames.
        pool: on which it ran, or would have run.
        number: 0 for the first attempt at its task.
        start: seconds since the run began.
        end: as `start`.
        succeeded: whether its task was done with it.
    """

    step: str
    pool: str
    number: int
    start: float
    end: float
    succeeded: bool

    @property
    def seconds(self) -> float:
        """How long it took."""
        return self.end - self.start


@dataclass(frozen=True)
class RunHistory:
    """All attempts of a run.

    Attributes:
        attempts: in the order in which they began.
        cached: tasks that took an earlier run's outputs, without a pod.
        uncertain: attempts of which Kubeflow does not tell for sure to which step they belong.
    """

    attempts: tuple[Attempt, ...]
    cached: int = 0
    uncertain: int = 0

    def work(self) -> dict[str, list[float]]:
        """Seconds of each task that was done, by step: those of its last attempt."""
        done: dict[str, list[float]] = {}
        for attempt in self.attempts:
            if attempt.succeeded:
                done.setdefault(attempt.step, []).append(attempt.seconds)
        return done


def read_local_run(output: Path) -> RunHistory:
    """The attempts of a run on this machine, as if each task had been a pod of its pool.

    steps.json has the sum over a step's tasks, so they count as equally long. A local run has no
    retries.

    Raises:
        RollcallError: there is no steps.json, or it is of another form.
    """
    path = output / STEPS_FILE
    if not path.is_file():
        raise RollcallError(f"there is no {STEPS_FILE} in {output}: a run that failed has none")
    attempts = []
    try:
        for row in read_json(path)["steps"]:
            step, tasks = str(row["step"]), int(row["tasks"])
            mean = float(row["task_seconds"]) / tasks
            attempts += [Attempt(step, _pool(step, {}), 0, 0.0, mean, succeeded=True)] * tasks
    except (KeyError, TypeError, ValueError, ZeroDivisionError) as error:
        raise RollcallError(f"{path} is not as docs/outputs.md says: {error!r}") from error
    return RunHistory(tuple(attempts))


def read_kubeflow_run(run: Any) -> RunHistory:  # noqa: ANN401 - kfp_server_api has no types
    """The attempts of a run that has ended on Kubeflow.

    What Kubeflow 2.17 tells of a run are the nodes of Argo's workflow, with a name, a start, an end
    and a history of states each: one for each task (`extract-frames`, and again for each iteration
    of its loop), one for all of its attempts (`executor`, SKIPPED where the cache had the outputs)
    and one for each attempt (`executor(0)`, ...). Which belongs to which it does not tell: children
    are named by an id that their own entry lacks (kubeflow/pipelines, issue 14007). So an attempt
    goes to the task during which it ran: one that succeeded to the task that ended with it, one
    that failed to the task that began, or lost its attempt before, just then.

    An attempt occupies a node from when it was first reported RUNNING; before that it waits for
    one. Drivers, which decide what runs, are not counted: they take a tenth of a core for seconds.

    Args:
        run: a `V2beta1Run`, as `kfp.Client.get_run` gives it.

    Raises:
        RollcallError: it goes on, or Kubeflow tells nothing of its pods.
    """
    if run.state not in ENDED:
        raise RollcallError(f"run {run.run_id} is {run.state}: its cost can be told when it ended")
    nodes = list(run.run_details.task_details or ()) if run.run_details else []
    tasks = [
        _Task(step, *_span(node, run), node.state == "SUCCEEDED")
        for node in nodes
        if (step := _step_of(node))
    ]
    pods = list(_pods(nodes, run))
    if not pods:
        raise RollcallError(
            f"Kubeflow tells nothing of the pods of run {run.run_id}: is it a run of Rollcall?"
        )
    # Those that succeeded first: they tell how many attempts at their task failed.
    uncertain = _assign([pod for pod in pods if pod.succeeded], tasks)
    for number in range(1 + max(pod.number for pod in pods)):
        failed = [pod for pod in pods if pod.number == number and not pod.succeeded]
        uncertain += _assign(failed, tasks)
    first = min(pod.created for pod in pods)
    given = (run.runtime_config and run.runtime_config.parameters) or {}
    attempts = [
        Attempt(
            task.step,
            _pool(task.step, given),
            pod.number,
            pod.running - first,
            pod.end - first,
            pod.succeeded,
        )
        for task in tasks
        for pod in task.pods.values()
    ]
    cached = sum(task.succeeded and not task.pods for task in tasks)
    return RunHistory(tuple(sorted(attempts, key=lambda each: each.start)), cached, uncertain)


@dataclass(frozen=True)
class _Pod:
    """An attempt of which the task is not known yet; times are POSIX timestamps."""

    number: int
    created: float
    running: float
    end: float
    succeeded: bool


@dataclass
class _Task:
    step: str
    start: float
    end: float
    succeeded: bool
    pods: dict[int, _Pod] = field(default_factory=dict)

    def distance(self, pod: _Pod) -> float:
        """Seconds by which the attempt begins and ends otherwise than one of this task would.

        Infinite if it cannot be: it did not run during the task, or is one too many.
        """
        last = next((each for each in self.pods.values() if each.succeeded), None)
        if pod.number in self.pods or (last is None and pod.succeeded != self.succeeded):
            return math.inf
        latest = last.created if last else self.end
        if pod.created < self.start - TOLERANCE_S or pod.end > latest + TOLERANCE_S:
            return math.inf
        before = self.pods.get(pod.number - 1)
        expected = self.start if pod.number == 0 else before.end if before else pod.created
        return abs(pod.created - expected) + (abs(self.end - pod.end) if pod.succeeded else 0)


def _assign(pods: Sequence[_Pod], tasks: Sequence[_Task]) -> int:
    """Give attempts to tasks, at most one each, so that the distances are the least in sum.

    Returns how many could as well be of a task of another step.
    """
    if not pods:
        return 0
    distances = np.array([[task.distance(pod) for task in tasks] for pod in pods]).reshape(
        len(pods), len(tasks)
    )
    rows, columns = linear_sum_assignment(np.minimum(distances, NEVER_S))
    chosen = distances[rows, columns]
    if len(rows) < len(pods) or np.isinf(chosen).any():
        raise RollcallError("Kubeflow tells of a pod that ran during no task of this pipeline")
    steps = np.array([task.step for task in tasks])
    near = distances - chosen[:, np.newaxis] < TOLERANCE_S
    other = steps[np.newaxis] != steps[columns][:, np.newaxis]
    for row, column in zip(rows, columns, strict=True):
        tasks[column].pods[pods[row].number] = pods[row]
    return int((near & other).any(axis=1).sum())


def _pods(nodes: Sequence[Any], run: Any) -> Iterator[_Pod]:  # noqa: ANN401
    for node in nodes:
        found = ATTEMPT.fullmatch(node.display_name or "")
        if found and node.state != "SKIPPED":
            start, end = _span(node, run)
            reported = (
                each.update_time.timestamp()
                for each in node.state_history or ()
                if each.state == "RUNNING"
            )
            running = min((time for time in reported if start <= time <= end), default=start)
            yield _Pod(int(found[1]), start, running, end, node.state == "SUCCEEDED")


def _span(node: Any, run: Any) -> tuple[float, float]:  # noqa: ANN401
    """Start and end; a node that was cut off has no end of its own, or one before its start."""
    own = node.end_time and node.end_time >= node.start_time
    return node.start_time.timestamp(), (node.end_time if own else run.finished_at).timestamp()


def _step_of(node: Any) -> str | None:  # noqa: ANN401
    """The step of a task's node; None for drivers, loops, and tasks that did not run."""
    step = (node.display_name or "").replace("-", "_")
    return step if step in PLACEMENTS and node.state != "SKIPPED" else None


def _pool(step: str, given: Mapping[str, Any]) -> str:
    """The pool that the step's row names, or that the run's parameters chose in its place."""
    if step not in PLACEMENTS:
        raise RollcallError(f"there is no step {step}: was the run made by another version?")
    pool = PLACEMENTS[step].pool
    selector = given.get("tuning_node_selector" if step in TUNING else f"{pool}_node_selector")
    chosen = str(selector.get(POOL_LABEL, pool)) if isinstance(selector, dict) else pool
    if chosen not in POOLS:
        raise RollcallError(f"there is no pool {chosen} in pipelines/node_pools.py")
    return chosen
