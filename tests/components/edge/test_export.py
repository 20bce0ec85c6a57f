"""Edge models are held against the Keras model before they are let out."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from components.edge.export import check
from components.edge.model import Precision
from components.errors import ContractError
from tests.tiny_model import COLOURS, plain_frame, tiny_tflite

if TYPE_CHECKING:
    from pathlib import Path

IMAGES = np.stack([plain_frame(COLOURS["red"]), plain_frame(COLOURS["grey"])])
EXPECTED = np.array([[1, 0, 0], [1 / 3, 1 / 3, 1 / 3]], np.float32)


@pytest.fixture
def model(tmp_path: Path) -> Path:
    path = tmp_path / "model.tflite"
    path.write_bytes(tiny_tflite())
    return path


def expected(shift: float = 0.0) -> dict[str, np.ndarray]:
    return {"person": EXPECTED, "role": EXPECTED + np.float32(shift)}


@pytest.mark.parametrize(("precision", "shift"), [(Precision.FLOAT32, 0), (Precision.INT8, 0.25)])
def test_the_difference_is_the_largest_of_any_output(
    model: Path, precision: Precision, shift: float
) -> None:
    found = check(model, precision, expected(shift), IMAGES)
    assert found == pytest.approx(shift, abs=1e-4)


def test_a_float32_model_that_says_something_else_is_refused(model: Path) -> None:
    with pytest.raises(ContractError, match="the edge model's probabilities differ"):
        check(model, Precision.FLOAT32, expected(0.002), IMAGES)


@pytest.mark.parametrize("precision", [Precision.FLOAT16, Precision.INT8])
def test_what_rounding_moves_is_told_and_not_refused(model: Path, precision: Precision) -> None:
    assert check(model, precision, expected(0.06), IMAGES) > 0.05


def test_a_model_that_gives_no_probabilities_is_refused(
    tmp_path: Path,
) -> None:
    path = tmp_path / "model.tflite"
    path.write_bytes(tiny_tflite(gain=2.0))
    with pytest.raises(ContractError, match="gives no probabilities as role"):
        check(path, Precision.INT8, expected(), IMAGES)
