"""Batches drawn at random for the model of a config: points, pictures, objects, no files.

For checks that ask whether a model runs, on which device and how fast; not what it learns.
"""
from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from mmdet3d.structures import Det3DDataSample, LiDARInstance3DBoxes
from mmengine.config import Config
from mmengine.structures import InstanceData

from sparse3d.structures.keypoints import Keypoints3D

NUM_JOINTS = 14
SIZES = np.array([[4.0, 1.8, 1.6], [0.8, 0.8, 1.8], [1.8, 0.6, 1.7]])  # car, person, cyclist
DEFAULT_RANGE = (0.0, -20.0, -3.0, 40.0, 20.0, 1.0)
POINTS_OF_OBJECT, POINTS_OF_GROUND = 25, 200


@dataclass(frozen=True)
class Wanted:
    """What the model of a config takes.

    Attributes:
        point_columns: numbers of a point, 0 where it takes none.
        point_cloud_range: x, y, z minimum, then maximum, meters.
        views: pictures of a sample, frames times cameras, 0 where it takes none.
        frames: of them.
        image_size: height and width.
        classes: number of labels.
        box_dim: 7, or 9 with velocities.
        keypoints: whether objects have joints.
        depth_strides: pixels of a cell of each depth map; none where it learns from none.
    """

    point_columns: int
    point_cloud_range: tuple[float, ...]
    views: int
    frames: int
    image_size: tuple[int, int]
    classes: int
    box_dim: int
    keypoints: bool
    depth_strides: tuple[int, ...] = ()

    @classmethod
    def of(cls, config: Config, cameras: int = 2, image_size: tuple[int, int] = (64, 128),
           ) -> Wanted:
        """Read it off a config: its model, and what its pipelines pack."""
        model = config.model.to_dict()
        packed = {key for loader in ('train_dataloader', 'test_dataloader')
                  for key in _packed_keys(_plain(config.get(loader)))}
        preprocessor = model.get('data_preprocessor') or {}
        encoder = model.get('voxel_encoder') or {}
        frames = preprocessor.get('num_frames', 1)
        columns = encoder.get('num_features') or encoder.get('in_channels') or 4
        return cls(
            point_columns=columns if 'points' in packed or not packed else 0,
            point_cloud_range=tuple((preprocessor.get('voxel_layer') or {}).get(
                'point_cloud_range', DEFAULT_RANGE)),
            views=frames * cameras if 'img' in packed else 0, frames=frames,
            image_size=image_size, classes=len(config.get('class_names') or 'a'),
            box_dim=9 if 'vel' in set(_words(model)) or _has_code_of(model, 10) else 7,
            keypoints='gt_keypoints_3d' in packed,
            depth_strides=next(_depth_strides(_plain(config.get('train_dataloader'))), ())
            if 'depth_maps' in packed else ())


def drawn_batch(wanted: Wanted, samples: int = 1, objects: int = 16, seed: int = 0,
                empty_clouds: bool = False) -> dict[str, Any]:
    """A batch as a data loader gives it, on the CPU.

    Args:
        wanted: by the model.
        samples: of the batch.
        objects: of each sample, LiDAR frame, 4 to 18 meters ahead; 0 for none.
        seed: equal seeds give equal batches.
        empty_clouds: leave all points out.
    """
    random = np.random.default_rng(seed)
    drawn = [_sample(wanted, objects, random, empty_clouds, index) for index in range(samples)]
    inputs = {key: [inputs[key] for inputs, _ in drawn] for key in drawn[0][0]}
    if wanted.depth_strides:  # one list for each scale, as the collating of a loader gives them
        inputs['depth_maps'] = [list(level) for level in zip(*inputs['depth_maps'], strict=True)]
    return dict(inputs=inputs, data_samples=[sample for _, sample in drawn])


