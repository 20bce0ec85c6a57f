"""The square in the middle of a picture, and parts of it."""

from __future__ import annotations

import numpy as np
import pytest

from components.region import Region
from components.square import UprightPicture, central_square
from tests.discs import disc, extent


@pytest.mark.parametrize(
    ("width", "height"),
    [(320, 240), (240, 320), (1280, 720), (300, 300), (101, 67), (40, 30), (1, 1), (225, 3)],
)
def test_every_size_becomes_the_same_square(width: int, height: int) -> None:
    assert UprightPicture(disc(width, height)).square().shape == (224, 224, 3)


@pytest.mark.parametrize("size", [(640, 360), (360, 640), (481, 271), (120, 90)])
def test_a_circle_stays_a_circle(size: tuple[int, int]) -> None:
    shown = extent(UprightPicture(disc(*size)).square())
    assert shown == pytest.approx((149, 149), abs=4)


def test_a_senseless_pixel_aspect_is_taken_for_one() -> None:
    assert central_square(320, 240, 1000.0) == central_square(320, 240, 1.0)


def test_the_middle_is_kept_and_the_sides_are_cut() -> None:
    image = np.zeros((10, 30, 3), np.uint8)
    image[:, 10:20] = 255
    assert central_square(30, 10, 1.0).cut(image).min() == 255


@pytest.mark.parametrize("pixel_aspect", [2.0, 0.5, 4 / 3])
def test_pixels_that_are_not_square_are_made_so(pixel_aspect: float) -> None:
    picture = UprightPicture(disc(320, 240, pixel_aspect=pixel_aspect), pixel_aspect)
    assert extent(picture.square()) == pytest.approx((149, 149), abs=4)


def test_a_part_is_a_part_of_the_square_not_of_the_picture() -> None:
    image = np.zeros((100, 300, 3), np.uint8)
    image[50:, 150:200] = 255  # the bottom right quarter of the square in the middle
    assert UprightPicture(image).square(Region(0.5, 0.5, 0.5, 0.5)).min() == 255
