"""The `rollcall` command."""

from __future__ import annotations

import contextlib
import enum
import signal
import sys
import tempfile
from collections import deque
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console

from components.audit_log import DECLINED, audited, last_digest, read_log
from components.blob_address import CONNECTION_STRING_VARIABLE
from components.errors import RollcallError
from components.sources import is_blob
from components.synthesize_cohort import CohortOptions, synthesize_cohort
from pipelines import deployment
from pipelines.flags import from_flags, names, with_flags
from pipelines.options import DEFAULTS, FIELDS, FineTuningOptions, TrainingOptions
from pipelines.request import EXPERIMENT, Pipeline, Request
from pipelines.scenario import Scenario
from pipelines.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Iterator

    from components.audit_log import Record
    from components.champions import Move
    from pipelines.forget import Plan
    from pipelines.local import LocalRun

app = typer.Typer(
    help="Head-rotation videos in, an honestly evaluated face classifier out.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode="rich",
    pretty_exceptions_enable=False,
)
console = Console()

DEMO_COHORT = CohortOptions(students=12, staff=4, visitors=8, processes=2)
"""Enough people that a score means something, few enough for a coffee break."""

DEFAULT_BACKBONES = ",".join(DEFAULTS.backbones)
Backbones = Annotated[str, typer.Option(**FIELDS["backbones"].metadata)]
Seed = Annotated[int, typer.Option(min=0, help="Of everything random.")]
Output = Annotated[Path, typer.Option(help="Folder for the results.")]
Registry = Annotated[str, typer.Option(help="MLflow URI.", show_default="SQLite in runs/registry")]
Keep = Annotated[bool, typer.Option("--keep", help="Keep frames and features (they show faces).")]
Yes = Annotated[bool, typer.Option("--yes", help="Do not ask.")]
Host = Annotated[
    str, typer.Option(help="Address of Kubeflow Pipelines.", show_default="that in ROLLCALL_HOST")
]
Which = Annotated[Pipeline, typer.Option("--pipeline", help="What is to run.")]
ClusterSource = Annotated[
    str, typer.Option(help="Azure Blob, as for a run, or an absolute path that the pods see.")
]
Params = Annotated[
    list[str],
    typer.Option(
        "--param", metavar="NAME=VALUE", help="A parameter of the pipeline, as often as needed."
    ),
]
Experiment = Annotated[str, typer.Option(help="Group of runs; made where it is not there.")]
Hours = Annotated[float, typer.Option(min=0, help="After which waiting ends; the run goes on.")]


class DemoSource(enum.StrEnum):
    """Where the demo's cohort lies."""

    FOLDER = "folder"
    AZURITE = "azurite"


class Target(enum.StrEnum):
    """What runs the pipelines that are compiled."""

    KUBEFLOW = "kubeflow"
    VERTEX = "vertex"


@app.command(epilog="Example: rollcall demo --output runs/demo --source azurite")
def demo(
    output: Output = Path("runs/demo"),
    source: Annotated[
        DemoSource,
        typer.Option(
            help="Where the cohort is read from: its folder, or Azure Blob, as Microsoft's "
            "emulator Azurite has it (which npm installs in build/ the first time)."
        ),
    ] = DemoSource.FOLDER,
    backbones: Backbones = DEFAULT_BACKBONES,
    seed: Seed = DEFAULTS.seed,
) -> None:
    """Make a synthetic cohort, train on it, and show who won."""
    options = TrainingOptions(names(backbones), seed=seed).checked()
    cohort = output / "cohort"
    _synthesize(cohort, replace(DEMO_COHORT, seed=seed))
    if source is DemoSource.AZURITE:
        with _in_azurite(cohort) as (address, connection_string):
            environment = {CONNECTION_STRING_VARIABLE: connection_string}
            _train(address, output, options, command="demo", environment=environment)
    else:
        _train(str(cohort), output, options, command="demo")


