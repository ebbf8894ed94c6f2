"""mmdet3d's ground-truth sampling where the database has no object of a class.

Wrong upstream (mmdet3d 1.4.0): ``DataBaseSampler`` stacks the boxes of no objects (ValueError)
where the filters leave nothing of a class, and raises a KeyError for a class of its groups or
filters that the database never had: a small drive without pedestrians cannot be trained on.

Repair: filters pass over classes that are not there, and a class without objects adds none. What a
config asks for and the database does not hold is said once, when the sampler is made.
"""
from __future__ import annotations

import warnings
from functools import wraps

import numpy as np
from mmdet3d.datasets.transforms.dbsampler import BatchSampler, DataBaseSampler

from sparse3d.errors import Sparse3DWarning


def apply_patch() -> None:
    """Let a class without objects be normal."""
    if hasattr(DataBaseSampler.sample_class_v2, 'upstream'):
        return
    upstream_init = DataBaseSampler.__init__
    upstream_filter = DataBaseSampler.filter_by_min_points
    upstream_sample = DataBaseSampler.sample_class_v2

    @wraps(upstream_init)
    def init(self, *args, **kwargs) -> None:
        upstream_init(self, *args, **kwargs)
        missing = [name for name in self.sample_classes if not self.db_infos.get(name)]
        for name in missing:
            self.sampler_dict.setdefault(name, BatchSampler([], name, shuffle=True))
        if missing:
            warnings.warn(f'{self.info_path} holds no object of {", ".join(missing)}: '
                          'ground-truth sampling adds none of them', Sparse3DWarning, stacklevel=2)

    @wraps(upstream_filter)
    def filter_by_min_points(db_infos: dict, min_gt_points_dict: dict) -> dict:
        there = {name: number for name, number in min_gt_points_dict.items() if name in db_infos}
        return upstream_filter(db_infos, there)

    @wraps(upstream_sample)
    def sample_class_v2(self, name: str, num: int, gt_bboxes: np.ndarray) -> list[dict]:
        if not self.db_infos.get(name):
            return []
        return upstream_sample(self, name, num, gt_bboxes)

    sample_class_v2.upstream = upstream_sample
    DataBaseSampler.__init__ = init
    DataBaseSampler.filter_by_min_points = staticmethod(filter_by_min_points)
    DataBaseSampler.sample_class_v2 = sample_class_v2
