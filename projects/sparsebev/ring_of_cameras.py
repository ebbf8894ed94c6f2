"""Cameras all round, for whoever needs views and has no frame: export and benchmark."""
from __future__ import annotations

import numpy as np

from sparsebev.views import Views, views_of_batch

CAMERAS = 6


def ring_of_cameras(frames: int, image: tuple[int, int]) -> Views:
    """Six cameras 60 degrees apart, 70 degrees wide, half a second between frames."""
    focal = image[1] / 2 / np.tan(np.radians(35))
    cam2img = np.diag([focal, focal, 1, 1])
    cam2img[:2, 2] = image[1] / 2, image[0] / 2
    matrices = []
    for angle in np.arange(CAMERAS) * np.pi / 3:
        cos, sin = np.cos(angle), np.sin(angle)
        matrices.append(cam2img @ np.array(
            [[sin, -cos, 0, 0], [0, 0, -1, 0], [cos, sin, 0, 0], [0, 0, 0, 1]]))
    seconds = np.repeat(100 - 0.5 * np.arange(frames), CAMERAS)
    return views_of_batch([dict(lidar2img=np.tile(matrices, (frames, 1, 1)),
                                img_timestamp=seconds)], frames, image)
