"""What a training run can be told, with the defaults that the DAG and the command share."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field, fields, replace
from pathlib import Path
from typing import Any, Final, cast

from components.backbones import Weights, find_backbone, find_weights
from components.compare_models.preference import Prefer
from components.contracts import Protocol
from components.decide_retraining.decide import Retrain
from components.errors import RollcallError
from components.model_directory import Crop
from components.sources import is_blob

LITES: Final = ("EfficientNetLite0", "EfficientNetLite1", "EfficientNetLite2")
"""Made for edge devices, and their ImageNet weights come with the installation."""


def _setting(default: Any, help_: str, **more: Any) -> Any:  # noqa: ANN401 - as dataclasses.field
    """A field, with what the command tells of it: `min`, `max` and `show_default` as in typer."""
    return field(default=default, metadata={"help": help_, **more})


@dataclass(frozen=True)
class TrainingOptions:
    """The parameters of the training pipeline, but for source and registry.

    Each field is an option of `rollcall run`; a tuple is given with commas between its values.
    """

    backbones: tuple[str, ...] = _setting(
        LITES,
        "Backbones, separated by commas, named as in keras.applications.",
        show_default="EfficientNetLite0, 1 and 2",
    )
    workers: int = _setting(2, "Shards worked on at the same time.", min=1)
    epochs: int = _setting(5, "Passes over the features at the most; heads stop early.", min=0)
    weights: str = _setting(
        str(Weights.IMAGENET), "imagenet, none (random), or a folder of NAME.weights.h5 files."
    )
    frames_per_second: float = _setting(5.0, "Frames sampled from each second of video.")
    min_sharpness: float = _setting(
        5.0, "Blurred frames below it are dropped, never a whole clip.", min=0
    )
    near_duplicate_bits: int = _setting(
        2, "Frames whose hash differs from a kept one's in fewer bits are dropped.", min=0, max=64
    )
    max_dark_share: float = _setting(
        0.9, "Frames with more black than that in their middle are dropped.", min=0, max=1
    )
    max_bright_share: float = _setting(
        0.5, "Frames with more white than that in their middle are dropped.", min=0, max=1
    )
    crop: str = _setting(
        str(Crop.FACE), "face: cut out the head. none: the whole square in the middle."
    )
    precision: str = _setting("auto", "Of the embedding: auto, bf16 or f32.")
    stranger_share: float = _setting(
        0.5, "Part of the visitors that is never trained on.", min=0, max=1
    )
    seed: int = _setting(0, "Of everything random.", min=0)
    roster: str = _setting(
        "",
        "The roster, if it is not roster.csv in the source: a path, or in Azure Blob.",
        show_default="roster.csv in the source",
    )
    protocol: str = _setting(
        str(Protocol.AUTO),
        "by_session, time_blocks, or auto: by session where a person has two or more. "
        "random_frames shows the leak and ranks nothing.",
    )
    target_fpir: float = _setting(
        0.01,
        "Share of strangers that may be taken for somebody; it chooses the threshold.",
        min=0,
        max=1,
    )
    prefer: str = _setting(
        str(Prefer.LATENCY),
        "Of the models that are tied in accuracy: latency (the fastest), accuracy or size.",
    )
    thumbnails: bool = _setting(
        False, "Show a frame of each person in the report. These are faces."
    )
    gate_min_accuracy: float = _setting(
        0.5,
        "Identity accuracy of transactions that a champion needs; a school has to set its own.",
        min=0,
        max=1,
    )
    gate_max_fpir: float = _setting(
        1.0,
        "Rate of strangers taken for somebody that the test may leave possible (its upper bound). "
        "1 demands nothing, and the run says so; a school has to set its own.",
        min=0,
        max=1,
    )
    gate_max_latency_ms: float = _setting(
        100.0, "Latency (p50) of one image with the edge model that a champion may have.", min=0
    )
    gate_max_size_mb: float = _setting(
        100.0, "Size of the edge model in MB that a champion may have.", min=0
    )
    augment_views: int = _setting(
        0, "Augmented views of each frame to learn from; each costs as much as it.", min=0, max=16
    )
    retrain: str = _setting(
        str(Retrain.ALWAYS),
        "always, or when_changed: end early, as a success, if the source and the options are those "
        "of the champion.",
    )

    def checked(self) -> TrainingOptions:
        """The same with each backbone once, and absolute paths of weights and roster.

        A typing error costs a second here, and a run later.

        Raises:
            BackboneError: a name is unknown, or the folder of weights lacks a file.
            RollcallError: there is no backbone, no such roster, or no such choice.
        """
        names = tuple(dict.fromkeys(find_backbone(name).name for name in self.backbones))
        if not names:
            raise RollcallError("no backbone is named: give at least one, e.g. EfficientNetLite0")
        for name, value, known in (
            ("crop", self.crop, Crop),
            ("protocol", self.protocol, Protocol),
            ("prefer", self.prefer, Prefer),
            ("retrain", self.retrain, Retrain),
        ):
            if value not in set(known):
                raise RollcallError(f"--{name} is {value}; it has to be {' or '.join(known)}")
        for name in names:
            find_weights(name, self.weights)
        named = self.weights in set(Weights) - {Weights.FOLDER}
        weights = self.weights if named else str(Path(self.weights).resolve())
        return replace(self, backbones=names, weights=weights, roster=_located(self.roster))

    def arguments(self) -> dict[str, Any]:
        """As arguments of the pipeline."""
        return {**asdict(self), "backbones": list(self.backbones)}


@dataclass(frozen=True)
class FineTuningOptions(TrainingOptions):
    """The parameters of the fine-tuning pipeline: those of training, and its own behind them."""

    backbones: tuple[str, ...] = _setting(
        LITES[:1],
        "Backbones, separated by commas, named as in keras.applications.",
        show_default=LITES[0],
    )
    depth: str = _setting(
        "all", "Layers with weights that are trained: all, or how many of the last."
    )
    tuning_epochs: int = _setting(5, "Passes over the pictures at the most; stops early.", min=1)
    learning_rate: float = _setting(1e-4, "The largest; it grows to it and falls again.", min=0)
    checkpoint_every: int = _setting(
        50, "Steps between two checkpoints, so what a kill costs at the most.", min=1
    )

    def checked(self) -> FineTuningOptions:
        """As `TrainingOptions.checked`.

        Raises:
            BackboneError, RollcallError: as there, or the depth is no number of layers.
        """
        if self.depth != "all" and not (self.depth.isdecimal() and int(self.depth)):
            raise RollcallError(f"--depth is {self.depth}; it has to be all, or a number from 1")
        return cast("FineTuningOptions", super().checked())


def _located(roster: str) -> str:
    """An absolute path of a roster on this machine; others stay as they are."""
    if not roster or is_blob(roster):
        return roster
    path = Path(roster.removeprefix("file://")).expanduser().resolve()
    if not path.is_file():
        raise RollcallError(f"there is no roster at {path}: name the file, or an https:// or az://")
    return str(path)


DEFAULTS: Final = TrainingOptions()

FIELDS: Final = {each.name: each for each in fields(TrainingOptions)}
"""The fields by name."""
