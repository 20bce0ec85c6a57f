"""Triangle meshes: surfaces over grids, tubes, their normals, and many parts joined into one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from components.synthesize_cohort.floats import Floats, Ints, floats

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence


@dataclass(frozen=True)
class Mesh:
    """A surface of triangles that carries its material at the vertices.

    Head coordinates: the unit is half a head's height, x to the right of the picture, y up, z
    towards the camera, the origin between the ears.

    Attributes:
        vertices: (N, 3) positions.
        triangles: (M, 3) indices into `vertices`, counter-clockwise from outside.
        albedo: (N, 3) linear RGB, 0 to 1.
        occlusion: (N,) how much of the surroundings' light arrives, 0 to 1.
        sheen: (N,) strength of a broad highlight.
        glint: (N,) strength of a sharp highlight.
        follow: (N,) how far a vertex goes along when the head turns, 0 to 1.
    """

    vertices: Floats
    triangles: Ints
    albedo: Floats
    occlusion: Floats
    sheen: Floats
    glint: Floats
    follow: Floats


def make_mesh(
    vertices: npt.NDArray[np.floating],
    triangles: Ints,
    albedo: npt.ArrayLike,
    *,
    occlusion: npt.ArrayLike = 1.0,
    sheen: npt.ArrayLike = 0.0,
    glint: npt.ArrayLike = 0.0,
    follow: npt.ArrayLike = 1.0,
) -> Mesh:
    """Build a mesh from (..., 3) vertices; every material may be one value for all vertices."""
    flat = np.ascontiguousarray(vertices, dtype=np.float32).reshape(-1, 3)
    count = len(flat)

    def spread(values: npt.ArrayLike, *shape: int) -> Floats:
        given = floats(values)
        if given.size == count * int(np.prod(shape)):
            given = given.reshape(count, *shape)
        return np.ascontiguousarray(np.broadcast_to(given, (count, *shape)), dtype=np.float32)

    return Mesh(
        flat,
        triangles,
        np.clip(spread(albedo, 3), 0.0, 1.0),
        np.clip(spread(occlusion), 0.0, 1.0),
        spread(sheen),
        spread(glint),
        np.clip(spread(follow), 0.0, 1.0),
    )


def grid_triangles(rows: int, columns: int, *, wrap: bool) -> Ints:
    """Triangles over a grid of rows (bottom to top) by columns (left to right), seen from outside.

    Args:
        rows: number of rows of vertices.
        columns: number of columns of vertices.
        wrap: whether the last column is joined to the first.
    """
    index = np.arange(rows * columns, dtype=np.int32).reshape(rows, columns)
    if wrap:
        index = np.concatenate([index, index[:, :1]], axis=1)
    a, b, c, d = index[:-1, :-1], index[:-1, 1:], index[1:, 1:], index[1:, :-1]
    halves = [np.stack([a, b, c], axis=-1), np.stack([a, c, d], axis=-1)]
    return np.concatenate([half.reshape(-1, 3) for half in halves])


def graded(
    count: int, low: float, high: float, density: Callable[[Floats], Floats], *, ends: bool
) -> Floats:
    """Spread `count` values over low..high, closer together where `density` is higher.

    Args:
        count: how many.
        low: the first value.
        high: the last value, itself left out unless `ends`.
        density: relative number of values per unit, positive.
        ends: whether `high` is one of them.
    """
    fine = np.linspace(low, high, 2048, dtype=np.float32)
    weight = np.cumsum(density(fine), dtype=np.float64)
    weight = (weight - weight[0]) / (weight[-1] - weight[0])
    wanted = np.linspace(0.0, 1.0, count, endpoint=ends)
    return np.interp(wanted, weight, fine).astype(np.float32)


def directions(latitudes: Floats, longitudes: Floats) -> Floats:
    """Unit vectors (rows, columns, 3) of a sphere whose longitude 0 is the front (+z)."""
    latitude, longitude = np.meshgrid(latitudes, longitudes, indexing="ij")
    return np.stack(
        [
            np.cos(latitude) * np.sin(longitude),
            np.sin(latitude),
            np.cos(latitude) * np.cos(longitude),
        ],
        axis=-1,
    ).astype(np.float32)


def sphere(rows: int, columns: int) -> tuple[Floats, Ints]:
    """A unit sphere: its vertices (rows, columns, 3) and triangles."""
    latitudes = np.linspace(-np.pi / 2, np.pi / 2, rows, dtype=np.float32)
    longitudes = np.linspace(-np.pi, np.pi, columns, endpoint=False, dtype=np.float32)
    return directions(latitudes, longitudes), grid_triangles(rows, columns, wrap=True)


def tube(
    path: npt.NDArray[np.floating], radius: float, *, closed: bool, sides: int = 8
) -> tuple[Floats, Ints]:
    """A round tube along a path.

    Args:
        path: (P, 3) points.
        radius: of the tube, in head units.
        closed: whether the last point is joined to the first.
        sides: vertices around the tube.

    Returns:
        Vertices (sides, P, 3) and triangles.
    """
    points = np.asarray(path, dtype=np.float64)
    if closed:
        tangent = np.roll(points, -1, axis=0) - np.roll(points, 1, axis=0)
    else:
        tangent = np.gradient(points, axis=0)
    tangent /= np.linalg.norm(tangent, axis=1, keepdims=True)
    aside = np.cross(tangent, _least_parallel_axis(tangent))
    aside /= np.linalg.norm(aside, axis=1, keepdims=True)
    above = np.cross(tangent, aside)
    angle = np.linspace(0.0, 2.0 * np.pi, sides + 1)[:, None, None]
    vertices = points + radius * (np.cos(angle) * aside - np.sin(angle) * above)
    triangles = grid_triangles(sides + 1, len(points), wrap=closed)
    return vertices.astype(np.float32), triangles


def _least_parallel_axis(tangent: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    # One axis for the whole path: a frame that flips on the way would twist the tube shut.
    return np.eye(3)[int(np.argmin(np.abs(tangent).max(axis=0)))]


def join(meshes: Sequence[Mesh]) -> Mesh:
    """Put meshes together into one; vertices stay in the order given."""
    starts = np.cumsum([0, *(len(mesh.vertices) for mesh in meshes[:-1])])
    return Mesh(
        np.concatenate([mesh.vertices for mesh in meshes]),
        np.concatenate(
            [mesh.triangles + np.int32(start) for mesh, start in zip(meshes, starts, strict=True)]
        ),
        np.concatenate([mesh.albedo for mesh in meshes]),
        np.concatenate([mesh.occlusion for mesh in meshes]),
        np.concatenate([mesh.sheen for mesh in meshes]),
        np.concatenate([mesh.glint for mesh in meshes]),
        np.concatenate([mesh.follow for mesh in meshes]),
    )


def keep(mesh: Mesh, wanted: npt.NDArray[np.bool_]) -> Mesh:
    """Keep the triangles that are `wanted` (M,), and the vertices they touch, in their order."""
    triangles = mesh.triangles[wanted]
    used = np.zeros(len(mesh.vertices), dtype=bool)
    used[triangles] = True
    renumbered = (np.cumsum(used) - 1).astype(np.int32)
    return Mesh(
        mesh.vertices[used],
        renumbered[triangles],
        mesh.albedo[used],
        mesh.occlusion[used],
        mesh.sheen[used],
        mesh.glint[used],
        mesh.follow[used],
    )


def vertex_normals(vertices: Floats, triangles: Ints) -> Floats:
    """Unit normals (N, 3): the mean of the touching triangles' normals, weighted by their area."""
    a, b, c = (vertices[triangles[:, corner]].astype(np.float64) for corner in range(3))
    facing = np.cross(b - a, c - a)
    corners = triangles.T.reshape(-1)
    total = np.stack(
        [
            np.bincount(corners, np.tile(facing[:, axis], 3), minlength=len(vertices))
            for axis in range(3)
        ],
        axis=1,
    )
    length = np.linalg.norm(total, axis=1, keepdims=True)
    return (total / np.maximum(length, 1e-12)).astype(np.float32)
