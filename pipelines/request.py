"""What a user asks a cluster to run."""

from __future__ import annotations

import enum
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final

from pipelines.options import FineTuningOptions, TrainingOptions
from pipelines.parameters import arguments_for, name_of, parameters_of

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

EXPERIMENT: Final = "rollcall"
RETRAIN: Final = "retrain"
WHEN_CHANGED: Final = "when_changed"


class Pipeline(enum.StrEnum):
    """What can run on a cluster."""

    TRAINING = "training"
    FINE_TUNING = "fine-tuning"


OPTIONS: Final = {Pipeline.TRAINING: TrainingOptions, Pipeline.FINE_TUNING: FineTuningOptions}
"""What the values of their parameters are checked by."""


@dataclass(frozen=True)
class Request:
    """What is to run.

    Attributes:
        pipeline: which.
        source: where the videos are.
        params: NAME=VALUE, each.
        experiment: the group of runs that it belongs to.
    """

    pipeline: Pipeline
    source: str
    params: Sequence[str] = ()
    experiment: str = EXPERIMENT

    def arguments(self, package: Path) -> dict[str, Any]:
        """For the compiled pipeline, checked.

        Raises:
            RollcallError: one of them is wrong.
        """
        return arguments_for(package, OPTIONS[self.pipeline], self.source, self.params)

    def when_changed(self, package: Path) -> Request:
        """The same, but no training where the source is as it was, unless the user says otherwise.

        A pipeline that cannot tell is left as it is.
        """
        if RETRAIN not in parameters_of(package) or RETRAIN in map(name_of, self.params):
            return self
        return replace(self, params=(*self.params, f"{RETRAIN}={WHEN_CHANGED}"))
