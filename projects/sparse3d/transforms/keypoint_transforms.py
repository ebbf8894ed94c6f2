"""Transforms of keypoint samples: loading and the published cleaning."""
from __future__ import annotations

import numpy as np
from mmcv.transforms import BaseTransform
from mmdet3d.registry import TRANSFORMS

from sparse3d.structures.box_geometry import points_in_any_box


@TRANSFORMS.register_module()
class LoadKeypoints3D(BaseTransform):
    """Add ``gt_keypoints_3d`` from the annotations, beside what ``LoadAnnotations3D`` adds."""

    def transform(self, results: dict) -> dict:
        """Add the joints to the sample."""
        results['gt_keypoints_3d'] = results['ann_info']['gt_keypoints_3d']
        return results

    def __repr__(self) -> str:
        return f'{type(self).__name__}()'


@TRANSFORMS.register_module()
class RemovePointsInOtherBoxes(BaseTransform):
    """Take out the points in ``other_bboxes_3d``: objects that are no ground truth.

    This uses labels, in testing as well: it makes results comparable with published ones
    and better than they would be on the road. Points that also lie in a ground-truth box
    stay. Put it before every augmentation.

    Source: VoxelKP (ICCV 2025), released code: points of all other annotated objects are
    deleted in training and evaluation.
    """

    def transform(self, results: dict) -> dict:
        """Change ``points``."""
        points = results['points'].tensor.numpy()
        inside = np.zeros(len(points), dtype=bool)
        inside[points_in_any_box(points, results['other_bboxes_3d'])] = True
        truth = results.get('ann_info') or results.get('eval_ann_info') or {}
        if truth:
            inside[points_in_any_box(points, truth['gt_bboxes_3d'].tensor.numpy())] = False
        results['points'] = results['points'][~inside]
        return results

    def __repr__(self) -> str:
        return f'{type(self).__name__}()'
