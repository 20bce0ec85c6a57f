"""Runs that start by the clock: KFP's recurring runs."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Final

from components.errors import RollcallError
from pipelines.kubeflow import KubeflowError, printable
from pipelines.settings import Settings
from pipelines.submission import TITLES, experiment_of, named

if TYPE_CHECKING:
    from pipelines.cron import Cron
    from pipelines.kubeflow import KubeflowClient
    from pipelines.request import Request
from pipelines.submission import Version

MAX_SCHEDULES: Final = 200
"""The most that a server gives at once."""


@dataclass(frozen=True)
class Schedule:
    """A schedule on a server.

    Attributes:
        schedule_id: the server's ID.
        name: what it was called when it was made.
        state: ENABLED or DISABLED.
        cron: when, second first; empty where it is an interval of somebody else's.
        catch_up: whether missed runs are made up for.
        what: runs by it.
    """

    schedule_id: str
    name: str
    state: str
    cron: str
    catch_up: bool
    what: str

    def to_json(self) -> dict[str, Any]:
        """As plain values."""
        return asdict(self)


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
) -> tuple[str, int]:
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
        The schedule's ID, and how many of the same name it took the place of.

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
        service_account=Settings().service_account or None,
    )
    try:
        for each in before:
            client.delete_recurring_run(each.schedule_id)
    except KubeflowError as error:
        raise RollcallError(
            f"{error}. The new schedule {name} is there, and so is an old one: schedule it again"
        ) from error
    return str(made.recurring_run_id), len(before)


def switch_schedule(client: KubeflowClient, name: str, *, on: bool) -> None:
    """Enable or disable a schedule.

    Raises:
        RollcallError: there is none of the name.
    """
    found = list_schedules(client, name)
    if not found:
        known = sorted({each.name for each in list_schedules(client)})
        hint = f"there are {', '.join(known)}" if known else "there is none at all"
        raise RollcallError(f"there is no schedule {name}: {hint}. One is made with --cron")
    switch = client.enable_recurring_run if on else client.disable_recurring_run
    for each in found:
        switch(each.schedule_id)


def list_schedules(client: KubeflowClient, name: str = "") -> list[Schedule]:
    """The schedules, newest first; of one name if one is given.

    Raises:
        KubeflowError: the server refuses, or cannot be reached.
    """
    found = client.list_recurring_runs(
        page_size=MAX_SCHEDULES,
        sort_by="created_at desc",
        namespace=client.namespace,
        filter=named(name) if name else None,
    )
    return [
        Schedule(
            schedule_id=each.recurring_run_id,
            name=printable(each.display_name or ""),
            state=each.status or "",
            cron=each.trigger.cron_schedule.cron if each.trigger.cron_schedule else "",
            catch_up=not each.no_catchup,
            what=printable(each.description or ""),
        )
        for each in found.recurring_runs or ()
    ]
