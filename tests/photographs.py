"""Real photographs: those that installed packages ship as samples."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import cv2
import matplotlib as mpl
import numpy as np
from sklearn.datasets import load_sample_image

from components.model_directory import FRAME_SIZE


@cache
def photographs() -> dict[str, np.ndarray]:
    """Pictures by name, uint8 RGB of their own sizes."""
    admiral = cv2.imread(str(Path(mpl.get_data_path()) / "sample_data" / "grace_hopper.jpg"))
    return {
        "palace": load_sample_image("china.jpg"),
        "dahlia": load_sample_image("flower.jpg"),
        "admiral": cv2.cvtColor(admiral, cv2.COLOR_BGR2RGB),
    }


def square(picture: np.ndarray) -> np.ndarray:
    """The middle of a picture at the size of a frame."""
    height, width = picture.shape[:2]
    side = min(height, width)
    top, left = (height - side) // 2, (width - side) // 2
    middle = picture[top : top + side, left : left + side]
    return cv2.resize(middle, (FRAME_SIZE, FRAME_SIZE), interpolation=cv2.INTER_AREA)


def crops(count: int, seed: int = 0) -> np.ndarray:
    """Random squares of the photographs, uint8 [count, 224, 224, 3]."""
    generator = np.random.default_rng(seed)
    pictures = list(photographs().values())
    squares = []
    for number in range(count):
        picture = pictures[number % len(pictures)]
        side = int(generator.integers(FRAME_SIZE, min(picture.shape[:2]) + 1))
        top = int(generator.integers(picture.shape[0] - side + 1))
        left = int(generator.integers(picture.shape[1] - side + 1))
        squares.append(square(picture[top : top + side, left : left + side]))
    return np.stack(squares)
