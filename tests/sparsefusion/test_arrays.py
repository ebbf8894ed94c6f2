"""Arrays in, boxes out: the detector without any data set."""
from __future__ import annotations

import warnings
from pathlib import Path

import numpy as np
import pytest

import sparsefusion.register  # noqa: F401
from sparse3d.apis import load_detector

CONFIG = (Path(__file__).resolve().parents[2]
          / 'configs/sparsefusion/sparsefusion_simulated_nuscenes.py')
FORWARD = np.array([[0.0, -1, 0], [0, 0, -1], [1, 0, 0]])


def calibration(views: int = 6) -> dict[str, np.ndarray]:
    """Cameras that look all round, with a focal length of 200 pixels."""
    intrinsics = np.array([[200.0, 0, 160], [0, 200, 90], [0, 0, 1]])
    matrices = np.tile(np.eye(4), (views, 1, 1))
    for view, turn in enumerate(2 * np.pi * np.arange(views) / views):
        cos, sin = np.cos(turn), np.sin(turn)
        about_z = np.array([[cos, sin, 0], [-sin, cos, 0], [0, 0, 1]])
        matrices[view, :3, :3] = intrinsics @ FORWARD @ about_z
    return dict(lidar2img=matrices)


@pytest.mark.parametrize('lost', [None, 2])
def test_points_images_and_calibration_give_boxes(lost):
    detector = load_detector(CONFIG, device='cpu')
    random = np.random.default_rng(0)
    points = np.column_stack([random.uniform(-30, 30, (4000, 2)), random.normal(-1, 0.5, 4000),
                              random.uniform(0, 255, 4000)]).astype(np.float32)
    images = [random.integers(0, 255, (180, 320, 3), dtype=np.uint8) for _ in range(6)]
    if lost is not None:
        images[lost] = None
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter('always')
        found = detector(points=points, images=images, calibration=calibration())
    assert found.boxes_3d.shape[1] == 9 and len(found.scores) == len(found.boxes_3d) > 0
    assert any('camera images' in str(warning.message) for warning in said) == (lost is not None)
