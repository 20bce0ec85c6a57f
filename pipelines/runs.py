"""Looks at the runs on a cluster: which there are, how far one is, and why one failed."""

from __future__ import annotations

import time
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

from kfp_server_api import V2beta1RuntimeState as State

from components.errors import RollcallError
from pipelines.kubeflow import KubeflowError, printable
from pipelines.placement import PLACEMENTS
from pipelines.pods import DRIVER, Nodes
from pipelines.progress import title_of
from pipelines.submission import named

if TYPE_CHECKING:
    from collections.abc import Callable

    from kfp_server_api import V2beta1PipelineTaskDetail, V2beta1Run

    from pipelines.kubeflow import KubeflowClient

FINISHED: Final = frozenset({State.SUCCEEDED, State.SKIPPED, State.FAILED, State.CANCELED})
DONE: Final = frozenset({State.SUCCEEDED, State.SKIPPED})

FIRST_PAUSE_S: Final = 2.0
LONGEST_PAUSE_S: Final = 30.0
PAUSE_GROWTH: Final = 1.5
MAX_HICCUPS: Final = 10
"""Questions in a row without an answer, after which waiting ends."""

LOG_LINES: Final = 20
MAX_FAILURES: Final = 5
"""Failed tasks whose logs are shown; one that fails stops its siblings, so there are few."""
MAX_EXPERIMENTS: Final = 200


@dataclass(frozen=True)
class RunRow:
    """A run, as it is listed.

    Attributes:
        run_id: the server's ID.
        name: what it was called when it was started.
        state: e.g. SUCCEEDED.
        started: when, in UTC.
        seconds: until it ended, or until now.
        experiment: the name of its group.
        scheduled: whether the clock started it.
    """

    run_id: str
    name: str
    state: str
    started: datetime | None
    seconds: float
    experiment: str
    scheduled: bool

    def to_json(self) -> dict[str, Any]:
        """As plain values."""
        started = self.started.isoformat() if self.started else None
        return {**asdict(self), "started": started}


@dataclass(frozen=True)
class StepState:
    """How far a step of a run is.

    Attributes:
        step: its name, as in the placement table.
        tasks: how many tasks are known of: one, or one for each iteration of a loop so far.
        done: how many of them have succeeded.
        failed: how many of them have failed.
        running: how many of them run.
        seconds: from the start of the first to the end of the last, or to now.
    """

    step: str
    tasks: int
    done: int
    failed: int
    running: int
    seconds: float


@dataclass(frozen=True)
class Failure:
    """A task that failed.

    Attributes:
        title: of its step.
        error: what the server says of it; empty where it says nothing.
        log: the last lines of its pod.
        problem: why there are none; empty where there are.
    """

    title: str
    error: str
    log: list[str]
    problem: str


def list_runs(client: KubeflowClient, limit: int, experiment: str = "") -> list[RunRow]:
    """The newest runs, newest first; of one experiment if one is named.

    Raises:
        RollcallError: there is no such experiment, or the server refuses.
    """
    groups = {
        each.experiment_id: each.display_name
        for each in client.list_experiments(
            page_size=MAX_EXPERIMENTS, filter=named(experiment) if experiment else None
        ).experiments
        or ()
    }
    if experiment and not groups:
        raise RollcallError(f"there is no experiment {experiment}")
    chosen = next(iter(groups)) if experiment else None
    found = client.list_runs(
        page_size=limit, sort_by="created_at desc", experiment_id=chosen, namespace=client.namespace
    )
    return [
        RunRow(
            run_id=run.run_id,
            name=printable(run.display_name or ""),
            state=run.state or State.RUNTIME_STATE_UNSPECIFIED,
            started=run.created_at,
            seconds=_seconds(run.created_at, run.finished_at),
            experiment=groups.get(run.experiment_id, run.experiment_id or ""),
            scheduled=bool(run.recurring_run_id),
        )
        for run in found.runs or ()
    ]


def steps_of(run: V2beta1Run) -> list[StepState]:
    """How far the steps of a run are, in the order in which data flows.

    The server also tells of drivers, loops and executors; these are left out.
    """
    steps: dict[str, list[V2beta1PipelineTaskDetail]] = {step: [] for step in PLACEMENTS}
    for task in _tasks(run):
        if (step := _step(task)) in steps:
            steps[step].append(task)
    return [
        StepState(
            step,
            tasks=len(tasks),
            done=sum(task.state in DONE for task in tasks),
            failed=sum(task.state == State.FAILED for task in tasks),
            running=sum(task.state == State.RUNNING for task in tasks),
            seconds=_span(tasks),
        )
        for step, tasks in steps.items()
        if tasks
    ]


