"""What stands in a model's directory, and what its inputs and outputs mean.

Whoever runs a model needs no more than this: it imports neither Arrow nor TensorFlow, as the robot
has neither.
"""

from __future__ import annotations

import enum
import json
import math
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Final

from components.artifacts import read_json, write_json
from components.errors import ContractError

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

CLASSES_FILE: Final = "classes.json"
MODEL_FILE: Final = "model.keras"
EDGE_MODEL_FILE: Final = "model.tflite"
METRICS_FILE: Final = "metrics.json"
CURVES_FILE: Final = "curves.json"
CONFUSION_FILE: Final = "confusion.json"
LINEAGE_FILE: Final = "lineage.json"
EVALUATION_FILE: Final = "evaluation.json"
TRANSACTIONS_FILE: Final = "transactions.parquet"
DECISION_FILE: Final = "decision.json"
DETECTOR_FILE: Final = "detector.tflite"
MODEL_CARD_FILE: Final = "model_card.md"
SBOM_FILE: Final = "sbom.cdx.json"

FRAME_SIZE: Final = 224
"""Width and height in pixels of every frame that a backbone sees."""


class Role(enum.StrEnum):
    """What a person is to the school. The order is the order of the model's role output."""

    STUDENT = "student"
    STAFF = "staff"
    VISITOR = "visitor"


class Crop(enum.StrEnum):
    """Which part of the square in the middle of a picture a frame shows."""

    NONE = "none"
    FACE = "face"
    """The head, where a face is found in the square, and all of it where none is."""


STRANGER: Final = -1
"""The person label of somebody the model is never trained on."""


@dataclass(frozen=True)
class Classes:
    """What the indices of the model's outputs mean.

    Attributes:
        people: pseudonyms, in the order of the person output.
        role_of_person: for each person the index of its role in `roles`.
        roles: role names, in the order of the role output.
    """

    people: tuple[str, ...]
    role_of_person: tuple[int, ...]
    roles: tuple[str, ...] = tuple(Role)

    def __post_init__(self) -> None:
        if len(self.people) != len(self.role_of_person):
            raise ContractError(
                f"classes: {len(self.people)} people but {len(self.role_of_person)} roles of them"
            )
        if len(set(self.people)) != len(self.people):
            raise ContractError("classes: a person stands in it twice")
        if any(not 0 <= role < len(self.roles) for role in self.role_of_person):
            raise ContractError(f"classes: a role index is outside 0..{len(self.roles) - 1}")

    def check_labels(self, labels: Iterable[int], *, where: str) -> None:
        """Refuse any person label that is neither STRANGER nor an index into `people`.

        Raises:
            ContractError: a label is out of range; the message names the range, not the person.
        """
        wrong = sorted({label for label in labels if not STRANGER <= label < len(self.people)})
        if wrong:
            raise ContractError(
                f"{where}: person labels {wrong[:5]} are outside {STRANGER}..{len(self.people) - 1}"
            )

    def write(self, path: Path) -> None:
        """Write as JSON."""
        write_json(path, asdict(self))

    @classmethod
    def read(cls, path: Path) -> Classes:
        """Read what `write` wrote.

        Raises:
            ContractError: the file is not such JSON.
        """
        try:
            raw = json.loads(path.read_text(encoding="utf-8"))
            return cls(
                people=tuple(raw["people"]),
                role_of_person=tuple(raw["role_of_person"]),
                roles=tuple(raw["roles"]),
            )
        except (KeyError, TypeError, ValueError) as error:
            raise ContractError(f"{path.name} is not a classes file: {error!r}") from error


@dataclass(frozen=True)
class DecisionRule:
    """How whoever runs a model turns what it says into a decision (decision.json).

    Attributes:
        threshold: the least pooled probability of somebody who counts as known, 0 to 1; None where
            nothing was there to choose it by.
        crop: how the frames it was trained on were cut.
        frames_per_second: how many of each second of video were taken.
    """

    threshold: float | None
    crop: Crop
    frames_per_second: float

    @classmethod
    def read(cls, path: Path) -> DecisionRule:
        """Read decision.json, of which the other fields are for people.

        Raises:
            ContractError: the file is not such JSON.
        """
        raw = read_json(path)
        try:
            threshold, rate = raw["threshold"], float(raw["frames_per_second"])
            rule = cls(None if threshold is None else float(threshold), Crop(raw["crop"]), rate)
        except (KeyError, TypeError, ValueError) as error:
            raise ContractError(f"{path.name} says not how to decide: {error!r}") from error
        if not 0 < rate < math.inf or not 0 <= (rule.threshold or 0) < math.inf:
            raise ContractError(f"{path.name}: a threshold or a number of frames is out of range")
        return rule
