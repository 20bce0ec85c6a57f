"""Runs ingest and extraction over every hostile kind and every mutant, and says what came of them.

    python -m tests.hostile [--write]

`--write` also writes the table of docs/hostile-clips.md anew.
"""

from __future__ import annotations

import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

from tests.hostile.kinds import KINDS
from tests.hostile.run import (
    clips_in,
    lost_or_doubled,
    make_mutants,
    make_source,
    outcomes,
    run_apart,
)
from tests.hostile.table import PAGE, page


def main() -> None:
    with tempfile.TemporaryDirectory(prefix="hostile-") as folder:
        found = _report("kinds", Path(folder) / "kinds")
        mutants = _report("mutants", Path(folder) / "mutants")
    wrong = []
    rows = {}
    for kind in KINDS:
        rows[kind.name] = found[kind.name, kind.file]
        wrong += [] if rows[kind.name] in kind.right else [kind.name]
        print(f"{kind.name:32} {rows[kind.name]}")
    print(f"\n{len(KINDS)} kinds: {_counted(rows.values())}")
    print(f"{len(mutants) - 1} mutants and a good clip: {_counted(mutants.values())}")
    print(f"with another outcome than is right: {', '.join(wrong) or 'none'}")
    if "--write" in sys.argv[1:]:
        PAGE.write_text(page(rows), encoding="utf-8")


def _report(what: str, folder: Path) -> dict[tuple[str, str], str]:
    """Outcomes by person and file."""
    source = folder / "source"
    source.mkdir(parents=True)
    make_mutants(source) if what == "mutants" else make_source(source, KINDS)
    clips = clips_in(source)
    started = time.monotonic()
    memory = run_apart(source, folder / "output")
    took = time.monotonic() - started
    lost = lost_or_doubled(clips, folder / "output")
    print(f"{what}: {took:.0f} s, {memory['children'] >> 10} MB in a child at most; lost: {lost}")
    found = {}
    for path, each in outcomes(folder / "output").items():
        person, *file = path.relative_to(source / "videos").parts
        found[person, "/".join(file)] = each[0]
    return found


def _counted(each: object) -> str:
    return ", ".join(f"{outcome} {count}" for outcome, count in Counter(each).most_common())


if __name__ == "__main__":
    main()
