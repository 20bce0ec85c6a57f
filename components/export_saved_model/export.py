"""A model directory into a TensorFlow SavedModel."""

from __future__ import annotations

from typing import TYPE_CHECKING

from components.artifacts import atomic_directory, read_json
from components.model_directory import GATE_FILE
from components.quiet import quiet
from components.telemetry import step
from components.trusted_model import load_model

if TYPE_CHECKING:
    from pathlib import Path


def export_saved_model(model: Path, output: Path) -> bool:
    """Write saved_model.pb and its variables, of a model that passed the gate.

    Its signature `serve` takes a batch of frames, uint8 [N, 224, 224, 3] RGB, and gives the
    probabilities `person` and `role`.

    Args:
        model: directory that register_model wrote.
        output: directory to write; it appears whole or not at all, and is empty where no model was
            registered, or none that passed.

    Returns:
        Whether there is one.

    Raises:
        DigestError, TrustError, ContractError: as `trusted_model.load_model`.
    """
    with step("export_saved_model"), atomic_directory(output) as directory:
        if not (model / GATE_FILE).is_file():
            return False
        loaded = load_model(model)
        if not read_json(model / GATE_FILE)["passed"]:
            return False
        with quiet():
            loaded.export(directory, format="tf_saved_model", verbose=False)
    return True
