"""mmdet3d's class-balanced data set where no frame has an object of some class.

Wrong upstream (mmdet3d 1.4.0): ``CBGSDataset`` divides by the number of frames of each class
(ZeroDivisionError), so that a small drive, or a part of nuScenes, cannot be trained on.

Repair: the frames are shared out among the classes that are there; what is not there is said once.
Where every class is there, upstream does the work.
"""
from __future__ import annotations

import warnings
from functools import wraps

import numpy as np
from mmdet3d.datasets.dataset_wrappers import CBGSDataset

from sparse3d.errors import ConfigError, Sparse3DWarning


def apply_patch() -> None:
    """Let a class without frames be normal."""
    upstream = CBGSDataset._get_sample_indices
    if hasattr(upstream, 'upstream'):
        return

    @wraps(upstream)
    def get_sample_indices(self, dataset) -> list[int]:
        classes = self.metainfo['classes']
        frames: list[list[int]] = [[] for _ in classes]
        for index in range(len(dataset)):
            for label in dataset.get_cat_ids(index):
                if label != -1:
                    frames[label].append(index)
        absent = [name for name, of_class in zip(classes, frames, strict=True) if not of_class]
        if not absent:
            return upstream(self, dataset)
        if len(absent) == len(frames):
            raise ConfigError(f'class-balanced sampling of {len(dataset)} frames without any '
                              f'object of {", ".join(classes)}: train without CBGSDataset, or '
                              'prepare the data with labels of these classes')
        warnings.warn(f'no frame has an object of {", ".join(absent)}: class-balanced sampling '
                      'leaves them out', Sparse3DWarning, stacklevel=2)
        return _balanced([of_class for of_class in frames if of_class])

    get_sample_indices.upstream = upstream
    CBGSDataset._get_sample_indices = get_sample_indices


def _balanced(frames: list[list[int]]) -> list[int]:
    """The same number of frames of each class, drawn with replacement as upstream draws them."""
    total = sum(map(len, frames))
    return [index for of_class in frames
            for index in np.random.choice(of_class, total // len(frames)).tolist()]
