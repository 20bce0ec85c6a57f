"""What the commands submit, schedule, upload and runs do, and say."""

from __future__ import annotations

import itertools
import json
from dataclasses import asdict
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

from kfp_server_api import V2beta1RuntimeState as State

from components.errors import RollcallError
from pipelines.cron import parse_cron
from pipelines.kubeflow import connect_as_set, printable
from pipelines.run_tables import RunDisplay, runs_table, say, schedules_table, steps_table
from pipelines.runs import LOG_LINES, failures_of, goes_on, list_runs, steps_of, wait_for
from pipelines.schedules import create_schedule, list_schedules, switch_schedule
from pipelines.settings import Settings
from pipelines.submission import compiled
from pipelines.submission import submit as send
from pipelines.submission import upload as keep

if TYPE_CHECKING:
    from rich.console import Console

    from pipelines.kubeflow import KubeflowClient
    from pipelines.request import Pipeline, Request
    from pipelines.runs import Failure
    from pipelines.submission import Version

NEXT_TIMES: Final = 3
INTERRUPTED: Final = 130
"""The exit code of whoever was interrupted, as a shell gives it."""


def submit(request: Request, host: str, console: Console) -> str:
    """Start a run; gives its ID.

    Raises:
        RollcallError: a parameter is wrong, or the server refuses.
    """
    with compiled(request.pipeline) as package:
        arguments = request.arguments(package)
        client = connect_as_set(Settings(), host)
        run_id = str(send(client, request, package, arguments).run_id)
    say(console, f"Run: {run_id}")
    say(console, f"     {client.page('runs/details', run_id)}")
    return run_id


def schedule(
    request: Request,
    host: str,
    console: Console,
    *,
    name: str,
    cron: str,
    catch_up: bool,
    enabled: bool | None,
) -> None:
    """Make a schedule, or switch one on or off where no time is given.

    Raises:
        RollcallError: an argument is wrong, or the server refuses.
    """
    if not cron:
        if enabled is None:
            raise RollcallError("say when: --cron '0 3 * * mon'; or --enable or --disable")
        switch_schedule(connect_as_set(Settings(), host), name, on=enabled)
        say(console, f"Schedule {name} is {'enabled' if enabled else 'disabled'}.")
        return
    when = parse_cron(cron)
    with compiled(request.pipeline) as package:
        request = request.when_changed(package)
        arguments = request.arguments(package)
        client = connect_as_set(Settings(), host)
        version = keep(client, request.pipeline, package)
    _say_version(console, client, version)
    schedule_id, replaced = create_schedule(
        client,
        request,
        version,
        arguments,
        name=name,
        cron=when,
        catch_up=catch_up,
        enabled=enabled is not False,
    )
    instead = " in the place of the one before" if replaced else ""
    say(console, f"Schedule {name}: {schedule_id}{instead}, one run at a time")
    times = itertools.islice(when.after(datetime.now(UTC)), NEXT_TIMES)
    told = ", ".join(f"{each:%a %Y-%m-%d %H:%M:%S}" for each in times)
    say(console, f"     {when.expression} (second first), so next at {told} UTC")
    if enabled is False:
        say(console, f"     disabled until: rollcall schedule --name {name} --enable")


def upload(pipeline: Pipeline, host: str, console: Console) -> None:
    """Keep a version of a pipeline on the server.

    Raises:
        RollcallError: the server refuses, or cannot be reached.
    """
    with compiled(pipeline) as package:
        client = connect_as_set(Settings(), host)
        version = keep(client, pipeline, package)
    _say_version(console, client, version)


def show_runs(
    host: str, console: Console, *, experiment: str, limit: int, registry: str, as_json: bool
) -> None:
    """List the newest runs.

    Raises:
        RollcallError: the server or the registry refuses, or cannot be reached.
    """
    rows = list_runs(connect_as_set(Settings(), host), limit, experiment)
    models = {each.run_id: _model_of(registry, each.run_id) for each in rows} if registry else {}
    if as_json:
        _write(console, [{**each.to_json(), "model": models.get(each.run_id)} for each in rows])
    else:
        console.print(runs_table(rows, models))


