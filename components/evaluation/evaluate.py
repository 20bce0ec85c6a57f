"""From what a model says of the calibration and test frames to everything that is told of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from components.artifacts import write_json
from components.contracts import TRANSACTIONS, Split
from components.evaluation.breakdown import confusions, person_rows, role_rows
from components.evaluation.confidence import (
    expected_calibration_error,
    reliability,
    unscaled_confidence,
)
from components.evaluation.error_curves import det_points, roc_points, score_histogram
from components.evaluation.rates import measure, stranger_counts
from components.evaluation.threshold import choose_threshold
from components.evaluation.trials import decide, decide_pooled
from components.model_directory import (
    CONFUSION_FILE,
    DECISION_FILE,
    EVALUATION_FILE,
    TRANSACTIONS_FILE,
)
from components.parquet import write_table

if TYPE_CHECKING:
    from pathlib import Path

    from components.evaluation.threshold import Threshold
    from components.evaluation.trials import Flags, Labels, Predicted, Trials
    from components.model_directory import Classes


@dataclass(frozen=True)
class Evaluation:
    """What was found.

    Attributes:
        metrics: its part of metrics.json: frame, transaction, strangers, calibration, notes.
        details: evaluation.json.
        confusion: confusion.json.
        threshold: of transactions.
        transactions: of the calibration and test sides.
    """

    metrics: dict[str, Any]
    details: dict[str, Any]
    confusion: dict[str, Any]
    threshold: Threshold
    transactions: Trials

    def write(self, directory: Path, **deployment: str | float) -> None:
        """Write what was found into a model directory, all but the metrics.

        Args:
            directory: of the model.
            deployment: what the robot has to know beside the threshold: crop, precision,
                frames_per_second.
        """
        write_json(directory / EVALUATION_FILE, self.details)
        write_json(directory / CONFUSION_FILE, self.confusion)
        write_table(directory / TRANSACTIONS_FILE, transactions_table(self.transactions))
        decision = {
            "threshold": self.threshold.value,
            "basis": str(self.threshold.basis),
            "target_fpir": self.threshold.target_fpir,
            "unit": "transaction",
        }
        write_json(directory / DECISION_FILE, {**decision, **deployment})


def evaluate(
    labels: Labels,
    predicted: Predicted,
    classes: Classes,
    *,
    temperature: float,
    target_fpir: float,
) -> Evaluation:
    """Evaluate a model by what it says of frames it was not trained on.

    Thresholds are chosen on the calibration side, of frames and of transactions apart, and
    everything else is measured on the test side. Memory is that of `predicted` and of a few
    hundred rows of it.

    Args:
        labels: of the frames of the calibration and test sides, n of them, in any order.
        predicted: what the model that ships says of each.
        classes: the meaning of the labels.
        temperature: by which its logits are divided; the calibration error is given without it too.
        target_fpir: the share of strangers' trials that may reach the threshold.
    """
    units = {"frame": decide(labels, predicted), "transaction": decide_pooled(labels, predicted)}
    tested = {unit: trials.where(trials.split == Split.TEST) for unit, trials in units.items()}
    thresholds = {
        unit: choose_threshold(trials.where(trials.split == Split.CALIBRATION), target_fpir)
        for unit, trials in units.items()
    }
    judged = ~units["frame"].is_stranger & (labels.split == Split.TEST)
    calibration, diagrams = _confidence(units["frame"], predicted, judged, temperature)
    rates = {unit: measure(tested[unit], thresholds[unit]) for unit in units}
    transactions, threshold = tested["transaction"], thresholds["transaction"]
    return Evaluation(
        metrics={
            **rates,
            "strangers": {
                unit: stranger_counts(tested[unit], thresholds[unit].value) for unit in units
            },
            "calibration": calibration,
            "notes": [
                note
                for unit in units
                for note in (thresholds[unit].note(f"{unit}s"), _fpir_note(unit, rates[unit]))
                if note
            ],
        },
        details={
            "det": {unit: det_points(trials) for unit, trials in tested.items()},
            "reliability": diagrams,
            "scores": score_histogram(transactions),
            "roc": roc_points(transactions),
            "roles": role_rows(transactions, classes, threshold.value),
            "people": person_rows(transactions, classes, threshold.value),
        },
        confusion=confusions(transactions, classes),
        threshold=threshold,
        transactions=units["transaction"],
    )


def transactions_table(trials: Trials) -> pa.Table:
    """The transactions as TRANSACTIONS."""
    columns = {**vars(trials), "role_label": trials.role}
    return pa.table([pa.array(columns[name]) for name in TRANSACTIONS.names], schema=TRANSACTIONS)


def _confidence(
    frames: Trials, predicted: Predicted, judged: Flags, temperature: float
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Calibration error and reliability diagrams before and after the scaling by temperature."""
    is_right = frames.is_right[judged]
    before = unscaled_confidence(predicted.person, temperature)[judged]
    diagrams = {
        "before": reliability(before, is_right),
        "after": reliability(frames.score[judged], is_right),
    }
    errors = {f"ece_{name}": expected_calibration_error(bins) for name, bins in diagrams.items()}
    return {"temperature": temperature, **errors, "n": len(is_right)}, diagrams


def _fpir_note(unit: str, rates: dict[str, Any]) -> str | None:
    """Where strangers were too few to say whether the target is met."""
    found = rates["open_set"]
    if not found["fpir_n"]:
        return f"{unit}s: FPIR is not measurable, as no stranger stands on the test side"
    if found["fpir_upper"] > found["target_fpir"] >= found["fpir"]:
        return (
            f"{unit}s: {found['fpir_n']} trials of strangers on the test side leave an FPIR of up "
            f"to {found['fpir_upper']:.1%} possible: too few to show {found['target_fpir']:g}"
        )
    return None
