"""Small frames drawn at random, as mmdet3d's data sets give them to a detector's preprocessor."""
from __future__ import annotations

import torch
from mmdet3d.structures import (
    Box3DMode,
    CameraInstance3DBoxes,
    DepthInstance3DBoxes,
    Det3DDataSample,
    LiDARInstance3DBoxes,
    PointData,
)
from mmengine.structures import InstanceData
from torch import Tensor

OBJECTS = 4
IMAGE = (96, 320)  # pixels: height, width
FOCAL_LENGTH = 200.0


def lidar_frame(points: int, columns: int, classes: int, velocity: bool = False,
                image: bool = False) -> tuple[dict, Det3DDataSample]:
    """Cars ahead of a LiDAR at 20 m, a tenth of the points in them."""
    boxes = torch.tensor([[12.0, -6, -1.6, 3.9, 1.6, 1.56, 0.2]]).repeat(OBJECTS, 1)
    boxes[:, :2] += torch.tensor([[0.0, 0], [4, 4], [8, 8], [0, 12]])
    cloud = _cloud(points, columns, boxes, [0.0, -20, -2], [40.0, 20, 0])
    if velocity:
        boxes = torch.cat([boxes, torch.ones(OBJECTS, 2)], 1)
    sample = Det3DDataSample(metainfo=dict(
        box_type_3d=LiDARInstance3DBoxes, box_mode_3d=Box3DMode.LIDAR))
    sample.gt_instances_3d = InstanceData(
        bboxes_3d=LiDARInstance3DBoxes(boxes, box_dim=boxes.shape[1]), labels_3d=_labels(classes))
    sample.gt_pts_seg = PointData()
    inputs = dict(points=cloud)
    if image:
        inputs['img'] = torch.randint(0, 256, (3, *IMAGE), dtype=torch.uint8)
        sample.set_metainfo(_camera(lidar=True))
    return inputs, sample


def multi_view_frame(classes: int, views: int = 2) -> tuple[dict, Det3DDataSample]:
    """Cars around a vehicle, in pictures of several cameras that look ahead."""
    _, sample = lidar_frame(100, 4, classes)
    camera = _camera(lidar=True)
    sample.set_metainfo(dict(
        num_views=views, num_ref_frames=0, img_shape=IMAGE, ori_shape=IMAGE, input_shape=IMAGE,
        lidar2cam=[camera['lidar2cam']] * views, ori_cam2img=[camera['cam2img']] * views,
        ori_lidar2img=[camera['lidar2img']] * views))
    return dict(img=torch.rand(views, 3, *IMAGE) * 255), sample


def camera_frame(classes: int, code_size: int) -> tuple[dict, Det3DDataSample]:
    """Boxes in front of one camera, with their centers in the picture."""
    sample = Det3DDataSample(metainfo=_camera() | dict(
        box_type_3d=CameraInstance3DBoxes, box_mode_3d=Box3DMode.CAM,
        trans_mat=torch.tensor([[0.25, 0, 0], [0, 0.25, 0], [0, 0, 1]]).numpy(),
        affine_aug=False))
    boxes = torch.tensor([[0.0, 1, 12, 3.9, 1.56, 1.6, 0.2]]).repeat(OBJECTS, 1)
    boxes[:, 0] += torch.tensor([-6.0, -2, 2, 6])
    centers = torch.stack([boxes[:, 0], boxes[:, 1]], 1) * FOCAL_LENGTH / 12
    centers += torch.tensor([IMAGE[1] / 2, IMAGE[0] / 2])
    if code_size > 7:
        boxes = torch.cat([boxes, torch.zeros(OBJECTS, code_size - 7)], 1)
    labels = _labels(classes)
    sample.gt_instances_3d = InstanceData(
        bboxes_3d=CameraInstance3DBoxes(boxes, box_dim=boxes.shape[1], origin=(0.5, 0.5, 0.5)),
        labels_3d=labels, centers_2d=centers, depths=boxes[:, 2].clone(),
        attr_labels=torch.zeros(OBJECTS, dtype=torch.long))
    corners = torch.cat([centers - 12, centers + 12], 1)
    sample.gt_instances = InstanceData(bboxes=corners, labels=labels)
    return dict(img=torch.rand(3, *IMAGE) * 255), sample


def room_frame(points: int, columns: int, classes: int) -> tuple[dict, Det3DDataSample]:
    """Furniture in a room, each point with its class and its instance."""
    boxes = torch.tensor([[1.0, 1, 0, 1, 0.8, 0.9, 0]]).repeat(OBJECTS, 1)
    boxes[:, :2] += torch.tensor([[0.0, 0], [2, 0], [0, 2], [2, 2]])
    cloud = _cloud(points, columns, boxes, [0.0, 0, 0], [4.0, 4, 2])
    boxes = DepthInstance3DBoxes(boxes[:, :6], box_dim=6, with_yaw=False, origin=(0.5, 0.5, 0))
    sample = Det3DDataSample(metainfo=dict(
        box_type_3d=DepthInstance3DBoxes, box_mode_3d=Box3DMode.DEPTH))
    sample.gt_instances_3d = InstanceData(bboxes_3d=boxes, labels_3d=_labels(classes))
    instance = boxes.points_in_boxes_part(cloud[:, :3]).long()
    outside = instance < 0
    label = _labels(classes)[instance.clamp(min=0)].masked_fill_(outside, classes)
    sample.gt_pts_seg = PointData(
        pts_semantic_mask=label, pts_instance_mask=instance.masked_fill_(outside, OBJECTS))
    return dict(points=cloud), sample


def street_segments(points: int, classes: int) -> tuple[dict, Det3DDataSample]:
    """A cloud of a LiDAR with a class per point."""
    inputs, _ = lidar_frame(points, 4, 1)
    sample = Det3DDataSample()
    sample.gt_pts_seg = PointData(pts_semantic_mask=torch.randint(0, classes, (points,)))
    return inputs, sample


def _labels(classes: int) -> Tensor:
    return torch.arange(OBJECTS) % classes


def _cloud(points: int, columns: int, boxes: Tensor, lower: list[float],
           upper: list[float]) -> Tensor:
    cloud = torch.rand(points, max(columns, 3))
    cloud[:, :3] = cloud[:, :3] * (torch.tensor(upper) - torch.tensor(lower)) + torch.tensor(lower)
    inside = torch.rand(points // 10, 3) - 0.5
    owner = boxes[torch.arange(len(inside)) % len(boxes)]
    cloud[:len(inside), :3] = owner[:, :3] + inside * owner[:, 3:6] * 0.7
    cloud[:len(inside), 2] += owner[:, 5] / 2
    return cloud[torch.randperm(points)]


def _camera(lidar: bool = False) -> dict:
    """Meta of a picture from a camera that looks ahead."""
    intrinsics = torch.eye(4)
    intrinsics[0, 0] = intrinsics[1, 1] = FOCAL_LENGTH
    intrinsics[0, 2], intrinsics[1, 2] = IMAGE[1] / 2, IMAGE[0] / 2
    ahead = torch.tensor([[0.0, -1, 0, 0], [0, 0, -1, 0], [1, 0, 0, 0], [0, 0, 0, 1]])
    meta = dict(cam2img=intrinsics.numpy(), img_shape=IMAGE, pad_shape=IMAGE, ori_shape=IMAGE,
                scale_factor=(1.0, 1.0), flip=False)
    if lidar:
        meta.update(lidar2cam=ahead.numpy(), lidar2img=(intrinsics @ ahead).numpy())
    return meta
