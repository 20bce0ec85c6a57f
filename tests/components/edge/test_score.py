"""What an edge model says of many frames."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from components.edge.model import EdgeModel
from components.edge.score import score_edge
from components.errors import ContractError
from tests.tiny_model import tiny_tflite

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def model(tmp_path: Path) -> Path:
    path = tmp_path / "model.tflite"
    path.write_bytes(tiny_tflite())
    return path


def frames(count: int) -> np.ndarray:
    levels = np.random.default_rng(0).integers(0, 256, (count, 1, 1, 3), np.uint8)
    return np.broadcast_to(levels, (count, 224, 224, 3))


def chunks(images: np.ndarray, size: int) -> Iterator[np.ndarray]:
    return (images[start : start + size] for start in range(0, len(images), size))


@pytest.mark.parametrize("threads", [1, 3])
@pytest.mark.parametrize("size", [1, 7, 100])
def test_each_frame_is_scored_as_by_itself_in_its_place(
    model: Path, threads: int, size: int
) -> None:
    images, edge = frames(30), EdgeModel(model)
    person, role = score_edge(model, chunks(images, size), threads)
    alone = [edge(image) for image in images]
    np.testing.assert_array_equal(person, np.concatenate([told["person"] for told in alone]))
    np.testing.assert_array_equal(role, np.concatenate([told["role"] for told in alone]))


def test_no_frame_gives_no_row_but_as_many_columns(model: Path) -> None:
    person, role = score_edge(model, [], 2)
    assert (person.shape, role.shape) == ((0, 3), (0, 3))


def test_what_goes_wrong_with_a_picture_ends_it(model: Path) -> None:
    def broken() -> Iterator[np.ndarray]:
        yield frames(2)
        raise ContractError("a frame is not a JPEG")

    with pytest.raises(ContractError, match="not a JPEG"):
        score_edge(model, broken(), 2)
