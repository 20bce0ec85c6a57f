"""Builds backbones with Keras and writes them down for the steps that use them."""

from __future__ import annotations

import functools
import gc
import logging
import shutil
from dataclasses import replace
from typing import TYPE_CHECKING

from components import telemetry
from components.artifacts import atomic_directory
from components.backbones import Weights, build_backbone, find_backbone, find_weights
from components.errors import BackboneError
from components.export_backbones.openvino_model import write_openvino
from components.exported_backbones import (
    KERAS_FILE,
    OPENVINO_FILE,
    REIGNING,
    ExportedBackbone,
    Status,
    write_exported,
)
from components.lean_keras import KerasBackend, load_keras

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path

    from components.export_backbones.reigning import Reigning

log = logging.getLogger("rollcall")


def export_backbones(
    names: Iterable[str], weights: str, output: Path, seed: int = 0, registry: str = ""
) -> dict[str, ExportedBackbone]:
    """Build each backbone and write its files; see components.exported_backbones for the layout.

    One that fails is noted as failed, with the reason. All are built in one process, one after
    another: clearing Keras' session gives a network's memory back, so that the peak is that of the
    largest. Keras runs on OpenVINO for it; TensorFlow is not imported.

    Args:
        names: names of the table of backbones; a repeated one counts once.
        weights: "imagenet", "none" or a folder, as in `find_weights`.
        output: directory to write; it appears whole or not at all.
        seed: of random weights.
        registry: MLflow URI of the champion to export as REIGNING, too; empty for none.

    Returns:
        What was written into backbones.json, by name.

    Raises:
        BackboneError: a name is unknown, none was given, or every one of them failed.
        RegistryError: the registry cannot be reached.
        RollcallError: Keras runs on TensorFlow in this process already.
    """
    wanted = [find_backbone(name).name for name in dict.fromkeys(names)]
    if not wanted:
        raise BackboneError("no backbone was asked for; name at least one")
    exported = {}
    with telemetry.step("export_backbones") as progress, atomic_directory(output) as directory:
        progress.expect(len(wanted), "backbones")
        load_keras(KerasBackend.OPENVINO)
        import keras  # noqa: PLC0415 - slow

        keras.config.disable_interactive_logging()  # its download bars
        reigning = _take_reigning(registry, directory / REIGNING) if registry else None
        for name in wanted:
            export = functools.partial(_export, name, weights, directory / name, seed, reigning)
            exported[name] = _note_failure(export, directory / name)
            progress.advance()
        if all(backbone.status is Status.FAILED for backbone in exported.values()):
            reasons = "\n".join(f"{name}: {known.reason}" for name, known in exported.items())
            raise BackboneError(f"no backbone could be exported:\n{reasons}")
        if reigning:
            finish = functools.partial(_finish_reigning, reigning, directory / REIGNING)
            exported[REIGNING] = _note_failure(finish, directory / REIGNING)
        write_exported(directory, exported)
    return exported


def _note_failure(export: Callable[[], ExportedBackbone], directory: Path) -> ExportedBackbone:
    """Export one backbone; whatever stops it is its own matter, and stands in its row."""
    name = directory.name
    try:
        return export()
    except BackboneError as error:
        reason = str(error)
    except Exception as error:
        log.exception("%s could not be exported", name)
        reason = f"{type(error).__name__}: {error}"
    finally:
        _forget_models()
    log.warning("%s failed: %s", name, reason)
    shutil.rmtree(directory, ignore_errors=True)
    return ExportedBackbone(Status.FAILED, reason)


def _export(
    name: str, weights: str, directory: Path, seed: int, reigning: Reigning | None
) -> ExportedBackbone:
    source, _ = find_weights(name, weights)
    model = build_backbone(name, weights, seed=seed)
    directory.mkdir()
    model.save(directory / KERAS_FILE)
    write_openvino(model, directory / OPENVINO_FILE)
    if reigning and reigning.has(model):
        reigning.same_as = name
    return ExportedBackbone(
        Status.SUCCEEDED,
        dimension=int(model.output_shape[-1]),
        parameters=int(model.count_params()),
        weights=source,
        license=find_backbone(name).license if source is Weights.IMAGENET else None,
    )


def _take_reigning(registry: str, directory: Path) -> Reigning | None:
    from components.export_backbones.reigning import take_reigning  # noqa: PLC0415 - slow: MLflow

    try:
        return take_reigning(registry, directory)
    finally:
        _forget_models()


def _finish_reigning(reigning: Reigning, directory: Path) -> ExportedBackbone:
    """Write the champion's backbone for inference, unless one that is exported anyway will do."""
    if reigning.row.status is Status.FAILED:
        return reigning.row
    if reigning.same_as:
        (directory / KERAS_FILE).unlink()
        return replace(reigning.row, same_as=reigning.same_as)
    import keras  # noqa: PLC0415 - slow

    model = keras.saving.load_model(directory / KERAS_FILE, compile=False, safe_mode=True)
    write_openvino(model, directory / OPENVINO_FILE)
    return reigning.row


def _forget_models() -> None:
    import keras  # noqa: PLC0415 - slow

    keras.backend.clear_session()
    gc.collect()
