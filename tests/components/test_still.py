"""What is read of a still's header, and what is refused before it is decoded."""

from __future__ import annotations

from typing import TYPE_CHECKING

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from components.contracts import ClipError, Reason
from components.still import StillHeader, read_header
from tests.stills import FORMATS, animated, bomb, encode, still, turned

if TYPE_CHECKING:
    from pathlib import Path

LOSSY_WEBP = cv2.imencode(".webp", np.zeros((48, 80, 3), np.uint8), [cv2.IMWRITE_WEBP_QUALITY, 80])
PROGRESSIVE = cv2.imencode(
    ".jpg", np.zeros((48, 80, 3), np.uint8), [cv2.IMWRITE_JPEG_PROGRESSIVE, 1]
)
GREY = encode(np.zeros((48, 80), np.uint8), ".bmp")

SIZED = {
    **{suffix: still(0, size=(80, 48), suffix=f".{suffix}") for suffix in FORMATS},
    "lossy webp": LOSSY_WEBP[1].tobytes(),
    "progressive jpg": PROGRESSIVE[1].tobytes(),
    "grey bmp": GREY,
}


def header_of(folder: Path, content: bytes) -> StillHeader:
    path = folder / "still"
    path.write_bytes(content)
    return read_header(path)


def reason_of(folder: Path, content: bytes) -> Reason:
    with pytest.raises(ClipError) as caught:
        header_of(folder, content)
    return caught.value.reason


@pytest.mark.parametrize("kind", SIZED)
def test_the_size_of_each_format_is_read(tmp_path: Path, kind: str) -> None:
    header = header_of(tmp_path, SIZED[kind])
    assert (header.width, header.height) == (80, 48)
    assert kind.replace("jpg", "jpeg").endswith(header.format)


@pytest.mark.parametrize("suffix", [".jpg", ".png", ".webp"])
def test_what_stands_before_the_picture_is_passed_over(tmp_path: Path, suffix: str) -> None:
    header = header_of(tmp_path, turned(suffix, 6))
    assert (header.width, header.height) == (60, 40)


@pytest.mark.parametrize("suffix", FORMATS)
def test_a_picture_of_too_many_pixels_is_too_large(tmp_path: Path, suffix: str) -> None:
    size = (60_000, 60_000) if suffix != "webp" else (16_000, 16_000)
    assert reason_of(tmp_path, bomb(f".{suffix}", *size)) is Reason.TOO_LARGE


@pytest.mark.parametrize("suffix", [".png", ".webp"])
def test_an_animation_is_not_a_still(tmp_path: Path, suffix: str) -> None:
    assert reason_of(tmp_path, animated(suffix)) is Reason.UNSUPPORTED_CODEC


@pytest.mark.parametrize(
    "content", [b"", b"GIF89a" + bytes(30), b"<svg>" + bytes(40), b"RIFF\0\0\0\0AVI " + bytes(30)]
)
def test_any_other_content_is_unreadable(tmp_path: Path, content: bytes) -> None:
    assert reason_of(tmp_path, content) is Reason.UNREADABLE


def test_a_jpeg_of_endless_segments_is_given_up(tmp_path: Path) -> None:
    assert reason_of(tmp_path, b"\xff\xd8" + b"\xff\xe1\0\2" * 100_000) is Reason.UNREADABLE


@pytest.mark.parametrize("suffix", FORMATS)
@given(data=st.data())
def test_a_header_that_is_cut_or_spoilt_is_read_or_refused_and_nothing_else(
    tmp_path_factory: pytest.TempPathFactory, suffix: str, data: st.DataObject
) -> None:
    content = bytearray(SIZED[suffix][:200])
    for _ in range(data.draw(st.integers(0, 4))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    path = tmp_path_factory.getbasetemp() / f"spoilt-{suffix}"
    path.write_bytes(content[: data.draw(st.integers(0, len(content)))])
    try:
        header = read_header(path)
    except ClipError:
        return
    assert header.width > 0
    assert header.height > 0
