"""How the models came about."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from components.artifacts import read_json
from components.compare_models import charts
from components.model_directory import CURVES_FILE, LINEAGE_FILE, METRICS_FILE

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path


@dataclass(frozen=True)
class Trained:
    """How a model came about.

    Attributes:
        name: its backbone.
        curves: values an epoch.
        head: what was chosen while the head was trained.
        lineage: what the model was made from.
        accuracy: the chart of its accuracy over epochs.
        loss: the chart of its loss over epochs.
    """

    name: str
    curves: dict[str, list[float]]
    head: dict[str, Any]
    lineage: dict[str, Any]
    accuracy: charts.Lines
    loss: charts.Lines

    @property
    def kept(self) -> int:
        """Position of the epoch whose weights were kept."""
        return self.curves["epoch"].index(self.head["best_epoch"])


def trained_models(models: Mapping[str, Path]) -> list[Trained]:
    """Read how models came about, given their directories by name."""
    curves = {name: read_json(folder / CURVES_FILE) for name, folder in models.items()}
    # One scale of accuracy for all models, lest a bad one look as good as the best.
    every = [
        value for own in curves.values() for value in own["accuracy"] + own["calibration_accuracy"]
    ]
    axis = charts.shares(min(every, default=0.0))
    return [_one(name, models[name], own, axis) for name, own in curves.items()]


def _one(name: str, model: Path, curves: dict[str, Any], accuracy: charts.Axis) -> Trained:
    head = read_json(model / METRICS_FILE)["head"]
    epoch = curves["epoch"]
    across = charts.epochs(epoch[-1])
    loss = charts.from_zero(curves["loss"] + curves["calibration_loss"])
    drawn = [
        charts.lines(
            {
                "calibration": zip(epoch, curves[f"calibration_{measure}"], strict=True),
                "training": zip(epoch, curves[measure], strict=True),
            },
            across,
            axis,
            rule=head["best_epoch"],
        )
        for measure, axis in (("accuracy", accuracy), ("loss", loss))
    ]
    return Trained(name, curves, head, read_json(model / LINEAGE_FILE), *drawn)
