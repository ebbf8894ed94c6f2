"""A small Sparse4D with drawn weights, and a drive of drawn pictures."""
from __future__ import annotations

import numpy as np
import torch
from mmdet3d.registry import MODELS
from mmdet3d.structures import Det3DDataSample
from mmengine.registry import init_default_scope

import sparse4d.register  # noqa: F401
from sparse4d.detector import Sparse4D


def small_detector(version: str = 'v3', published: dict | None = None, layers: int = 3,
                   **head) -> Sparse4D:
    """A detector of few instances, in evaluation mode.

    Args:
        version: ``'v3'`` or ``'v1'``.
    """
    init_default_scope('mmdet3d')
    torch.manual_seed(0)
    decoder = dict(channels=32, num_layers=layers, num_levels=2, num_groups=4, num_heads=4,
                   feedforward_channels=32)
    kind = dict(v3=dict(type='Sparse4DHead', bank=dict(num_anchors=24, num_temporal=16)),
                v1=dict(type='Sparse4DFramesHead', bank=dict(num_anchors=24, num_temporal=0),
                        queue=dict(num_cameras=2)))[version]
    model = MODELS.build(dict(
        type='Sparse4D', published=published,
        data_preprocessor=dict(type='VideoPreprocessor', mean=[100.0] * 3, std=[60.0] * 3),
        backbone=dict(type='mmdet.ResNet', depth=18, base_channels=8, num_stages=2,
                      strides=(1, 2), dilations=(1, 1), out_indices=(0, 1), norm_eval=True),
        neck=dict(type='mmdet.FPN', in_channels=[8, 16], out_channels=32, num_outs=2),
        bbox_head=dict(kind, num_classes=3, decoder=decoder,
                       detections=dict(track_threshold=0.0, max_detections=24), **head)))
    with torch.no_grad():  # away from the start, where all instances do the same
        for name, value in model.bbox_head.named_parameters():
            if 'weight' in name and value.dim() == 2:
                value.add_(torch.randn_like(value) * 0.1)
    return model.eval()


def drawn_drive(frames: int, cameras: int = 2, size: tuple[int, int] = (32, 64),
                interval: float = 0.5, start: float = 100.0) -> list[dict]:
    """Fields of :class:`sparse3d.structures.camera_frame.CameraFrame`, frame by frame."""
    random = np.random.default_rng(int(start))
    taken = []
    for number in range(frames):
        pose, turn = np.eye(4), 0.05 * number
        pose[:2, :2] = [[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]]
        pose[:3, 3] = 3.0 * number, 0.2 * number, 0.0
        taken.append(dict(
            images=torch.from_numpy(random.integers(0, 255, (cameras, 3, *size), np.uint8)),
            lidar2img=np.stack([_camera(2 * np.pi * index / cameras, size)
                                for index in range(cameras)]),
            timestamps=np.full(cameras, start + interval * number), lidar2global=pose))
    return taken


def batch_of(taken: list[dict], scenes: list[str]) -> dict:
    """Frames as a data loader gives them."""
    samples = [Det3DDataSample(metainfo=dict(
        lidar2img=frame['lidar2img'], timestamp=float(frame['timestamps'][0]),
        lidar2global=frame['lidar2global'], scene_token=scene))
        for frame, scene in zip(taken, scenes, strict=True)]
    return dict(inputs=dict(img=[frame['images'] for frame in taken]), data_samples=samples)


def predictions(model: Sparse4D, driver, batch: dict) -> list:
    """``pred_instances_3d`` of each sample of a batch."""
    data = model.data_preprocessor(batch)
    with torch.no_grad():
        found = driver.predict(data['inputs'], data['data_samples'])
    return [sample.pred_instances_3d for sample in found]


def same(ours, theirs) -> None:
    """Detections of one sample, with their identities."""
    for name in ('scores_3d', 'labels_3d', 'track_ids'):
        if name in theirs:
            torch.testing.assert_close(ours[name], theirs[name])
    torch.testing.assert_close(ours.bboxes_3d.tensor, theirs.bboxes_3d.tensor)


def _camera(direction: float, size: tuple[int, int]) -> np.ndarray:
    """Matrix of a camera that looks along ``direction`` in the bird's-eye view."""
    cos, sin = np.cos(direction), np.sin(direction)
    height, width = size
    lidar2cam = np.array([[sin, -cos, 0, 0], [0, 0, -1, 0.5], [cos, sin, 0, 0], [0, 0, 0, 1]])
    cam2img = np.array([[width / 2, 0, width / 2, 0], [0, width / 2, height / 2, 0],
                        [0, 0, 1, 0], [0, 0, 0, 1]])
    return cam2img @ lidar2cam