def wait_for(
    client: KubeflowClient,
    run_id: str,
    show: Callable[[V2beta1Run], None],
    *,
    hours: float,
    hiccup: Callable[[str], None],
    sleep: Callable[[float], None] = time.sleep,
) -> V2beta1Run:
    """Look at a run until it has ended, the less often the longer nothing changes.

    Args:
        client: of the server.
        run_id: of the run.
        show: is called with the run at each look.
        hours: after which waiting ends; the run goes on.
        hiccup: is called with what went wrong where the next try may succeed.
        sleep: waits for seconds.

    Raises:
        RollcallError: the server refuses, gave no answer `MAX_HICCUPS` times in a row, or `hours`
            are over. The run goes on.
    """
    deadline = time.monotonic() + hours * 3600
    pause, failed, seen = FIRST_PAUSE_S, 0, ""
    while True:
        try:
            run, failed = client.get_run(run_id), 0
        except KubeflowError as error:
            failed += 1
            if not error.may_pass or failed == MAX_HICCUPS:
                raise RollcallError(f"{error}. {goes_on(run_id)}") from error
            hiccup(f"{error}; trying again")
        else:
            show(run)
            if run.state in FINISHED:
                return run
            news = str([(each.step, each.done, each.running) for each in steps_of(run)])
            pause, seen = (pause if news == seen else FIRST_PAUSE_S), news
        if time.monotonic() + pause > deadline:
            raise RollcallError(f"not over after {hours:g} hours. {goes_on(run_id)}")
        sleep(pause)
        pause = min(pause * PAUSE_GROWTH, LONGEST_PAUSE_S)


def goes_on(run_id: str) -> str:
    """What somebody has to know who waits no longer."""
    return (
        f"The run goes on: `rollcall runs {run_id} --wait` waits again, and "
        f"`rollcall runs {run_id} --terminate` ends it"
    )


def failures_of(client: KubeflowClient, run: V2beta1Run) -> list[Failure]:
    """The tasks of a run that failed, each with the last lines of its log."""
    tasks = _tasks(run)
    failed = [task for task in tasks if task.state == State.FAILED and _step(task) in PLACEMENTS]
    if not failed:  # the step itself was never reached
        failed = [
            task
            for task in tasks
            if task.state == State.FAILED and str(task.display_name).endswith(DRIVER)
        ]
    nodes = Nodes(tasks)
    return [_failure(client, run, task, nodes) for task in failed[:MAX_FAILURES]]


def _failure(
    client: KubeflowClient, run: V2beta1Run, task: V2beta1PipelineTaskDetail, nodes: Nodes
) -> Failure:
    step = _step(task)
    title = title_of(step) if step in PLACEMENTS else str(task.display_name)
    error = printable(task.error.message or "") if task.error else ""
    problem = "it cannot be told which pod was its own"
    for pod in nodes.pods_of(task):
        try:
            return Failure(title, error, client.log_tail(run.run_id, pod, LOG_LINES), "")
        except KubeflowError as refused:
            problem = str(refused)
            if refused.status in {0, 401, 403}:
                break
    return Failure(title, error, [], problem)


def _tasks(run: V2beta1Run) -> list[V2beta1PipelineTaskDetail]:
    return (run.run_details.task_details or []) if run.run_details else []


def _step(task: V2beta1PipelineTaskDetail) -> str:
    """The name of a task's step in the placement table; KFP has it with hyphens."""
    return str(task.display_name).replace("-", "_")


def _span(tasks: list[V2beta1PipelineTaskDetail]) -> float:
    starts = [task.start_time for task in tasks if _is_time(task.start_time)]
    ends = [task.end_time for task in tasks]
    last = max(ends) if all(map(_is_time, ends)) else None
    return _seconds(min(starts), last) if starts else 0.0


def _seconds(start: datetime | None, end: datetime | None) -> float:
    if not _is_time(start):
        return 0.0
    return max(0.0, ((end if _is_time(end) else datetime.now(UTC)) - start).total_seconds())  # type: ignore[operator]


def _is_time(moment: datetime | None) -> bool:
    """Whether it is one: what has not ended yet has ended in 1970, or in the year 1, or not."""
    return moment is not None and moment.year > 1970
