"""Command lines that a person could type: printed first, and run only if that is asked for."""

from __future__ import annotations

import shlex
import shutil
import subprocess
from dataclasses import dataclass
from typing import IO, TYPE_CHECKING, Final

from components.artifacts import atomic_file
from components.errors import RollcallError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path

HOW_TO_INSTALL: Final = {
    "az": "install the Azure CLI, then `az login`",
    "kubectl": "`az aks install-cli` brings it",
    "kubelogin": "`az aks install-cli` brings it",
}


@dataclass(frozen=True)
class Command:
    """One command line.

    Attributes:
        purpose: what it is for.
        words: the program and its arguments.
        remedy: what to do when it fails.
        timeout_s: seconds after which it is stopped.
        output: file for what it prints, in the place of the terminal.
    """

    purpose: str
    words: tuple[str, ...]
    remedy: str
    timeout_s: int
    output: Path | None = None

    @property
    def lines(self) -> str:
        """What can be pasted into a shell: the purpose as a comment, and the command."""
        to_file = f" > {shlex.quote(str(self.output))}" if self.output else ""
        return f"# {self.purpose}\n{shlex.join(self.words)}{to_file}"


def show(commands: Iterable[Command], echo: Callable[[str], None]) -> None:
    """Print the commands."""
    for command in commands:
        echo(command.lines)


def carry_out(commands: list[Command], echo: Callable[[str], None]) -> None:
    """Print and run one command after the other, up to the first that fails.

    Raises:
        RollcallError: a program is not installed (then nothing was run), or a command failed or
            took too long; the message says what to do.
    """
    for program in dict.fromkeys(command.words[0] for command in commands):
        if shutil.which(program) is None:
            how = HOW_TO_INSTALL.get(program, "install it")
            raise RollcallError(f"{program} is not installed: {how}. Nothing was run")
    for command in commands:
        echo(command.lines)
        _run(command)


def _run(command: Command) -> None:
    if command.output is None:
        _wait_for(command, None)
    else:
        with atomic_file(command.output) as path, path.open("wb") as stream:
            _wait_for(command, stream)


def _wait_for(command: Command, stdout: IO[bytes] | None) -> None:
    try:
        subprocess.run(
            command.words,
            check=True,
            stdin=subprocess.DEVNULL,
            stdout=stdout,
            timeout=command.timeout_s,
        )
    except subprocess.CalledProcessError as error:
        how = f"ended with exit code {error.returncode}"
    except subprocess.TimeoutExpired:
        how = f"took over {command.timeout_s / 60:g} minutes and was stopped"
    else:
        return
    raise RollcallError(f"{shlex.join(command.words)}\n{how}. {command.remedy}")
