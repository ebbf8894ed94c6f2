"""Last transform of a pipeline: from a dict of anything to model inputs and a data sample."""
from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
import torch
from mmdet3d.datasets.transforms import Pack3DDetInputs
from mmdet3d.registry import TRANSFORMS

_MASK = 'gt_velocity_known'  # (M,) bool of MarkUnknownVelocities
_IDS = 'gt_track_ids'        # (M,) which objects of other frames are the same
_DEPTH = 'depth_maps'        # for each scale (N, h, w)


@TRANSFORMS.register_module()
class PackSample(Pack3DDetInputs):
    """mmdet3d's packing, for samples that have keypoints or many images.

    ``gt_keypoints_3d``, ``gt_velocity_known`` and ``gt_track_ids`` become fields of
    ``gt_instances_3d`` without ``gt_``; images become one (N, 3, H, W) tensor of their own type
    with one copy; ``depth_maps`` are inputs.

    Args:
        keys: what the model or its loss needs, as for ``Pack3DDetInputs``.
        more_meta_keys: kept in the data sample's metainfo beside mmdet3d's and ours, of which
            ``image_valid`` (which images are missing) is one.
    """
    INSTANCEDATA_3D_KEYS = [*Pack3DDetInputs.INSTANCEDATA_3D_KEYS, 'gt_keypoints_3d', _MASK,
                            _IDS]
    INPUTS_KEYS = [*Pack3DDetInputs.INPUTS_KEYS, _DEPTH]

    def __init__(self, keys: Sequence[str], more_meta_keys: Sequence[str] = ()) -> None:
        super().__init__(keys=keys)
        self.meta_keys = (*self.meta_keys, 'frame_name', 'lidar_aug_matrix', 'img_aug_matrix',
                          'scene_motion', 'image_valid', *more_meta_keys)

    def pack_single_results(self, results: dict) -> dict:
        """Pack one sample."""
        images = results.pop('img', None)
        for key in (_MASK, _IDS):
            if key in results and key in self.keys:
                results[key] = torch.as_tensor(np.asarray(results[key]))
        if _DEPTH in results:
            results[_DEPTH] = [torch.as_tensor(level) for level in results[_DEPTH]]
        packed = super().pack_single_results(results)
        if images is not None and 'img' in self.keys:
            packed['inputs']['img'] = channels_first(images)
        return packed


def channels_first(images: list[np.ndarray] | np.ndarray) -> torch.Tensor:
    """Images (H, W, 3) of one size as (N, 3, H, W), a single one as (3, H, W)."""
    if isinstance(images, np.ndarray):
        return torch.from_numpy(np.ascontiguousarray(images.transpose(2, 0, 1)))
    height, width, channels = images[0].shape
    packed = np.empty((len(images), channels, height, width), dtype=images[0].dtype)
    for place, image in zip(packed, images, strict=True):
        if image.dtype == np.uint8 and image.flags.c_contiguous:
            cv2.split(image, list(place))   # some times quicker than to copy what is transposed
        else:
            place[:] = image.transpose(2, 0, 1)
    return torch.from_numpy(packed)
