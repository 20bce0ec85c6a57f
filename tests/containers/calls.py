"""What is run in a container: a step with its inputs, as KFP's DockerRunner starts it."""

from __future__ import annotations

import json
import subprocess
import time
import uuid
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final
from unittest.mock import patch

import yaml
from docker.types import Mount
from kfp import local
from kfp.local import docker_task_handler

from components.artifacts import read_json
from pipelines.compilation import PIPELINES

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from pipelines.settings import Settings

INPUT, FUNCTION = "--executor_input", "--function_to_execute"
TMP: Final = {"/tmp": "size=1g,mode=1777"}  # noqa: S108 - inside of a container
"""What a pod has to write to, beside its outputs."""


@dataclass(frozen=True)
class Call:
    """A step as it was started.

    Attributes:
        image: in which.
        command: what in it.
    """

    image: str
    command: tuple[str, ...]

    @property
    def step(self) -> str:
        """Its name, as in the placement table."""
        return self._after(FUNCTION)

    @property
    def input(self) -> dict[str, Any]:
        """KFP's ExecutorInput."""
        return json.loads(self._after(INPUT))

    @property
    def folder(self) -> Path:
        """Where its outputs go."""
        return Path(self.input["outputs"]["outputFile"]).parent

    def output(self, name: str) -> Path:
        """Where one of them goes."""
        return Path(self.input["outputs"]["artifacts"][name]["artifacts"][0]["uri"])

    def given(self, **parameters: Any) -> Call:
        """The same with other parameters."""
        changed = self.input
        changed["inputs"]["parameterValues"] |= parameters
        at = self.command.index(INPUT) + 1
        command = (*self.command[:at], json.dumps(changed), *self.command[at + 1 :])
        return replace(self, command=command)

    def missing(self, folder: Path) -> list[str]:
        """The outputs that are not in `folder`.

        Metrics for a chart have no file, they are in what the step told KFP.
        """
        path = folder / "executor_output.json"
        told = read_json(path) if path.exists() else {}
        artifacts, outputs = told.get("artifacts", {}), self.input["outputs"]
        return [
            name
            for name in outputs.get("artifacts", {})
            if not (folder / name).exists()
            and not artifacts.get(name, {"artifacts": [{}]})["artifacts"][0].get("metadata")
        ] + [name for name in outputs.get("parameters", {}) if name not in told["parameterValues"]]

    def _after(self, flag: str) -> str:
        return self.command[self.command.index(flag) + 1]


def run_in_containers(
    pipeline: str,
    settings: Settings,
    arguments: Mapping[str, Any],
    root: Path,
    folders: Mapping[Path, bool],
) -> list[Call]:
    """Run a pipeline's DAG with `kfp.local.DockerRunner`; returns every call that it made.

    Nothing of what it says of its success is believed (it takes a container that was killed for one
    that succeeded).

    Args:
        pipeline: of PIPELINES.
        settings: the images are in them.
        arguments: of the pipeline.
        root: where the tasks' outputs go.
        folders: what else a step sees -> whether it may write there.
    """
    calls = []
    run = docker_task_handler.run_docker_container

    def note(client: Any, image: str, command: Sequence[str], **more: Any) -> int:
        calls.append(Call(image, tuple(command)))
        return run(client, image, command, **more)

    mounts = [
        Mount(str(path), str(path), type="bind", read_only=not writable)
        for path, writable in folders.items()
    ]
    runner = local.DockerRunner(
        network_mode="none",
        read_only=True,
        tmpfs=TMP,
        cap_drop=["ALL"],
        security_opt=["no-new-privileges"],
        mounts=mounts,
    )
    local.init(runner, pipeline_root=str(root), raise_on_error=True)
    with patch.object(docker_task_handler, "run_docker_container", note):
        PIPELINES[pipeline](settings)(**arguments)
    return calls


