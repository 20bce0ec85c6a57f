"""Augmented views of a frame: what the same face could have looked like in other conditions.

A head that is trained on cached features cannot be shown new views in each epoch; a few that are
embedded once stand in for them. One table says what is done and how much of it. A view depends on
the seed, its frame's key and its number alone, so that it is the same however frames are sharded.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, TypeAlias

import cv2
import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

Image: TypeAlias = npt.NDArray[np.uint8]

LARGEST_SHIFT: Final = 0.04
"""Of the width: how far a turned picture is also moved; a cut-out head is never quite centred."""


@dataclass(frozen=True)
class Transform:
    """A row of the table.

    Attributes:
        name: what changes.
        chance: part of the views in which it does.
        low: the least of it.
        high: the most of it; what it measures stands beside the function.
        apply: changes a picture by so much, drawing what else it needs.
    """

    name: str
    chance: float
    low: float
    high: float
    apply: Callable[[Image, float, np.random.Generator], Image]


def _mirror(image: Image, _amount: float, _generator: np.random.Generator) -> Image:
    return _image(cv2.flip(image, 1))


def _turn(image: Image, degrees: float, generator: np.random.Generator) -> Image:
    """By `degrees`, moved and scaled a little; the edge is reflected into what is uncovered."""
    size = image.shape[0]
    matrix = cv2.getRotationMatrix2D((size / 2, size / 2), degrees, generator.uniform(0.93, 1.08))
    matrix[:, 2] += generator.uniform(-LARGEST_SHIFT, LARGEST_SHIFT, 2) * size
    return _image(cv2.warpAffine(image, matrix, (size, size), borderMode=cv2.BORDER_REFLECT_101))


def _light(image: Image, stops: float, generator: np.random.Generator) -> Image:
    """Exposed by `stops` more, with another contrast."""
    levels = (np.arange(256) / 255) ** generator.uniform(0.8, 1.25) * 255 * 2**stops
    return _image(cv2.LUT(image, np.clip(levels, 0, 255).astype(np.uint8)))


def _colour(image: Image, cast: float, generator: np.random.Generator) -> Image:
    """Each channel made up to `cast` stronger or weaker, as by lamps of another colour."""
    gains = 1 + generator.uniform(-cast, cast, 3)
    levels = np.clip(np.arange(256)[:, None] * gains, 0, 255).astype(np.uint8)
    return _image(cv2.LUT(image, levels[:, None]))


def _blur(image: Image, sigma: float, _generator: np.random.Generator) -> Image:
    """By a Gaussian of `sigma` pixels."""
    return _image(cv2.GaussianBlur(image, (0, 0), sigma))


def _cover(image: Image, part: float, generator: np.random.Generator) -> Image:
    """A square of `part` of the width hidden under one colour.

    Random erasing: Zhong, Zheng, Kang, Li and Yang, Random Erasing Data Augmentation, AAAI 2020.
    """
    size = image.shape[0]
    side = round(part * size)
    top, left = generator.integers(0, size - side, 2)
    covered = image.copy()
    covered[top : top + side, left : left + side] = generator.integers(0, 256, 3)
    return covered


TRANSFORMS: Final = (
    Transform("mirror", 0.5, 0.0, 0.0, _mirror),
    Transform("turn", 0.8, -12.0, 12.0, _turn),
    Transform("light", 0.8, -0.7, 0.7, _light),
    Transform("colour", 0.5, 0.03, 0.15, _colour),
    Transform("blur", 0.3, 0.5, 1.5, _blur),
    Transform("cover", 0.3, 0.1, 0.3, _cover),
)
"""What is done to make a view, in this order."""


def make_view(image: Image, seed: int, clip_id: str, index: int, view: int) -> Image:
    """Make view number `view` of a frame.

    Args:
        image: uint8 RGB [S, S, 3]; stays as it is.
        seed: of all views.
        clip_id: the frame's clip.
        index: the frame's number in its clip.
        view: 0 for the first one.

    Returns:
        uint8 RGB [S, S, 3].
    """
    key = hashlib.blake2b(f"{seed}/{clip_id}/{index}/{view}".encode(), digest_size=16).digest()
    generator = np.random.default_rng(int.from_bytes(key, "big"))
    for transform in TRANSFORMS:
        if generator.random() < transform.chance:
            amount = generator.uniform(transform.low, transform.high)
            image = transform.apply(image, amount, generator)
    return image


def make_views(pixels: Image, keys: Iterable[tuple[str, int]], seed: int, view: int) -> Image:
    """View number `view` of each frame of uint8 [N, S, S, 3]; `keys` are clip ids and indices."""
    views = np.empty_like(pixels)
    for row, (clip_id, index) in enumerate(keys):
        views[row] = make_view(pixels[row], seed, clip_id, index, view)
    return views


def _image(array: object) -> Image:
    return np.asarray(array, np.uint8)
