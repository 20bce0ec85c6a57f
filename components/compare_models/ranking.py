"""Ranks models by what the test can tell: those not worse than the best by chance are tied.

The test is a paired bootstrap over people of the transactions of the test side: all models decided
on the same ones, so that what is hard in them cancels out.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from components.compare_models.formats import points
from components.compare_models.preference import (
    ACCURACY_ORDER,
    ORDERS,
    Prefer,
    deciding,
    lacked_by,
)
from components.contracts import TRANSACTIONS, Split
from components.errors import ContractError
from components.intervals import paired_difference
from components.model_directory import STRANGER, TRANSACTIONS_FILE
from components.parquet import read_table

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from pathlib import Path

    import numpy.typing as npt

    Row = dict[str, Any]

ONLY_MODEL = "only_model"
ALONE = "accuracy"
"""Codes of `decided_by` where no tied model had to be told from another."""


@dataclass(frozen=True)
class Trials:
    """How a model did in the transactions of known people on the test side, sorted by their ids.

    Attributes:
        transaction: their ids [n].
        subject: whose each is [n].
        right: whether the likeliest person was the right one [n].
    """

    transaction: npt.NDArray[np.str_]
    subject: npt.NDArray[np.int32]
    right: npt.NDArray[np.bool_]


def read_trials(model: Path) -> Trials:
    """Read the trials of a model directory.

    Raises:
        ContractError: it has no such table.
    """
    columns = ["transaction", "split", "subject", "person", "predicted"]
    table = read_table(model / TRANSACTIONS_FILE, TRANSACTIONS, columns).sort_by("transaction")
    of = {name: np.asarray(table[name].to_pylist()) for name in columns}
    tried = (of["split"] == str(Split.TEST)) & (of["person"] != STRANGER)
    right = of["predicted"] == of["person"]
    return Trials(of["transaction"][tried], of["subject"][tried], right[tried])


def rank(
    rows: Iterable[Row], trials: Mapping[str, Trials], prefer: Prefer
) -> tuple[list[Row], str | None]:
    """Sort models best first: the tied as `prefer` says, then the others by accuracy.

    Args:
        rows: metrics of models that succeeded and were tested.
        trials: of each by its name.
        prefer: what is wanted of the tied.

    Returns:
        The rows with `difference` (that of the best model's transaction accuracy to theirs, with
        its interval), `tied` (the interval includes 0) and `lacked` (what they lacked to win; None
        for the first), and what decided: ONLY_MODEL, ALONE or the code of a criterion; None where
        there is no row.

    Raises:
        ContractError: the models were tested on different transactions, or one has another
            accuracy than its transactions give.
    """
    by_accuracy = sorted(rows, key=lambda row: tuple(each.key(row) for each in ACCURACY_ORDER))
    if not by_accuracy:
        return [], None
    best = trials[by_accuracy[0]["name"]]
    compared = [_compare(row, trials[row["name"]], best) for row in by_accuracy]
    tied = [row for row in compared if row["tied"]]
    tied.sort(key=lambda row: tuple(each.key(row) for each in ORDERS[prefer]))
    ranked = tied + [row for row in compared if not row["tied"]]
    ranked = [{**row, "lacked": _lacked(row, ranked[0], prefer)} for row in ranked]
    return ranked, _decided_by(ranked, len(tied), prefer)


def _compare(row: Row, own: Trials, best: Trials) -> Row:
    if not np.array_equal(own.transaction, best.transaction):
        raise ContractError(f"{row['name']} was tested on other transactions: train it again")
    if not np.isclose(own.right.mean(), row["transaction"]["identity_accuracy"], atol=1e-6):
        raise ContractError(
            f"{row['name']}: its transactions give another accuracy than its metrics"
        )
    value, interval = paired_difference(best.right, own.right, best.subject)
    difference = {"value": value, "interval": list(interval)}
    return {**row, "difference": difference, "tied": interval[0] <= 0 <= interval[1]}


def _lacked(row: Row, winner: Row, prefer: Prefer) -> str | None:
    if row["name"] == winner["name"]:
        return None
    if row["tied"]:
        return lacked_by(row, winner, prefer)
    low, high = (points(end)[1:] for end in row["difference"]["interval"])
    return f"worse by {points(row['difference']['value'])[1:]} points ({low} to {high})"


def _decided_by(ranked: Sequence[Row], tied: int, prefer: Prefer) -> str:
    if len(ranked) == 1:
        return ONLY_MODEL
    return ALONE if tied == 1 else deciding(ranked[1], ranked[0], prefer).code
