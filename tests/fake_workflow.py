"""What a Kubeflow Pipelines server tells of a run, made up in the shape of a real one.

A server of 2.16 was recorded to tell of a task for each node of Argo's workflow: drivers, DAGs and
executors among them, in no order, children named by node ID, and neither pod names nor errors.
"""

from __future__ import annotations

import itertools
import uuid
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Final, NamedTuple

import kfp_server_api as api

if TYPE_CHECKING:
    from collections.abc import Sequence

WORKFLOW: Final = "rollcall-training-x7k2p"
START: Final = datetime(2026, 3, 2, 3, 0, tzinfo=UTC)
NEVER: Final = datetime(1, 1, 1, tzinfo=UTC)
"""Go's time that is none: what the server says of a node that has not ended yet."""
State = api.V2beta1RuntimeState
UNFINISHED: Final = frozenset({State.PENDING, State.RUNNING})
WORST_FIRST: Final = (State.FAILED, State.RUNNING, State.PENDING, State.SUCCEEDED)


class Attempt(NamedTuple):
    """One pod of a task, `seconds` long from `start` seconds after the run's."""

    state: str = State.SUCCEEDED
    start: float = 0.0
    seconds: float = 60.0


class Task(NamedTuple):
    """A task of a run.

    Attributes:
        step: its name in the DAG.
        attempts: its pods, one after the other; none if it was found in the cache.
        inside: the names of the DAGs around it.
        driver: what became of what prepares it; where that failed, there is no more.
        error: what the server says of it, which is nothing up to 2.17.
    """

    step: str
    attempts: Sequence[Attempt] = (Attempt(),)
    inside: Sequence[str] = ()
    driver: str = State.SUCCEEDED
    error: str = ""

    @property
    def state(self) -> str:
        if self.driver == State.FAILED:
            return self.driver
        return self.attempts[-1].state if self.attempts else State.SUCCEEDED


def loop(name: str, index: int) -> tuple[str, ...]:
    """The names of the nodes around one iteration."""
    return (name, f"iteration-iterations({index}:{index})", "iteration-item")


def node_id(name: str) -> str:
    """Argo's ID of a node: the workflow's name, and FNV-1a (32 bits) of the node's."""
    digest = 0x811C9DC5
    for byte in name.encode():
        digest = ((digest ^ byte) * 0x01000193) & 0xFFFFFFFF
    return f"{WORKFLOW}-{digest}"


def pod_of(task: Task, attempt: int = 0) -> str:
    """The name of an attempt's pod, as Argo makes it of the template and the node."""
    name = ".".join((WORKFLOW, "root", *task.inside, task.step, f"executor({attempt})"))
    return f"{WORKFLOW}-retry-system-container-impl-{node_id(name).rpartition('-')[2]}"


def task_details(tasks: Sequence[Task], run_id: str = "") -> list[api.V2beta1PipelineTaskDetail]:
    """What a server tells of a run with these tasks.

    All of Rollcall's steps are retried, so each executor is a node of its own around its pods.
    """
    nodes = _Nodes()
    for task in tasks:
        nodes.add_task(task)
    told = [each.told(run_id) for each in nodes.by_name.values()]
    return sorted(told, key=lambda each: each.task_id)


@dataclass
class _Node:
    name: str
    state: str
    start: float
    end: float
    children: list[str] = field(default_factory=list)
    error: str = ""

    def told(self, run_id: str) -> api.V2beta1PipelineTaskDetail:
        return api.V2beta1PipelineTaskDetail(
            run_id=run_id,
            task_id=str(uuid.uuid5(uuid.NAMESPACE_OID, f"{run_id} {self.name}")),
            display_name=self.name.rpartition(".")[2],
            create_time=START,
            start_time=START + timedelta(seconds=self.start),
            end_time=NEVER if self.state in UNFINISHED else START + timedelta(seconds=self.end),
            state=self.state,
            error=api.GoogleRpcStatus(message=self.error) if self.error else None,
            state_history=[api.V2beta1RuntimeStatus(update_time=START, state=self.state)],
            child_tasks=[api.PipelineTaskDetailChildTask(pod_name=each) for each in self.children],
        )


@dataclass
class _Nodes:
    by_name: dict[str, _Node] = field(default_factory=dict)

    def add_task(self, task: Task) -> None:
        attempts = task.attempts or (Attempt(seconds=0.0),)
        span = (attempts[0].start, attempts[-1].start + attempts[-1].seconds)
        name = WORKFLOW
        self._add(name, task.state, *span)
        for part in ("root", *task.inside, task.step):
            for before, link in itertools.pairwise(("", *_links(part))):
                own = task.driver if link == f"{task.step}-driver" else State.SUCCEEDED
                state = own if link.endswith("-driver") else task.state
                self._add(f"{name}.{link}", state, *span, below=f"{name}.{before}".rstrip("."))
                if own == State.FAILED:
                    return
            name = f"{name}.{part}"
        self.by_name[name].error = task.error
        self._add(f"{name}.executor", task.state, *span, below=name)
        for number, (state, start, seconds) in enumerate(task.attempts):
            pod = f"{name}.executor({number})"
            self._add(pod, state, start, start + seconds, below=f"{name}.executor")

    def _add(self, name: str, state: str, start: float, end: float, below: str = "") -> None:
        node = self.by_name.setdefault(name, _Node(name, state, start, end))
        node.state = min(node.state, state, key=WORST_FIRST.index)
        node.start, node.end = min(node.start, start), max(node.end, end)
        if below and node_id(name) not in self.by_name[below].children:
            self.by_name[below].children.append(node_id(name))


def _links(part: str) -> tuple[str, ...]:
    """The nodes that follow each other up to one of a DAG: what prepares it, and it."""
    if part.startswith("for-loop"):
        return (part,)
    if "(" in part:
        return ("iteration-driver", "iteration-iterations", part)
    return (f"{part}-driver", part)
