"""A figure in a pose under lights, as linear light on a transparent ground."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import cv2
import numpy as np

from components.synthesize_cohort.floats import Floats, floats
from components.synthesize_cohort.motion import rotation

if TYPE_CHECKING:
    from components.synthesize_cohort.figure import Figure
    from components.synthesize_cohort.motion import Pose
    from components.synthesize_cohort.session import Session

PIVOT: Final = floats([0.0, -0.85, -0.25])
"""The joint of head and neck."""

HEAD_HEIGHT: Final = 2.25
FULL_SCALE: Final = 4.0
"""The rasteriser wants colours from 0 to 1; light is divided by this on the way in."""

NEAR: Final = 0.5
FAR: Final = 100.0
GAZE: Final = 0.75
"""How much of the head's turn the eyes take back to stay on the camera."""


class Renderer:
    """Draws the frames of one clip; what does not change in a clip is computed once."""

    def __init__(self, figure: Figure, session: Session, size: int) -> None:
        self._figure = figure
        self._size = size
        self._fine = size * 3 // 2 if size >= 160 else size * 2
        self._lighting = session.lighting
        camera = session.camera
        self._field_of_view = np.deg2rad(camera.field_of_view)
        tangent = float(np.tan(self._field_of_view / 2.0))
        # Distance at which the head fills its part of the picture.
        distance = HEAD_HEIGHT / (2.0 * tangent * camera.head_height) + 0.6
        span = 2.0 * tangent * distance
        self._view = np.eye(4, dtype=np.float32)
        self._view[:3, :3] = rotation(0.0, -camera.elevation, camera.roll)
        self._view[:3, 3] = (camera.offset[0] * span, camera.offset[1] * span, -distance)
        self._settings = cv2.TriangleRasterizeSettings()
        self._settings.setShadingType(cv2.RASTERIZE_SHADING_SHADED)
        self._settings.setCullingMode(cv2.RASTERIZE_CULLING_CW)
        mesh = figure.mesh
        self._still = 1.0 - mesh.follow[:, None]
        self._lamps = self._lamp_rows()
        self._still_light = self._still * cv2.transform(figure.normals[:, None], self._lamps)[:, 0]
        ambient = floats(session.lighting.ambient)
        self._ambient = mesh.albedo * (mesh.occlusion[:, None] * ambient)
        self._key = mesh.albedo * floats(session.lighting.key.colour)
        self._key *= 0.35 + 0.65 * mesh.occlusion[:, None]
        self._fill = mesh.albedo * floats(session.lighting.fill.colour)
        self._fill *= mesh.occlusion[:, None]

    def _lamp_rows(self) -> Floats:
        """Rows whose products with a normal say: key, fill, key's highlight, sky above."""
        key = floats(self._lighting.key.direction())
        fill = floats(self._lighting.fill.direction())
        # Halfway between lamp and camera; the camera is far enough to be the same for all points.
        halfway = key + self._view[2, :3]
        halfway /= max(float(np.linalg.norm(halfway)), 1e-6)
        return np.stack([key, fill, halfway, floats([0.0, 1.0, 0.0])])

    def draw(self, pose: Pose) -> Floats:
        """Draw the figure in a pose.

        Returns:
            (size, size, 4) linear RGB, multiplied by its coverage, and the coverage, 0 to 1.
        """
        colour = np.zeros((self._fine, self._fine, 3), dtype=np.float32)
        depth = np.full((self._fine, self._fine), FAR, dtype=np.float32)
        cv2.triangleRasterize(
            self._place(pose),
            self._figure.mesh.triangles,
            self._shade(pose),
            colour,
            depth,
            self._view,
            self._field_of_view,
            NEAR,
            FAR,
            self._settings,
        )
        picture = np.empty((self._fine, self._fine, 4), dtype=np.float32)
        np.multiply(colour, FULL_SCALE, out=picture[..., :3])
        picture[..., 3] = depth < FAR
        small = cv2.resize(picture, (self._size, self._size), interpolation=cv2.INTER_AREA)
        return floats(small)

    def locate(self, point: Floats, pose: Pose) -> tuple[float, float]:
        """Where a point in head coordinates is in the picture: pixels to the right and down."""
        placed = pose.rotation() @ (point - PIVOT) + PIVOT
        placed = placed + floats([*pose.shift, 0.0])
        seen = self._view[:3, :3] @ placed + self._view[:3, 3]
        scale = self._size / (2.0 * float(np.tan(self._field_of_view / 2.0)) * -float(seen[2]))
        return self._size / 2 + scale * float(seen[0]), self._size / 2 - scale * float(seen[1])

    def _place(self, pose: Pose) -> Floats:
        figure = self._figure
        turn = pose.rotation()
        vertices = figure.mesh.vertices.copy()
        gaze = rotation(-GAZE * pose.yaw, -GAZE * pose.pitch)
        for ball, centre in zip(figure.eyes, figure.eye_centres, strict=True):
            vertices[ball] = (vertices[ball] - centre) @ gaze.T + centre
        affine = np.concatenate([turn, (PIVOT - turn @ PIVOT)[:, None]], axis=1)
        turned = cv2.transform(vertices[:, None], affine)[:, 0]
        placed = turned + self._still * (vertices - turned)
        return floats(placed + floats([*pose.shift, 0.0]))

    def _shade(self, pose: Pose) -> Floats:
        """Light that leaves every vertex: ambient from above, two lamps, two highlights."""
        mesh = self._figure.mesh
        rows = self._lamps @ pose.rotation()
        light = cv2.transform(self._figure.normals[:, None], rows)[:, 0]
        light = light * mesh.follow[:, None] + self._still_light
        # Skin lets light creep a little past the terminator.
        key = np.maximum((light[:, 0:1] + 0.12) / 1.12, 0.0)
        total = self._key * key
        total += self._fill * np.maximum(light[:, 1:2], 0.0)
        total += self._ambient * (0.75 + 0.25 * light[:, 3:4])
        broad = np.maximum(light[:, 2:3], 0.0) ** 2
        broad = broad * broad
        broad = broad * broad  # eighth power
        sharp = broad * broad
        sharp = sharp * sharp
        shine = (mesh.sheen[:, None] * broad * broad + mesh.glint[:, None] * sharp * sharp) * key
        total += shine * floats(self._lighting.key.colour)
        total *= 1.0 / FULL_SCALE
        return floats(np.minimum(total, 1.0, out=total))
