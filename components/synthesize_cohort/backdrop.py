"""Pictures of what stands behind a person."""

from __future__ import annotations

from typing import TYPE_CHECKING

import cv2
import numpy as np

from components.synthesize_cohort.floats import Floats, floats
from components.synthesize_cohort.noise import bell, smoothstep, wave_noise
from components.synthesize_cohort.session import Backdrop

if TYPE_CHECKING:
    from collections.abc import Callable

    from components.synthesize_cohort.session import Session


def make_backdrop(session: Session, size: int) -> Floats:
    """Paint the backdrop of a session.

    Args:
        session: which kind, its colours, its blur and its seed.
        size: width and height in pixels.

    Returns:
        (size, size, 3) linear RGB.
    """
    generator = np.random.default_rng([session.seed, 1])
    ramp = (np.arange(size, dtype=np.float32) + 0.5) / size
    y, x = np.meshgrid(ramp, ramp, indexing="ij")
    points = floats(np.stack([x, y], axis=-1))
    first, second, third = (floats(colour) for colour in session.backdrop_colours)
    picture = _PAINTERS[session.backdrop](generator, points, (first, second, third))
    uneven = 1.0 + 0.05 * wave_noise(generator, points, 9.0)
    side = float(generator.uniform(-0.4, 0.4))
    uneven = uneven * (1.0 + side * (x - 0.5) + 0.3 * (0.5 - y))
    blurred = cv2.GaussianBlur(
        floats(np.clip(picture * uneven[..., None], 0.0, 3.0)),
        (0, 0),
        max(session.backdrop_blur * size, 0.4),
    )
    return floats(blurred)


_Colours = tuple["Floats", "Floats", "Floats"]


def _mix(first: Floats, second: Floats, share: Floats) -> Floats:
    return floats(first + (second - first) * share[..., None])


def _wall(generator: np.random.Generator, points: Floats, colours: _Colours) -> Floats:
    plaster = 0.10 * wave_noise(generator, points, 60.0, octaves=2)
    picture = _mix(colours[0], colours[1], 0.15 + 0.0 * points[..., 0]) * (1 + plaster)[..., None]
    rail = float(generator.uniform(0.45, 0.95))
    below = smoothstep(rail, rail + 0.01, points[..., 1])
    picture = _mix(picture, 0.6 * colours[1], below)
    for _ in range(int(generator.integers(0, 4))):
        _frame(generator, picture, colours[2])
    return picture


def _frame(generator: np.random.Generator, picture: Floats, colour: Floats) -> None:
    size = picture.shape[0]
    left, top = generator.uniform(-0.1, 0.9), generator.uniform(-0.1, 0.5)
    width, height = generator.uniform(0.1, 0.35, 2)
    rows = slice(max(int(top * size), 0), max(int((top + height) * size), 0))
    columns = slice(max(int(left * size), 0), max(int((left + width) * size), 0))
    picture[rows, columns] = colour * generator.uniform(0.4, 1.4)


def _windows(generator: np.random.Generator, points: Floats, colours: _Colours) -> Floats:
    x, y = points[..., 0], points[..., 1]
    wide, high = generator.uniform(0.22, 0.5), generator.uniform(0.25, 0.6)
    u = (x + generator.uniform(0.0, 1.0)) / wide % 1.0
    v = (y + generator.uniform(0.0, 1.0)) / high % 1.0
    pane = smoothstep(0.5, 0.47, np.abs(u - 0.5) + 0.07) * smoothstep(
        0.5, 0.47, np.abs(v - 0.5) + 0.05
    )
    sky = _mix(floats([0.75, 0.85, 1.0]), colours[1], smoothstep(0.2, 0.9, y))
    sky = sky * np.float32(generator.uniform(0.7, 1.8))
    return _mix(colours[0] * np.ones_like(sky), sky, pane)


