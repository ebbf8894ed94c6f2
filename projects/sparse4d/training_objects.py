"""Which objects of a sample are learned, and who they are in other frames."""
from __future__ import annotations

import numpy as np
from mmcv.transforms import BaseTransform
from mmdet3d.registry import TRANSFORMS

from sparse3d.errors import ConfigError, DataError
from sparse3d.structures.tracks import whole_ids
from sparse3d.transforms.object_filters import keep_objects

_NAMES = ('track_ids', 'instance_tokens')  # of data sets, in their annotations


@TRANSFORMS.register_module()
class LoadTrackIds(BaseTransform):
    """Add ``gt_track_ids`` (M,) int64, not negative: the same for an object in all frames.

    Put it right behind ``LoadAnnotations3D``: the ids are those of all objects of the sample.

    Raises:
        DataError: if the data set does not say which objects are the same.
    """

    def transform(self, results: dict) -> dict:
        """Add the ids of one sample."""
        annotations = results.get('ann_info', {})
        given = next((annotations[name] for name in _NAMES if name in annotations), None)
        count = len(annotations.get('gt_labels_3d', ()))
        if given is None or len(given) != count or any(not str(one) for one in given):
            raise DataError(
                f'the labels of sample {results.get("token", results.get("sample_idx"))} do not '
                f'say which objects are the same in other frames; make the info file with '
                f'"sparse3d create-data", or take LoadTrackIds out of the pipeline and set '
                f'num_temporal_groups=0 of the denoising')
        results['gt_track_ids'] = whole_ids(np.asarray(given))
        return results

    def __repr__(self) -> str:
        return f'{type(self).__name__}()'


@TRANSFORMS.register_module()
class KeepNearObjects(BaseTransform):
    """Drop objects whose center, in BEV, is farther from the LiDAR than a distance.

    Args:
        max_distance: meters.

    Raises:
        ConfigError: for a distance that is not positive.
    """

    def __init__(self, max_distance: float = 55.0) -> None:
        if not max_distance > 0:
            raise ConfigError(f'max_distance has to be positive, not {max_distance}')
        self.max_distance = max_distance

    def transform(self, results: dict) -> dict:
        """Filter one sample."""
        centers = results['gt_bboxes_3d'].tensor.numpy()[:, :2]
        keep_objects(results, np.linalg.norm(centers, axis=1) <= self.max_distance)
        return results

    def __repr__(self) -> str:
        return f'{type(self).__name__}(max_distance={self.max_distance})'
