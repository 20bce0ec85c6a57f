"""Kills a fine-tuning at many moments, and tells what that cost: `make test-kills` shows the table.

One process imports TensorFlow, which takes seconds, and forks a child for each attempt: the child
is the task that dies. What it reached stands in a file that it writes one number a step to.
"""

from __future__ import annotations

import hashlib
import json
import os
import random
import signal
import sys
import tempfile
import time
import traceback
import zipfile
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from components.artifacts import read_json
from components.edge.frames import read_pictures
from components.edge.model import OUTPUTS
from components.evaluation.evaluate import evaluate
from components.evaluation.trials import Predicted
from components.model_directory import CURVES_FILE, LINEAGE_FILE, METRICS_FILE, MODEL_FILE
from components.shipped_model import read_judged

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    import keras

    from components.model_directory import Classes
    from components.shipped_model import Deployment

CHECKPOINT_EVERY = 4
BATCH = 4
EPOCHS = 2
LONGEST_S = 120.0
ANY_TIME, CHECKPOINT, OUTPUT, START = (
    "at any time",
    "while a checkpoint is written",
    "while the output is written",
    "while it starts",
)
MOMENTS = (ANY_TIME, CHECKPOINT, OUTPUT, ANY_TIME, START)
UNTIMED = ("train_seconds",)


@dataclass
class Attempt:
    """One start of the task, and what became of it.

    Attributes:
        moment: when it was to be killed.
        seconds: after which it was.
        resumed_from: steps that were done when it began to train; None if it did not come so far.
        reached: steps that were done when it ended; None if it did not come so far.
        ended_first: it was done before it could be killed.
        lost: steps that the next attempt has to do again.
    """

    moment: str
    seconds: float
    resumed_from: int | None
    reached: int | None
    ended_first: bool
    lost: int = 0


@dataclass(frozen=True)
class Task:
    """A fine-tuning that can be started again and again."""

    folder: Path
    output: str

    @property
    def model(self) -> Path:
        return self.folder / self.output / "model"

    @property
    def checkpoints(self) -> Path:
        return self.folder / f"{self.output}-checkpoints"

    @property
    def steps(self) -> Path:
        return self.folder / "steps"

    def start(self) -> int:
        """Start it in a child; returns its process id."""
        self.steps.write_text("")
        child = os.fork()
        if child:
            return child
        code = 1
        try:
            self._work()
            code = 0
        except Exception:  # noqa: BLE001 - the child ends here
            traceback.print_exc()
        finally:
            os._exit(code)

    def _work(self) -> None:
        from components.fine_tune_model import fine_tune, training

        resumes = self.checkpoints.exists() and any(self.checkpoints.glob("*.checkpoint"))
        training.LARGEST_BATCH = 1 if resumes else BATCH  # as if less memory were free then
        fine_tune.shipping, fine_tune.ship = shipping_for_keras_alone, ship_for_keras_alone
        count, run = training.Training.on_train_batch_end, training.Training.run
        steps = self.steps.open("w")

        def tell(steps_done: int) -> None:
            steps.write(f"{steps_done}\n")
            steps.flush()

        def counted(self: Any, batch: int, logs: Any = None) -> None:
            tell(self.steps_done + 1)  # before it is saved, which may be the end
            count(self, batch, logs)

        def told(self: Any, progress: Any) -> Any:
            tell(self.steps_done)
            return run(self, progress)

        training.Training.on_train_batch_end, training.Training.run = counted, told
        plan = training.Plan("all", EPOCHS, 3e-3, 0, CHECKPOINT_EVERY)
        where = self.folder / "dataset", self.folder / "start"
        fine_tune.fine_tune_model(*where, plan, self.checkpoints, self.model)

    def told_steps(self) -> list[int]:
        return [int(line) for line in self.steps.read_text().splitlines()]

    def is_done_since(self, began_ns: int) -> bool:
        """Whether all is written and cleared away, so that a kill came too late to matter."""
        lineage = self.model / LINEAGE_FILE
        written = lineage.is_file() and lineage.stat().st_mtime_ns > began_ns
        return written and not any(self.checkpoints.glob("*.checkpoint"))

    def result(self) -> dict[str, Any]:
        """All that has to come out the same: weights, bit by bit, metrics and curves."""
        with zipfile.ZipFile(self.model / MODEL_FILE) as file:
            weights = hashlib.sha256(file.read("model.weights.h5")).hexdigest()
        metrics = read_json(self.model / METRICS_FILE)
        same = {name: value for name, value in metrics.items() if name not in UNTIMED}
        return {"weights": weights, "metrics": same, "curves": read_json(self.model / CURVES_FILE)}


@contextmanager
def shipping_for_keras_alone(
    model: keras.Model, _dataset: Path, directory: Path
) -> Iterator[Future[keras.Model]]:
    """As `shipping`, but nothing is converted."""
    model.save(directory / MODEL_FILE)
    result: Future[keras.Model] = Future()
    result.set_result(model)
    yield result


def ship_for_keras_alone(
    model: keras.Model,
    dataset: Path,
    classes: Classes,
    deployment: Deployment,
    _directory: Path,
    *,
    temperature: float,
) -> dict[str, Any]:
    """As `ship`, but the Keras model itself is judged: edge models take seconds, and are timed."""
    frames = read_judged(dataset)
    chunks = list(read_pictures(dataset, frames.clip_id, frames.index))
    told = [model.predict_on_batch(chunk) for chunk in chunks]
    predicted = Predicted(*(np.concatenate([each[name] for each in told]) for name in OUTPUTS))
    target = deployment.target_fpir
    return evaluate(
        frames.labels, predicted, classes, temperature=temperature, target_fpir=target
    ).metrics


