"""What a training run can be told, with the defaults that the DAG and the command share."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Final

from components.backbones import Weights, find_backbone, find_weights
from components.errors import RollcallError
from components.sources import is_blob

LITES: Final = ("EfficientNetLite0", "EfficientNetLite1", "EfficientNetLite2")
"""Made for edge devices, and their ImageNet weights come with the installation."""


@dataclass(frozen=True)
class TrainingOptions:
    """The parameters of the training pipeline, but for source and registry.

    Attributes:
        backbones: names of pretrained backbones, as in keras.applications.
        workers: shards that are extracted and embedded at the same time.
        epochs: passes over the features at the most; heads stop early.
        weights: imagenet, none (random), or a folder of weights files.
        frames_per_second: frames sampled from each second of video.
        min_sharpness: blurred frames below it are dropped, but never a whole clip.
        near_duplicate_bits: frames whose hash differs in fewer bits from a kept one are dropped.
        max_dark_share: frames with more black than that in their middle are dropped.
        max_bright_share: frames with more white than that in their middle are dropped.
        precision: of the embedding: auto, bf16 or f32.
        stranger_share: part of the visitors that is never trained on.
        seed: of everything random.
        roster: path, file:// URI or Azure Blob URL of the roster; empty: roster.csv in the source.
    """

    backbones: tuple[str, ...] = LITES
    workers: int = 2
    epochs: int = 5
    weights: str = str(Weights.IMAGENET)
    frames_per_second: float = 5.0
    min_sharpness: float = 5.0
    near_duplicate_bits: int = 2
    max_dark_share: float = 0.9
    max_bright_share: float = 0.5
    precision: str = "auto"
    stranger_share: float = 0.5
    seed: int = 0
    roster: str = ""

    def checked(self) -> TrainingOptions:
        """The same with each backbone once, and absolute paths of weights and roster.

        A typing error costs a second here, and a run later.

        Raises:
            BackboneError: a name is unknown, or the folder of weights lacks a file.
            RollcallError: there is no backbone, or no such roster.
        """
        names = tuple(dict.fromkeys(find_backbone(name).name for name in self.backbones))
        if not names:
            raise RollcallError("no backbone is named: give at least one, e.g. EfficientNetLite0")
        for name in names:
            find_weights(name, self.weights)
        named = self.weights in set(Weights) - {Weights.FOLDER}
        weights = self.weights if named else str(Path(self.weights).resolve())
        return replace(self, backbones=names, weights=weights, roster=_located(self.roster))

    def arguments(self) -> dict[str, Any]:
        """As arguments of the pipeline."""
        return {**asdict(self), "backbones": list(self.backbones)}


def _located(roster: str) -> str:
    """An absolute path of a roster on this machine; others stay as they are."""
    if not roster or is_blob(roster):
        return roster
    path = Path(roster.removeprefix("file://")).expanduser().resolve()
    if not path.is_file():
        raise RollcallError(f"there is no roster at {path}: name the file, or an https:// or az://")
    return str(path)


DEFAULTS: Final = TrainingOptions()
