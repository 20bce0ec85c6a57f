"""The shape of a compiled pipeline: which task comes after which, in which loop, how often retried.

It is read from the committed YAML, which a test holds against the pipelines' source, so that what
is reckoned with is what runs.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import yaml

from pipelines.compilation import COMPILED

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@dataclass(frozen=True)
class Retry:
    """How a task is tried again.

    Attributes:
        limit: attempts after the first.
        backoff_s: seconds before the second attempt.
        factor: by which the pause grows each time.
        window_s: seconds from the first attempt's start after which none begins any more. That is
            what Argo means by a backoff's maximal duration.
    """

    limit: int = 0
    backoff_s: float = 0.0
    factor: float = 1.0
    window_s: float = math.inf

    def pause_s(self, attempt: int) -> float:
        """Seconds between attempt number `attempt`, from 0, and the next."""
        return self.backoff_s * self.factor**attempt


@dataclass(frozen=True)
class Node:
    """A task, or tasks that belong together: a loop, a condition, what an exit handler watches.

    Attributes:
        name: in the compiled pipeline.
        after: names of its siblings that have to end before.
        step: of a task; empty for a group.
        retry: of a task.
        children: of a group, each after those it depends on.
        loop: whether the group runs once for each item.
    """

    name: str
    after: tuple[str, ...] = ()
    step: str = ""
    retry: Retry = Retry()
    children: tuple[Node, ...] = ()
    loop: bool = False

    def tasks(self) -> Iterator[Node]:
        """All tasks in it."""
        if self.step:
            yield self
        for child in self.children:
            yield from child.tasks()


def read_graph(name: str, folder: Path = COMPILED) -> Node:
    """The root of a compiled pipeline.

    Args:
        name: of its file, e.g. training.yaml.
        folder: where the file is.
    """
    spec = next(yaml.safe_load_all((folder / name).read_text(encoding="ascii")))
    return Node("root", children=_children(spec["root"], spec["components"]))


def _children(component: dict[str, Any], components: dict[str, Any]) -> tuple[Node, ...]:
    nodes = [
        _node(name, task, components[task["componentRef"]["name"]], components)
        for name, task in component["dag"]["tasks"].items()
    ]
    ordered: list[Node] = []
    while nodes:  # each round takes at least one: a compiled pipeline has no cycles
        done = {node.name for node in ordered}
        ready = [node for node in nodes if done.issuperset(node.after)]
        if not ready:
            raise ValueError(f"tasks wait for each other: {[node.name for node in nodes]}")
        ordered += ready
        nodes = [node for node in nodes if node not in ready]
    return tuple(ordered)


def _node(
    name: str, task: dict[str, Any], component: dict[str, Any], components: dict[str, Any]
) -> Node:
    after = tuple(task.get("dependentTasks", ()))
    if "dag" in component:
        loop = "parameterIterator" in task
        return Node(name, after, children=_children(component, components), loop=loop)
    step = task["componentRef"]["name"].removeprefix("comp-").replace("-", "_")
    return Node(name, after, step, _retry(task.get("retryPolicy", {})))


def _retry(policy: dict[str, Any]) -> Retry:
    if not policy:
        return Retry()
    return Retry(
        policy["maxRetryCount"],
        _seconds(policy["backoffDuration"]),
        policy["backoffFactor"],
        _seconds(policy["backoffMaxDuration"]),
    )


def _seconds(duration: str) -> float:
    found = re.fullmatch(r"(\d+(?:\.\d+)?)s", duration)
    if not found:
        raise ValueError(f"{duration!r} is no number of seconds")
    return float(found[1])
