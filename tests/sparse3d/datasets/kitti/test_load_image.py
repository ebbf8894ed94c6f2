from pathlib import Path

import numpy as np
import pytest
import torch
from mmdet3d.registry import DATASETS, TRANSFORMS
from mmengine.config import Config
from mmengine.registry import init_default_scope
from PIL import Image

from sparse3d.datasets.kitti.prepare import prepare_kitti
from sparse3d.datasets.kitti.prepare.crops import cut_crops
from sparse3d.errors import ConfigError, DataError
from sparse3d.transforms.data_root import move_data_root

CONFIG = Path(__file__).parents[4] / 'configs/_base_/datasets/kitti_3class_images.py'


@pytest.fixture
def config(small_kitti):
    init_default_scope('mmdet3d')
    prepare_kitti(small_kitti.root)
    cut_crops(small_kitti.root)
    config = Config.fromfile(CONFIG)
    move_data_root(config, str(small_kitti.root))
    return config


def test_the_whole_pipeline(config):
    """Every frame, with and without objects; points lie where their pixels are."""
    dataset = DATASETS.build(config.train_dataloader.dataset)
    dataset.set_epoch(1, 0)
    assert len(dataset) == 3
    for index in range(3):
        sample = dataset[index]
        image, points = sample['inputs']['img'], sample['inputs']['points']
        assert image.shape == (1, 3, 200, 400) and image.dtype == torch.uint8
        meta, truth = sample['data_samples'].metainfo, sample['data_samples'].gt_instances_3d
        assert len(truth) >= 1  # frame 7 has none of its own
        matrix = torch.as_tensor(meta['lidar2img'][0], dtype=torch.float32)
        u, v, depth = matrix[:3, :3] @ points[:, :3].T + matrix[:3, 3:]
        tolerance = 0.1 * depth  # velodyne_reduced holds what the camera sees
        assert ((u > -tolerance) & (u < 400 * depth + tolerance)).all()
        assert ((v > -tolerance) & (v < 200 * depth + tolerance)).all()


def test_a_frame_without_points_or_objects(small_kitti):
    """The camera sees nothing that the LiDAR hits, and nothing is added."""
    init_default_scope('mmdet3d')
    behind = np.tile(np.float32([-9, 1, 0, 0.5]), (20, 1))
    small_kitti.add_frame(3, points=behind)
    small_kitti.add_split('train', [3])
    prepare_kitti(small_kitti.root)
    cut_crops(small_kitti.root)
    config = Config.fromfile(CONFIG)
    move_data_root(config, str(small_kitti.root))
    sample = DATASETS.build(config.train_dataloader.dataset)[0]
    assert sample['inputs']['points'].shape == (0, 4)
    assert sample['inputs']['img'].shape == (1, 3, 200, 400)
    truth = sample['data_samples'].gt_instances_3d
    assert len(truth) == 0 and truth.labels_3d.dtype == torch.int64
    assert truth.bboxes_3d.tensor.shape == (0, 7)


def test_it_reads_what_is_there(config, small_kitti):
    picture = np.random.default_rng(0).integers(0, 255, (200, 400, 3), dtype=np.uint8)
    Image.fromarray(picture).save(small_kitti.root / 'training/image_2/000008.png')
    dataset = DATASETS.build(config.val_dataloader.dataset)
    sample = dataset[0]
    np.testing.assert_array_equal(sample['inputs']['img'][0].permute(1, 2, 0), picture[..., ::-1])
    assert sample['data_samples'].metainfo['lidar2img'].shape == (1, 4, 4)


def test_damage_is_named(config, small_kitti):
    path = small_kitti.root / 'training/image_2/000008.png'
    dataset = DATASETS.build(config.val_dataloader.dataset)
    Image.new('RGB', (30, 20)).save(path)
    with pytest.raises(DataError, match='000008.png is 30x20 pixels, its info file says 400x200'):
        dataset[0]
    path.write_bytes(b'\x89PNG')
    with pytest.raises(DataError, match='000008.png is damaged or no picture'):
        dataset[0]
    with pytest.raises(ConfigError, match='use_camera=True'):
        TRANSFORMS.build(dict(type='LoadKittiImage'))({})
