"""Models of the published configs on the small grids of the stored outputs."""
from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
import torch
from mmdet3d.registry import MODELS
from mmengine.config import Config
from mmengine.registry import init_default_scope
from torch import Tensor, nn

import dsvt.register  # noqa: F401

CONFIGS = Path(__file__).resolve().parents[2] / 'configs'
RANGE = [-11.52, -7.68, -2, 11.52, 7.68, 4]
STATES = {'pillar': 'state', 'voxel': 'state_voxel', 'nus': 'state_nus'}


def small_waymo_model(kind: str, published: bool) -> nn.Module:
    """The pillar or voxel model on 72 x 48 cells; nothing but the range is changed."""
    init_default_scope('mmdet3d')
    model = Config.fromfile(CONFIGS / 'dsvt/_base_/models' / f'dsvt_waymo_{kind}.py').model
    for part in (model.voxel_encoder, model.bbox_head.bbox_coder,
                 model.data_preprocessor.voxel_layer):
        part.point_cloud_range = RANGE
    model.middle_encoder.grid_shape = [72, 48, model.middle_encoder.grid_shape[2]]
    model.published = dict(
        meters=True,  # the released weights are of this form
        embedding_order=published, empty_slots=published, turned_nms=published)
    return MODELS.build(model).eval()


class Golden:
    """The stored arrays of the released code and the weights they belong to."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder / 'dsvt'
        self.inputs, self.outputs, self.partition, self.losses = (
            np.load(self.folder / f'{name}.npz')
            for name in ('inputs', 'outputs', 'partition', 'loss'))
        self.weights = _module(folder / 'weights.py')

    def published_state(self, kind: str) -> dict[str, Tensor]:
        return self.weights.state_dict(self.folder / f'{STATES[kind]}.json')

    def clouds(self, name: str) -> list[Tensor]:
        """Points of each sample without the sample's number."""
        points = torch.from_numpy(self.inputs[f'{name}_points'])
        return [points[points[:, 0] == sample, 1:].contiguous() for sample in (0, 1)]

    def boxes(self, name: str) -> tuple[list[Tensor], list[Tensor]]:
        """Boxes (z center) and labels from 0 of each sample, without padding."""
        padded = torch.from_numpy(self.inputs[f'{name}_gt_boxes'])
        real = [of_sample[of_sample[:, 3] > 0] for of_sample in padded]
        return ([of_sample[:, :-1] for of_sample in real],
                [of_sample[:, -1].long() - 1 for of_sample in real])


def _module(path: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location('golden_weights', path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope='session')
def golden(golden_dir) -> Golden:
    return Golden(golden_dir)


@pytest.fixture(scope='session')
def small_model():
    """Builds a model: ``small_model('pillar' or 'voxel', published=False)``."""
    return lambda kind, published=False: small_waymo_model(kind, published)


@pytest.fixture(scope='session')
def tiny_detector():
    """Builds a detector of 24 x 16 x 8 cells, points of four columns."""
    return build_tiny_detector


@pytest.fixture(scope='session')
def clouds():
    """``clouds(300, 100)``: random clouds of so many points for the tiny detector."""
    return random_clouds


TINY_RANGE, TINY_SIZE = [0, -4, -2, 12, 4, 2], [0.5, 0.5, 0.5]


def build_tiny_detector():
    """Two stages with a pooling between, every kind of part once."""
    init_default_scope('mmdet3d')
    voxels = dict(max_num_points=-1, point_cloud_range=TINY_RANGE, voxel_size=TINY_SIZE,
                  max_voxels=(-1, -1))
    return MODELS.build(dict(
        type='VoxelDetector',
        data_preprocessor=dict(type='Det3DDataPreprocessor', voxel=True, voxel_type='dynamic',
                               voxel_layer=voxels),
        voxel_encoder=dict(type='DynamicVoxelEncoder', in_channels=4, feat_channels=(8, 8),
                           voxel_size=TINY_SIZE, point_cloud_range=TINY_RANGE),
        middle_encoder=dict(
            type='DSVTEncoder', grid_shape=(24, 16, 8), channels=8, blocks=(1, 1),
            attention=dict(num_heads=2, feedforward_channels=8), pool_strides=((1, 1, 8), ),
            sets=dict(window_shapes=((6, 6, 8), (6, 6, 1)), window_shift=(3, 3, 0), set_size=5)),
        backbone=dict(type='ResidualBEVBackbone', in_channels=8, layer_nums=(1, ),
                      layer_strides=(1, ), out_channels=(8, ), upsample_strides=(1, ),
                      upsample_channels=(8, )),
        bbox_head=dict(type='IoUCenterHead', in_channels=8, num_classes=1, channels=8,
                       bbox_coder=dict(voxel_size=TINY_SIZE, point_cloud_range=TINY_RANGE),
                       detections=dict(rectifier=(0.5, ), iou_thresholds=(0.5, ))))).eval()


def random_clouds(*counts):
    return [torch.rand(count, 4) * torch.tensor([12, 8, 4, 1.]) - torch.tensor([0, 4, 2, 0.])
            for count in counts]
