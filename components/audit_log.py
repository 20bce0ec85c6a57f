"""The audit log: who ran what over which source, one JSON line each, only ever added to.

A command writes a line when it starts and one when it ends, so that one that was killed shows: its
start has no end. Each line holds the SHA-256 of the line before it: a line that is changed, taken
out or put in between breaks the chain. Lines cut off at the end do not, so keep the digest of the
last line elsewhere, too.

Counts only: no pseudonym, no path, no argument, no error message. Nothing here knows of KFP or of
the command, so that a step can write such a log as well.
"""

from __future__ import annotations

import contextlib
import fcntl
import getpass
import hashlib
import json
import os
import socket
import uuid
from dataclasses import dataclass, field
from datetime import UTC, datetime
from importlib.metadata import version
from typing import IO, TYPE_CHECKING, Any, Final

from components.errors import AuditError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

FIRST: Final = "0" * 64
"""What the first line holds in the place of a digest."""
MAX_LINE_BYTES: Final = 1 << 16
SUCCEEDED: Final = "succeeded"
FAILED: Final = "failed"
DECLINED: Final = "declined"
"""Somebody looked, and did not go on."""


@dataclass
class Record:
    """What the last line of a command will say.

    Attributes:
        source_fingerprints: SHA-256 over the clips of each source that was worked on.
        counts: how many of what; numbers, or numbers by a reason code.
        outcome: SUCCEEDED or FAILED, unless the command says DECLINED.
    """

    source_fingerprints: list[str] = field(default_factory=list)
    counts: dict[str, int | dict[str, int]] = field(default_factory=dict)
    outcome: str = ""

    def count_source(self, summary: Mapping[str, Any]) -> None:
        """Take fingerprint and counts from what ingest_videos or split_dataset says of a source."""
        if not summary:
            return
        self.source_fingerprints = [summary["fingerprint"]]
        self.counts = {
            "clips": summary["clips"],
            "people": summary["people"],
            "rejects": dict(summary["rejects_by_reason"]),
        }
        if "extraction" in summary:
            self.counts["frames"] = int(summary["extraction"]["frames"])


@contextlib.contextmanager
def audited(log: Path, command: str) -> Iterator[Record]:
    """Write that `command` starts, and at the end how it went; yields what to tell of it.

    Raises:
        AuditError: the log cannot be written, or its last line is no line of it. Then nothing runs.
    """
    run, record = uuid.uuid4().hex, Record()
    append(log, {"event": "started", **_who_and_what(run, command)})
    try:
        yield record
    except BaseException:
        record.outcome = record.outcome or FAILED
        raise
    finally:
        end = {
            "outcome": record.outcome or SUCCEEDED,
            "source_fingerprints": record.source_fingerprints,
            "counts": record.counts,
        }
        append(log, {"event": "ended", **_who_and_what(run, command), **end})


def append(log: Path, entry: Mapping[str, Any]) -> None:
    """Add one line, in one write that is on the disk when this returns.

    Raises:
        AuditError: the log cannot be written, or its last line is no line of it.
    """
    try:
        log.parent.mkdir(parents=True, exist_ok=True)
        flags = os.O_RDWR | os.O_APPEND | os.O_CREAT
        with os.fdopen(os.open(log, flags, 0o600), "r+b", buffering=0) as stream:
            fcntl.flock(stream, fcntl.LOCK_EX)  # held for one line by each writer
            time = datetime.now(UTC).isoformat(timespec="milliseconds")
            whole = {"time": time, **entry, "previous_sha256": _last_digest(stream)}
            line = json.dumps(whole).encode() + b"\n"
            if len(line) > MAX_LINE_BYTES:
                raise AuditError(f"a line of {len(line):,} bytes is too long for the audit log")
            if os.write(stream.fileno(), line) != len(line):
                raise AuditError(f"the audit log {log} took half a line: is the disk full?")
            os.fsync(stream.fileno())
    except OSError as error:
        raise AuditError(f"the audit log {log} cannot be written: {error.strerror}") from error


def read_log(log: Path) -> Iterator[dict[str, Any]]:
    """Read the lines, oldest first, holding each against the one before.

    Raises:
        AuditError: there is no log, or its chain is broken; the message says at which line.
    """
    previous = FIRST
    try:
        with log.open("rb") as stream:
            lines = iter(lambda: stream.readline(MAX_LINE_BYTES + 1), b"")
            for number, line in enumerate(lines, start=1):
                entry = _parse(line)
                if entry is None or entry["previous_sha256"] != previous:
                    raise AuditError(
                        f"{log}, line {number}: it was changed, or a line before it was changed, "
                        "taken out or put in"
                    )
                previous = _digest(line)
                yield entry
    except OSError as error:
        raise AuditError(f"the audit log {log} cannot be read: {error.strerror}") from error


def last_digest(log: Path) -> str:
    """SHA-256 of the last line, to be kept elsewhere.

    Raises:
        AuditError: there is no log, or its last line is broken.
    """
    try:
        with log.open("rb") as stream:
            return _last_digest(stream)
    except OSError as error:
        raise AuditError(f"the audit log {log} cannot be read: {error.strerror}") from error


def _who_and_what(run: str, command: str) -> dict[str, Any]:
    return {
        "run": run,
        "who": {"user": _user(), "host": socket.gethostname()},
        "what": {"command": command, "version": version("rollcall")},
    }


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a container's user need not have a name
        return f"uid {os.getuid()}"


def _last_digest(stream: IO[bytes]) -> str:
    size = stream.seek(0, os.SEEK_END)
    if not size:
        return FIRST
    stream.seek(max(0, size - MAX_LINE_BYTES))
    content = stream.read(MAX_LINE_BYTES)
    line = content[content[:-1].rfind(b"\n") + 1 :]
    if _parse(line) is None:
        raise AuditError(
            "the last line of the audit log is broken: put the file aside, so that it can be "
            "looked into, and a new one is begun"
        )
    return _digest(line)


def _parse(line: bytes) -> dict[str, Any] | None:
    """None if it is no line of an audit log."""
    try:
        entry = json.loads(line) if line.endswith(b"\n") else None
    except ValueError:
        return None
    return entry if isinstance(entry, dict) and "previous_sha256" in entry else None


def _digest(line: bytes) -> str:
    return hashlib.sha256(line).hexdigest()
