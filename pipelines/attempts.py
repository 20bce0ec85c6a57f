"""What a run did: each attempt at a task, read from a local run or from Kubeflow."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

from components.artifacts import read_json
from components.errors import RollcallError
from pipelines.placement import PLACEMENTS

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

STEPS_FILE: Final = "steps.json"

ATTEMPT: Final = re.compile(r"executor\((\d+)\)")
"""How Kubeflow's compiler and Argo call the pods of a task that has retries: its first is (0)."""

ENDED: Final = ("SUCCEEDED", "SKIPPED", "FAILED", "CANCELED")

TOLERANCE: Final = timedelta(seconds=5)
"""Argo writes whole seconds, and the ends of a task and of its pod not always in the same round."""


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
        """Seconds of each task that was done, of its last attempt, by step."""
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
            attempts += [_attempt(step, 0, 0.0, mean, succeeded=True)] * tasks
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
    tasks = [_Task(step, node, _end(node, run)) for node in nodes if (step := _step_of(node))]
    # Those that succeeded first: they tell how many attempts at their task failed.
    pods = sorted(_pods(nodes, run), key=lambda pod: (not pod.succeeded, pod.number, pod.created))
    if not pods:
        raise RollcallError(
            f"Kubeflow tells nothing of the pods of run {run.run_id}: is it a run of Rollcall?"
        )
    uncertain = sum(_give(pod, tasks) for pod in pods)
    first = min(pod.created for pod in pods)
    attempts = [
        _attempt(
            task.step,
            pod.number,
            (pod.running - first).total_seconds(),
            (pod.end - first).total_seconds(),
            succeeded=pod.succeeded,
        )
        for task in tasks
        for pod in task.pods.values()
    ]
    cached = sum(not task.pods and task.succeeded for task in tasks)
    return RunHistory(tuple(sorted(attempts, key=lambda each: each.start)), cached, uncertain)


@dataclass(frozen=True)
class _Pod:
    """An attempt of which the task is not known yet."""

    number: int
    created: datetime
    running: datetime
    end: datetime
    succeeded: bool


@dataclass
class _Task:
    step: str
    node: Any
    end: datetime
    pods: dict[int, _Pod] = field(default_factory=dict)

    @property
    def succeeded(self) -> bool:
        return bool(self.node.state == "SUCCEEDED")

    def could_have(self, pod: _Pod) -> bool:
        """Whether the attempt ran during this task, and is one that it lacks."""
        within = self.node.start_time - TOLERANCE <= pod.created and pod.end <= self.end + TOLERANCE
        done = max((n for n, each in self.pods.items() if each.succeeded), default=None)
        if pod.succeeded or done is None:
            lacking = done is None and pod.succeeded == self.succeeded
        else:
            lacking = pod.number < done
        return within and lacking and pod.number not in self.pods

    def distance(self, pod: _Pod) -> timedelta:
        """How far the attempt's start and end are from where this task would have them."""
        distance = timedelta()
        if pod.number == 0:
            distance += abs(pod.created - self.node.start_time)
        elif before := self.pods.get(pod.number - 1):
            distance += abs(pod.created - before.end)
        return distance + (abs(self.end - pod.end) if pod.succeeded else timedelta())


def _give(pod: _Pod, tasks: Sequence[_Task]) -> bool:
    """Give an attempt to its task; returns whether it could be of another step as well."""
    able = sorted(
        ((task.distance(pod), task) for task in tasks if task.could_have(pod)),
        key=lambda each: each[0],
    )
    if not able:
        raise RollcallError("Kubeflow tells of a pod that ran during no task of this pipeline")
    nearest, owner = able[0]
    owner.pods[pod.number] = pod
    return any(
        task.step != owner.step and distance - nearest < TOLERANCE for distance, task in able
    )


def _pods(nodes: Sequence[Any], run: Any) -> Iterator[_Pod]:  # noqa: ANN401
    for node in nodes:
        found = ATTEMPT.fullmatch(node.display_name or "")
        if found and node.state != "SKIPPED":
            start, end = node.start_time, _end(node, run)
            reported = [
                each.update_time for each in node.state_history or () if each.state == "RUNNING"
            ]
            running = min((time for time in reported if start <= time <= end), default=start)
            yield _Pod(int(found[1]), start, running, end, node.state == "SUCCEEDED")


def _end(node: Any, run: Any) -> datetime:  # noqa: ANN401
    """A node that was cut off has no end of its own; Kubeflow then says 1970."""
    own = node.end_time
    end: datetime = own if own and own >= node.start_time else run.finished_at
    return end


def _step_of(node: Any) -> str | None:  # noqa: ANN401
    """The step of a task's node; None for drivers, loops, and tasks that did not run."""
    step = (node.display_name or "").replace("-", "_")
    return step if step in PLACEMENTS and node.state != "SKIPPED" else None


def _attempt(step: str, number: int, start: float, end: float, *, succeeded: bool) -> Attempt:
    if step not in PLACEMENTS:
        raise RollcallError(f"there is no step {step}: was the run made by another version?")
    return Attempt(step, PLACEMENTS[step].pool, number, start, end, succeeded)
