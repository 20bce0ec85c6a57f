"""Runs a pipeline's real DAG on this machine, with `kfp.local`, in a child process.

The child's own output goes to a log file; what people see are the events that the steps write.
Everything between the steps lies in a working folder inside the output, which is removed at the
end: it holds faces.
"""

from __future__ import annotations

import contextlib
import fcntl
import logging
import os
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, Final

import pyarrow.csv

from components.artifacts import atomic_directory, atomic_file, read_json, write_json
from components.contracts import (
    COPIES,
    COPIES_FILE,
    ENROLMENT,
    ENROLMENT_FILE,
    GOOD_ENROLMENT,
    INGEST_FILE,
    LEADERBOARD_FILE,
    REJECTS,
    REJECTS_FILE,
    SOURCE_FILE,
)
from components.decide_retraining.decide import UNCHANGED
from components.errors import RollcallError
from components.model_directory import GATE_FILE
from components.parquet import open_table
from components.sources import SCRATCH_VARIABLE
from components.telemetry import EVENTS_VARIABLE
from pipelines.progress import SECONDS_BETWEEN_LOOKS, EventReader, ProgressDisplay, StepCost

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    import pyarrow as pa
    from rich.console import Console

WORK: Final = ".work"
CHECKPOINTS: Final = ".checkpoints"
"""Of fine-tuning; what a run that was killed has left there, the next one resumes from."""
RUN_LOG: Final = "run.log"
STEPS_FILE: Final = "steps.json"
REPORT_FILE: Final = "report.html"
REJECTS_CSV: Final = "rejects.csv"
ENROLMENT_CSV: Final = "enrolment.csv"
COPIES_CSV: Final = "copies.csv"
CHAMPION: Final = "champion"

LONGEST_RUN_S: Final = 24 * 3600
SECONDS_TO_STOP: Final = 10


@dataclass(frozen=True)
class LocalRun:
    """A run that succeeded.

    Attributes:
        output: where everything lies.
        leaderboard: the content of leaderboard.json.
        steps: what each step took.
        seconds: wall time of the whole.
        version: the registered version; empty where nothing was ranked.
        verdict: the content of its gate.json; empty where there is none.
        enrolled: how many people are enrolled well enough.
        to_record: how many people have to record again.
        unchanged: why nothing was trained, in a sentence; empty where something was. Else there is
            nothing in the fields above but `output`, `steps` and `seconds`.
    """

    output: Path
    leaderboard: dict[str, Any]
    steps: list[StepCost]
    seconds: float
    version: str
    verdict: dict[str, Any]
    enrolled: int
    to_record: int
    unchanged: str = ""


def run_training(
    arguments: dict[str, Any],
    output: Path,
    console: Console,
    *,
    keep: bool = False,
    environment: Mapping[str, str] | None = None,
    tell_source: Callable[[dict[str, Any]], None] = lambda _: None,
    pipeline: str = "training",
) -> LocalRun:
    """Run the training pipeline and lay its results into `output`.

    Args:
        arguments: of the pipeline.
        output: a folder; the results of an earlier run in it are replaced, unless nothing was
            trained, as nothing changed.
        console: where progress is shown.
        keep: keep the frames and features between the steps, in the folder WORK.
        environment: variables that the child gets on top of those of this process.
        tell_source: is given the source's fingerprint and counts, as far as a run came, whether it
            succeeded or not; nothing if it did not come as far as listing the source.
        pipeline: "training" or "fine_tuning".

    Raises:
        RollcallError: a step failed, or another run is writing into `output`.
    """
    output.mkdir(parents=True, exist_ok=True)
    with only_run(output):
        work = output / WORK
        shutil.rmtree(work, ignore_errors=True)  # of a run that was cut off
        work.mkdir()
        try:
            write_json(work / "task.json", {"pipeline": pipeline, "arguments": arguments})
            return _run(output, work, console, environment or {})
        finally:
            tell_source(_source_summary(work))
            if not keep:
                shutil.rmtree(work)


def local_registry(folder: Path = Path("runs/registry")) -> str:
    """The URI of an MLflow registry in SQLite in `folder`."""
    return f"sqlite:///{folder.resolve() / 'mlflow.db'}"


def _source_summary(work: Path) -> dict[str, Any]:
    """The later of the two has the earlier in it."""
    for name in (f"split-dataset/audit/{SOURCE_FILE}", f"ingest-videos/clips/{INGEST_FILE}"):
        for path in (work / "pipeline").glob(f"*/{name}"):
            return read_json(path)
    return {}


def _run(
    output: Path,
    work: Path,
    console: Console,
    environment: Mapping[str, str],
) -> LocalRun:
    started = time.monotonic()
    events = work / "events.jsonl"
    with ProgressDisplay(console) as display:
        exit_code = _watch_child(work, output / RUN_LOG, events, display, environment)
    _tell_copies(work, output)
    if exit_code:
        raise RollcallError(_explain(display, output / RUN_LOG))
    tasks = next((work / "pipeline").iterdir())
    steps = display.steps.costs()
    seconds = round(time.monotonic() - started, 3)
    if _returned(tasks, "decide-retraining") == UNCHANGED:
        why = (tasks / "decide-retraining" / "summary").read_text(encoding="utf-8").strip()
        return LocalRun(output, {}, steps, seconds, "", {}, 0, 0, why)
    version = _lay_out(tasks, output)
    enrolled, to_record = _count_verdicts(tasks)
    with atomic_file(output / STEPS_FILE) as path:
        costs = [step.to_json() for step in steps]
        write_json(path, {"wall_seconds": seconds, "steps": costs})
    leaderboard = read_json(output / LEADERBOARD_FILE)
    verdict = read_json(output / CHAMPION / GATE_FILE) if version else {}
    return LocalRun(output, leaderboard, steps, seconds, version, verdict, enrolled, to_record)