@app.command(epilog="Example: rollcall synthesize cohort --students 5 --sessions 3 --seed 7")
def synthesize(
    out: Annotated[Path, typer.Argument(help="Folder to write roster.csv and videos/ into.")],
    students: Annotated[int, typer.Option(help="Number of students.")] = DEMO_COHORT.students,
    staff: Annotated[int, typer.Option(help="Number of staff.")] = DEMO_COHORT.staff,
    visitors: Annotated[int, typer.Option(help="Number of visitors.")] = DEMO_COHORT.visitors,
    sessions: Annotated[int, typer.Option(help="Clips of each person.")] = DEMO_COHORT.sessions,
    seconds: Annotated[float, typer.Option(help="Length of a clip.")] = 10.0,
    size: Annotated[int, typer.Option(help="Width and height in pixels.")] = DEMO_COHORT.size,
    fps: Annotated[int, typer.Option(help="Frames a second.")] = DEMO_COHORT.fps,
    seed: Seed = DEMO_COHORT.seed,
    processes: Annotated[int, typer.Option(help="Clips made at the same time.")] = 2,
) -> None:
    """Write videos of synthetic heads that turn in circles, and their roster."""
    counts = (students, staff, visitors, sessions)
    _synthesize(out, CohortOptions(*counts, seconds, size, fps, seed, processes))


@app.command(
    epilog="Example: rollcall run --source ~/cohort --output runs/first --backbones "
    "MobileNetV2,EfficientNetLite0 --weights ~/weights"
)
@with_flags(TrainingOptions)
def run(
    source: Annotated[
        str,
        typer.Option(
            help="Folder with roster.csv and videos/ or images/ or both, or the same in Azure "
            "Blob: "
            "az://CONTAINER/PREFIX with the account in AZURE_STORAGE_ACCOUNT, or the https:// URL. "
            "Opened by AZURE_STORAGE_CONNECTION_STRING, AZURE_STORAGE_SAS_TOKEN or an identity "
            "(az login)."
        ),
    ],
    output: Output,
    registry: Registry = "",
    keep: Keep = False,
    **flags: Any,  # noqa: ANN401 - what TrainingOptions says
) -> None:
    """Run the training pipeline on this machine: the same DAG as on a cluster."""
    options = from_flags(TrainingOptions, flags).checked()
    _train(source, output, options, command="run", registry=registry, keep=keep)


@app.command(
    epilog="Example: rollcall fine-tune --source ~/cohort --output runs/tuned --backbones "
    "MobileNetV2 --weights ~/weights --depth 20"
)
@with_flags(FineTuningOptions)
def fine_tune(
    source: Annotated[str, typer.Option(help="Folder or Azure Blob, as for a run.")],
    output: Output,
    registry: Registry = "",
    keep: Keep = False,
    **flags: Any,  # noqa: ANN401 - what FineTuningOptions says
) -> None:
    """Run the training pipeline, and train the backbones end to end, too (docs/fine-tuning.md)."""
    options = from_flags(FineTuningOptions, flags).checked()
    _train(source, output, options, command="fine-tune", registry=registry, keep=keep)


@app.command(
    epilog="Example: rollcall forget p-0ab9 --source ~/cohort --output runs/first --delete-source"
)
def forget(
    person: Annotated[str, typer.Argument(help="The pseudonym, as in the roster.")],
    source: Annotated[str, typer.Option(help="Folder or Azure Blob, as for a run.")],
    output: Annotated[
        Path, typer.Option(help="Output folder of a run; the receipt goes below it, too.")
    ],
    registry: Registry = "",
    delete_source: Annotated[
        bool,
        typer.Option(
            "--delete-source", help="Delete the person's clips and images in the source, too."
        ),
    ] = False,
    yes: Yes = False,
) -> None:
    """Show what derives from a person, remove it, and write a receipt (docs/privacy.md)."""
    from pipelines.forget import Request, find_traces  # noqa: PLC0415 - slow
    from pipelines.forget import forget as carry_out  # noqa: PLC0415

    request = Request(person, _absolute(source), output, registry, delete_source).checked()
    with audited(Settings().audit_log, "forget") as record:
        with console.status("Looking for what derives from this person"):
            plan = find_traces(request)
        record.source_fingerprints = plan.source_fingerprints
        _show_traces(plan)
        if not plan.items and not plan.problems:
            return
        if not yes and not _confirmed():
            record.outcome = DECLINED
            raise RollcallError("nothing was removed: answer y, or give --yes")
        receipt = carry_out(plan)
        record.counts = plan.counts()
        _show_receipt(plan, receipt)


