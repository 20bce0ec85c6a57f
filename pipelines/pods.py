"""Which pods belong to a task of a run.

Kubeflow 2.17 tells of every node of Argo's workflow, and names no pod: a task has a display name
and the IDs of the nodes behind it. But an ID is the workflow's name and a hash of the node's full
name (FNV-1a of 32 bits, as in Argo's `NodeID`), and a full name is that of the DAG around it, a dot
and the display name. So the full names are found by trying which of them have IDs that are there. A
pod is then called by the workflow, the template that it was made of, and the hash of its node.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from kfp_server_api import V2beta1PipelineTaskDetail

OFFSET_BASIS: Final = 0x811C9DC5
PRIME: Final = 0x01000193
EXECUTOR: Final = "executor"
DRIVER: Final = "-driver"
DRIVER_TEMPLATES: Final = ("system-container-driver", "system-dag-driver")
EXECUTOR_TEMPLATE: Final = "system-container-impl"
LABELLED: Final = ("", "metadata-0-1-", "metadata-1-0-", "metadata-1-1-", "metadata-0-2-")
"""A template with annotations and labels has their numbers before its name."""


class Nodes:
    """The nodes of a run's workflow, by ID."""

    def __init__(self, tasks: Iterable[V2beta1PipelineTaskDetail]) -> None:
        tasks = list(tasks)
        self._ids = {child for task in tasks for child in _children(task)}
        self._workflow = next(iter(self._ids), "").rpartition("-")[0]
        self._names = self._full_names({str(task.display_name) for task in tasks})

    def pods_of(self, task: V2beta1PipelineTaskDetail) -> Iterator[str]:
        """The names that the pod of a task's last attempt can have, the likeliest first.

        There are none where it cannot be told, as with a driver in a loop: its task names neither
        itself nor what it belongs to.
        """
        driver = str(task.display_name).endswith(DRIVER)
        node = self._driver(task) if driver else self._executor(task)
        if node is None:
            return
        name, retried = self._names[node], False
        for attempt in range(len(self._ids)):
            attempted = self._id(f"{name}({attempt})")
            if attempted not in self._ids:
                break
            node, retried = attempted, True
        digest, retry = node.rpartition("-")[2], "retry-" if retried else ""
        executors = [f"{each}{retry}{EXECUTOR_TEMPLATE}" for each in LABELLED]
        for template in DRIVER_TEMPLATES if driver else executors:
            yield f"{self._workflow}-{template}-{digest}"

    def _executor(self, task: V2beta1PipelineTaskDetail) -> str | None:
        end = f".{task.display_name}.{EXECUTOR}"
        found = [each for each in _children(task) if self._names.get(each, "").endswith(end)]
        return found[0] if found else None

    def _driver(self, task: V2beta1PipelineTaskDetail) -> str | None:
        end = f".{task.display_name}"
        found = [each for each, name in self._names.items() if name.endswith(end)]
        return found[0] if len(found) == 1 else None

    def _full_names(self, display_names: set[str]) -> dict[str, str]:
        found: dict[str, str] = {}
        around = [self._workflow] if self._workflow else []
        while around:
            dag = around.pop()
            start = _fnv(f"{dag}.")
            for name in display_names:
                node = f"{self._workflow}-{_fnv(name, start)}"
                if node in self._ids and node not in found:
                    found[node] = f"{dag}.{name}"
                    if not name.startswith(EXECUTOR) and not name.endswith(DRIVER):
                        around.append(found[node])
        return found

    def _id(self, name: str) -> str:
        return f"{self._workflow}-{_fnv(name)}"


def _children(task: V2beta1PipelineTaskDetail) -> list[str]:
    return [str(each.pod_name) for each in task.child_tasks or () if each.pod_name]


def _fnv(text: str, digest: int = OFFSET_BASIS) -> int:
    """FNV-1a of 32 bits (http://www.isthe.com/chongo/tech/comp/fnv/), going on from `digest`."""
    for byte in text.encode():
        digest = ((digest ^ byte) * PRIME) & 0xFFFFFFFF
    return digest
