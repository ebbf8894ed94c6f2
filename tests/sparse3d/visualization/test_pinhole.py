from __future__ import annotations

import numpy as np
import pytest

from sparse3d.visualization.pinhole import split_projection


@pytest.mark.parametrize('seed', range(4))
@pytest.mark.parametrize('scale', [1.0, -2.5])
def test_a_camera_put_together_comes_apart(seed, scale):
    made = np.random.default_rng(seed)
    lens = np.array([[900, 3.0, 640], [0, 850, 360], [0, 0, 1]])
    turn, _ = np.linalg.qr(made.normal(size=(3, 3)))
    turn *= np.sign(np.linalg.det(turn))
    place = made.normal(size=3) * 5
    matrix = lens @ np.column_stack([turn, -turn @ place]) * abs(scale)
    camera = split_projection(np.vstack([matrix, [0, 0, 0, 1]]))
    np.testing.assert_allclose(camera.intrinsic, lens, atol=1e-8)
    np.testing.assert_allclose(camera.rotation, turn.T, atol=1e-9)
    np.testing.assert_allclose(camera.center, place, atol=1e-9)
