"""How a training went, epoch by epoch."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass
class Curves:
    """One value an epoch; epoch 0 is the LDA start."""

    epoch: list[int] = field(default_factory=list)
    loss: list[float] = field(default_factory=list)
    accuracy: list[float] = field(default_factory=list)
    calibration_loss: list[float] = field(default_factory=list)
    calibration_accuracy: list[float] = field(default_factory=list)

    def add(self, train: Mapping[str, float], calibration: Mapping[str, float]) -> None:
        """Note the next epoch: `loss` and `accuracy` of the people, of both sides."""
        self.epoch.append(len(self.epoch))
        self.loss.append(train["loss"])
        self.accuracy.append(train["accuracy"])
        self.calibration_loss.append(calibration["loss"])
        self.calibration_accuracy.append(calibration["accuracy"])
