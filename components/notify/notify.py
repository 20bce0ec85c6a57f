"""Says how a run ended: in the log, and to a webhook. It never fails the run."""

from __future__ import annotations

import json
import logging
import os
from typing import TYPE_CHECKING, Final
from urllib.parse import quote

from components.errors import RegistryError
from components.notify.failed_step import find_failed_step
from components.notify.messages import MESSAGES
from components.notify.notice import Notice, Status, conclude, look_up, own_error
from components.notify.webhook import LIMITS, WEBHOOK_VARIABLE, post

if TYPE_CHECKING:
    from components.notify.webhook import Limits

PATIENCE: Final = {"MLFLOW_HTTP_REQUEST_MAX_RETRIES": "2", "MLFLOW_HTTP_REQUEST_TIMEOUT": "20"}
"""Of MLflow, which by itself waits for a silent server longer than this step may take."""

log = logging.getLogger("rollcall")


def notify(
    state: str,
    error_message: str | None,
    run: str,
    registry: str,
    *,
    notify_format: str = "json",
    ui_url: str = "",
    api: str = "",
    limits: Limits = LIMITS,
) -> None:
    """Log how a run ended as one JSON line, and post it to the webhook if there is one.

    The line is an error where the run failed, and a warning where somebody has to look.

    Args:
        state: what Kubeflow says of the group that the handler handles.
        error_message: what it says of the error.
        run: id of the run.
        registry: an MLflow URI.
        notify_format: a key of MESSAGES.
        ui_url: address of the Kubeflow UI; empty for none.
        api: address of Kubeflow's API; empty for none.
        limits: of the webhook.
    """
    try:
        notice = _make_notice(state, error_message, run, registry, ui_url, api)
        _tell(notice, notify_format, limits)
    except Exception:
        # A step that fails here would fail a run that is done.
        log.exception("how the run ended could not be told")


def _tell(notice: Notice, notify_format: str, limits: Limits) -> None:
    level = logging.ERROR if notice.status is Status.FAILED else logging.WARNING
    log.log(logging.INFO if notice.is_good else level, "%s", json.dumps(notice.to_json()))
    address = os.environ.get(WEBHOOK_VARIABLE)
    if not address:
        return
    if notify_format not in MESSAGES:
        known = ", ".join(MESSAGES)
        log.error("nothing is posted: notify_format is %s, not one of %s", notify_format, known)
    elif problem := post(address, MESSAGES[notify_format](notice), limits):
        log.error("the webhook did not take the notice: %s", problem)


def _make_notice(
    state: str, error_message: str | None, run: str, registry: str, ui_url: str, api: str
) -> Notice:
    for name, value in PATIENCE.items():
        os.environ.setdefault(name, value)
    try:
        registered = look_up(registry, run)
    except RegistryError as error:
        log.warning("%s", error)
        registered = None
    status = conclude(state, registered)
    failure = None
    if status in {Status.FAILED, Status.UNKNOWN}:
        failure = find_failed_step(api, run)
        status = Status.FAILED if failure else status
    return Notice(
        run=run,
        status=status,
        failed_step=failure.step if failure else None,
        error=(failure.error if failure else None) or own_error(error_message),
        registered=registered,
        report=f"{ui_url.rstrip('/')}/#/runs/details/{quote(run, safe='')}" if ui_url else None,
    )
