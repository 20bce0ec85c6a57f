"""From a decoded video frame to the upright square that a backbone sees, and its quality."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, cast

import cv2
import numpy as np
from av.sidedata.sidedata import Type as SideDataType

from components.model_directory import FRAME_SIZE
from components.region import WHOLE, Region
from components.square import central_square, scale
from components.video import check_size

if TYPE_CHECKING:
    import numpy.typing as npt
    from av.sidedata.sidedata import SideDataContainer
    from av.video.frame import VideoFrame
    from av.video.plane import VideoPlane

    Image = npt.NDArray[np.uint8]

JPEG_QUALITY: Final = 92

BLACK_BELOW: Final = 32
WHITE_FROM: Final = 250
"""Luma at which a pixel shows no more detail: noise drowns it below, the sensor is full above."""


@dataclass(frozen=True, slots=True)
class Quality:
    """What is measured of a square frame.

    Attributes:
        sharpness: variance of the Laplacian of its luma (Pech-Pacheco et al., 2000).
        brightness: mean luma, 0 to 255.
        dark_share: part of the middle's pixels whose luma is below BLACK_BELOW, 0 to 1.
        bright_share: part of the middle's pixels whose luma is at least WHITE_FROM, 0 to 1.
    """

    sharpness: float
    brightness: float
    dark_share: float
    bright_share: float


class Picture:
    """A decoded frame, of which the square in the middle can be seen, upright.

    That is the largest square in the middle of the picture as it is to be shown. What lies left and
    right of it (above and below it in a portrait video) is lost. Nothing is distorted: pixels that
    are not square are made so on the way.

    A part is cut out before colours are converted, and each plane is scaled by itself: to convert
    the whole picture first costs several times as much.
    """

    def __init__(
        self, frame: VideoFrame, pixel_aspect: float, matrix: npt.NDArray[np.int32] | None
    ) -> None:
        """Look at a frame.

        Args:
            frame: as it was decoded.
            pixel_aspect: width of a pixel divided by its height.
            matrix: how it is to be shown, see `display_matrix`.

        Raises:
            ClipError: UNREADABLE or TOO_LARGE, by the size of the frame.
        """
        check_size(frame.width, frame.height)
        self._square = central_square(frame.width, frame.height, pixel_aspect)
        self._matrix = matrix
        if frame.format.name in _PLANAR:
            self._planes = [_samples(plane) for plane in frame.planes]
            self._to_bgr = to_bgr(frame.colorspace, full_range=_is_full_range(frame))
        else:
            self._planes = [np.asarray(frame.to_ndarray(format="bgr24"), dtype=np.uint8)]

    def square(self, part: Region = WHOLE) -> Image:
        """Cut a square part out of the square in the middle, scale it and turn it upright.

        Args:
            part: which part of the upright square.

        Returns:
            (224, 224, 3) uint8, BGR.
        """
        region = unturned(part, self._matrix).within(self._square)
        planes = [scale(region.cut(plane), FRAME_SIZE) for plane in self._planes]
        if len(planes) == 1:
            return turn(planes[0], self._matrix)
        image = cv2.transform(cv2.merge(planes), self._to_bgr)
        return turn(np.asarray(image, np.uint8), self._matrix)


_PLANAR: Final = frozenset({"yuv420p", "yuvj420p", "yuv422p", "yuvj422p", "yuv444p", "yuvj444p"})
_FULL_RANGE: Final = 2
_KR_KB: Final = {1: (0.2126, 0.0722), 9: (0.2627, 0.0593), 10: (0.2627, 0.0593)}
_KR_KB_OTHERWISE: Final = (0.299, 0.114)


def _samples(plane: VideoPlane) -> Image:
    """View of a plane without the padding of its lines."""
    buffer = cast("memoryview", plane)  # it has the buffer protocol, which the stubs leave out
    lines = np.frombuffer(buffer, np.uint8).reshape(-1, plane.line_size)
    return lines[: plane.height, : plane.width]


def _is_full_range(frame: VideoFrame) -> bool:
    return frame.color_range == _FULL_RANGE or frame.format.name.startswith("yuvj")


def to_bgr(colorspace: int, *, full_range: bool) -> npt.NDArray[np.float32]:
    """The 3x4 matrix from (Y, Cb, Cr, 1) in 0..255 to BGR (ITU-T H.273, 8.3).

    Args:
        colorspace: matrix coefficients as H.273 numbers them: BT.709, BT.2020, and BT.601 for all
            others and where they are not stated, as FFmpeg does.
        full_range: whether luma fills 0..255, not 16..235.
    """
    kr, kb = _KR_KB.get(colorspace, _KR_KB_OTHERWISE)
    kg = 1 - kr - kb
    luma, chroma, black = (1.0, 1.0, 0.0) if full_range else (255 / 219, 255 / 224, 16.0)
    blue, red = 2 * (1 - kb) * chroma, 2 * (1 - kr) * chroma
    factors = np.array(
        [(luma, blue, 0.0), (luma, -blue * kb / kg, -red * kr / kg), (luma, 0.0, red)]
    )
    return np.c_[factors, -factors @ (black, 128.0, 128.0)].astype(np.float32)


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
    swaps_axes, mirror_x, mirror_y = _turn_of(matrix)
    if swaps_axes:
        image = image.transpose(1, 0, 2)
    turned = image[:: -1 if mirror_y else 1, :: -1 if mirror_x else 1]
    return np.ascontiguousarray(turned)


def unturned(part: Region, matrix: npt.NDArray[np.int32] | None) -> Region:
    """Where a part of the upright square lies in the square as it was coded."""
    swaps_axes, mirror_x, mirror_y = _turn_of(matrix)
    x = 1 - part.x - part.width if mirror_x else part.x
    y = 1 - part.y - part.height if mirror_y else part.y
    if swaps_axes:
        return Region(y, x, part.height, part.width)
    return Region(x, y, part.width, part.height)


def _turn_of(matrix: npt.NDArray[np.int32] | None) -> tuple[bool, bool, bool]:
    """Whether axes are swapped first, and which of them is mirrored then."""
    if matrix is None:
        return False, False, False
    (a, b), (c, d) = matrix[0, :2].tolist(), matrix[1, :2].tolist()
    swaps_axes = abs(b) + abs(c) > abs(a) + abs(d)
    mirror_x, mirror_y = (c < 0, b < 0) if swaps_axes else (a < 0, d < 0)
    return swaps_axes, mirror_x, mirror_y


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
    )


def difference_hash(image: Image) -> int:
    """64-bit difference hash (N. Krawetz, "Kind of like that", hackerfactor.com, 2013).

    The picture is made grey and averaged down to 9x8. Each bit says whether a pixel is darker than
    its right neighbour; bits run row by row from the top left, the first one being the most
    significant.

    Args:
        image: (height, width, 3) uint8, BGR.

    Returns:
        The hash as an unsigned integer; similar pictures differ in few bits.
    """
    luma = cv2.cvtColor(image, cv2.COLOR_BGR2GRAY)
    small = np.asarray(cv2.resize(luma, (9, 8), interpolation=cv2.INTER_AREA), dtype=np.uint8)
    darker = small[:, :-1] < small[:, 1:]
    return int.from_bytes(np.packbits(darker).tobytes(), "big")


def encode_jpeg(image: Image) -> bytes:
    """Encode a BGR image as JPEG of JPEG_QUALITY."""
    done, encoded = cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY])
    if not done:
        raise RuntimeError("OpenCV did not encode a JPEG")
    return encoded.tobytes()
