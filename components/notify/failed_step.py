"""Which step failed: an exit handler is told the name of the group it handles alone.

On this machine the events of the steps say it, on a cluster the API of Kubeflow.
"""

from __future__ import annotations

import json
import logging
import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote

import urllib3

from components.telemetry import EVENTS_VARIABLE

if TYPE_CHECKING:
    from collections.abc import Iterable

TIMEOUT_S: Final = 5.0
LARGEST_ANSWER: Final = 16 << 20
"""Bytes; the answer holds the pipeline's specification, too."""

_NO_STEP: Final = re.compile(
    r"root|entrypoint|executor|iteration.*|(exit-handler|condition|condition-branches|for-loop)-.*"
)
"""What stands around the steps in Argo's workflow."""

log = logging.getLogger("rollcall")


@dataclass(frozen=True)
class Failure:
    """A step that failed.

    Attributes:
        step: its name.
        error: in words, where it is known to carry no path and no pseudonym.
    """

    step: str
    error: str | None = None


def find_failed_step(api: str, run: str) -> Failure | None:
    """Find the step that failed first; None if it cannot be told.

    Args:
        api: address of Kubeflow's API; empty where there is none.
        run: id of the run.
    """
    events = Path(os.environ.get(EVENTS_VARIABLE, ""))
    if events.is_file():
        lines = events.read_text(encoding="utf-8").splitlines()
        return failed_by_events(map(json.loads, lines))
    return failed_by_tasks(_tasks_of_run(api, run)) if api else None


def failed_by_events(events: Iterable[dict[str, Any]]) -> Failure | None:
    """The first failure among events of `components.telemetry`, or else a step that never ended."""
    running: dict[tuple[str, str], Failure] = {}
    for event in events:
        key = (event["step"], event["item"])
        running.setdefault(key, Failure(event["step"], "it ended without a word"))
        if event["event"] == "end":
            del running[key]
            if event["error"]:
                return Failure(event["step"], event["error"])
    return next(iter(running.values()), None)


def failed_by_tasks(tasks: Iterable[dict[str, Any]]) -> Failure | None:
    """The first failure among the task_details of a run (v2beta1): nodes of Argo's workflow.

    A driver that failed counts as its step.
    """
    failed = [
        (str(task.get("end_time")), name.replace("-", "_"))
        for task in tasks
        if task.get("state") == "FAILED"
        and (name := re.sub(r"(-driver)?(\(.*\))?$", "", str(task.get("display_name"))))
        and not _NO_STEP.fullmatch(name)
    ]
    return Failure(min(failed)[1]) if failed else None


def _tasks_of_run(api: str, run: str) -> list[dict[str, Any]]:
    """What Kubeflow knows of the tasks of a run; nothing if it does not answer, and that is logged.

    How the run ended has to be told all the same.
    """
    address = f"{api.rstrip('/')}/apis/v2beta1/runs/{quote(run, safe='')}"
    try:
        answer = urllib3.request(
            "GET", address, timeout=TIMEOUT_S, retries=False, redirect=False, preload_content=False
        )
        told = json.loads(answer.read(LARGEST_ANSWER)) if answer.status == 200 else {}
    except (urllib3.exceptions.HTTPError, OSError, ValueError) as error:
        log.warning("Kubeflow cannot be asked which step failed: %s", type(error).__name__)
        return []
    return (told.get("run_details") or {}).get("task_details") or []
