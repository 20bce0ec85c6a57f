"""One name for a number wherever it is shown: the registry, the Kubeflow UI, the report."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from components.artifacts import atomic_file, write_json
from components.telemetry import cost

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from kfp.dsl import Metrics

STEP: Final = "step"
"""Under which name a step's metrics hold its own `telemetry.cost`: `step.seconds` and so on."""


def flat_numbers(values: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, float]]:
    """Every number of nested metrics under its dotted name, e.g. `frame.role_accuracy`."""
    for name, value in values.items():
        if isinstance(value, dict):
            yield from flat_numbers(value, f"{prefix}{name}.")
        elif isinstance(value, int | float) and not isinstance(value, bool):
            yield f"{prefix}{name}", float(value)


def publish(metrics: Metrics, values: Mapping[str, Any]) -> None:
    """Show the numbers of a step, and what it took so far, in the Kubeflow UI.

    They stand in the artifact's file too, for the report: the metadata that the UI shows reach a
    later step only by way of the server.
    """
    numbers = dict(flat_numbers({**values, STEP: cost()}))
    for name, value in numbers.items():
        metrics.log_metric(name, value)
    with atomic_file(Path(metrics.path)) as path:
        write_json(path, numbers)
