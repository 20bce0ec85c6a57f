"""Runs that start by the clock: KFP's recurring runs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from components.errors import RollcallError
from pipelines.kubeflow import KubeflowError
from pipelines.submission import TITLES, experiment_of, installed_settings, named

if TYPE_CHECKING:
    from kfp_server_api import V2beta1RecurringRun

    from pipelines.cron import Cron
    from pipelines.kubeflow import KubeflowClient
    from pipelines.request import Request
    from pipelines.submission import Version

MAX_SCHEDULES: Final = 200
"""The most that a server gives at once."""


def create_schedule(
    client: KubeflowClient,
    request: Request,
    version: Version,
    arguments: dict[str, Any],
    *,
    name: str,
    cron: Cron,
    catch_up: bool,
    enabled: bool,
) -> tuple[V2beta1RecurringRun, int]:
    """Have a version of a pipeline run by the clock, one run at a time.

    Schedules that had the name are deleted once the new one is there: whoever is cut off between
    has two, never none.

    Args:
        client: of the server.
        request: what is to run.
        version: the uploaded pipeline.
        arguments: for it, checked.
        name: of the schedule.
        cron: when.
        catch_up: whether the runs are made up for that were missed while it was disabled.
        enabled: whether it starts right away.

    Returns:
        The schedule, and how many of the same name it took the place of.

    Raises:
        RollcallError: the server refuses, or cannot be reached.
    """
    before = list_schedules(client, name)
    made = client.create_recurring_run(
        experiment_of(client, request.experiment),
        name,
        description=f"{TITLES[request.pipeline]}, version {version.name}",
        cron_expression=cron.expression,
        max_concurrency=1,
        no_catchup=not catch_up,
        params=arguments,
        pipeline_id=version.pipeline_id,
        version_id=version.version_id,
        enabled=enabled,
        service_account=installed_settings().service_account or None,
    )
    try:
        for each in before:
            client.delete_recurring_run(each.recurring_run_id)
    except KubeflowError as error:
        raise RollcallError(
            f"{error}. The new schedule {name} is there, and so is an old one: schedule it again"
        ) from error
    return made, len(before)


def switch_schedule(client: KubeflowClient, name: str, *, on: bool) -> None:
    """Enable or disable a schedule.

    Raises:
        RollcallError: there is none of the name.
    """
    found = list_schedules(client, name)
    if not found:
        known = sorted({each.display_name for each in list_schedules(client)})
        hint = f"there are {', '.join(known)}" if known else "there is none at all"
        raise RollcallError(f"there is no schedule {name}: {hint}. One is made with --cron")
    switch = client.enable_recurring_run if on else client.disable_recurring_run
    for each in found:
        switch(each.recurring_run_id)


def list_schedules(client: KubeflowClient, name: str = "") -> list[V2beta1RecurringRun]:
    """The schedules, newest first; of one name if one is given."""
    found = client.list_recurring_runs(
        page_size=MAX_SCHEDULES,
        sort_by="created_at desc",
        namespace=client.namespace,
        filter=named(name) if name else None,
    )
    return found.recurring_runs or []
