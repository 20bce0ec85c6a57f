"""White discs, by which a test sees whether a picture was distorted."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Image = npt.NDArray[np.uint8]


def disc(width: int, height: int, *, pixel_aspect: float = 1.0) -> Image:
    """A white disc in the middle of black, round when it is shown; two thirds of the short side."""
    side = min(width * pixel_aspect, height)
    y, x = np.mgrid[:height, :width]
    distance = np.hypot((x - (width - 1) / 2) * pixel_aspect, y - (height - 1) / 2)
    return np.repeat((distance < side / 3)[..., None], 3, axis=2).astype(np.uint8) * 255


def extent(image: Image) -> tuple[int, int]:
    """Width and height of what is white."""
    rows, columns = np.nonzero(image[..., 0] > 128)
    return int(np.ptp(columns)) + 1, int(np.ptp(rows)) + 1
