"""A camera's frame and back, and which pixels of features show a picture."""
from __future__ import annotations

import numpy as np
import pytest
import torch

from sparse3d.structures.camera_rig import CameraRig, images_and_rig

SIZE = (64, 96)


def rig(mirrored: bool = False, **meta) -> CameraRig:
    random = np.random.default_rng(0)
    matrices = np.tile(np.eye(4), (3, 1, 1))
    for matrix in matrices:
        turn, _ = np.linalg.qr(random.normal(size=(3, 3)))
        turn *= np.sign(np.linalg.det(turn))
        lens = np.array([[random.uniform(40, 80), 0, 45], [0, random.uniform(40, 80), 30],
                         [0, 0, 1]])
        matrix[:3, :3], matrix[:3, 3] = lens @ turn, lens @ random.uniform(-2, 2, 3)
    if mirrored:
        matrices = matrices @ np.diag([1.0, -1, 1, 1])
    return CameraRig.from_metas([dict(lidar2img=matrices, **meta)] * 2, SIZE)


@pytest.mark.parametrize('mirrored', [False, True])
def test_to_a_camera_and_back(mirrored):
    cameras, points = rig(mirrored), torch.randn(2, 7, 3) * 20
    there = cameras.to_camera(points)
    back = cameras.to_lidar(there)
    torch.testing.assert_close(back, points[:, None].expand_as(back), atol=1e-4, rtol=1e-5)
    assert (torch.linalg.det(cameras.rotation) < 0).all() == mirrored


def test_pixels_with_a_picture():
    """By their centers, at 8, 24, 40, ... of features of stride 16."""
    sizes = [[96.0, 64.0], [41.0, 64.0], [96.0, 24.0]]
    mask = rig(valid_shape=sizes, image_valid=[True, True, False]).picture_mask((4, 6))
    assert mask.shape == (6, 4, 6) and torch.equal(mask[:3], mask[3:])
    assert mask[0].all() and not mask[2].any()
    assert mask[1].all(0).tolist() == [True] * 3 + [False] * 3 == mask[1].any(0).tolist()
    rows = rig(valid_shape=sizes).picture_mask((4, 6))[2].all(1)
    assert rows.tolist() == [True, False, False, False]


def test_absent_cameras_are_blank_and_a_batch_without_images_has_none():
    metas = [dict(lidar2img=np.eye(4)[None].repeat(2, 0), image_valid=[True, False])] * 2
    images = torch.full((2, 2, 3, 8, 8), 5.0)
    images[:, 1] = float('nan')
    kept, rig = images_and_rig(images, metas, images.device)
    assert rig.valid.tolist() == [[True, False]] * 2
    assert (kept[:, 0] == 5).all() and (kept[:, 1] == 0).all()
    assert not images_and_rig(images, metas, images.device, use_cameras=False)[1].valid.any()
    blank, rig = images_and_rig(None, metas, images.device)
    assert blank.shape == (2, 1, 3, 64, 96) and not rig.valid.any()
