"""Takes the reigning champion out of the registry and apart, so that new models are held to it."""

from __future__ import annotations

import hashlib
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

import numpy as np

from components.artifacts import read_json
from components.errors import ContractError, DigestError, TrustError
from components.exported_backbones import HEAD_FILE, KERAS_FILE, ExportedBackbone, Status
from components.model_directory import CLASSES_FILE, FRAME_SIZE, LINEAGE_FILE
from components.registry import champion_version, fetch_model
from components.trusted_model import load_model, parts_of

if TYPE_CHECKING:
    import keras
    import numpy.typing as npt

SAME_FEATURES: Final = 1e-3
"""In parts of the largest feature; the same weights in the same layers differ by rounding alone."""


@dataclass
class Reigning:
    """The reigning champion.

    Attributes:
        row: what is known of it; one that cannot be used has failed, with the reason.
        weights: SHA-256 over the weights of its backbone.
        features: what its backbone makes of one picture of noise, [D].
        same_as: the exported backbone that was found to be the same.
    """

    row: ExportedBackbone
    weights: str = ""
    features: npt.NDArray[np.float32] | None = None
    same_as: str | None = None

    def has(self, backbone: keras.Model) -> bool:
        """Whether `backbone` gives the same features: equal weights, in layers that do the same."""
        if self.features is None or digest_of_weights(backbone) != self.weights:
            return False
        apart = np.abs(features_of_noise(backbone) - self.features).max()
        return bool(apart <= SAME_FEATURES * np.abs(self.features).max())


def take_reigning(registry: str, directory: Path) -> Reigning | None:
    """Fetch the champion and write the parts of it; None if the registry has no champion.

    Args:
        registry: an MLflow URI.
        directory: is made, with HEAD_FILE, KERAS_FILE, CLASSES_FILE and LINEAGE_FILE, unless the
            champion cannot be trusted; see components.exported_backbones.

    Raises:
        RegistryError: the registry cannot be reached. The run could not register anything either.
    """
    version = champion_version(registry)
    if version is None:
        return None
    try:
        with tempfile.TemporaryDirectory(prefix="rollcall-champion-") as folder:
            model = fetch_model(registry, Path(folder) / "model", version)
            return _take_apart(model, version, directory)
    except (ContractError, DigestError, TrustError) as error:
        return Reigning(ExportedBackbone(Status.FAILED, str(error), version=version))


def _take_apart(model: Path, version: str, directory: Path) -> Reigning:
    parts = parts_of(load_model(model))
    backbone, head = parts.backbone, parts.head
    weights = read_json(model / LINEAGE_FILE)["parameters"]["weights"]
    directory.mkdir()
    backbone.save(directory / KERAS_FILE)
    head.save(directory / HEAD_FILE)
    for name in (CLASSES_FILE, LINEAGE_FILE):
        shutil.copy(model / name, directory)
    row = ExportedBackbone(
        Status.SUCCEEDED,
        dimension=int(backbone.output_shape[-1]),
        parameters=int(backbone.count_params()),
        weights=weights["weights"],
        license=weights.get("license"),
        version=version,
    )
    return Reigning(row, digest_of_weights(backbone), features_of_noise(backbone))


def digest_of_weights(model: keras.Model) -> str:
    """SHA-256 over the weights of a model, with their shapes, in their order."""
    digest = hashlib.sha256()
    for weight in model.get_weights():
        digest.update(f"{weight.shape}{weight.dtype}".encode())
        digest.update(np.ascontiguousarray(weight).data)
    return digest.hexdigest()


def features_of_noise(backbone: keras.Model) -> npt.NDArray[np.float32]:
    """What a backbone makes of one picture, the same each time, [D]."""
    size = (1, FRAME_SIZE, FRAME_SIZE, 3)
    noise = np.random.default_rng(0).integers(0, 256, size, dtype=np.uint8)
    return np.asarray(backbone(noise, training=False)[0], np.float32)