def _sample(wanted: Wanted, objects: int, random: np.random.Generator, empty_cloud: bool,
            index: int) -> tuple[dict, Det3DDataSample]:
    boxes = _boxes(wanted, objects, random)
    inputs: dict[str, Any] = {}
    meta: dict[str, Any] = dict(box_type_3d=LiDARInstance3DBoxes, box_mode_3d=None,
                                sample_idx=index)
    if wanted.point_columns:
        points = _points(wanted, boxes, random)
        inputs['points'] = torch.from_numpy(points[:0] if empty_cloud else points)
    if wanted.views:
        pictures = random.integers(0, 256, (wanted.views, 3, *wanted.image_size), dtype=np.uint8)
        inputs['img'] = torch.from_numpy(pictures)
        meta |= _cameras(wanted)
    if wanted.depth_strides:
        height, width = wanted.image_size
        inputs['depth_maps'] = [torch.from_numpy(random.uniform(
            1, 60, (wanted.views, height // stride, width // stride)).astype(np.float32))
            for stride in wanted.depth_strides]
    sample = Det3DDataSample(metainfo=meta)
    tensor = torch.from_numpy(boxes)
    sample.gt_instances_3d = InstanceData(
        bboxes_3d=LiDARInstance3DBoxes(tensor, box_dim=wanted.box_dim),
        labels_3d=torch.arange(objects) % wanted.classes)
    if wanted.keypoints:
        offsets = random.uniform(-0.5, 0.5, (objects, NUM_JOINTS, 3)) * boxes[:, None, 3:6]
        joints = boxes[:, None, :3] + [0, 0, 0.9] + offsets
        sample.gt_instances_3d.keypoints_3d = Keypoints3D(
            torch.from_numpy(joints.astype(np.float32)))
    return inputs, sample


def _boxes(wanted: Wanted, count: int, random: np.random.Generator) -> np.ndarray:
    """[M, 7 or 9] float32, apart from each other as far as there is room."""
    low, high = np.array(wanted.point_cloud_range).reshape(2, 3)
    number = np.arange(count)
    boxes = np.zeros((count, wanted.box_dim))
    boxes[:, 0] = 5 + 4 * (number % 4) + random.uniform(-0.5, 0.5, count)
    boxes[:, 1] = 4 * (number // 4 % 4) - 6 + random.uniform(-0.5, 0.5, count)
    boxes[:, 2] = low[2] + 0.3 * (high[2] - low[2])
    boxes[:, :2] = np.clip(boxes[:, :2], 0.8 * low[:2], 0.8 * high[:2])
    boxes[:, 3:6] = SIZES[number % 3] * random.uniform(0.9, 1.1, (count, 3))
    boxes[:, 6] = random.uniform(-np.pi, np.pi, count)
    boxes[:, 7:] = random.uniform(-2, 2, (count, wanted.box_dim - 7))
    return boxes.astype(np.float32)


def _points(wanted: Wanted, boxes: np.ndarray, random: np.random.Generator) -> np.ndarray:
    """[N, columns] float32, in the boxes and on the ground around them."""
    inside = random.uniform(-0.5, 0.5, (len(boxes), POINTS_OF_OBJECT, 3))
    inside = inside * boxes[:, None, 3:6] + boxes[:, None, :3]
    inside[..., 2] += 0.5 * boxes[:, None, 5]
    low, high = np.array(wanted.point_cloud_range).reshape(2, 3)
    near = np.array([4.0, -8.0, low[2] + 0.3 * (high[2] - low[2])])
    ground = random.uniform(np.maximum(near, low), np.minimum(near + [16, 16, 0.2], high),
                            (POINTS_OF_GROUND, 3))
    places = np.concatenate([inside.reshape(-1, 3), ground])
    others = random.uniform(0, 0.5, (len(places), wanted.point_columns - 3))
    return np.column_stack([places, others]).astype(np.float32)


def _cameras(wanted: Wanted) -> dict[str, Any]:
    """Metas of cameras all round, the first looking ahead; half a second between frames."""
    height, width = wanted.image_size
    cameras = wanted.views // wanted.frames
    cam2img = np.diag([0.7 * width, 0.7 * width, 1.0, 1.0])
    cam2img[:2, 2] = width / 2, height / 2
    lidar2cam = np.stack([_lidar2cam(2 * np.pi * view / cameras) for view in range(cameras)])
    moved = np.tile(np.eye(4), (wanted.frames, 1, 1))
    moved[:, 0, 3] = 0.5 * np.arange(wanted.frames)  # meters driven since
    lidar2cam = (lidar2cam[None] @ moved[:, None]).reshape(-1, 4, 4)
    return dict(lidar2img=cam2img @ lidar2cam, lidar2cam=lidar2cam,
                cam2img=np.tile(cam2img, (len(lidar2cam), 1, 1)), img_shape=(height, width),
                img_timestamp=np.repeat(100 - 0.5 * np.arange(wanted.frames), cameras),
                timestamp=100.0, lidar2global=np.eye(4))


def _lidar2cam(angle: float) -> np.ndarray:
    """[4, 4] of a camera 20 cm before the LiDAR, turned by ``angle`` to the left."""
    cos, sin = np.cos(angle), np.sin(angle)
    return np.array([[sin, -cos, 0, 0], [0, 0, -1, 0.1], [cos, sin, 0, -0.2], [0, 0, 0, 1]])


def _plain(node: Any) -> Any:
    return node.to_dict() if hasattr(node, 'to_dict') else node


def _packed_keys(node: Any) -> Iterator[str]:
    """Everything that a transform of a pipeline has in its ``keys``."""
    if isinstance(node, dict):
        keys = node.get('keys')
        yield from keys if isinstance(keys, list | tuple) else ()
    for value in _values(node):
        yield from _packed_keys(value)


def _depth_strides(node: Any) -> Iterator[tuple[int, ...]]:
    """Those of the step of a pipeline that makes depth maps."""
    if isinstance(node, dict) and 'strides' in node and 'type' in node:
        yield tuple(node['strides'])
    for value in _values(node):
        yield from _depth_strides(value)


def _words(node: Any) -> Iterator[str]:
    """All keys and strings of a config."""
    if isinstance(node, str):
        yield node
    if isinstance(node, dict):
        yield from (str(key) for key in node)
    for value in _values(node):
        yield from _words(value)


def _has_code_of(node: Any, size: int) -> bool:
    """Whether a box coder, or weights of its numbers, tell of so many numbers a box."""
    if isinstance(node, dict):
        weights = node.get('code_weights')
        if node.get('code_size') == size or isinstance(weights, list) and len(weights) == size:
            return True
    return any(_has_code_of(value, size) for value in _values(node))


def _values(node: Any) -> list:
    return list(node.values()) if isinstance(node, dict) else \
        list(node) if isinstance(node, list | tuple) else []