@app.command(epilog="Example: rollcall promote 4")
def promote(
    version: Annotated[str, typer.Argument(help="Number of a registered version, or an alias.")],
    registry: Registry = "",
    yes: Yes = False,
) -> None:
    """Make a registered version the champion; the one that is becomes `previous`."""
    from components import champions  # noqa: PLC0415 - slow

    with audited(Settings().audit_log, "promote") as record:
        registry = _existing(registry)
        found = champions.candidate(registry, version)
        record.source_fingerprints = [found.source_fingerprint]
        if not found.passed:
            told = "\n".join(f"  - {reason}" for reason in found.reasons or ("nobody asked it",))
            console.print(f"Version {found.version} did not pass the gate:\n{told}", markup=False)
            if not yes and not _confirmed():
                record.outcome = DECLINED
                raise RollcallError("nothing was promoted: answer y, or give --yes")
        _show_move(champions.promote(registry, found.version), record)


@app.command(epilog="Example: rollcall rollback")
def rollback(registry: Registry = "") -> None:
    """Make the previous champion the champion again."""
    from components import champions  # noqa: PLC0415 - slow

    with audited(Settings().audit_log, "rollback") as record:
        _show_move(champions.rollback(_existing(registry)), record)


@app.command(epilog="Example: rollcall audit")
def audit(
    last: Annotated[int, typer.Option(min=0, help="Lines to show.")] = 20,
) -> None:
    """Check that nobody tampered with the audit log, and show its last lines."""
    from pipelines.tables import audit_table  # noqa: PLC0415 - slow

    log = Settings().audit_log
    count, lines = 0, deque[dict[str, Any]](maxlen=last)
    for entry in read_log(log):
        count += 1
        lines.append(entry)
    console.print(audit_table(lines))
    told = f"{log}: {count} lines, each on top of the one before. Keep the digest of the last:"
    console.print(told, highlight=False, soft_wrap=True)
    console.print(last_digest(log), highlight=False, soft_wrap=True)


@app.command(
    add_help_option=False,
    context_settings={"ignore_unknown_options": True, "allow_extra_args": True},
    short_help="Say who is in an image, a clip, a folder or before a camera.",
)
def identify(context: typer.Context) -> None:
    """Pass everything on: a robot has the same command without the rest."""
    from components.identify_people.command import main as identify_people  # noqa: PLC0415

    raise typer.Exit(identify_people(context.args, context.command_path))


@app.command("compile", epilog="Example: rollcall compile --output build/pipelines")
def compile_(
    check: Annotated[
        bool, typer.Option("--check", help="Write nothing; fail if a file is stale.")
    ] = False,
    output: Annotated[
        Path | None,
        typer.Option(
            help="Folder for pipelines that refer to the images that were built here, by digest.",
            show_default="pipelines/compiled, by version: what is committed",
        ),
    ] = None,
    images: Annotated[
        Path | None,
        typer.Option(
            help="What `make images` wrote; needs --output.", show_default="build/images.json"
        ),
    ] = None,
    target: Annotated[
        Target,
        typer.Option(help="What runs them: kubeflow, or vertex for Vertex AI (docs/vertex.md)."),
    ] = Target.KUBEFLOW,
) -> None:
    """Write the pipelines as YAML for a Kubeflow server, or for Vertex AI."""
    from pipelines.compilation import COMPILED, compile_pipelines, stale_pipelines  # noqa: PLC0415
    from pipelines.images import installed_settings  # noqa: PLC0415

    if images and not output:
        raise RollcallError("--images needs --output: what is committed refers to versions")
    folder = output or COMPILED
    settings = installed_settings(images) if output else Settings()
    if not check:
        for path in compile_pipelines(settings, folder, target):
            console.print(f"wrote {path}", soft_wrap=True)
    elif stale := stale_pipelines(settings, folder, target):
        names = ", ".join(path.name for path in stale)
        raise RollcallError(f"stale: {names}. Run `make compile-pipeline` and commit the result.")
    else:
        console.print("the compiled pipelines are current")


