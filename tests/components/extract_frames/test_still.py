"""A still comes out as the picture that a viewer would show."""

from __future__ import annotations

from typing import TYPE_CHECKING

import cv2
import numpy as np
import pytest

from components.contracts import ClipError, Reason
from components.extract_frames.still import decode_still
from tests.stills import FORMATS, animated, bomb, encode, four_colours, still, turned

if TYPE_CHECKING:
    from pathlib import Path

PICTURE = four_colours()

# Exif 2.32, 4.6.4 A, tag 274: what has to be done to the stored rows and columns.
UPRIGHT = {
    1: PICTURE,
    2: PICTURE[:, ::-1],
    3: PICTURE[::-1, ::-1],
    4: PICTURE[::-1],
    5: PICTURE.transpose(1, 0, 2),
    6: np.rot90(PICTURE, -1),
    7: PICTURE[::-1, ::-1].transpose(1, 0, 2),
    8: np.rot90(PICTURE),
}


def decoded(folder: Path, content: bytes) -> np.ndarray:
    path = folder / "still"
    path.write_bytes(content)
    return decode_still(path)


def refusal(folder: Path, content: bytes) -> ClipError:
    with pytest.raises(ClipError) as caught:
        decoded(folder, content)
    return caught.value


def assert_same(found: np.ndarray, wanted: np.ndarray) -> None:
    """But for what JPEG does to colours."""
    assert found.shape == wanted.shape
    assert np.abs(found.astype(int) - wanted).mean() < 8


@pytest.mark.parametrize("suffix", [".jpg", ".png", ".webp"])
@pytest.mark.parametrize("orientation", UPRIGHT)
def test_a_picture_is_turned_as_its_exif_says(
    tmp_path: Path, suffix: str, orientation: int
) -> None:
    assert_same(decoded(tmp_path, turned(suffix, orientation)), UPRIGHT[orientation])


@pytest.mark.parametrize("orientation", [0, 9, 65535])
def test_an_orientation_that_does_not_exist_is_ignored(tmp_path: Path, orientation: int) -> None:
    assert_same(decoded(tmp_path, turned(".jpg", orientation)), PICTURE)


@pytest.mark.parametrize("suffix", FORMATS)
def test_every_format_is_decoded_whatever_it_is_called(tmp_path: Path, suffix: str) -> None:
    assert_same(decoded(tmp_path, encode(PICTURE, f".{suffix}")), PICTURE)


@pytest.mark.parametrize(
    "image",
    [
        cv2.cvtColor(PICTURE, cv2.COLOR_BGR2GRAY),
        cv2.cvtColor(PICTURE, cv2.COLOR_BGR2BGRA),
        PICTURE.astype(np.uint16) * 257,
    ],
    ids=["grey", "transparent", "16 bits"],
)
def test_whatever_the_pixels_are_they_become_bgr_of_8_bits(
    tmp_path: Path, image: np.ndarray
) -> None:
    found = decoded(tmp_path, encode(image))
    assert (found.shape, found.dtype) == (PICTURE.shape, np.uint8)


@pytest.mark.parametrize("part", [0.1, 0.5, 0.9])
@pytest.mark.parametrize("suffix", FORMATS)
def test_a_still_that_is_cut_short_is_unreadable(tmp_path: Path, suffix: str, part: float) -> None:
    content = still(3, size=(200, 200), suffix=f".{suffix}")
    error = refusal(tmp_path, content[: int(len(content) * part)])
    assert error.reason is Reason.UNREADABLE


@pytest.mark.parametrize("suffix", [".png", ".jpg", ".bmp"])
def test_a_bomb_is_refused_by_its_header(tmp_path: Path, suffix: str) -> None:
    assert refusal(tmp_path, bomb(suffix)).reason is Reason.TOO_LARGE


@pytest.mark.parametrize("suffix", [".png", ".bmp", ".webp"])  # a JPEG can be a part of a picture
def test_a_still_that_lies_about_its_size_is_refused(tmp_path: Path, suffix: str) -> None:
    content = bomb(suffix, 640, 480)
    assert refusal(tmp_path, content).reason is Reason.UNREADABLE


def test_an_animation_is_refused(tmp_path: Path) -> None:
    assert refusal(tmp_path, animated(".png")).reason is Reason.UNSUPPORTED_CODEC


def test_a_picture_of_one_pixel_is_a_picture(tmp_path: Path) -> None:
    assert decoded(tmp_path, encode(np.zeros((1, 1, 3), np.uint8))).shape == (1, 1, 3)
