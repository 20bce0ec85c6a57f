"""An edge model as the robot runs it."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest

from components.edge import model as model_module
from components.edge.model import TURNS, EdgeModel, measure_together
from components.errors import ContractError
from components.head import installed_detector
from tests.tiny_model import COLOURS, PEOPLE, plain_frame, tiny_tflite

if TYPE_CHECKING:
    from pathlib import Path

    from components.edge.model import Images, Outputs


@pytest.fixture
def edge(tmp_path: Path) -> EdgeModel:
    (tmp_path / "model.tflite").write_bytes(tiny_tflite())
    return EdgeModel(tmp_path / "model.tflite")


@pytest.mark.parametrize("person", PEOPLE)
def test_a_picture_gives_probabilities_of_people_and_roles(edge: EdgeModel, person: str) -> None:
    outputs = edge(plain_frame(COLOURS[person]))
    assert {name: values.shape for name, values in outputs.items()} == {
        "person": (1, 3),
        "role": (1, 3),
    }
    assert PEOPLE[int(outputs["person"].argmax())] == person


def test_it_says_how_many_classes_it_has(edge: EdgeModel) -> None:
    assert (edge.classes("person"), edge.classes("role")) == (3, 3)


def test_what_is_no_model_is_refused(tmp_path: Path) -> None:
    (tmp_path / "model.tflite").write_bytes(b"no model")
    with pytest.raises(ContractError, match=r"model\.tflite is no model"):
        EdgeModel(tmp_path / "model.tflite")


def test_a_model_of_something_else_is_refused() -> None:
    with pytest.raises(ContractError, match="has no signature"):
        EdgeModel(installed_detector())


def test_what_libraries_print_stays_off_the_terminal(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "model.tflite").write_bytes(tiny_tflite())
    EdgeModel(tmp_path / "model.tflite")
    assert capfd.readouterr() == ("", "")


def test_models_are_measured_in_turns(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []

    class Watched(EdgeModel):
        def __init__(self, path: Path) -> None:
            asked.append(path.stem)
            super().__init__(path)

    monkeypatch.setattr(model_module, "EdgeModel", Watched)
    for name in "ab":
        (tmp_path / f"{name}.tflite").write_bytes(tiny_tflite())
    found = measure_together({name: tmp_path / f"{name}.tflite" for name in "ab"})
    assert asked == ["a", "b"] * TURNS
    assert all(0 < each["p50"] <= each["p99"] for each in found.values())


def test_waiting_for_a_processor_counts_for_no_model(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    wait_s = 0.005

    class Waiting(EdgeModel):
        def __call__(self, image: Images) -> Outputs:
            time.sleep(wait_s)
            return super().__call__(image)

    monkeypatch.setattr(model_module, "EdgeModel", Waiting)
    (tmp_path / "model.tflite").write_bytes(tiny_tflite())
    assert measure_together({"a": tmp_path / "model.tflite"})["a"]["p50"] < wait_s * 1000
