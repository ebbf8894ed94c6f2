"""Last transform of a pipeline: from a dict of anything to model inputs and a data sample."""
from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from mmdet3d.datasets.transforms import Pack3DDetInputs
from mmdet3d.registry import TRANSFORMS

_MASK = 'gt_velocity_known'  # (M,) bool of MarkUnknownVelocities


@TRANSFORMS.register_module()
class PackSample(Pack3DDetInputs):
    """mmdet3d's packing, for samples that have keypoints or many images.

    ``gt_keypoints_3d`` and ``gt_velocity_known`` become fields of ``gt_instances_3d``
    without ``gt_``; images become one (N, 3, H, W) tensor of their own type with one copy.

    Args:
        keys: what the model or its loss needs, as for ``Pack3DDetInputs``.
        more_meta_keys: kept in the data sample's metainfo beside mmdet3d's and ours, of which
            ``image_valid`` (which images are missing) is one.
    """
    INSTANCEDATA_3D_KEYS = [*Pack3DDetInputs.INSTANCEDATA_3D_KEYS, 'gt_keypoints_3d', _MASK]

    def __init__(self, keys: Sequence[str], more_meta_keys: Sequence[str] = ()) -> None:
        super().__init__(keys=keys)
        self.meta_keys = (*self.meta_keys, 'frame_name', 'lidar_aug_matrix', 'img_aug_matrix',
                          'scene_motion', 'image_valid', *more_meta_keys)

    def pack_single_results(self, results: dict) -> dict:
        """Pack one sample."""
        images = results.pop('img', None)
        if _MASK in results:
            results[_MASK] = torch.as_tensor(results[_MASK])
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
        place[:] = image.transpose(2, 0, 1)
    return torch.from_numpy(packed)
