"""A model directory into a TensorFlow SavedModel."""

from __future__ import annotations

from typing import TYPE_CHECKING

from components.artifacts import atomic_directory
from components.quiet import quiet
from components.telemetry import step
from components.trusted_model import load_model

if TYPE_CHECKING:
    from pathlib import Path


def export_saved_model(model: Path, output: Path) -> None:
    """Write saved_model.pb and its variables into `output`; it appears whole or not at all.

    Its signature `serve` takes a batch of frames, uint8 [N, 224, 224, 3] RGB, and gives the
    probabilities `person` and `role`.

    Args:
        model: directory that register_model wrote.
        output: directory to write.

    Raises:
        DigestError, TrustError, ContractError: as `trusted_model.load_model`.
    """
    with step("export_saved_model"), atomic_directory(output) as directory:
        loaded = load_model(model)
        with quiet():
            loaded.export(directory, format="tf_saved_model", verbose=False)
