"""A whole figure: every part of a person as dressed in one session, in one mesh."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from components.synthesize_cohort.body import make_clothes, make_ears, make_glasses, make_neck
from components.synthesize_cohort.face import make_eyeball, make_face
from components.synthesize_cohort.floats import Floats, floats
from components.synthesize_cohort.hair import beneath_hair, make_hair
from components.synthesize_cohort.mesh import Mesh, join, keep, vertex_normals

if TYPE_CHECKING:
    from components.synthesize_cohort.body import Clothes
    from components.synthesize_cohort.face import Expression
    from components.synthesize_cohort.identity import Identity


@dataclass(frozen=True)
class Figure:
    """A person at rest, looking straight ahead.

    Attributes:
        mesh: all parts.
        normals: (N, 3) unit normals of the mesh.
        eyes: the vertices of each eyeball.
        eye_centres: (2, 3), in the order of `eyes`.
    """

    mesh: Mesh
    normals: Floats
    eyes: tuple[slice, slice]
    eye_centres: Floats


def make_figure(identity: Identity, clothes: Clothes, expression: Expression) -> Figure:
    """Build the figure of a person for one session.

    Args:
        identity: the person.
        clothes: what the person wears in this session.
        expression: the face the person makes in this session.
    """
    face = make_face(identity, expression)
    eyeballs = [make_eyeball(identity.eyes, centre) for centre in face.eye_centres]
    points = face.skin.vertices
    at_bridge = np.hypot(points[:, 0], points[:, 1] - face.eye_centres[0, 1])
    front = points[:, 2] > 0.0
    bridge = float(points[front][np.argmin(at_bridge[front]), 2])
    temple = floats([identity.skull.half_width, -0.02, -0.12])
    rest = [
        keep(face.skin, ~beneath_hair(identity, face.skin)),
        *make_ears(identity),
        *make_hair(identity),
        *make_glasses(identity.glasses, face.eye_centres, bridge, temple),
        make_neck(identity),
        make_clothes(identity, clothes),
    ]
    mesh = join([*eyeballs, *rest])
    first = len(eyeballs[0].vertices)
    second = first + len(eyeballs[1].vertices)
    return Figure(
        mesh,
        vertex_normals(mesh.vertices, mesh.triangles),
        (slice(0, first), slice(first, second)),
        face.eye_centres,
    )
