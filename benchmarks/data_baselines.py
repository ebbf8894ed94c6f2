"""mmdet3d's own loading of the same files, as its configs do it."""
from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np

KITTI_CLASSES = ['Car', 'Pedestrian', 'Cyclist']
KITTI_RANGE = [0, -40, -3, 70.4, 40, 1]
_ANNOTATIONS = dict(type='LoadAnnotations3D', with_bbox_3d=True, with_label_3d=True)
CAMERAS = ('CAM_FRONT', 'CAM_FRONT_RIGHT', 'CAM_FRONT_LEFT', 'CAM_BACK', 'CAM_BACK_LEFT',
           'CAM_BACK_RIGHT')


@contextmanager
def numpy_as_mmdet3d_expects() -> Iterator[None]:
    """Give numpy the name that mmdet3d's object sampling still uses."""
    missing = 'long' not in vars(np)
    if missing:
        np.long = np.int64
    try:
        yield
    finally:
        if missing:
            del np.long


def kitti(root: Path) -> dict:
    """``KittiDataset`` with ground-truth sampling, as in mmdet3d's SECOND config."""
    load = dict(type='LoadPointsFromFile', coord_type='LIDAR', load_dim=4, use_dim=4)
    sampler = dict(
        data_root=str(root), info_path=str(root / 'kitti_dbinfos_train.pkl'), rate=1.0,
        prepare=dict(filter_by_difficulty=[-1],
                     filter_by_min_points=dict(Car=5, Pedestrian=5, Cyclist=5)),
        classes=KITTI_CLASSES, sample_groups=dict(Car=15, Pedestrian=10, Cyclist=10),
        points_loader=load)
    pipeline = [
        load, _ANNOTATIONS, dict(type='ObjectSample', db_sampler=sampler),
        *_geometry((0.95, 1.05), (0, 0, 0), 0.0), *_filters(KITTI_RANGE),
        dict(type='Pack3DDetInputs', keys=['points', 'gt_bboxes_3d', 'gt_labels_3d'])]
    return dict(
        type='KittiDataset', data_root=str(root), ann_file='kitti_infos_train.pkl',
        data_prefix=dict(pts='training/velodyne_reduced'), pipeline=pipeline,
        modality=dict(use_lidar=True, use_camera=False), filter_empty_gt=False,
        metainfo=dict(classes=KITTI_CLASSES), box_type_3d='LiDAR')


def nuscenes_lidar(root: Path, classes: list[str], limits: list[float]) -> dict:
    """``NuScenesDataset`` with ten sweeps, as in mmdet3d's CenterPoint config."""
    pipeline = [
        dict(type='LoadPointsFromFile', coord_type='LIDAR', load_dim=5, use_dim=5),
        dict(type='LoadPointsFromMultiSweeps', sweeps_num=10, load_dim=5,
             use_dim=[0, 1, 2, 3, 4], pad_empty_sweeps=True, remove_close=True),
        _ANNOTATIONS, *_geometry((0.9, 1.1), (0.5, 0.5, 0.5), 0.5), *_filters(limits),
        dict(type='ObjectNameFilter', classes=classes),
        dict(type='Pack3DDetInputs', keys=['points', 'gt_bboxes_3d', 'gt_labels_3d'])]
    return _nuscenes(root, classes, pipeline, dict(use_lidar=True, use_camera=False))


def nuscenes_images(root: Path, classes: list[str], limits: list[float],
                    size: tuple[int, int]) -> dict:
    """``NuScenesDataset`` with six images, resized and cropped by mmdet3d's transforms."""
    pipeline = [
        dict(type='LoadMultiViewImageFromFiles', num_views=6), _ANNOTATIONS,
        dict(type='MultiViewWrapper', transforms=[
            dict(type='RandomResize3D', scale=(1600, 900), ratio_range=(0.38, 0.55),
                 keep_ratio=True),
            dict(type='RandomCrop3D', crop_size=tuple(size), rel_offset_h=(1.0, 1.0))]),
        dict(type='ObjectRangeFilter', point_cloud_range=limits),
        dict(type='ObjectNameFilter', classes=classes),
        dict(type='Pack3DDetInputs', keys=['img', 'gt_bboxes_3d', 'gt_labels_3d'])]
    return _nuscenes(root, classes, pipeline, dict(use_lidar=False, use_camera=True))


def _nuscenes(root: Path, classes: list[str], pipeline: list[dict], modality: dict) -> dict:
    cameras = {camera: f'samples/{camera}' for camera in CAMERAS}
    return dict(
        type='NuScenesDataset', data_root=str(root), ann_file='nuscenes_infos_train.pkl',
        data_prefix=dict(pts='samples/LIDAR_TOP', sweeps='sweeps/LIDAR_TOP', **cameras),
        pipeline=pipeline, modality=modality, metainfo=dict(classes=classes),
        filter_empty_gt=False, box_type_3d='LiDAR')


def _geometry(scale: tuple, translation: tuple, vertical: float) -> list[dict]:
    return [
        dict(type='RandomFlip3D', sync_2d=False, flip_ratio_bev_horizontal=0.5,
             flip_ratio_bev_vertical=vertical),
        dict(type='GlobalRotScaleTrans', rot_range=[-0.78539816, 0.78539816],
             scale_ratio_range=list(scale), translation_std=list(translation))]


def _filters(limits: list[float]) -> list[dict]:
    return [dict(type='PointsRangeFilter', point_cloud_range=limits),
            dict(type='ObjectRangeFilter', point_cloud_range=limits), dict(type='PointShuffle')]
