"""From a decoded video frame to the upright square that a backbone sees, and its quality."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, cast

import cv2
import numpy as np
from av.sidedata.sidedata import Type as SideDataType

from components.contracts import FRAME_SIZE
from components.video import check_size

if TYPE_CHECKING:
    import numpy.typing as npt
    from av.sidedata.sidedata import SideDataContainer
    from av.video.frame import VideoFrame

    Image = npt.NDArray[np.uint8]

JPEG_QUALITY: Final = 92

BLACK_BELOW: Final = 32
WHITE_FROM: Final = 250
"""Luma at which a pixel shows no more detail: noise drowns it below, the sensor is full above."""

_PIXEL_ASPECT_LIMITS: Final = (0.25, 4.0)


@dataclass(frozen=True, slots=True)
class Quality:
    """What is measured of a square frame.

    Attributes:
        sharpness: variance of the Laplacian of its luma (Pech-Pacheco et al., 2000).
        brightness: mean luma, 0 to 255.
        dark_share: part of the middle's pixels whose luma is below BLACK_BELOW, 0 to 1.
        bright_share: part of the middle's pixels whose luma is at least WHITE_FROM, 0 to 1.
        dhash: 64-bit difference hash, see `difference_hash`.
    """

    sharpness: float
    brightness: float
    dark_share: float
    bright_share: float
    dhash: int


def upright_square(
    frame: VideoFrame, pixel_aspect: float, matrix: npt.NDArray[np.int32] | None
) -> Image:
    """Cut the middle out of a frame, scale it and turn it the way it is to be shown.

    The largest square in the middle of the picture is kept and scaled to FRAME_SIZE. Nothing is
    distorted: pixels that are not square are made so on the way. What lies left and right of the
    square (above and below it in a portrait video) is lost.

    Args:
        frame: as it was decoded.
        pixel_aspect: width of a pixel divided by its height.
        matrix: how it is to be shown, see `display_matrix`.

    Returns:
        (224, 224, 3) uint8, BGR.

    Raises:
        ClipError: UNREADABLE or TOO_LARGE, by the size of the frame.
    """
    check_size(frame.width, frame.height)
    image = np.asarray(frame.to_ndarray(format="bgr24"), dtype=np.uint8)
    square = scale(central_square(image, pixel_aspect))
    return turn(square, matrix)


def central_square(image: Image, pixel_aspect: float) -> Image:
    """View of the largest part in the middle that is a square when it is shown."""
    low, high = _PIXEL_ASPECT_LIMITS
    if not low <= pixel_aspect <= high:  # a mistake of the file's
        pixel_aspect = 1.0
    height, width = image.shape[:2]
    side = min(width * pixel_aspect, height)
    crop_width = max(1, min(width, round(side / pixel_aspect)))
    crop_height = max(1, min(height, round(side)))
    left, top = (width - crop_width) // 2, (height - crop_height) // 2
    return image[top : top + crop_height, left : left + crop_width]


def scale(image: Image) -> Image:
    """Scale to FRAME_SIZE: averaging when it gets smaller, bilinear when it gets larger."""
    shrinks = min(image.shape[:2]) >= FRAME_SIZE
    how = cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR
    return np.asarray(cv2.resize(image, (FRAME_SIZE, FRAME_SIZE), interpolation=how), np.uint8)


def display_matrix(frame: VideoFrame) -> npt.NDArray[np.int32] | None:
    """Return the frame's 3x3 display matrix in FFmpeg's fixed point; None when it has none.

    Ask for it once a clip: PyAV ties a frame whose side data was looked at into a cycle, and its
    pixels then stay until Python's collector comes by, hundreds of frames later.
    """
    # The stubs take the container of side data for a dictionary.
    for side_data in cast("SideDataContainer", frame.side_data):
        if side_data.type is SideDataType.DISPLAYMATRIX:
            return np.frombuffer(bytes(side_data), dtype=np.int32, count=9).reshape(3, 3)
    return None


def turn(image: Image, matrix: npt.NDArray[np.int32] | None) -> Image:
    """Turn and mirror a square as a display matrix says, to the nearest quarter turn.

    The matrix ((a, b, u), (c, d, v), (x, y, w)) shows the pixel (p, q) at (a p + c q, b p + d q),
    with q pointing down (ISO/IEC 14496-12, 8.5.3; libavutil/display.h). All eight orientations a
    camera can write are covered, the mirrored ones of front cameras included.
    """
    if matrix is None:
        return image
    (a, b), (c, d) = matrix[0, :2].tolist(), matrix[1, :2].tolist()
    swaps_axes = abs(b) + abs(c) > abs(a) + abs(d)
    if swaps_axes:
        image = image.transpose(1, 0, 2)
    mirror_x, mirror_y = (c < 0, b < 0) if swaps_axes else (a < 0, d < 0)
    turned = image[:: -1 if mirror_y else 1, :: -1 if mirror_x else 1]
    return np.ascontiguousarray(turned)


def measure(image: Image) -> Quality:
    """Measure a square BGR frame.

    The exposure is that of the middle, half as wide and as high as the square, where the head is:
    a white wall or a dark room behind a well-lit face is no fault.
    """
    luma = np.asarray(cv2.cvtColor(image, cv2.COLOR_BGR2GRAY), dtype=np.uint8)
    edge = luma.shape[0] // 4
    middle = luma[edge:-edge, edge:-edge]
    return Quality(
        sharpness=float(cv2.Laplacian(luma, cv2.CV_64F).var()),
        brightness=float(luma.mean()),
        dark_share=np.count_nonzero(middle < BLACK_BELOW) / middle.size,
        bright_share=np.count_nonzero(middle >= WHITE_FROM) / middle.size,
        dhash=difference_hash(luma),
    )


def difference_hash(luma: npt.NDArray[np.uint8]) -> int:
    """64-bit difference hash (N. Krawetz, "Kind of like that", hackerfactor.com, 2013).

    The picture is averaged down to 9x8. Each bit says whether a pixel is darker than its right
    neighbour; bits run row by row from the top left, the first one being the most significant.

    Args:
        luma: (height, width) uint8.

    Returns:
        The hash as an unsigned integer; similar pictures differ in few bits.
    """
    small = np.asarray(cv2.resize(luma, (9, 8), interpolation=cv2.INTER_AREA), dtype=np.uint8)
    darker = small[:, :-1] < small[:, 1:]
    return int.from_bytes(np.packbits(darker).tobytes(), "big")


def encode_jpeg(image: Image) -> bytes:
    """Encode a BGR image as JPEG of JPEG_QUALITY."""
    done, encoded = cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY])
    if not done:
        raise RuntimeError("OpenCV did not encode a JPEG")
    return encoded.tobytes()
