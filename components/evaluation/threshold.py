"""The score from which somebody counts as known, chosen on the calibration side alone."""

from __future__ import annotations

import enum
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from components.evaluation.trials import Trials

REJECTED_SHARE = 0.05
"""Of known people's calibration trials that the threshold rejects where there is no stranger."""


class Basis(enum.StrEnum):
    """On whose calibration scores a threshold was chosen."""

    STRANGERS = "strangers"
    GENUINE = "genuine"
    """Known people's: there was no stranger. What it does to strangers is anybody's guess."""
    NONE = "none"
    """Nobody's: there is no threshold, and nobody is unknown."""


@dataclass(frozen=True)
class Threshold:
    """A threshold and what it rests on.

    Attributes:
        value: the least score of somebody who counts as known; None where there is none.
        basis: on whose scores it was chosen.
        target_fpir: the share of strangers' trials that may reach it.
        trials: on how many it was chosen.
    """

    value: float | None
    basis: Basis
    target_fpir: float
    trials: int

    def note(self, unit: str) -> str | None:
        """What a reader has to know of it, a sentence; None where it could be chosen as wanted."""
        if self.basis is Basis.NONE:
            return f"{unit}: nobody stands on the calibration side: no threshold, nobody is unknown"
        if self.basis is Basis.GENUINE:
            return (
                f"{unit}: no stranger stands on the calibration side: the threshold rejects at "
                f"most {REJECTED_SHARE:.0%} of the {self.trials} trials of known people there"
            )
        if self.target_fpir * self.trials < 1:
            return (
                f"{unit}: the threshold lies just above the highest of {self.trials} strangers' "
                f"calibration scores, too few to show a target FPIR of {self.target_fpir:g}"
            )
        return None


def choose_threshold(calibration: Trials, target_fpir: float) -> Threshold:
    """Choose the smallest threshold that at most `target_fpir` of strangers' trials reach.

    With fewer than 1 / target_fpir of them that is just above the highest. Without any it is the
    REJECTED_SHARE quantile of known people's scores.

    Args:
        calibration: trials of the calibration side, of the unit that it is for.
        target_fpir: a share, 0 to 1.
    """
    strangers = np.sort(calibration.score[calibration.is_stranger])[::-1]
    if trials := len(strangers):
        allowed = math.floor(target_fpir * trials + 1e-9)  # 0.29 * 100 is a little under 29
        value = np.nextafter(strangers[allowed], np.float32(np.inf)) if allowed < trials else 0.0
        return Threshold(float(value), Basis.STRANGERS, target_fpir, trials)
    if trials := len(calibration):
        value = np.quantile(calibration.score, REJECTED_SHARE, method="lower")
        return Threshold(float(value), Basis.GENUINE, target_fpir, trials)
    return Threshold(None, Basis.NONE, target_fpir, 0)
