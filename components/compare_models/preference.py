"""What decides between models that the test cannot tell apart, and what the others lacked."""

from __future__ import annotations

import enum
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from components.compare_models.formats import THIN, byte_size, milliseconds, points

if TYPE_CHECKING:
    from collections.abc import Callable

    Row = dict[str, Any]


class Prefer(enum.StrEnum):
    """What is wanted of the models that are tied in accuracy."""

    LATENCY = "latency"
    ACCURACY = "accuracy"
    SIZE = "size"


@dataclass(frozen=True)
class Criterion:
    """One thing in which models differ.

    Attributes:
        code: as in `decided_by` of the leaderboard.
        words: the same for people.
        key: of a model's row; the smallest wins.
        lacked: what the first of two rows lacks to be like the second, which has the smaller key.
    """

    code: str
    words: str
    key: Callable[[Row], Any]
    lacked: Callable[[Row, Row], str]


def _p50(row: Row) -> float:
    return float(row["latency_ms"]["p50"])


def _size(row: Row) -> int:
    return int(row["size_bytes"])


def _accuracy(unit: str) -> Criterion:
    def key(row: Row) -> float:
        share = row[unit]["identity_accuracy"]
        return 1.0 if share is None else -share  # nothing was tested: after all that was

    def lacked(row: Row, winner: Row) -> str:
        return f"{points(key(row) - key(winner))[1:]} points fewer {unit}s right"

    return Criterion(f"{unit}_accuracy", f"accuracy of {unit}s", key, lacked)


TRANSACTIONS: Final = _accuracy("transaction")
FRAMES: Final = _accuracy("frame")
LATENCY: Final = Criterion(
    "latency",
    "latency (p50) on one thread",
    _p50,
    lambda row, winner: f"{milliseconds(_p50(row) - _p50(winner))} slower",
)
SIZE: Final = Criterion(
    "size",
    "size of the edge model",
    _size,
    lambda row, winner: f"{byte_size(_size(row) - _size(winner))} larger",
)
NAME: Final = Criterion(
    "name",
    "name, in the order of the alphabet",
    lambda row: row["name"],
    lambda *_: "nothing but an earlier name",
)

ACCURACY_ORDER: Final = (TRANSACTIONS, FRAMES, NAME)
"""By which the best model is found, with which the others are compared."""

ORDERS: Final = {
    Prefer.LATENCY: (LATENCY, *ACCURACY_ORDER),
    Prefer.ACCURACY: ACCURACY_ORDER,
    Prefer.SIZE: (SIZE, *ACCURACY_ORDER),
}
"""What decides among the tied: the first criterion in which two of them differ."""

WORDS: Final = {
    criterion.code: criterion.words for criterion in (LATENCY, SIZE, TRANSACTIONS, FRAMES, NAME)
}


def deciding(row: Row, winner: Row, prefer: Prefer) -> Criterion:
    """The first criterion of `prefer` in which two tied models differ; names always do."""
    return next(each for each in ORDERS[prefer] if each.key(row) != each.key(winner))


def lacked_by(row: Row, winner: Row, prefer: Prefer) -> str:
    """What a model that is tied with the winner lacked, in words."""
    return deciding(row, winner, prefer).lacked(row, winner).replace(THIN, " ")
