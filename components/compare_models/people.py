"""The people a model did worst with."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

MOST_LISTED: Final = 30
"""People whom the report lists; the others are only counted."""


@dataclass(frozen=True)
class People:
    """People of the test side, the worst first.

    Attributes:
        listed: those with a mistake, as evaluation.json has them, as far as there is room.
        left_out: how many more there are with a mistake.
        total: how many people there are.
        without_error: how many of them were named rightly every time.
    """

    listed: tuple[dict[str, Any], ...]
    left_out: int
    total: int
    without_error: int


def people_of(evaluation: Mapping[str, Any]) -> People:
    """List those whom the model took for somebody else or for nobody."""
    everybody = evaluation["people"]
    wrong = [row for row in everybody if row["right"] < row["n"] or row["rejected"]]
    listed = tuple(wrong[:MOST_LISTED])
    left_out = len(wrong) - len(listed)
    return People(listed, left_out, len(everybody), len(everybody) - len(wrong))