@app.command(epilog="Example: rollcall cost runs/demo --simulate --evictions-per-hour 0.1")
@with_flags(Scenario)
def cost(
    run: Annotated[str, typer.Argument(help="Output folder of a local run, or id on Kubeflow.")],
    prices: Annotated[
        Path | None,
        typer.Option(help="Price file.", show_default="runs/prices.json, or Rollcall's own"),
    ] = None,
    host: Host = "",
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
    simulate: Annotated[
        bool,
        typer.Option("--simulate", help="Draw evictions as the options below say (docs/cost.md)."),
    ] = False,
    **flags: Any,  # noqa: ANN401 - what Scenario says
) -> None:
    """Say what a run cost on spot and on regular nodes, or a local one would have."""
    from pipelines.cost_report import report_cost  # noqa: PLC0415 - slow

    scenario = from_flags(Scenario, flags).checked() if simulate else None
    report_cost(run, prices, host, scenario, console, as_json=as_json)


@app.command(epilog="Example: rollcall prices --refresh --region northeurope --currency EUR")
def prices(
    refresh: Annotated[bool, typer.Option("--refresh", help="Fetch today's from Azure.")] = False,
    region: Annotated[str, typer.Option(help="Where the cluster is.")] = "westeurope",
    currency: Annotated[str, typer.Option(help="Three letters.")] = "USD",
    output: Annotated[Path, typer.Option(help="Where they are written.")] = Path(
        "runs/prices.json"
    ),
) -> None:
    """Show what the cluster's nodes cost, or fetch today's prices."""
    from pipelines.cost_report import refresh_prices, report_prices  # noqa: PLC0415 - slow

    if refresh:
        refresh_prices(region, currency, output, console)
    else:
        report_prices(console)


app.add_typer(deployment.app, name="cluster")


@app.command(
    epilog="Example: rollcall submit --source az://enrolment/2025 --param gate_min_accuracy=0.9 "
    "--wait"
)
def submit(
    source: ClusterSource,
    pipeline: Which = Pipeline.TRAINING,
    param: Params = [],  # noqa: B006 - typer makes a new one each time
    experiment: Experiment = EXPERIMENT,
    host: Host = "",
    wait: Annotated[bool, typer.Option("--wait", help="Show progress until it ends.")] = False,
    hours: Hours = 24,
) -> None:
    """Start a run on a cluster (docs/runs.md)."""
    from pipelines import run_commands  # noqa: PLC0415 - slow

    with audited(Settings().audit_log, "submit"):
        run_id = run_commands.submit(Request(pipeline, source, param, experiment), host, console)
    if wait:
        raise typer.Exit(run_commands.watch(run_id, host, console, hours))


@app.command(
    epilog="Example: rollcall schedule --source az://enrolment/2025 --cron '0 3 * * mon' --name "
    "weekly"
)
def schedule(
    source: Annotated[
        str, typer.Option(help="As for submit; needed with --cron.", show_default=False)
    ] = "",
    cron: Annotated[
        str,
        typer.Option(
            help="When, in UTC: minute, hour, day of the month, month, day of the week, as in a "
            "crontab; with six fields the second comes first.",
            show_default=False,
        ),
    ] = "",
    name: Annotated[str, typer.Option(help="A schedule of this name is replaced.")] = EXPERIMENT,
    enable: Annotated[
        bool | None,
        typer.Option("--enable/--disable", help="Without --cron: switch a schedule on or off."),
    ] = None,
    catch_up: Annotated[
        bool, typer.Option("--catch-up", help="Make up for runs missed while it was disabled.")
    ] = False,
    pipeline: Which = Pipeline.TRAINING,
    param: Params = [],  # noqa: B006 - typer makes a new one each time
    experiment: Experiment = EXPERIMENT,
    host: Host = "",
) -> None:
    """Start runs by the clock, one at a time; they train only where the source has changed."""
    from pipelines import run_commands  # noqa: PLC0415 - slow

    request = Request(pipeline, source, param, experiment)
    with audited(Settings().audit_log, "schedule"):
        run_commands.schedule(
            request, host, console, name=name, cron=cron, catch_up=catch_up, enabled=enable
        )


@app.command(epilog="Example: rollcall upload --pipeline fine-tuning")
def upload(pipeline: Which = Pipeline.TRAINING, host: Host = "") -> None:
    """Keep a pipeline on a cluster, as a version that is called by the Git revision."""
    from pipelines import run_commands  # noqa: PLC0415 - slow

    with audited(Settings().audit_log, "upload"):
        run_commands.upload(pipeline, host, console)


