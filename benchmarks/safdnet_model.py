"""SAFDNet beside the released way: the same network, its sparse convolutions by spconv."""
from __future__ import annotations

import torch
from mmdet3d.structures import Det3DDataSample, LiDARInstance3DBoxes
from mmengine.config import Config
from torch import Tensor

from sparse3d.engine.build_model import build_model
from sparse3d.engine.load_config import load_config
from sparse3d_benchmarks.detection_range import CONFIGS, RANGES, SEED, cut, long_sweep, with_range
from sparse3d_benchmarks.released_convolutions import (
    NOTE,
    flat,
    for_spconv,
    released_convolutions,
)
from sparse3d_benchmarks.side_by_side import SideBySide

MOST_REPEATS = 3


def run(threads: int = 2, repeats: int = 10) -> list[dict]:
    """Rows for the network, from voxels to the sparse map of the head."""
    return comparison().rows(min(repeats, MOST_REPEATS))


def comparison() -> SideBySide:
    """The published model for Argoverse 2 within its first range, random weights."""
    limit = RANGES[0]
    config = Config(with_range(load_config(CONFIGS['SAFDNet']).to_dict(), limit))
    torch.manual_seed(SEED)
    model = for_spconv(build_model(config))
    points = torch.from_numpy(cut(long_sweep(), limit))
    sample = Det3DDataSample(metainfo=dict(box_type_3d=LiDARInstance3DBoxes))
    data = model.data_preprocessor(dict(inputs=dict(points=[points]), data_samples=[sample]))
    voxels = data['inputs']['voxels']

    def ours() -> Tensor:
        return flat(model.voxel_backbone.encode(voxels, 1)[0])

    def original() -> Tensor:
        with released_convolutions():
            return ours()

    note = f'{len(voxels["coors"]):,} voxels within {limit:g} m, encoder; released: {NOTE}'
    return SideBySide('SAFDNet', ours, original,
                      [leaf for leaf in model.parameters() if leaf.requires_grad], note)
