"""A tiny batch for a detector: one sample with points, images and objects, the same every time."""
from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import torch
from mmdet3d.structures import Det3DDataSample, LiDARInstance3DBoxes
from mmengine.config import Config
from mmengine.structures import InstanceData

DEFAULT_RANGE = [0.0, -20.0, -3.0, 40.0, 20.0, 1.0]
IMAGE, VIDEO_IMAGE = (96, 160), (64, 128)  # height, width
SIZES = np.array([[4.0, 1.8, 1.6], [0.8, 0.8, 1.8], [1.8, 0.6, 1.7]])  # car, person, cyclist
PERSON = 1
OBJECTS, POINTS_OF_OBJECT, POINTS_OF_GROUND = 16, 25, 200
JOINTS = 14


def describe_batch(config: Config, name: str) -> dict[str, Any]:
    """What a config's model wants, as numbers that a record can keep.

    A comparison builds the batch from the record's description, so that renamed keys of a config
    change nothing.

    Args:
        config: loaded.
        name: of the config, which tells the data set.
    """
    model = config.model.to_dict() if hasattr(config.model, 'to_dict') else dict(config.model)
    packed = {key for loader in ('train_dataloader', 'test_dataloader')
              for key in _packed_keys(config.get(loader) or {})}
    preprocessor = model.get('data_preprocessor') or {}
    encoder = model.get('voxel_encoder') or {}
    frames = preprocessor.get('num_frames', 1)
    return dict(
        points='points' in packed or not packed,
        range=list((preprocessor.get('voxel_layer') or {}).get('point_cloud_range',
                                                               DEFAULT_RANGE)),
        columns=encoder.get('num_features') or encoder.get('in_channels') or 4,
        cameras=_count_cameras(name, frames) if 'img' in packed else 0,
        frames=frames, image=list(IMAGE if frames == 1 else VIDEO_IMAGE),
        classes=len(config.get('class_names') or 'ab'),
        velocities='nuscenes' in name, keypoints='gt_keypoints_3d' in packed,
        two_stages='roi_head' in model)


def _count_cameras(name: str, frames: int) -> int:
    """As many as the data set has; of videos few, or they take minutes."""
    if frames > 1:
        return 2 if frames <= 8 else 1
    return 1 if 'kitti' in name else 6


def _packed_keys(node: Any) -> Iterator[str]:
    """Everything that a transform of a pipeline has in its ``keys``."""
    if isinstance(node, dict):
        keys = node.get('keys')
        if isinstance(keys, list | tuple):
            yield from keys
        for value in node.values():
            yield from _packed_keys(value)
    elif isinstance(node, list | tuple):
        for value in node:
            yield from _packed_keys(value)


def make_batch(wanted: dict[str, Any], keypoints_class: type | None = None) -> dict[str, Any]:
    """The batch of a description, as a data loader gives it.

    Args:
        wanted: from :func:`describe_batch`.
        keypoints_class: made of (M, 14, 3) joints, for ``keypoints``.
    """
    random = np.random.default_rng(0)
    boxes, labels = _objects(wanted, random)
    inputs: dict[str, Any] = {}
    if wanted['points']:
        inputs['points'] = [torch.from_numpy(_points(wanted, boxes, random))]
    meta: dict[str, Any] = dict(box_type_3d=LiDARInstance3DBoxes, box_mode_3d=None, sample_idx=0)
    if wanted['cameras']:
        count = wanted['cameras'] * wanted['frames']
        inputs['img'] = [torch.from_numpy(random.integers(
            0, 256, (count, 3, *wanted['image']), dtype=np.uint8))]
        meta.update(_cameras(wanted))
    sample = Det3DDataSample(metainfo=meta)
    if found := wanted.get('found'):
        boxes = np.concatenate([boxes, np.array(found['boxes'], np.float32)])
        labels = torch.cat([labels, torch.tensor(found['labels'])])
    truth = torch.from_numpy(boxes)
    sample.gt_instances_3d = InstanceData(
        bboxes_3d=LiDARInstance3DBoxes(truth, box_dim=truth.shape[1]), labels_3d=labels)
    if wanted['keypoints']:
        spread = random.uniform(-0.5, 0.5, (len(boxes), JOINTS, 3)) * boxes[:, None, 3:6]
        centers = boxes[:, None, :3] + [0, 0, 0.9]
        sample.gt_instances_3d.keypoints_3d = keypoints_class(
            torch.from_numpy((centers + spread).astype(np.float32)))
    return dict(inputs=inputs, data_samples=[sample])


