"""The table of the hostile kinds and what becomes of them, for people to read."""

from __future__ import annotations

from collections import defaultdict
from pathlib import Path
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

PAGE: Final = Path(__file__).parents[2] / "docs" / "hostile-clips.md"

_HEAD: Final = """# What becomes of a hostile clip

Written by `make hostile-table`, which makes {count} kinds of bad and odd clips, each beside a good
one, and runs ingest and extraction over all of them; the tests do the same. Every clip ends in one
of these ways, and the good ones beside them all have their frames. What each kind is stands in
`tests/hostile/kinds.py`.

| outcome | number | kinds |
| --- | ---: | --- |
"""


def page(outcome_of: Mapping[str, str]) -> str:
    """The page docs/hostile-clips.md, for the outcome of each kind."""
    kinds: dict[str, list[str]] = defaultdict(list)
    for kind, outcome in sorted(outcome_of.items()):
        kinds[outcome].append(kind)
    rows = [
        f"| {outcome} | {len(names)} | {', '.join(names)} |"
        for outcome, names in sorted(kinds.items(), key=lambda row: (-len(row[1]), row[0]))
    ]
    return _HEAD.format(count=len(outcome_of)) + "\n".join([*rows, ""])
