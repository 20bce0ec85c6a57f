"""Surfaces face outward, and their parts stay in order."""

from __future__ import annotations

import numpy as np
import pytest

from components.synthesize_cohort.mesh import graded, join, keep, make_mesh, sphere, tube
from components.synthesize_cohort.mesh import vertex_normals as normals_of


def test_normals_of_a_sphere_point_outward():
    vertices, triangles = sphere(24, 32)
    flat = vertices.reshape(-1, 3)
    assert (np.sum(normals_of(flat, triangles) * flat, axis=1)[32:-32] > 0.98).all()


def test_normals_of_a_closed_tube_point_away_from_its_middle():
    angle = np.linspace(0, 2 * np.pi, 40, endpoint=False)
    path = np.stack([np.cos(angle), np.sin(angle), 0 * angle], axis=1)
    vertices, triangles = tube(path, 0.1, closed=True)
    outward = (vertices - path).reshape(-1, 3) / 0.1
    assert (np.sum(normals_of(vertices.reshape(-1, 3), triangles) * outward, axis=1) > 0.5).all()


@pytest.mark.parametrize("straight", [[1, 0, 0], [0, 1, 0], [0, 0, 1], [1, 1, 1]])
def test_an_open_tube_keeps_its_radius_in_every_direction(straight):
    path = np.linspace(0, 1, 5)[:, None] * np.array(straight, dtype=float)
    vertices, _ = tube(path, 0.2, closed=False)
    assert np.linalg.norm(vertices - path, axis=-1) == pytest.approx(0.2, abs=1e-5)


def test_graded_values_lie_closer_where_the_density_is_higher():
    values = graded(50, -1.0, 1.0, lambda at: 0.1 + (at > 0), ends=True)
    assert np.diff(values)[-1] < np.diff(values)[0]


def _square(colour):
    corners = [[0, 0, 0], [1, 0, 0], [1, 1, 0], [0, 1, 0]]
    return make_mesh(np.float32(corners), np.int32([[0, 1, 2], [0, 2, 3]]), colour)


def test_joined_parts_keep_their_own_vertices():
    both = join([_square((1, 0, 0)), _square((0, 1, 0))])
    assert (both.albedo[both.triangles[2:]] == np.float32([0, 1, 0])).all()


def test_keeping_one_triangle_drops_the_vertices_it_does_not_touch():
    kept = keep(_square((1, 0, 0)), np.array([False, True]))
    assert kept.vertices[kept.triangles[0]].tolist() == [[0, 0, 0], [1, 1, 0], [0, 1, 0]]
