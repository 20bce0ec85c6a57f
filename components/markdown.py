"""Text as Markdown, for what the Kubeflow UI shows of a step and for model cards."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

_MEANT: Final = re.compile(r"[\\`*_\[\]<>|&~#]")
_BREAKS: Final = re.compile(r"[\r\n\t\v\f\x85\u2028\u2029]+")


def escape(value: object) -> str:
    """A value as it reads, in one line: nothing in it is Markdown or HTML."""
    return _MEANT.sub(r"\\\g<0>", _BREAKS.sub(" ", str(value)))


def table(columns: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """A table whose first column names its rows; the others are set to the right.

    Raises:
        ValueError: a row has more or fewer cells than there are columns.
    """
    cells = [[escape(value) for value in row] for row in rows]
    if any(len(row) != len(columns) for row in cells):
        raise ValueError(f"a row has not as many cells as there are columns: {len(columns)}")
    aligned = ["---"] + ["---:"] * (len(columns) - 1)
    lines = ([escape(name) for name in columns], aligned, *cells)
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)