def wait(child: int, until: Callable[[], bool]) -> int | None:
    """Wait until something happens or the child ends; returns how it ended."""
    deadline = time.monotonic() + LONGEST_S
    while time.monotonic() < deadline:
        ended, status = os.waitpid(child, os.WNOHANG)
        if ended:
            return os.waitstatus_to_exitcode(status)
        if until():
            return None
    raise TimeoutError


def finish(task: Task) -> float:
    """Let it come to its end; returns the seconds."""
    began = time.monotonic()
    code = wait(task.start(), lambda: bool(time.sleep(0.02)))
    if code:
        raise RuntimeError(f"the fine-tuning ended with {code}")
    return time.monotonic() - began


def attempt(task: Task, moment: str, longest: float, chance: random.Random) -> Attempt:
    """Start it, and kill it at a moment."""
    began, began_ns, delay = time.monotonic(), time.time_ns(), chance.uniform(0, longest)
    until = {
        ANY_TIME: lambda: time.monotonic() - began > delay,
        CHECKPOINT: lambda: (
            time.monotonic() - began > delay / 2 and any(task.checkpoints.glob(".*.partial"))
        ),
        OUTPUT: lambda: any(task.model.parent.glob(f".*.partial/{MODEL_FILE}")),
        START: lambda: time.monotonic() - began > delay / 20,
    }
    child = task.start()
    ended = wait(child, until[moment])
    if ended is None:
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
    elif ended:
        raise RuntimeError(f"the fine-tuning ended with {ended}")
    told = task.told_steps() or [None]
    seconds = round(time.monotonic() - began, 2)
    done = ended is not None or task.is_done_since(began_ns)
    return Attempt(moment, seconds, told[0], told[-1], ended_first=done)


def make(folder: Path) -> None:
    """Make what it starts from, in a child: this process must not have used TensorFlow."""
    child = os.fork()
    if not child:
        from tests.pictures import write_dataset, write_start

        write_start(folder / "start", write_dataset(folder, students=3, staff=2, visitors=3))
        os._exit(0)
    if os.waitpid(child, 0)[1]:
        raise RuntimeError("the inputs could not be made")


def run(folder: Path, kills: int, seed: int = 0) -> dict[str, Any]:
    """Kill a fine-tuning so many times, and hold its end against an undisturbed one's."""
    import components.fine_tune_model.fine_tune  # noqa: F401 - once, for all children

    make(folder)
    undisturbed, killed = Task(folder, "undisturbed"), Task(folder, "killed")
    longest = finish(undisturbed)
    chance, attempts, same = random.Random(seed), [], []
    while (killed_so_far := sum(not each.ended_first for each in attempts)) < kills:
        moment = MOMENTS[killed_so_far % len(MOMENTS)]
        attempts.append(attempt(killed, moment, longest, chance))
        if attempts[-1].ended_first:  # the next one starts anew
            same.append(killed.result() == undisturbed.result())
    finish(killed)
    count_lost(attempts, killed.told_steps()[0])
    return {
        "attempts": [asdict(each) for each in attempts],
        "same": [*same, killed.result() == undisturbed.result()],
        "checkpoints_left": len(list(killed.checkpoints.iterdir())),
        "seconds_undisturbed": round(longest, 2),
    }


def count_lost(attempts: list[Attempt], last_resumed_from: int) -> None:
    """Say of each attempt how many steps the next had to do again."""
    reached = 0
    followed = [*(each.resumed_from for each in attempts[1:]), last_resumed_from]
    for each, resumed_from in zip(attempts, followed, strict=True):
        reached = reached if each.reached is None else each.reached
        if each.ended_first:
            reached = 0
        elif resumed_from is not None:
            each.lost = reached - resumed_from


def table(result: dict[str, Any]) -> str:
    """For people."""
    row = "{:>4}  {:<30}{:>8}{:>9}{:>9}{:>6}".format
    lines, number = [row("kill", "moment", "after s", "resumed", "reached", "lost")], 0
    for each in result["attempts"]:
        steps = ["-" if each[name] is None else each[name] for name in ("resumed_from", "reached")]
        number += not each["ended_first"]
        name, last = ("", "done") if each["ended_first"] else (number, each["lost"])
        lines.append(row(name, each["moment"], each["seconds"], *steps, last))
    same = all(result["same"])
    lines.append(
        f"{number} kills, {len(result['same'])} ends, each "
        f"{'bit by bit' if same else 'NOT'} as undisturbed ({result['seconds_undisturbed']} s); "
        f"checkpoints every {CHECKPOINT_EVERY} steps"
    )
    return "\n".join(lines)


def main() -> None:
    """Kill so many times as the first argument says; print the table, and JSON in the last line."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    with tempfile.TemporaryDirectory() as folder:
        result = run(Path(folder), int(sys.argv[1]))
    print(table(result))
    print(json.dumps(result))
    lost = max(each["lost"] for each in result["attempts"])
    sys.exit(0 if all(result["same"]) and lost <= CHECKPOINT_EVERY else 1)


if __name__ == "__main__":
    main()
