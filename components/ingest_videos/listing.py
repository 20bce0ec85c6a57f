"""The listing of a source, made once and kept on disk: it is counted, and then worked off."""

from __future__ import annotations

import json
from dataclasses import astuple
from typing import TYPE_CHECKING

from components.sources import SourceFile

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path


def write_listing(path: Path, files: Iterable[SourceFile]) -> int:
    """Write one JSON line a file, and return how many there are.

    ASCII alone: names need not be UTF-8, and JSON escapes what is left of such a byte.
    """
    count = 0
    with path.open("w", encoding="ascii") as stream:
        for file in files:
            stream.write(json.dumps(astuple(file)) + "\n")
            count += 1
    return count


def read_listing(path: Path) -> Iterator[SourceFile]:
    """Read the files back, one by one."""
    with path.open(encoding="ascii") as stream:
        for line in stream:
            yield SourceFile(*json.loads(line))
