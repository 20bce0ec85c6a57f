"""A model directory is loaded whole and unchanged, or not at all."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from components.artifacts import digests_of, write_json
from components.errors import ContractError, DigestError
from components.identify_people.loading import load
from components.model_directory import (
    CLASSES_FILE,
    DECISION_FILE,
    DETECTOR_FILE,
    EDGE_MODEL_FILE,
    LINEAGE_FILE,
    MODEL_FILE,
    Classes,
    Crop,
)
from tests.tiny_model import CLASSES, sign, write_model

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def model(tmp_path: Path) -> Path:
    return write_model(tmp_path / "model", crop=Crop.FACE)


def test_a_whole_model_is_loaded(model: Path) -> None:
    loaded = load(model)
    assert loaded.classes == CLASSES
    assert (loaded.threshold, loaded.rule.frames_per_second) == (0.6, 5.0)
    assert loaded.detector is not None


def test_a_model_of_whole_squares_needs_no_detector(tmp_path: Path) -> None:
    assert load(write_model(tmp_path, crop=Crop.NONE)).detector is None


@pytest.mark.parametrize(
    "name", [EDGE_MODEL_FILE, CLASSES_FILE, DECISION_FILE, DETECTOR_FILE, MODEL_FILE]
)
def test_a_changed_file_is_refused(model: Path, name: str) -> None:
    (model / MODEL_FILE).write_bytes(b"not looked into")
    sign(model)
    (model / name).write_bytes((model / name).read_bytes() + b" ")
    with pytest.raises(DigestError, match=f"{name} was changed"):
        load(model)


def test_what_is_not_needed_is_never_opened(model: Path) -> None:
    for name in (MODEL_FILE, "model.h5", "model.pkl"):
        (model / name).write_bytes(b"whoever opens this as a model fails")
    assert load(sign(model)).classes == CLASSES


@pytest.mark.parametrize("name", [EDGE_MODEL_FILE, CLASSES_FILE, DECISION_FILE, DETECTOR_FILE])
def test_a_file_without_a_digest_is_refused(model: Path, name: str) -> None:
    digests = digests_of(model)
    del digests[name], digests[LINEAGE_FILE]
    write_json(model / LINEAGE_FILE, {"sha256": digests})
    with pytest.raises(ContractError, match=f"trained without {name}"):
        load(model)


def test_another_detector_is_refused_though_it_is_signed(model: Path) -> None:
    (model / DETECTOR_FILE).write_bytes(b"another")
    with pytest.raises(DigestError, match="is not the model that finds heads"):
        load(sign(model))


def test_a_model_that_cannot_tell_strangers_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ContractError, match="has no threshold"):
        load(write_model(tmp_path, threshold=None))


def test_other_classes_than_the_models_are_refused(model: Path) -> None:
    Classes(people=("p1", "p2"), role_of_person=(0, 1)).write(model / CLASSES_FILE)
    with pytest.raises(ContractError, match="has other classes"):
        load(sign(model))


@pytest.mark.parametrize("lineage", [None, {}, {"sha256": None}], ids=str)
def test_a_folder_that_nobody_signed_is_refused(
    model: Path, lineage: dict[str, object] | None
) -> None:
    (model / LINEAGE_FILE).unlink()
    if lineage is not None:
        write_json(model / LINEAGE_FILE, lineage)
    with pytest.raises(ContractError, match=r"lineage\.json"):
        load(model)
