"""One still as a picture, upright."""

from __future__ import annotations

from typing import TYPE_CHECKING

import cv2
import numpy as np

from components.contracts import ClipError, Reason
from components.still import MAX_BYTES, read_header

if TYPE_CHECKING:
    from pathlib import Path

    import numpy.typing as npt


def decode_still(path: Path) -> npt.NDArray[np.uint8]:
    """Decode a JPEG, PNG, BMP or WebP and turn it as its EXIF orientation says.

    The header is read first, so that a picture that is too large is never decoded. Transparency is
    ignored, 16 bits become 8, greys become colours.

    Returns:
        (height, width, 3) uint8, BGR.

    Raises:
        ClipError: UNREADABLE, TOO_LARGE or UNSUPPORTED_CODEC.
    """
    header = read_header(path)
    if path.stat().st_size > MAX_BYTES:
        raise ClipError(Reason.TOO_LARGE, f"more than {MAX_BYTES} bytes are not read")
    content = np.fromfile(path, dtype=np.uint8)
    try:
        image = cv2.imdecode(content, cv2.IMREAD_COLOR)
    except cv2.error:  # its message tells of OpenCV's own lines
        image = None
    if image is None:
        raise ClipError(Reason.UNREADABLE, f"it is a {header.format} that is damaged or cut short")
    if sorted(image.shape[:2]) != sorted((header.width, header.height)):
        raise ClipError(Reason.UNREADABLE, "its picture has another size than it states")
    return np.asarray(image, dtype=np.uint8)