@app.command(epilog="Example: rollcall runs --experiment rollcall --limit 5")
def runs(
    run_id: Annotated[str, typer.Argument(metavar="[RUN]", help="One run's steps.")] = "",
    experiment: Annotated[str, typer.Option(help="Only those of this group.")] = "",
    limit: Annotated[int, typer.Option(min=1, max=200, help="How many, newest first.")] = 20,
    schedules: Annotated[bool, typer.Option("--schedules", help="List schedules instead.")] = False,
    registry: Annotated[
        str, typer.Option(help="MLflow URI; says which run made the champion.", show_default=False)
    ] = "",
    as_json: Annotated[bool, typer.Option("--json", help="For programs.")] = False,
    wait: Annotated[bool, typer.Option("--wait", help="Show progress until RUN ends.")] = False,
    terminate: Annotated[bool, typer.Option("--terminate", help="End RUN.")] = False,
    hours: Hours = 24,
    host: Host = "",
) -> None:
    """List the runs of a cluster, or look at one."""
    from pipelines import run_commands  # noqa: PLC0415 - slow

    if (wait or terminate) and not run_id:
        raise RollcallError("which run? Name it: rollcall runs RUN --wait")
    if terminate:
        with audited(Settings().audit_log, "terminate"):
            run_commands.terminate(run_id, host, console)
    elif wait:
        raise typer.Exit(run_commands.watch(run_id, host, console, hours))
    elif run_id:
        run_commands.show_run(run_id, host, console, as_json=as_json)
    elif schedules:
        run_commands.show_schedules(host, console, as_json=as_json)
    else:
        run_commands.show_runs(
            host,
            console,
            experiment=experiment,
            limit=limit,
            registry=_existing(registry) if registry else "",
            as_json=as_json,
        )


def main() -> None:
    """Run the command; errors that a user can mend are shown without a traceback.

    Being asked to end is an exit like any other, so that child processes and frames are cleared
    away.
    """
    signal.signal(signal.SIGTERM, lambda number, _: sys.exit(128 + number))
    try:
        app()
    except RollcallError as error:
        errors = Console(stderr=True)
        errors.print("Error:", style="bold red", end=" ")
        errors.print(str(error), highlight=False, markup=False)
        sys.exit(1)


def _synthesize(out: Path, options: CohortOptions) -> None:
    from pipelines.progress import show_progress  # noqa: PLC0415 - slow

    summary = show_progress(lambda: synthesize_cohort(out, options), console)
    console.print(f"{summary.people} people, {summary.clips} clips in {out}", soft_wrap=True)


@contextlib.contextmanager
def _in_azurite(cohort: Path) -> Iterator[tuple[str, str]]:
    """The address of the cohort in an Azurite that runs meanwhile, and what opens it."""
    from pipelines.azurite import connection_string, running_azurite  # noqa: PLC0415 - slow

    console.print("Starting Azurite, an emulator of Azure Blob (the first time npm installs it)")
    with tempfile.TemporaryDirectory() as folder, running_azurite(Path(folder)) as azurite:
        with azurite.service as service:
            count = azurite.upload_folder(service.create_container("demo"), cohort, "cohort")
        address = f"{azurite.endpoint}/demo/cohort"
        console.print(f"{count} blobs uploaded; the run reads {address}", soft_wrap=True)
        yield address, connection_string(azurite.endpoint)


def _train(
    source: str,
    output: Path,
    options: TrainingOptions,
    *,
    command: str,
    registry: str = "",
    keep: bool = False,
    environment: dict[str, str] | None = None,
) -> None:
    from pipelines.local import CHECKPOINTS, local_registry, run_training  # noqa: PLC0415 - slow

    arguments = {
        "source": _absolute(source),
        "registry": registry or local_registry(),
        **options.arguments(),
    }
    tuning = isinstance(options, FineTuningOptions)
    if tuning:
        arguments["checkpoint_dir"] = str(output.resolve() / CHECKPOINTS)
    with audited(Settings().audit_log, command) as record:
        done = run_training(
            arguments,
            output.resolve(),
            console,
            keep=keep,
            environment=environment,
            tell_source=record.count_source,
            pipeline="fine_tuning" if tuning else "training",
        )
    _show(done, output)


