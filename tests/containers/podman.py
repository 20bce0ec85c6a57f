"""Podman as these tests use it: a base image, builds behind this machine's settings, its API."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import time
from pathlib import Path
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator

TOOLS: Final = ("podman", "buildah", "runc", "mmdebstrap")
STAND_IN: Final = "localhost/stand-in-for-python:3.11-slim-bookworm"
"""Debian with its own Python 3.11, where the registry of the real base is out of reach."""

OF_THIS_MACHINE: Final = ("/etc/pip.conf", "/etc/ssl/certs/ca-certificates.crt")
"""Where pip looks for packages and whom it trusts; given to the build, and not to the images."""

START_TIMEOUT_S: Final = 30
SECONDS_BETWEEN_LOOKS: Final = 0.1


def unusable() -> str:
    """Why these tests cannot run here; empty if they can."""
    missing = [tool for tool in TOOLS if shutil.which(tool) is None]
    if missing:
        return f"{', '.join(missing)} are missing: apt-get install {' '.join(missing)}"
    return "" if os.geteuid() == 0 else "memory limits need root: sudo make test-containers"


def podman(*arguments: object, timeout_s: float = 120) -> str:
    """What a command of podman prints."""
    command = ["podman", *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=timeout_s)
    assert done.returncode == 0, f"{' '.join(command[:3])}: {done.stderr[-2000:]}"
    return done.stdout.strip()


def make_base(scratch: Path) -> str:
    """The reference of a base image: $BASE, or the stand-in, which is made if it is not there."""
    if named := os.environ.get("BASE"):
        return named
    exists = subprocess.run(["podman", "image", "exists", STAND_IN], check=False, timeout=60)
    if exists.returncode:
        tar = scratch / "base.tar"
        # Merged from the start, as what merges it later brings 50 MB of Perl.
        merged = "--hook-dir=/usr/share/mmdebstrap/hooks/merged-usr"
        include = "--include=python3,python3-venv,ca-certificates,usr-is-merged"
        slim = [f"--dpkgopt=path-exclude=/usr/share/{each}/*" for each in ("doc", "man", "locale")]
        options = ("--quiet", "--variant=minbase", merged, include, *slim)
        subprocess.run(["mmdebstrap", *options, "bookworm", tar], check=True, timeout=600)
        podman("import", tar, STAND_IN, timeout_s=300)
        tar.unlink()
    return STAND_IN


def build_options() -> list[str]:
    """Options of `podman build` on a machine like this one."""
    mounted = [path for path in OF_THIS_MACHINE if Path(path).exists()]
    return ["--isolation=chroot", "--network=host", *(f"--volume={p}:{p}:ro" for p in mounted)]


@contextlib.contextmanager
def docker_api(folder: Path) -> Iterator[str]:
    """The address of podman's Docker API, which runs until the end of the block."""
    socket = folder / "podman.sock"
    address = f"unix://{socket}"
    with subprocess.Popen(["podman", "system", "service", "--time=0", address]) as service:
        try:
            deadline = time.monotonic() + START_TIMEOUT_S
            while not socket.exists():
                assert service.poll() is None, "podman's API ended before it began"
                assert time.monotonic() < deadline, "podman's API does not start"
                time.sleep(SECONDS_BETWEEN_LOOKS)
            yield address
        finally:
            service.terminate()
