"""The file that a training resumes from: whole or not there, and never another training's.

`keras.callbacks.BackupAndRestore` (3.15) does not do it. It notes the batch but resumes at the
beginning of the epoch, so that frames are seen twice; it writes weights and epoch as two files, in
place, so that a kill between or within them leaves a wrong or a torn pair; it keeps neither the
running means of the metrics nor what early stopping knows; and it deletes the backup when `fit`
ends, before what was trained is written.
"""

from __future__ import annotations

import hashlib
import json
import logging
import os
import time
import zipfile
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from components.artifacts import atomic_file

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    import numpy.typing as npt

    Arrays = dict[str, npt.NDArray[Any]]

log = logging.getLogger("rollcall")

SUFFIX: Final = ".checkpoint"
ABANDONED_S: Final = 7 * 24 * 3600.0
"""Seconds after which a checkpoint that nobody went on with is deleted: it derives from faces."""
RUN_VARIABLE: Final = "ROLLCALL_RUN"
"""Names the run in the environment, where several share a folder; a retry has the same."""
_NOTES: Final = "notes"


class Checkpoint:
    """One training's file in a folder that trainings may share.

    Its name is the digest of what the training is made from, and in which run, so that no other is
    ever resumed: of two runs of the same at once, the first to end would delete the other's.
    """

    def __init__(self, folder: Path, recipe: Mapping[str, Any]) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        named = {**recipe, RUN_VARIABLE: os.environ.get(RUN_VARIABLE, "")}
        content = json.dumps(named, sort_keys=True).encode()
        self.path = folder / f"{hashlib.sha256(content).hexdigest()[:32]}{SUFFIX}"
        self._clear()

    def save(self, arrays: Arrays, notes: Mapping[str, Any]) -> None:
        """Replace what was saved; on the disk, not in its cache, when this returns."""
        text = np.frombuffer(json.dumps(notes).encode(), np.uint8)
        with atomic_file(self.path) as temporary, temporary.open("wb") as stream:
            np.savez(stream, allow_pickle=False, **arrays, **{_NOTES: text})
            stream.flush()
            os.fsync(stream.fileno())

    def load(self) -> tuple[Arrays, dict[str, Any]] | None:
        """What was saved last; nothing if nothing was, or if the disk has damaged it."""
        if not self.path.exists():
            return None
        try:
            # Reading an array checks its CRC.
            with self.path.open("rb") as stream, np.load(stream, allow_pickle=False) as file:
                arrays = {name: file[name] for name in file.files}
        except (EOFError, OSError, ValueError, zipfile.BadZipFile) as error:
            damaged = self.path.with_name(f"{self.path.name}.damaged")
            self.path.replace(damaged)
            log.warning("a checkpoint is damaged (%s): kept as %s", error, damaged.name)
            return None
        return arrays, json.loads(arrays.pop(_NOTES).tobytes())

    def delete(self) -> None:
        """Delete it: what was trained is safe elsewhere."""
        self.path.unlink(missing_ok=True)

    def _clear(self) -> None:
        """Delete what this training was writing when it was killed, and what nobody went on with.

        Other trainings may be writing theirs.
        """
        for path in self.path.parent.glob(f".{self.path.name}.*.partial"):
            path.unlink(missing_ok=True)
        for path in self.path.parent.iterdir():
            if path != self.path and SUFFIX in path.name and _age(path) > ABANDONED_S:
                path.unlink(missing_ok=True)
                log.info("deleted an abandoned checkpoint, %s", path.name)


def _age(path: Path) -> float:
    """Seconds since it was written; 0 if it has gone, as others may have deleted it."""
    try:
        return time.time() - path.stat().st_mtime
    except FileNotFoundError:
        return 0.0