def _confirmed() -> bool:
    try:
        return typer.confirm("Go on?")
    except typer.Abort:  # interrupted, or nobody is there to answer
        return False


def _existing(registry: str) -> str:
    """The registry to change: that of local runs unless one is named."""
    from components.registry import database_of  # noqa: PLC0415 - slow
    from pipelines.local import local_registry  # noqa: PLC0415

    registry = registry or local_registry()
    database = database_of(registry)
    if database and not database.exists():
        raise RollcallError(f"there is no registry at {registry}: check --registry")
    return registry


def _show_move(move: Move, record: Record) -> None:
    record.counts = {"from_version": int(move.before or 0), "to_version": int(move.champion)}
    if not move.changed:
        console.print(f"Version {move.champion} is the champion already.")
    elif move.before is None:
        console.print(f"Version {move.champion} is the champion; there was none.")
    else:
        console.print(f"Version {move.champion} is the champion; it was version {move.before}.")


def _show_traces(plan: Plan) -> None:
    from pipelines.forget import receipts_of  # noqa: PLC0415 - slow
    from pipelines.tables import traces_table  # noqa: PLC0415

    earlier = receipts_of(plan.request.output, plan.request.person_id)
    for receipt in earlier:
        console.print(f"A receipt of this person is there: {receipt}", soft_wrap=True)
    if plan.items:
        console.print(traces_table(plan.items))
    else:
        right = "" if earlier else " Is the pseudonym right?"
        console.print(f"Nothing was found that derives from this person.{right}")
    if plan.registry is None:
        console.print("No registry was looked into: no local run made one, and none was named.")
    for problem in plan.problems:
        console.print(f"Cannot be looked into: {problem}", style="red", markup=False)


def _show_receipt(plan: Plan, receipt: Path) -> None:
    for item in plan.items:
        if item.error:
            told = f"Failed: {item.what}, {item.place}: {item.error}"
            console.print(told, style="red", markup=False, soft_wrap=True)
    console.print("Not covered, so left to you (docs/privacy.md):")
    for each in plan.not_covered:
        console.print(f"  - {each}", markup=False, highlight=False)
    if plan.recovery:
        console.print(f"In the source: {plan.recovery.remark}.", highlight=False)
    console.print(f"Receipt: {receipt}", soft_wrap=True)
    if plan.failed:
        raise RollcallError(
            f"{plan.failed} thing(s) could not be removed or looked into; see the receipt, mend "
            "the cause, and run it again"
        )


def _absolute(source: str) -> str:
    """A folder's absolute path; a source in Azure Blob stays as it is."""
    return source if is_blob(source) else str(Path(source.removeprefix("file://")).resolve())


def _show(done: LocalRun, output: Path) -> None:
    from pipelines.tables import (  # noqa: PLC0415
        LEGEND,
        decision,
        failures,
        leaderboard_table,
        steps_table,
        verdict_lines,
    )

    console.print(steps_table(done.steps, done.seconds))
    if done.unchanged:
        console.print(done.unchanged, markup=False, highlight=False, soft_wrap=True)
        console.print(f"Earlier results in {output} stay as they are.", soft_wrap=True)
        return
    console.print(leaderboard_table(done.leaderboard))
    console.print(LEGEND, style="dim", highlight=False)
    for line in failures(done.leaderboard):
        console.print(line, style="red", markup=False)
    champion = done.leaderboard["champion"]
    for line in verdict_lines(champion, done.version, done.verdict):
        console.print(line, markup=False, highlight=False, soft_wrap=True)
    for line in decision(done.leaderboard):
        console.print(line, style="" if champion else "yellow", highlight=False, markup=False)
    console.print(
        f"Enrolment: {done.enrolled} good, {done.to_record} to record again, see "
        f"{output / 'enrolment.csv'}",
        soft_wrap=True,
    )
    results = {"Report": "report.html", **({"Model": "champion"} if champion else {})}
    for name, path in results.items():
        console.print(f"{name + ':':<9} {output / path}", soft_wrap=True)


if __name__ == "__main__":
    main()