def _watch_child(
    work: Path, log: Path, events: Path, display: ProgressDisplay, more: Mapping[str, str]
) -> int:
    reader = EventReader(events)
    deadline = time.monotonic() + LONGEST_RUN_S
    scratch = work / "scratch"  # goes with the rest, even when the child is killed: it holds faces
    scratch.mkdir()
    environment = {
        **os.environ,
        **more,
        EVENTS_VARIABLE: str(events),
        SCRATCH_VARIABLE: str(scratch),
        "TF_CPP_MIN_LOG_LEVEL": "2",
    }
    with log.open("wb") as stream, _child(work, stream, environment) as child:
        while child.poll() is None:
            display.take(reader.read())
            if time.monotonic() > deadline:
                raise RollcallError(f"the run took more than {LONGEST_RUN_S // 3600} h: stopped")
            time.sleep(SECONDS_BETWEEN_LOOKS)
        display.take(reader.read())
        return child.returncode


@contextlib.contextmanager
def _child(
    work: Path,
    log: IO[bytes],
    environment: dict[str, str],
) -> Iterator[subprocess.Popen[bytes]]:
    """A process group of its own, so that nothing of it outlives this block."""
    child = subprocess.Popen(
        [sys.executable, "-m", "pipelines.local", str(work)],
        stdin=subprocess.DEVNULL,
        stdout=log,
        stderr=subprocess.STDOUT,
        env=environment,
        start_new_session=True,
    )
    try:
        yield child
    finally:
        for number in (signal.SIGTERM, signal.SIGKILL):
            with contextlib.suppress(ProcessLookupError):
                os.killpg(child.pid, number)
            with contextlib.suppress(subprocess.TimeoutExpired):
                child.wait(SECONDS_TO_STOP)


def _explain(display: ProgressDisplay, log: Path) -> str:
    errors = display.steps.errors()
    told = "\n".join(errors) if errors else "it failed outside of its steps"
    return f"The run failed.\n{told}\nThe whole log: {log}"


def _lay_out(tasks: Path, output: Path) -> str:
    """Copy the results out of the tasks' folder; returns the registered version, if there is one.

    Where nothing was ranked there is no champion either, nor that of an earlier run.
    """
    compared = tasks / "compare-models"
    for source, name in (("leaderboard", LEADERBOARD_FILE), ("report", REPORT_FILE)):
        with atomic_file(output / name) as path:
            shutil.copyfile(compared / source, path)
    ranked = read_json(output / LEADERBOARD_FILE)["champion"] is not None
    if ranked:
        with atomic_directory(output / CHAMPION) as directory:
            shutil.copytree(tasks / "register-model" / "registered", directory, dirs_exist_ok=True)
    elif (output / CHAMPION).exists():
        shutil.rmtree(output / CHAMPION)
    audit = tasks / "split-dataset" / "audit"
    _write_csv(audit / REJECTS_FILE, REJECTS, output / REJECTS_CSV)
    _write_csv(audit / ENROLMENT_FILE, ENROLMENT, output / ENROLMENT_CSV)
    if not ranked:
        return ""
    return _returned(tasks, "register-model")


def _returned(tasks: Path, task: str) -> str:
    """What a task returned."""
    written = read_json(tasks / task / "executor_output.json")
    return str(written["parameterValues"]["Output"])


def _tell_copies(work: Path, output: Path) -> None:
    """Say which clips are one recording, if any are, whether the run succeeded or not."""
    (output / COPIES_CSV).unlink(missing_ok=True)
    for table in (work / "pipeline").glob(f"*/split-dataset/audit/{COPIES_FILE}"):
        with open_table(table, COPIES) as file:
            found = file.metadata.num_rows
        if found:
            _write_csv(table, COPIES, output / COPIES_CSV)


def _write_csv(table: Path, schema: pa.Schema, output: Path) -> None:
    with (
        atomic_file(output) as path,
        open_table(table, schema) as file,
        pyarrow.csv.CSVWriter(path, schema) as writer,
    ):
        for batch in file.iter_batches():
            writer.write_batch(batch)


def _count_verdicts(tasks: Path) -> tuple[int, int]:
    """How many people are enrolled well enough, and how many have to record again."""
    path = tasks / "split-dataset" / "audit" / ENROLMENT_FILE
    with open_table(path, ENROLMENT) as file:
        verdicts = file.iter_batches(columns=["verdict"])
        good = sum(batch["verdict"].to_pylist().count(GOOD_ENROLMENT) for batch in verdicts)
        return good, file.metadata.num_rows - good


@contextlib.contextmanager
def only_run(output: Path) -> Iterator[None]:
    """Hold an output folder for oneself.

    Raises:
        RollcallError: somebody else does.
    """
    with (output / ".lock").open("w", encoding="ascii") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise RollcallError(
                f"another run is writing into {output}: wait for it, or name another --output"
            ) from None
        yield


def _main(work: Path) -> None:
    """What the child does: the DAG, in this interpreter's environment."""
    from kfp import local  # noqa: PLC0415 - slow, and not needed to watch

    from pipelines.compilation import PIPELINES  # noqa: PLC0415
    from pipelines.settings import Settings  # noqa: PLC0415

    logging.basicConfig(level=logging.INFO)
    task = read_json(work / "task.json")
    runner = local.SubprocessRunner(use_venv=False)
    local.init(runner, pipeline_root=str(work / "pipeline"), raise_on_error=True)
    PIPELINES[f"{task['pipeline']}.yaml"](Settings(local=True))(**task["arguments"])


if __name__ == "__main__":
    _main(Path(sys.argv[1]))
