"""Parking lots as a dataset of mmdet3d."""
from __future__ import annotations

from typing import Any

import numpy as np
from mmdet3d.datasets import Det3DDataset
from mmdet3d.registry import DATASETS
from mmdet3d.structures import LiDARInstance3DBoxes

from sparse3d.transforms.data_paths import path_inside
from sparse3d.transforms.info_files import read_info_file


@DATASETS.register_module()
class ParkingLotDataset(Det3DDataset):
    """Frames of ``create-data parking_lot``: points, and boxes of one class.

    Args:
        options: those of mmdet3d's ``Det3DDataset``.

    Raises:
        DataError: for an unusable info file, or a path that leaves the data root.
    """

    METAINFO = dict(dataset='parking_lot', classes=('car',))

    def __init__(self, **options: Any) -> None:
        super().__init__(modality=dict(use_lidar=True, use_camera=False), box_type_3d='LiDAR',
                         data_prefix=dict(pts=''), **options)

    def load_data_list(self) -> list[dict]:
        """Read the info file without running anything in it; called once by mmengine."""
        entries = read_info_file(self.ann_file, 'parking_lot')['data_list']
        for entry in entries:
            path_inside(self.data_root, entry['lidar_points']['lidar_path'])
        return [self.parse_data_info(entry) for entry in entries]

    def parse_ann_info(self, info: dict) -> dict[str, Any]:
        """Boxes [N, 7] in the LiDAR frame and labels [N]; a frame may have none."""
        boxes = np.array([item['bbox_3d'] for item in info['instances']], np.float32)
        labels = np.zeros(len(boxes), np.int64)
        self.num_ins_per_cat[0] += len(labels)
        return dict(gt_bboxes_3d=LiDARInstance3DBoxes(boxes.reshape(-1, 7)), gt_labels_3d=labels)
