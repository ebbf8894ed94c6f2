"""Anchors for detectors whose queries start where objects are, of any data set with boxes."""
from __future__ import annotations

from collections.abc import Mapping
from os import PathLike
from typing import Any

import numpy as np

from sparse3d.apis.sample_frames import build_dataset
from sparse3d.engine.load_config import load_config
from sparse3d.errors import DataError
from sparse3d.preparation.box_anchors import box_anchors, gathered, write_anchors


def make_anchors(config: str | PathLike, out: str | PathLike, count: int = 900,
                 max_distance: float = 55.0, seed: int = 0, split: str = 'train',
                 cfg_options: Mapping[str, Any] | None = None) -> str:
    """Write the k-means centers of the labeled boxes of a config's data set as a ``.npy`` file.

    Args:
        config: path or bare name; its classes and its data set count.
        out: file to write; one that is there is replaced.
        count: of anchors.
        max_distance: meters; boxes farther away are left out.
        seed: same seed, same anchors.
        split: ``'train'`` or ``'val'``.

    Returns:
        What was done, in one sentence.

    Raises:
        ConfigError: for a config that does not exist, or has no such split.
        DataError: if the data set has no labels, or too few boxes.
    """
    read = load_config(config, {**(cfg_options or {}),
                                f'{split}_dataloader.dataset.check_files': False})
    dataset = build_dataset(read, split)
    samples = []
    for index in range(len(dataset)):
        sample = dataset.get_data_info(index)
        labels = sample.get('ann_info') or sample.get('eval_ann_info') or {}
        boxes = labels.get('gt_bboxes_3d')
        if boxes is not None and len(boxes):
            samples.append(np.concatenate([boxes.gravity_center.numpy(),
                                           boxes.dims.numpy()], 1))
    boxes = gathered(samples)
    if not len(boxes):
        raise DataError(f'the {split} split of {config} has no labeled box to make anchors of')
    anchors = box_anchors(boxes, count, max_distance, seed)
    write_anchors(anchors, out)
    return (f'{out}: {count} anchors of {len(boxes):,} boxes in {len(dataset):,} samples '
            f'({split}, within {max_distance:g} m, seed {seed})')
