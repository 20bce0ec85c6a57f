"""Loads a model directory, and nothing in it whose digest was not written with it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from components.artifacts import read_json, verify_digests
from components.edge.model import EdgeModel
from components.errors import ContractError
from components.head import HeadDetector, Runtime
from components.model_directory import (
    CLASSES_FILE,
    DECISION_FILE,
    DETECTOR_FILE,
    EDGE_MODEL_FILE,
    LINEAGE_FILE,
    Classes,
    Crop,
    DecisionRule,
)

if TYPE_CHECKING:
    from pathlib import Path


@dataclass(frozen=True)
class Loaded:
    """A model and what its answers mean.

    Attributes:
        edge: pixels in, probabilities out.
        classes: who and what they are probabilities of.
        rule: how a decision comes of them.
        threshold: the rule's, which is there.
        detector: finds the head to cut out; None where the model takes whole squares.
    """

    edge: EdgeModel
    classes: Classes
    rule: DecisionRule
    threshold: float
    detector: HeadDetector | None


def load(directory: Path) -> Loaded:
    """Verify the digests of a model directory, and load what is needed of it.

    The Keras model is hashed like every file, and never opened.

    Raises:
        ContractError: it is no model directory, lacks a file, or cannot tell strangers.
        DigestError: a file is missing, or is not the one that was written.
    """
    _verify(directory)
    rule = DecisionRule.read(directory / DECISION_FILE)
    if rule.threshold is None:
        raise ContractError(
            f"{DECISION_FILE} has no threshold, as nobody was there to choose it by: the model "
            "would name everybody. Train it on more people or sessions"
        )
    classes = Classes.read(directory / CLASSES_FILE)
    edge = EdgeModel(directory / EDGE_MODEL_FILE)
    if (edge.classes("person"), edge.classes("role")) != (len(classes.people), len(classes.roles)):
        raise ContractError(f"{EDGE_MODEL_FILE} has other classes than {CLASSES_FILE}")
    detector = None
    if rule.crop is Crop.FACE:
        detector = HeadDetector(directory / DETECTOR_FILE, Runtime.LITERT)
    return Loaded(edge, classes, rule, rule.threshold, detector)


def _verify(directory: Path) -> None:
    if not (directory / LINEAGE_FILE).is_file():
        raise ContractError(
            f"{directory} is no model directory: it has no {LINEAGE_FILE}. Give the folder "
            "champion/ of a run, or a version that was fetched from the registry, whole"
        )
    digests = read_json(directory / LINEAGE_FILE).get("sha256")
    if not isinstance(digests, dict):
        raise ContractError(f"{LINEAGE_FILE} has no digests: the model cannot be trusted")
    verify_digests(directory, digests)
    needed = [EDGE_MODEL_FILE, CLASSES_FILE, DECISION_FILE]
    if DECISION_FILE in digests:
        face = DecisionRule.read(directory / DECISION_FILE).crop is Crop.FACE
        needed += [DETECTOR_FILE] * face
    if missing := [name for name in needed if name not in digests]:
        raise ContractError(
            f"{directory} was trained without {', '.join(missing)}, or that training failed: "
            "train it anew"
        )