def compiled_call(compiled: Path, step: str, executor_input: Mapping[str, Any]) -> Call:
    """A call of a step that no run has made, from a pipeline's YAML."""
    spec, _ = yaml.safe_load_all(compiled.read_text(encoding="ascii"))
    executor = spec["deploymentSpec"]["executors"][f"exec-{step.replace('_', '-')}"]["container"]
    command = [*executor["command"], *executor["args"]]
    given = json.dumps(executor_input)
    return Call(executor["image"], tuple(given if part == "{{$}}" else part for part in command))


MEASURING: Final = """
"$@"
code=$?
groups=/sys/fs/cgroup
if [ -e $groups/memory.peak ]; then
    cat $groups/memory.peak
    grep '^oom_kill ' $groups/memory.events
else
    cat $groups/memory/memory.max_usage_in_bytes
    grep '^oom_kill ' $groups/memory/memory.oom_control
fi > /measured/memory
exit $code
"""
"""A shell around a step that asks its cgroup, of version 2 or 1, at the end."""

KILLED: Final = 137


@dataclass(frozen=True)
class Measured:
    """How a call went under a limit.

    Attributes:
        exit_code: 137 if it was killed.
        kills: processes that the kernel killed for want of memory, children included.
        peak_bytes: the most that its cgroup held, with the files that the kernel kept in memory for
            it; of those it lets go before it kills.
        limit_bytes: what it might hold.
        seconds: wall time, the container's start and end included.
        log: what it said.
    """

    exit_code: int
    kills: int
    peak_bytes: int
    limit_bytes: int
    seconds: float
    log: str

    def check(self) -> None:
        """Fail unless it did its work within its limit."""
        limit = f"{self.limit_bytes >> 20} MiB"
        assert self.exit_code != KILLED, f"killed: it needs more than its {limit}\n{self.log}"
        assert self.exit_code == 0, self.log
        assert self.kills == 0, f"a child of it was killed: it needs more than {limit}\n{self.log}"


def run_limited(
    image: str,
    command: Sequence[str],
    folders: Mapping[Path, tuple[Path, bool]],
    scratch: Path,
    *,
    memory: int,
    cpus: float,
) -> Measured:
    """Run a command in a container under a memory limit, as a pod has it.

    Its root is read-only, it has no network, no capability, and the user that the image names.

    Args:
        image: reference.
        command: what to run.
        folders: path in the container -> what is there, and whether it may be written to.
        scratch: an empty folder for what is measured.
        memory: limit in bytes, swap included.
        cpus: limit.
    """
    measured = scratch / "measured"
    measured.mkdir()
    measured.chmod(0o777)
    name = f"rollcall-{uuid.uuid4().hex[:8]}"
    shown = {**folders, Path("/measured"): (measured, True)}
    options = [
        f"--name={name}",
        "--rm",
        "--network=none",
        "--read-only",
        "--read-only-tmpfs=false",
        *(f"--tmpfs={path}:{how}" for path, how in TMP.items()),
        "--cap-drop=all",
        "--security-opt=no-new-privileges",
        f"--memory={memory}",
        f"--memory-swap={memory}",
        f"--cpus={cpus}",
        *(f"--volume={at}:{path}:{'rw' if rw else 'ro'}" for path, (at, rw) in shown.items()),
    ]
    started = time.monotonic()
    try:
        done = subprocess.run(
            ["podman", "run", *options, image, "sh", "-c", MEASURING, "step", *command],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
            timeout=600,
        )
    finally:  # of one that took too long
        subprocess.run(["podman", "rm", "--force", "--ignore", name], check=False, timeout=60)
    seconds = time.monotonic() - started
    told = (measured / "memory").read_text().split() if (measured / "memory").exists() else []
    peak, kills = (int(told[0]), int(told[-1])) if told else (memory, 1)  # the shell died, too
    return Measured(done.returncode, kills, peak, memory, seconds, done.stdout[-4000:])
