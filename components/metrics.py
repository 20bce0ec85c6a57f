"""One name for a number wherever it is shown: the registry, the Kubeflow UI."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping


def flat_numbers(values: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, float]]:
    """Every number of nested metrics under its dotted name, e.g. `frame.role_accuracy`."""
    for name, value in values.items():
        if isinstance(value, dict):
            yield from flat_numbers(value, f"{prefix}{name}.")
        elif isinstance(value, int | float) and not isinstance(value, bool):
            yield f"{prefix}{name}", float(value)
