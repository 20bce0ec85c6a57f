"""What Kubeflow shows of the backbones that were exported."""

from __future__ import annotations

from typing import TYPE_CHECKING

from components.markdown import table

if TYPE_CHECKING:
    from collections.abc import Mapping

    from components.exported_backbones import ExportedBackbone

COLUMNS = ("Backbone", "Parameters", "Features", "Weights", "Licence of the weights", "Failed")


def summarize(backbones: Mapping[str, ExportedBackbone]) -> str:
    """A row for each backbone, in Markdown."""
    rows = [
        (
            name,
            f"{known.parameters:,}" if known.parameters else "",
            known.dimension or "",
            known.weights or "",
            known.license or "",
            known.reason or "",
        )
        for name, known in backbones.items()
    ]
    return f"# Backbones\n\n{table(COLUMNS, rows)}"