def show_schedules(host: str, console: Console, *, as_json: bool) -> None:
    """List the schedules.

    Raises:
        RollcallError: the server refuses, or cannot be reached.
    """
    found = list_schedules(connect_as_set(Settings(), host))
    if as_json:
        _write(console, [each.to_json() for each in found])
    else:
        console.print(schedules_table(found))


def watch(run_id: str, host: str, console: Console, hours: float) -> int:
    """Show a run's progress until it ends; gives the exit code.

    Raises:
        RollcallError: the server refuses, gives no answer for long, or the run did not succeed.
    """
    client = connect_as_set(Settings(), host)
    try:
        with RunDisplay(console) as display:
            run = wait_for(client, run_id, display.take, hours=hours, hiccup=display.say)
    except KeyboardInterrupt:
        say(console, goes_on(run_id) + ".")
        return INTERRUPTED
    if run.state in {State.SUCCEEDED, State.SKIPPED}:
        say(console, "The run succeeded.")
        return 0
    if run.state == State.CANCELED:
        raise RollcallError("the run was ended before it was done")
    failures = failures_of(client, run)
    for each in failures:
        _say_failure(console, client, run_id, each)
    said = printable(run.error.message or "") if run.error else ""
    failed = ", ".join(dict.fromkeys(each.title for each in failures))
    reason = f" in {failed}" if failed else f": {said or 'the server does not say why'}"
    raise RollcallError(f"the run failed{reason}. See {client.page('runs/details', run_id)}")


def show_run(run_id: str, host: str, console: Console, *, as_json: bool) -> None:
    """Say how far a run is.

    Raises:
        RollcallError: there is none, or the server refuses.
    """
    client = connect_as_set(Settings(), host)
    run = client.get_run(run_id)
    if as_json:
        _write(console, {"state": run.state, "steps": [asdict(each) for each in steps_of(run)]})
    else:
        console.print(steps_table(run))
        say(console, client.page("runs/details", run_id))


def terminate(run_id: str, host: str, console: Console) -> None:
    """End a run.

    Raises:
        RollcallError: there is none, or the server refuses.
    """
    connect_as_set(Settings(), host).terminate_run(run_id)
    say(console, f"Run {run_id} is being ended.")


def _model_of(registry: str, run_id: str) -> str:
    """What a run registered, and what that is called."""
    from components.registry import aliases_of, connected, version_of_run  # noqa: PLC0415 - slow

    version = version_of_run(registry, run_id)
    if version is None:
        return ""
    with connected(registry) as client:
        names = [name for name, at in aliases_of(client).items() if at == str(version.version)]
    return " ".join((f"version {version.version}", *names))


def _say_version(console: Console, client: KubeflowClient, version: Version) -> None:
    known = "" if version.new else " (it was there already)"
    say(console, f"Version {version.name}: {version.version_id}{known}")
    page = f"{version.pipeline_id}/version/{version.version_id}"
    say(console, f"     {client.page('pipelines/details', page)}")
    if "-dirty-" in version.name:
        say(console, "     It has changes in it that were not committed.")


def _say_failure(console: Console, client: KubeflowClient, run_id: str, failure: Failure) -> None:
    told = f": {failure.error}" if failure.error else ""
    say(console, f"{failure.title} failed{told}", style="red")
    if failure.problem:
        say(
            console,
            f"     Its log could not be read: {failure.problem}. Try: kubectl -n "
            f"{client.namespace or 'kubeflow'} logs -l pipeline/runid={run_id} -c main --prefix "
            f"--tail={LOG_LINES}",
        )
    for line in failure.log:
        say(console, f"     {line}")


def _write(console: Console, told: Any) -> None:  # noqa: ANN401 - what JSON has
    console.file.write(json.dumps(told, indent=2) + "\n")
