"""What is said at the end of a run."""

from __future__ import annotations

import json
import logging
from typing import Any

from components.champions import PASSED
from components.errors import RegistryError
from components.registry import GATE, REASON, version_of_run

log = logging.getLogger("rollcall")

LONGEST_MESSAGE = 2000


def make_notice(
    state: str,
    task: str,
    error_code: int | None,
    error_message: str | None,
    registered: dict[str, Any] | None = None,
) -> dict[str, Any]:
    """Put the end of a run in one object; an error message is cut to a bounded length."""
    message = error_message or None
    return {
        "event": "run_ended",
        "state": state,
        "task": task,
        "error_code": error_code,
        "error": message[:LONGEST_MESSAGE] if message else None,
        "registered": registered,
    }


def find_registered(registry: str, run: str) -> dict[str, Any] | None:
    """What a run registered and what the gate said to it; None if it registered nothing.

    An exit handler cannot take an output of what it ends, but the registry knows the run. One that
    does not answer is said to be so: how the run ended has to be told all the same.

    Args:
        registry: MLflow URI.
        run: id of the pipeline's run.
    """
    try:
        found = version_of_run(registry, run)
    except RegistryError as error:
        return {"version": None, "gate": None, "reasons": [], "error": str(error)}
    if found is None:
        return None
    reasons = [why for name, why in sorted(found.tags.items()) if name.startswith(REASON)]
    return {"version": str(found.version), "gate": found.tags.get(GATE), "reasons": reasons}


def notify(
    state: str,
    task: str,
    error_code: int | None,
    error_message: str | None,
    registry: str,
    run: str,
) -> dict[str, Any]:
    """Log the notice as one JSON line, and return it.

    It is an error where the run failed, and a warning where its model is not known to have passed
    the gate.
    """
    succeeded = state == "SUCCEEDED"
    registered = find_registered(registry, run) if succeeded else None  # registering comes last
    notice = make_notice(state, task, error_code, error_message, registered)
    level = logging.INFO if succeeded else logging.ERROR
    if registered and registered["gate"] != PASSED:
        level = logging.WARNING
    log.log(level, "%s", json.dumps(notice))
    return notice