def _objects(wanted: dict, random: np.random.Generator) -> tuple[np.ndarray, torch.Tensor]:
    """Boxes [M, 7 or 9] 4 to 18 meters ahead, and labels of all classes."""
    low, high = np.array(wanted['range'][:3]), np.array(wanted['range'][3:])
    count, number = OBJECTS, np.arange(OBJECTS)
    boxes = np.zeros((count, 9 if wanted['velocities'] else 7))
    boxes[:, 0] = 5 + 4 * (number % 4) + random.uniform(-0.5, 0.5, count)
    boxes[:, 1] = 4 * (number // 4) - 6 + random.uniform(-0.5, 0.5, count)
    boxes[:, 2] = low[2] + 0.3 * (high[2] - low[2])
    boxes[:, :2] = np.clip(boxes[:, :2], 0.8 * low[:2], 0.8 * high[:2])
    boxes[:, 3:6] = SIZES[np.full(count, PERSON) if wanted['keypoints'] else number % 3]
    boxes[:, 3:6] *= random.uniform(0.9, 1.1, (count, 3))
    along = np.pi / 2 * (number % 4 - 2) + random.uniform(-0.1, 0.1, count)  # as anchors lie
    boxes[:, 6] = np.where(number % 3 < 2, along, random.uniform(-3, 3, count))
    boxes[:, 7:] = random.uniform(-2, 2, (count, boxes.shape[1] - 7))
    return boxes.astype(np.float32), torch.from_numpy(number % wanted['classes'])


def _points(wanted: dict, boxes: np.ndarray, random: np.random.Generator) -> np.ndarray:
    """Points [N, columns] in the boxes and on the ground under them, few and near each other."""
    inside = random.uniform(-0.5, 0.5, (len(boxes), POINTS_OF_OBJECT, 3))
    inside = inside * boxes[:, None, 3:6] + boxes[:, None, :3]
    inside[..., 2] += 0.5 * boxes[:, None, 5]
    ground = random.uniform(boxes[:, :3].min(0) - [2, 2, 0.1], boxes[:, :3].max(0) + [2, 2, 0.1],
                            (POINTS_OF_GROUND, 3))
    places = np.concatenate([inside.reshape(-1, 3), ground])
    more = random.uniform(0, 0.5, (len(places), wanted['columns'] - 3))
    return np.column_stack([places, more]).astype(np.float32)


def _cameras(wanted: dict) -> dict[str, Any]:
    """Metas of cameras all round, the first looking ahead; half a second between frames."""
    height, width = wanted['image']
    count, frames = wanted['cameras'], wanted['frames']
    cam2img = np.diag([0.7 * width, 0.7 * width, 1.0, 1.0])
    cam2img[:2, 2] = width / 2, height / 2
    lidar2cam = np.stack([_looking(2 * np.pi * view / count) for view in range(count)])
    moved = np.tile(np.eye(4), (frames, 1, 1))
    moved[:, 0, 3] = 0.5 * np.arange(frames)  # meters that the car has driven since
    lidar2cam = (lidar2cam[None] @ moved[:, None]).reshape(-1, 4, 4)
    return dict(
        lidar2img=cam2img @ lidar2cam, lidar2cam=lidar2cam,
        cam2img=np.tile(cam2img, (len(lidar2cam), 1, 1)), img_shape=(height, width),
        img_timestamp=np.repeat(100 - 0.5 * np.arange(frames), count))


def _looking(angle: float) -> np.ndarray:
    """lidar2cam [4, 4] of a camera 20 cm before the LiDAR, turned by ``angle`` to the left."""
    cos, sin = np.cos(angle), np.sin(angle)
    return np.array([[sin, -cos, 0, 0], [0, 0, -1, 0.1], [cos, sin, 0, -0.2], [0, 0, 0, 1]])
