"""KITTI for 3D detection: mmdet3d's dataset with every input checked before training starts."""
from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import sparse3d.compat.applied  # noqa: F401  (mmdet3d's data sets load only then)

# isort: split
import numpy as np
from mmdet3d.datasets import KittiDataset
from mmdet3d.registry import DATASETS

from sparse3d.datasets.detection_dataset import DetectionDataset
from sparse3d.transforms.camera_matrices import refuse_useless_entries
from sparse3d.transforms.data_paths import path_inside


@DATASETS.register_module()
class KittiDetectionDataset(DetectionDataset, KittiDataset):
    """``KittiDataset`` for info files of :func:`sparse3d.datasets.kitti.prepare.prepare_kitti`.

    Classes are any of KITTI's eight types. For options and errors see
    :class:`~sparse3d.datasets.detection_dataset.DetectionDataset` and ``KittiDataset``.
    """

    info_kind, title, entry_name = 'kitti', 'KITTI', 'KITTI frame'
    remake = 'sparse3d create-data kitti {data_root}'
    METAINFO = dict(KittiDataset.METAINFO, ground_height=-1.73)

    def check_cameras(self, entries: list[dict]) -> None:
        """Always: boxes are written in the camera's frame."""
        refuse_useless_entries(entries)

    def content_of(self, entries: list[dict]) -> dict[str, Iterable]:
        """Columns of the point clouds."""
        return dict(columns=(entry['lidar_points'].get('num_pts_feats', 4) for entry in entries))

    def paths_of(self, data_list: list[dict]) -> list[Path]:
        """Point clouds, and images of camera 2."""
        images = [Path(entry['img_path']) for entry in data_list] \
            if self.modality['use_camera'] else []
        return super().paths_of(data_list) + images

    def parse_data_info(self, info: dict) -> dict:
        """Turn an entry of the info file into a sample's description."""
        image = info['images']['CAM2']
        path_inside(self.data_prefix.get('pts', ''), info['lidar_points']['lidar_path'])
        image_path = path_inside(self.data_prefix.get('img', ''), image['img_path'])
        # ids have any form; in the tracking layout each sequence begins with 000000
        name = info.get('frame_name') or Path(info['lidar_points']['lidar_path']).stem
        info = dict(super().parse_data_info(info), frame_name=name)
        if not info.get('ann_info', True):
            del info['ann_info']  # a frame without labels, see _tell_no_objects
        if self.test_mode and not self.modality['use_camera']:
            # for drawing detections on the image; nothing moves the points in testing
            info.update(img_path=str(image_path), lidar2cam=np.array(image['lidar2cam']),
                        cam2img=np.array(image['cam2img']),
                        lidar2img=np.array(image['lidar2img']))
        return info if self.modality['use_camera'] else _without_images(info)

    def parse_ann_info(self, info: dict) -> dict:
        """Objects of an entry; nothing where it has no labels."""
        return super().parse_ann_info(info) if 'instances' in info else {}


def _without_images(info: dict) -> dict:
    """Leave out what only image pipelines read; mmdet3d copies all of it for every sample."""
    annotations = info.get('ann_info') or info.get('eval_ann_info') or {}
    annotations.pop('instances', None)
    return {key: value for key, value in info.items()
            if key not in ('images', 'instances', 'cam_instances')}
