"""Stored outputs of the published code, and a small detector."""
from __future__ import annotations

from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
import torch
from mmdet3d.registry import MODELS
from mmdet3d.structures import Det3DDataSample, LiDARInstance3DBoxes
from mmengine.registry import init_default_scope
from mmengine.structures import InstanceData

import sparsebev.register  # noqa: F401
import sparsebev_published
from grouped_arguments import grouped
from sparsebev.head import SparseBEVHead

FIXTURES = Path(__file__).resolve().parents[1] / 'fixtures' / 'sparsebev'


def tensors(path: Path) -> dict[str, torch.Tensor]:
    """All arrays of an npz file."""
    with np.load(path) as stored:
        return {name: torch.from_numpy(np.array(stored[name])) for name in stored}


@pytest.fixture(scope='session')
def fixtures() -> Path:
    return FIXTURES


@pytest.fixture(scope='session')
def published_weights() -> ModuleType:
    """The functions of tests/support/sparsebev_published.py."""
    return sparsebev_published


@pytest.fixture(scope='session')
def stored_operators() -> dict[str, torch.Tensor]:
    return {**tensors(FIXTURES / 'ops_inputs.npz'), **tensors(FIXTURES / 'ops_outputs.npz')}


@pytest.fixture(scope='session')
def stored_heads() -> dict[str, torch.Tensor]:
    return {**tensors(FIXTURES / 'heads_inputs.npz'), **tensors(FIXTURES / 'heads_outputs.npz'),
            **tensors(FIXTURES / 'heads_loss.npz')}


@pytest.fixture
def build_detector():
    """Function that builds a detector of a few thousand weights."""
    init_default_scope('mmdet3d')

    def build(frames: int = 2, passes: int = 2, head: dict | None = None, **options):
        torch.manual_seed(0)
        config = dict(
            type='SparseBEV',
            data_preprocessor=dict(
                type='VideoPreprocessor', mean=[100.0] * 3, std=[60.0] * 3, num_frames=frames),
            backbone=dict(type='mmdet.ResNet', depth=18, base_channels=8, num_stages=2,
                          strides=(1, 2), dilations=(1, 1), out_indices=(0, 1), norm_eval=True),
            neck=dict(type='mmdet.FPN', in_channels=[8, 16], out_channels=32, num_outs=2),
            bbox_head=grouped(
                SparseBEVHead, type='SparseBEVHead', num_classes=3, num_queries=16, channels=32,
                point_cloud_range=[-51.2, -51.2, -5.0, 51.2, 51.2, 3.0], num_frames=frames,
                num_levels=2, num_points=2, num_groups=2, num_heads=2, num_passes=passes,
                feedforward_channels=32, out_points=8, denoising_groups=2, score_threshold=0.0,
                max_detections=10, **(head or {})),
            **options)
        model = MODELS.build(config)
        with torch.no_grad():  # away from the start, where all queries do the same
            for name, value in model.bbox_head.named_parameters():
                if 'weight' in name and value.dim() == 2:
                    value.add_(torch.randn_like(value) * 0.1)
        return model.eval()

    return build


@pytest.fixture
def drive():
    """Function that makes frames of a moving car with cameras to the front and to the back."""

    def make(frames: int, cameras: int = 2, size: tuple[int, int] = (32, 64), seed: int = 0):
        random = np.random.default_rng(seed)
        taken = []
        for number in range(frames):
            lidar2global = np.eye(4)
            turn = 0.05 * number
            lidar2global[:2, :2] = [[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]]
            lidar2global[:3, 3] = 3.0 * number, 0.2 * number, 0.0
            taken.append(dict(
                images=torch.from_numpy(
                    random.integers(0, 255, (cameras, 3, *size)).astype(np.uint8)),
                lidar2img=np.stack([_camera(2 * np.pi * index / cameras, size)
                                    for index in range(cameras)]),
                timestamps=np.full(cameras, 100.0 + 0.5 * number), lidar2global=lidar2global))
        return taken

    return make


@pytest.fixture
def batch_of(drive):
    """Function that makes a batch, newest frame first, as the data loader gives it."""

    def make(taken: list[dict], frames: int, **more) -> dict:
        chosen = [taken[max(len(taken) - 1 - step, 0)] for step in range(frames)]
        now = chosen[0]['lidar2global']
        meta = dict(
            lidar2img=np.concatenate([
                item['lidar2img'] @ np.linalg.inv(item['lidar2global']) @ now for item in chosen]),
            img_timestamp=np.concatenate([item['timestamps'] for item in chosen]),
            img_path=[f"{item['timestamps'][0]}_{camera}" for item in chosen
                      for camera in range(len(item['images']))], **more)
        sample = Det3DDataSample(metainfo=meta)
        sample.gt_instances_3d = some_objects()
        return dict(inputs=dict(img=[torch.cat([item['images'] for item in chosen])]),
                    data_samples=[sample])

    return make


def some_objects(count: int = 2) -> InstanceData:
    """Objects in front of the car."""
    boxes = torch.tensor([[10.0, 2, -1, 4, 2, 1.5, 0.3, 1, 0], [-20.0, -5, -1, 1, 1, 1.7, 2, 0, 1]])
    return InstanceData(bboxes_3d=LiDARInstance3DBoxes(boxes[:count], box_dim=9),
                        labels_3d=torch.tensor([0, 2])[:count])


def _camera(direction: float, size: tuple[int, int]) -> np.ndarray:
    """Matrix of a camera that looks along ``direction`` in the bird's-eye view."""
    cos, sin = np.cos(direction), np.sin(direction)
    height, width = size
    lidar2cam = np.array([[sin, -cos, 0, 0], [0, 0, -1, 0.5], [cos, sin, 0, 0], [0, 0, 0, 1]])
    cam2img = np.array([[width / 2, 0, width / 2, 0], [0, width / 2, height / 2, 0],
                        [0, 0, 1, 0], [0, 0, 0, 1]])
    return cam2img @ lidar2cam
