"""What the published pipelines hand to the detector."""
from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from mmdet3d.models.data_preprocessors import Det3DDataPreprocessor
from mmdet3d.registry import DATASETS
from mmengine.dataset import pseudo_collate
from mmengine.registry import init_default_scope

import sparsefusion.register  # noqa: F401  (registers what the config names)
from sparse3d.engine.load_config import load_config
from sparse3d.ops.sparse_depth import sparse_depth
from sparse3d.structures.camera_rig import CameraRig
from sparse3d.structures.projection import split_projections
from sparse3d.transforms.data_root import move_data_root
from sparse3d.transforms.fit_views import fit_matrix

CONFIG = (Path(__file__).resolve().parents[2] / 'configs' / 'sparsefusion'
          / 'sparsefusion_r50_nuscenes.py')


@pytest.fixture(scope='module')
def root(real_data_dir, tmp_path_factory) -> Path:
    """A real frame in the folders where nuScenes has it, for training and validation."""
    root = tmp_path_factory.mktemp('real') / 'nuscenes'
    for path in (real_data_dir / 'nuscenes_frame').iterdir():
        targets = [root / f'nuscenes_infos_{split}.pkl' for split in ('train', 'val')] if (
            path.suffix == '.pkl') else [root / 'samples' / path.name.split('__')[1] / path.name]
        for target in targets:
            target.parent.mkdir(parents=True, exist_ok=True)
            target.symlink_to(path.resolve())
    return root


@pytest.mark.parametrize('split', ['train', 'test'])
def test_the_depth_image_takes_all_points_and_the_voxels_those_in_range(split, root):
    config = load_config(CONFIG)
    move_data_root(config, str(root))
    init_default_scope('mmdet3d')
    sample = DATASETS.build(config[f'{split}_dataloader'].dataset)[0]
    points, meta = sample['inputs']['points'], sample['data_samples'].metainfo
    rig = CameraRig.from_metas([meta], config.image_size, points.device)
    low, high = torch.tensor(config.point_cloud_range).view(2, 3)
    within = points[((points[:, :3] > low) & (points[:, :3] < high)).all(1)]
    whole, cut = (sparse_depth([cloud], rig)[:, 1].sum() for cloud in (points, within))
    assert whole > 1.05 * cut  # as published, far and high points count
    settings = dict(voxel=True, voxel_layer=config.voxel_layer)
    voxels = [Det3DDataPreprocessor(**settings)(pseudo_collate([dict(
        inputs=dict(points=cloud), data_samples=sample['data_samples'])]))['inputs']['voxels']
        for cloud in (points, within)]
    for key in ('voxels', 'coors', 'num_points'):
        assert torch.equal(voxels[0][key], voxels[1][key])


def test_cameras_are_those_of_the_released_pipeline(golden, case):
    stored = golden.load('loss')
    for number in (0, 1):
        drawn = stored[f'in_{number}_img_aug']
        matrices = [fit_matrix((900, 1600), (144, 256), scale, (x, y), bool(mirror))
                    for scale, x, y, mirror in drawn]
        raw = stored['raw_cam_intrinsic']
        projection = np.tile(np.eye(4), (6, 1, 1))
        projection[:, :3, :3] = np.array(matrices) @ raw
        intrinsics, rotation, _ = split_projections(projection)
        np.testing.assert_allclose(intrinsics, stored[f'in_{number}_cam_intrinsic'], rtol=1e-5,
                                   atol=1e-3)
        assert ((np.linalg.det(rotation) < 0) == (drawn[:, 3] == 1)).all()
        valid = np.array([256, 144]) * np.minimum(1, drawn[:, :1])
        np.testing.assert_allclose(valid, stored[f'in_{number}_valid_shape'], rtol=1e-6)
