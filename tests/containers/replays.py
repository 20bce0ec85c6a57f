"""Runs a step once more, alone, on the inputs that a run recorded, under the limits of its row."""

from __future__ import annotations

import os
import shutil
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from kubernetes.utils.quantity import parse_quantity

from pipelines.placement import PLACEMENTS
from tests.containers.calls import Call, Measured, compiled_call, run_limited

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

USER: Final = 10001
"""Of the images."""


@dataclass(frozen=True)
class Run:
    """A run of the training DAG in containers.

    Attributes:
        arguments: of the pipeline.
        root: where all outputs are.
        source: the cohort.
        registry: the folder of MLflow's database and files.
        calls: what was started, in that order.
    """

    arguments: dict[str, Any]
    root: Path
    source: Path
    registry: Path
    calls: list[Call]

    def call(self, step: str) -> Call:
        """The first of a step."""
        return next(call for call in self.calls if call.step == step)


@dataclass(frozen=True)
class Replay:
    """How it went.

    Attributes:
        call: what was run.
        measured: under which limit it used how much.
        outputs: the folder with its outputs.
    """

    call: Call
    measured: Measured
    outputs: Path


def owned(folder: Path) -> Path:
    """Give a folder, and all below it, to the user of the images."""
    for path in (folder, *folder.rglob("*")):
        os.chown(path, USER, USER)
    return folder


def replay(
    run: Run,
    call: Call,
    scratch: Path,
    *,
    memory: int = 0,
    instead: tuple[str, ...] = (),
    shown: Mapping[Path, Path] | None = None,
) -> Replay:
    """Run a call alone; what the run has recorded stays as it is.

    Args:
        run: whose inputs it gets.
        call: one of the run's, or one like them.
        scratch: a folder to be made for its outputs.
        memory: the limit in bytes; that of its row if 0.
        instead: a command to run in its place.
        shown: folder of the run -> what the step finds there instead.
    """
    row = PLACEMENTS[call.step]
    outputs = scratch / "outputs"
    outputs.mkdir(parents=True)
    call.folder.mkdir(exist_ok=True)  # to be mounted over
    folders = {run.root: (run.root, False), run.source: (run.source, False)}
    folders |= {path: (at, False) for path, at in (shown or {}).items()}
    folders[call.folder] = (owned(outputs), True)
    if "registry" in call.input["inputs"]["parameterValues"]:
        copy = shutil.copytree(run.registry, scratch / "registry")
        folders[run.registry] = (owned(copy), True)
    measured = run_limited(
        call.image,
        instead or call.command,
        folders,
        scratch,
        memory=memory or int(parse_quantity(row.memory_limit)),
        cpus=float(parse_quantity(row.cpu_limit)),
    )
    return Replay(call, measured, outputs)


def with_all_pictures(run: Run) -> Call:
    """The call of split_dataset as the fine-tuning pipeline makes it, which copies every frame."""
    return run.call("split_dataset").given(pictures="all")


def fine_tuning(run: Run, compiled: Path) -> Call:
    """A call of fine_tune_model on the run's first head, which the run itself has not made.

    Args:
        run: whose dataset, with all pictures, and model it takes.
        compiled: the fine-tuning pipeline.
    """
    split, trained = run.call("split_dataset"), run.call("train_model")
    folder = trained.folder.with_name("fine-tune-model")
    inputs = {"dataset": split.output("dataset"), "start": trained.output("model")}
    outputs = ("model", "metrics", "confusion", "summary")
    kinds = {"start": "system.Model", "model": "system.Model", "metrics": "system.Metrics"} | {
        "confusion": "system.ClassificationMetrics",
        "summary": "system.Markdown",
        "dataset": "system.Dataset",
    }

    def artifacts(paths: Mapping[str, Path]) -> dict[str, Any]:
        return {
            name: {
                "artifacts": [
                    {"name": name, "uri": str(path), "type": {"schemaTitle": kinds[name]}}
                ]
            }
            for name, path in paths.items()
        }

    parameters = {
        "depth": "5",
        "epochs": 1,
        "learning_rate": 1e-4,
        "seed": 0,
        "checkpoint_every": 50,
        "checkpoint_dir": str(folder / "checkpoints"),
    }
    return compiled_call(
        compiled,
        "fine_tune_model",
        {
            "inputs": {"parameterValues": parameters, "artifacts": artifacts(inputs)},
            "outputs": {
                "artifacts": artifacts({name: folder / name for name in outputs}),
                "outputFile": str(folder / "executor_output.json"),
            },
        },
    )
