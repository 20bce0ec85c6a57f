"""From a decoded frame to an upright square: geometry, quality, hash."""

from __future__ import annotations

from dataclasses import astuple
from fractions import Fraction
from typing import TYPE_CHECKING

import av
import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from components import video
from components.contracts import ClipError, Reason
from components.extract_frames.picture import (
    Picture,
    difference_hash,
    display_matrix,
    encode_jpeg,
    measure,
    to_bgr,
    turn,
    unturned,
)
from components.region import Region
from components.square import UprightPicture
from components.video import open_video
from tests.discs import disc, extent
from tests.videos import TURNED, noise, plain, set_display_matrix, write_video

if TYPE_CHECKING:
    from pathlib import Path

    from tests.videos import Image

CORNERS = {"top left": (0, 0), "top right": (0, 1), "bottom left": (1, 0), "bottom right": (1, 1)}


def marked(width: int, height: int) -> Image:
    """Grey, with the top left quarter of the central square white."""
    image = np.full((height, width, 3), 60, np.uint8)
    side = min(width, height)
    left, top = (width - side) // 2, (height - side) // 2
    image[top : top + side // 2, left : left + side // 2] = 250
    return image


def first_square(path: Path) -> Image:
    with open_video(path) as (container, stream):
        frame = next(container.decode(stream))
        aspect = float(stream.sample_aspect_ratio or 1)
        return Picture(frame, aspect, display_matrix(frame)).square()


def brightest_corner(image: Image) -> str:
    half = image.shape[0] // 2
    means = {
        name: image[row * half : (row + 1) * half, column * half : (column + 1) * half].mean()
        for name, (row, column) in CORNERS.items()
    }
    return max(means, key=lambda name: means[name])


@pytest.mark.parametrize("pixel_aspect", [Fraction(2), Fraction(1, 2), Fraction(4, 3)])
def test_a_circle_of_pixels_that_are_not_square_is_made_round(
    tmp_path: Path, pixel_aspect: Fraction
) -> None:
    image = disc(320, 240, pixel_aspect=float(pixel_aspect))
    path = write_video(tmp_path / "a.mp4", [image], pixel_aspect=pixel_aspect)
    assert extent(first_square(path)) == pytest.approx((149, 149), abs=4)


@pytest.mark.parametrize(
    ("degrees", "corner"),
    [(0, "top left"), (90, "top right"), (180, "bottom right"), (270, "bottom left")],
)
def test_a_video_recorded_turned_is_shown_upright(
    tmp_path: Path, degrees: int, corner: str
) -> None:
    path = write_video(tmp_path / "a.mp4", [marked(320, 240)])
    set_display_matrix(path, *TURNED[degrees])
    assert brightest_corner(first_square(path)) == corner


def test_a_video_recorded_mirrored_is_shown_mirrored_back(tmp_path: Path) -> None:
    path = write_video(tmp_path / "a.mp4", [marked(320, 240)])
    set_display_matrix(path, -1, 0, 0, 1)
    assert brightest_corner(first_square(path)) == "top right"


@pytest.mark.parametrize("degrees", [90, 180, 270])
def test_turning_loses_no_pixel(degrees: int) -> None:
    image = noise(1, size=(224, 224))[0]
    a, b, c, d = TURNED[degrees]
    matrix = np.array([[a, b, 0], [c, d, 0], [0, 0, 1]], np.int32) << 16
    assert (turn(image, matrix) == np.rot90(image, -degrees // 90)).all()


PARTS = st.builds(
    Region,
    x=st.floats(0, 0.5),
    y=st.floats(0, 0.5),
    width=st.floats(0.1, 0.5),
    height=st.floats(0.1, 0.5),
)


@given(part=PARTS, degrees=st.sampled_from(sorted(TURNED)), mirrored=st.booleans())
def test_a_part_of_the_upright_square_is_found_in_the_coded_one(
    part: Region, degrees: int, mirrored: bool
) -> None:
    a, b, c, d = TURNED[degrees]
    signs = np.array([[-1 if mirrored else 1], [1], [1]])
    matrix = (np.array([[a, b, 0], [c, d, 0], [0, 0, 1]], np.int32) << 16) * signs
    image = noise(1, size=(200, 200))[0]
    grid = Region(*(round(value * 200) / 200 for value in astuple(part)))
    cut_then_turned = turn(unturned(grid, matrix).cut(image), matrix)
    assert (cut_then_turned == grid.cut(turn(image, matrix))).all()


@given(outer=PARTS, inner=PARTS)
def test_a_part_of_a_part_lies_within_it(outer: Region, inner: Region) -> None:
    part = inner.within(outer)
    assert outer.x <= part.x <= part.x + part.width <= outer.x + outer.width + 1e-9
    assert outer.y <= part.y <= part.y + part.height <= outer.y + outer.height + 1e-9


@pytest.mark.parametrize("full_range", [False, True])
@pytest.mark.parametrize("colorspace", [1, 2, 5, 6, 9])
def test_black_white_and_grey_have_no_colour(colorspace: int, full_range: bool) -> None:
    levels = [(0, 0), (128, 128), (255, 255)] if full_range else [(16, 0), (235, 255)]
    matrix = to_bgr(colorspace, full_range=full_range)
    for luma, grey in levels:
        assert matrix @ [luma, 128, 128, 1] == pytest.approx([grey] * 3, abs=0.01)


@pytest.mark.parametrize(
    ("colorspace", "red"), [(1, (63, 102, 240)), (6, (81, 90, 240)), (2, (81, 90, 240))]
)
def test_pure_red_is_where_the_standards_put_it(colorspace: int, red: tuple[int, int, int]) -> None:
    matrix = to_bgr(colorspace, full_range=False)
    assert matrix @ [*red, 1] == pytest.approx([0, 0, 255], abs=2)


@pytest.mark.parametrize("form", ["yuv420p", "yuvj420p", "yuv422p", "yuv444p"])
@pytest.mark.parametrize("size", [(320, 240), (101, 67), (31, 47)])
def test_planes_give_the_same_picture_as_a_conversion_of_the_whole(
    form: str, size: tuple[int, int]
) -> None:
    image = cv2.GaussianBlur(noise(1, size=size)[0], (0, 0), 5)
    frame = av.VideoFrame.from_ndarray(image, format="rgb24").reformat(format=form)
    by_planes = Picture(frame, 1.0, None).square()
    whole = UprightPicture(frame.to_ndarray(format="bgr24")).square()
    assert np.abs(by_planes.astype(int) - whole).mean() < 4


@pytest.mark.parametrize("form", ["yuv420p10le", "gray", "rgb24", "yuva420p"])
def test_other_pixel_formats_are_converted_as_a_whole(form: str) -> None:
    image = np.full((120, 160, 3), 90, np.uint8)
    frame = av.VideoFrame.from_ndarray(image, format="rgb24").reformat(format=form)
    assert Picture(frame, 1.0, None).square() == pytest.approx(90, abs=3)


def test_colours_come_out_as_they_went_in(tmp_path: Path) -> None:
    image = np.full((240, 320, 3), (200, 40, 90), np.uint8)
    path = write_video(tmp_path / "a.mp4", [image])
    decoded = cv2.imdecode(np.frombuffer(encode_jpeg(first_square(path)), np.uint8), 1)
    assert decoded[112, 112][::-1] == pytest.approx((200, 40, 90), abs=6)


def test_a_frame_too_large_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write_video(tmp_path / "a.mp4", [marked(320, 240)])
    with open_video(path) as (container, stream):
        frame = next(container.decode(stream))
        monkeypatch.setattr(video, "MAX_PIXELS", 100)
        with pytest.raises(ClipError) as caught:
            Picture(frame, 1.0, None)
    assert caught.value.reason is Reason.TOO_LARGE


def test_blurring_lowers_the_sharpness() -> None:
    sharp = noise(1, size=(224, 224))[0]
    assert measure(cv2.GaussianBlur(sharp, (0, 0), 4)).sharpness < measure(sharp).sharpness / 10


def test_a_plain_picture_has_no_sharpness() -> None:
    assert measure(plain(1, size=(224, 224))[0]).sharpness == 0


def test_brightness_is_the_mean_luma() -> None:
    assert measure(plain(1, size=(224, 224), level=77)[0]).brightness == pytest.approx(77)


@pytest.mark.parametrize(
    ("level", "shares"), [(31, (1, 0)), (32, (0, 0)), (249, (0, 0)), (250, (0, 1))]
)
def test_black_and_white_pixels_are_counted(level: int, shares: tuple[float, float]) -> None:
    quality = measure(plain(1, size=(224, 224), level=level)[0])
    assert (quality.dark_share, quality.bright_share) == shares


def test_the_shares_are_parts_of_the_middle() -> None:
    image = plain(1, size=(224, 224))[0]
    image[:84], image[112:] = 0, 255
    quality = measure(image)
    assert (quality.dark_share, quality.bright_share) == (0.25, 0.5)


@pytest.mark.parametrize("wall", [0, 255])
def test_what_is_behind_the_head_does_not_count_as_its_exposure(wall: int) -> None:
    image = plain(1, size=(224, 224), level=wall)[0]
    image[56:168, 56:168] = 100
    quality = measure(image)
    assert (quality.dark_share, quality.bright_share) == (0, 0)


def test_the_first_bit_of_the_hash_is_the_top_left() -> None:
    image = np.zeros((8, 9, 3), np.uint8)
    image[0, 1] = 200
    assert difference_hash(image) == 1 << 63


def test_the_last_bit_of_the_hash_is_the_bottom_right() -> None:
    image = np.zeros((8, 9, 3), np.uint8)
    image[7, 8] = 200
    assert difference_hash(image) == 1


def test_compression_changes_few_bits_of_the_hash() -> None:
    image = cv2.GaussianBlur(noise(1, size=(224, 224))[0], (0, 0), 12)
    again = cv2.imdecode(np.frombuffer(encode_jpeg(image), np.uint8), 1)
    assert (difference_hash(image) ^ difference_hash(again)).bit_count() <= 4


def test_other_pictures_have_other_hashes() -> None:
    one, other = (cv2.GaussianBlur(image, (0, 0), 12) for image in noise(2, size=(224, 224)))
    assert (difference_hash(one) ^ difference_hash(other)).bit_count() >= 16
