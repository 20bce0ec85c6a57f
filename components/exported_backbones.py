"""What stands in a directory of exported backbones: the files of each, and what is known of it.

<name>/backbone.keras              pixels to features, for training and as the reference
<name>/openvino.xml, openvino.bin  the same in f32, for inference
backbones.json                     an ExportedBackbone by name, in the order asked for

Under the name REIGNING the model that is champion in the registry, to be held against the new ones:
its backbone as above, unless that is the `same_as` one which is exported anyway, and beside it
head.keras (features to probabilities), classes.json and lineage.json. It comes last.
"""

from __future__ import annotations

import enum
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Final

from components.artifacts import read_json, write_json
from components.contracts import BACKBONES_FILE
from components.errors import ContractError

if TYPE_CHECKING:
    from pathlib import Path

KERAS_FILE: Final = "backbone.keras"
OPENVINO_FILE: Final = "openvino.xml"
HEAD_FILE: Final = "head.keras"
REIGNING: Final = "reigning-champion"


class Status(enum.StrEnum):
    """How it went with one backbone."""

    SUCCEEDED = "succeeded"
    FAILED = "failed"


@dataclass(frozen=True)
class ExportedBackbone:
    """What is known of one backbone.

    Attributes:
        status: whether its files are there.
        reason: why not.
        dimension: length of its feature vector.
        parameters: number of its weights.
        weights: "imagenet", "none" or "folder".
        license: what the ImageNet weights were released under (SPDX); none for other weights.
        version: of REIGNING, the number of the registered version.
        same_as: of REIGNING, the exported backbone that gives the same features; it is not embedded
            a second time.
    """

    status: Status
    reason: str | None = None
    dimension: int | None = None
    parameters: int | None = None
    weights: str | None = None
    license: str | None = None
    version: str | None = None
    same_as: str | None = None


def write_exported(directory: Path, backbones: dict[str, ExportedBackbone]) -> None:
    """Write backbones.json into `directory`."""
    values = {name: asdict(backbone) for name, backbone in backbones.items()}
    write_json(directory / BACKBONES_FILE, values)


def read_exported(directory: Path) -> dict[str, ExportedBackbone]:
    """Read backbones.json of `directory`, in the order of the file.

    Raises:
        ContractError: it is missing or not such JSON.
    """
    path = directory / BACKBONES_FILE
    values = read_json(path)
    try:
        return {
            name: ExportedBackbone(**{**value, "status": Status(value["status"])})
            for name, value in values.items()
        }
    except (KeyError, TypeError, ValueError) as error:
        raise ContractError(f"{path} is not a list of exported backbones: {error!r}") from error