def _shelves(generator: np.random.Generator, points: Floats, colours: _Colours) -> Floats:
    x, y = points[..., 0], points[..., 1]
    shelves = int(generator.integers(3, 7))
    row = np.floor(y * shelves).astype(int)
    edges = np.cumsum(generator.uniform(0.012, 0.05, (shelves, 96)), axis=1)
    tall = generator.uniform(0.55, 0.92, (shelves, 97))
    palette = np.stack(colours) * generator.uniform(0.3, 1.3, (97, 1, 1))
    picture = np.empty((*x.shape, 3), dtype=np.float32)
    for shelf in range(shelves):
        inside = row == shelf
        book = np.searchsorted(edges[shelf], x[inside])
        standing = y[inside] * shelves - shelf > 1.0 - tall[shelf, book]
        chosen = palette[book, (book * 7 + shelf) % 3]
        picture[inside] = np.where(standing[:, None], chosen, 0.05 * colours[0])
    board = smoothstep(0.06, 0.04, (y * shelves) % 1.0)
    return _mix(picture, 0.5 * colours[1], board)


def _corridor(generator: np.random.Generator, points: Floats, colours: _Colours) -> Floats:
    middle = generator.uniform(0.3, 0.7, 2).astype(np.float32)
    x, y = points[..., 0] - middle[0], points[..., 1] - middle[1]
    depth = 0.12 / np.maximum(np.maximum(np.abs(x), np.abs(y)), 0.04)
    doors = smoothstep(-0.2, 0.2, np.sin(14.0 * depth + generator.uniform(0, 6)))
    side = np.abs(x) > np.abs(y)
    walls = _mix(colours[0], colours[1], doors)
    floor = _mix(colours[2], 0.7 * colours[2], smoothstep(-0.1, 0.1, np.sin(40.0 * depth)))
    ceiling = floats([0.8, 0.8, 0.78]) * np.ones_like(walls)
    level = np.where((y > 0)[..., None], floor, ceiling)
    fade = 0.45 + 0.75 * np.exp(-1.6 * depth)
    return floats(np.where(side[..., None], walls, level) * fade[..., None])


def _outdoors(generator: np.random.Generator, points: Floats, colours: _Colours) -> Floats:
    y = points[..., 1]
    sky = _mix(floats([0.30, 0.50, 0.85]), floats([0.85, 0.88, 0.90]), y)
    sky = _mix(
        sky, floats([1.1, 1.1, 1.1]), smoothstep(0.0, 1.6, wave_noise(generator, points, 7.0))
    )
    leaves = wave_noise(generator, points, 26.0, octaves=4)
    green = floats([0.06, 0.14, 0.03]) * (1.0 + 0.45 * np.clip(leaves, -1.8, 2.5))[..., None]
    horizon = generator.uniform(0.2, 0.75) + 0.06 * wave_noise(generator, points[..., :1], 9.0)
    picture = _mix(sky * generator.uniform(0.5, 1.3), green, smoothstep(0.0, 0.03, y - horizon))
    ground = generator.uniform(0.8, 1.1)
    return _mix(picture, 0.8 * colours[2], smoothstep(ground, ground + 0.03, y))


def _lights(generator: np.random.Generator, points: Floats, colours: _Colours) -> Floats:
    picture = 0.25 * _mix(colours[0], colours[1], points[..., 1])
    for number in range(int(generator.integers(15, 45))):
        middle, radius = generator.uniform(0.0, 1.0, 2), generator.uniform(0.012, 0.06)
        away = np.hypot(points[..., 0] - middle[0], points[..., 1] - middle[1])
        disc = smoothstep(1.1, 0.9, away / radius) + 0.15 * bell(away, 2.0 * radius)
        glow = (0.4 + colours[number % 3]) * generator.uniform(0.3, 1.3)
        picture += disc[..., None] * glow
    return floats(picture)


_PAINTERS: dict[Backdrop, Callable[[np.random.Generator, Floats, _Colours], Floats]] = {
    Backdrop.WALL: _wall,
    Backdrop.WINDOWS: _windows,
    Backdrop.SHELVES: _shelves,
    Backdrop.CORRIDOR: _corridor,
    Backdrop.OUTDOORS: _outdoors,
    Backdrop.LIGHTS: _lights,
}
