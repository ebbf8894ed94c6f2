"""A tiny detector and two drawn frames, for all tests of this folder."""
from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch
from mmdet3d.registry import MODELS
from mmdet3d.structures import Det3DDataSample, LiDARInstance3DBoxes
from mmengine.registry import init_default_scope
from mmengine.structures import InstanceData
from torch import nn

import sparse_dense_fusion.register  # noqa: F401  (registers what the configs name)

RANGE = [-12.8, -12.8, -3.0, 12.8, 12.8, 1.0]
HEIGHT, WIDTH = 64, 96
BOXES = torch.tensor([[6.0, 1.0, -1.5, 3.0, 1.6, 1.5, 0.4, 1.0, 0.0],
                      [-7.0, -2.0, -1.4, 3.0, 1.6, 1.5, 2.0, 0.0, 0.5]])
LIDAR = dict(
    data_preprocessor=dict(
        type='Det3DDataPreprocessor', voxel=True, mean=[120.0] * 3, std=[60.0] * 3,
        pad_size_divisor=32,
        voxel_layer=dict(max_num_points=5, point_cloud_range=RANGE, voxel_size=[0.2, 0.2, 0.1],
                         max_voxels=(4000, 4000))),
    voxel_encoder=dict(type='HardSimpleVFE', num_features=5),
    middle_encoder=dict(type='SparseEncoder', in_channels=5, sparse_shape=[41, 128, 128],
                        output_channels=16, encoder_channels=((8, ), (8, 8), (8, 8), (8, 8)),
                        encoder_paddings=((1, ), (1, 1), (1, 1), ([0, 1, 1], 1))),
    backbone=dict(type='SECOND', in_channels=32, out_channels=[16, 16], layer_nums=[1, 1],
                  layer_strides=[1, 2]),
    neck=dict(type='SECONDFPN', in_channels=[16, 16], out_channels=[16, 16],
              upsample_strides=[1, 2]),
    bbox_head=dict(
        type='TransFusionHead', in_channels=32, num_classes=2,
        query_initialization=dict(channels=16, num_queries=12),
        decoder_layers=[dict(type='MapDecoderLayer', num_heads=2, feedforward_channels=32,
                             dropout=0.0)],
        bbox_coder=dict(point_cloud_range=RANGE, voxel_size=[0.2, 0.2], stride=8),
        detections=dict(center_range=[-15, -15, -10, 15, 15, 10])))
CAMERAS = dict(
    image_backbone=dict(type='mmdet.ResNet', depth=18, base_channels=8, norm_eval=True,
                        frozen_stages=-1, style='pytorch'),
    image_neck=dict(type='mmdet.FPN', in_channels=[8, 16, 32, 64], out_channels=16, num_outs=4))
DENSE = dict(
    camera_lift=dict(type='CameraLift', image_channels=16, channels=16, context_channels=8,
                     hidden_channels=16, bins=dict(nearest=1, farthest=16, count=10)),
    map_fusion=dict(type='MapFusion', channels=16, num_heads=2, feedforward_channels=32))
SPARSE = dict(query_fusion=dict(type='QueryFusion', image_channels=16, channels=16, num_heads=2,
                                feedforward_channels=32, dropout=0.0))


def camera_matrices(count: int = 2) -> np.ndarray:
    """Cameras that look ahead and behind by turns, [count, 4, 4]."""
    forward = np.array([[0.0, -1, 0], [0, 0, -1], [1, 0, 0]])
    matrices = np.tile(np.eye(4), (count, 1, 1))
    intrinsics = np.array([[60.0, 0, WIDTH / 2], [0, 60, HEIGHT / 2], [0, 0, 1]])
    for view in range(count):
        sign = 1 - 2 * (view % 2)
        matrices[view, :3, :3] = intrinsics @ forward @ np.diag([sign, sign, 1.0])
        matrices[view, :3, 3] = intrinsics @ [0.1, 0.3, -0.5]
    return matrices


@pytest.fixture
def tiny_model() -> Callable[..., nn.Module]:
    """Function that builds a detector: ``dense``, ``sparse``, then options of it by name."""
    def build(dense: bool = True, sparse: bool = True, lidar: str = 'SparseDenseFusion',
              **changes) -> nn.Module:
        init_default_scope('mmdet3d')
        torch.manual_seed(3)
        parts = {**(CAMERAS if dense or sparse else {}), **(DENSE if dense else {}),
                 **(SPARSE if sparse else {})}
        model = MODELS.build(dict(type=lidar, **{**LIDAR, **parts, **changes}))
        model.init_weights()
        return model
    return build


@pytest.fixture
def draw_batch() -> Callable[..., dict]:
    """Function that draws frames: two cars, ground, noise in the images."""
    def draw(samples: int = 2, points: int | None = None, seed: int = 5, **meta) -> dict:
        random = torch.Generator().manual_seed(seed)
        clouds, images, data = [], [], []
        for _ in range(samples):
            parts = [torch.rand(120, 3, generator=random) * torch.tensor([3, 1.6, 1.5])
                     + box[:3] - torch.tensor([1.5, 0.8, 0]) for box in BOXES]
            ground = torch.rand(300, 3, generator=random) * 24 - 12
            ground[:, 2] = -1.6
            cloud = torch.cat([*parts, ground])
            columns = [torch.rand(len(cloud), 1, generator=random), torch.zeros(len(cloud), 1)]
            clouds.append(torch.cat([cloud, *columns], dim=1)[:points])
            images.append(torch.randint(0, 255, (2, 3, HEIGHT, WIDTH), generator=random,
                                        dtype=torch.uint8).float())
            sample = Det3DDataSample(metainfo=dict(
                lidar2img=camera_matrices(), img_shape=(HEIGHT, WIDTH), **meta))
            sample.gt_instances_3d = InstanceData(
                bboxes_3d=LiDARInstance3DBoxes(BOXES, box_dim=9), labels_3d=torch.tensor([0, 1]))
            data.append(sample)
        return dict(inputs=dict(points=clouds, img=images), data_samples=data)
    return draw


@pytest.fixture
def output_of() -> Callable[..., object]:
    """Function that gives the raw output of a detector in evaluation mode."""
    @torch.no_grad()
    def run(model: nn.Module, data: dict) -> object:
        prepared = model.eval().data_preprocessor(data)
        return model(prepared['inputs'], prepared['data_samples'], mode='tensor')
    return run


@pytest.fixture
def loss_of() -> Callable[..., torch.Tensor]:
    """Function that sums the losses of a detector in the mode that it is in."""
    def run(model: nn.Module, data: dict) -> torch.Tensor:
        prepared = model.data_preprocessor(data, training=True)
        losses = model.loss(prepared['inputs'], prepared['data_samples'])
        return sum(value for name, value in losses.items() if 'loss' in name)
    return run


@pytest.fixture
def stirred() -> Callable[[nn.Module], nn.Module]:
    """Function that gives the branches weights as after a training: none is zero."""
    def stir(model: nn.Module) -> nn.Module:
        torch.manual_seed(11)
        for name, value in model.named_parameters():
            if name.startswith(('map_fusion', 'query_fusion')):
                with torch.no_grad():
                    value.add_(0.2 * torch.randn_like(value))
        return model
    return stir
