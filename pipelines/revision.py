"""Which version of this code runs."""

from __future__ import annotations

import subprocess
from importlib.metadata import version
from pathlib import Path
from typing import Final

FOLDER: Final = Path(__file__).parent
TIMEOUT_S: Final = 60


def revision() -> str:
    """Git's revision of this checkout, 12 digits, with -dirty if that is not all committed.

    An installation outside of a checkout is known by its version, such as v0.1.0.
    """
    head = _git("rev-parse", "--short=12", "HEAD")
    if head is None:
        return f"v{version('rollcall')}"
    return head + ("-dirty" if _git("status", "--porcelain", "--", "..") else "")


def _git(*command: str) -> str | None:
    """What git says; None if there is no git, or this is no checkout."""
    try:
        done = subprocess.run(
            ["git", "-C", str(FOLDER), *command],  # noqa: S607 - the one on the path
            capture_output=True,
            text=True,
            check=False,
            timeout=TIMEOUT_S,
        )
    except FileNotFoundError:
        return None
    return done.stdout.strip() if done.returncode == 0 else None
