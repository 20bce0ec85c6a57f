"""What is said at the end of a run."""

from __future__ import annotations

import json
import logging
from typing import Any

log = logging.getLogger("rollcall")

LONGEST_MESSAGE = 2000


def make_notice(
    state: str, task: str, error_code: int | None, error_message: str | None
) -> dict[str, Any]:
    """Put the end of a run in one flat object; an error message is cut to a bounded length."""
    message = error_message or None
    return {
        "event": "run_ended",
        "state": state,
        "task": task,
        "error_code": error_code,
        "error": message[:LONGEST_MESSAGE] if message else None,
    }


def notify(
    state: str, task: str, error_code: int | None, error_message: str | None
) -> dict[str, Any]:
    """Log the notice as one JSON line, and return it."""
    notice = make_notice(state, task, error_code, error_message)
    level = logging.INFO if state == "SUCCEEDED" else logging.ERROR
    log.log(level, "%s", json.dumps(notice))
    return notice
