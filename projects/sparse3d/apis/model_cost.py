"""What a trained detector costs for each frame: time, and voxels at every resolution."""
from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from os import PathLike
from statistics import mean
from typing import Any

import torch
from mmengine.config import Config
from mmengine.dataset import pseudo_collate
from mmengine.model import BaseModel
from spconv.pytorch import SparseConvTensor
from torch import nn

from sparse3d.apis.sample_frames import build_dataset, choose_frames
from sparse3d.engine.agreement.check import check_config
from sparse3d.engine.build_model import build_model
from sparse3d.engine.checkpoint_config import open_with_config
from sparse3d.engine.timing import measure
from sparse3d.models.backbones.object_seeking import ObjectSeeking
from sparse3d.models.backbones.sparse_swin import SparseSwin


def measure_cost(
        config: str | PathLike | Config,
        checkpoint: str | PathLike,
        frames: int = 10,
        cfg_options: dict[str, Any] | None = None,
        device: str | None = None,
) -> dict[str, float]:
    """Run a detector on frames of its test set, each alone, after one that warms up.

    Args:
        config: path of a config file, or a Config.
        checkpoint: file with the weights: how many voxels grow depends on them.
        frames: how many, spread evenly over the test set.
        cfg_options: dotted keys and values that override the config.
        device: default: the GPU if there is one.

    Returns:
        ``cost/ms_per_frame``: median, from points or images in memory to boxes, voxelization
        included, loading not; ``cost/parameters``; and for an encoder of sparse convolutions
        ``cost/voxels_1``, ``cost/voxels_2``, ...: mean number of voxels at the end of each
        resolution, the finest first; for a backbone that seeks objects
        ``cost/share_of_patches``, for a Swin that leaves windows out ``cost/share_of_macs``, of
        its dense blocks'.
    """
    config, opened = open_with_config(config, checkpoint, cfg_options)
    device = device or ('cuda' if torch.cuda.is_available() else 'cpu')
    check_config(config, ['test'])
    dataset = build_dataset(config, 'test')
    model = build_model(config, opened, device)
    samples = [dataset[index] for index in choose_frames(frames, len(dataset))]
    with parts_of_images(model) as shares:
        counts = [voxels_by_resolution(model, sample) for sample in samples]
    waiting = iter(samples)
    with torch.no_grad():
        timing = measure(lambda: model.test_step(pseudo_collate([next(waiting)])),
                         len(samples), warmup=0)
    cost = {'cost/ms_per_frame': timing.milliseconds,
            'cost/parameters': float(sum(weight.numel() for weight in model.parameters()))}
    cost |= shares
    finest_first = sorted(set().union(*counts), reverse=True)
    return cost | {f'cost/voxels_{number}': mean(count.get(shape, 0) for count in counts)
                   for number, shape in enumerate(finest_first, start=1)}


@contextmanager
def parts_of_images(model: nn.Module) -> Iterator[dict[str, float]]:
    """What image backbones of a model look at in the block; the dict is filled at its end."""
    shares: dict[str, float] = {}
    sizes: list[tuple[int, int]] = []
    seeking = [part for part in model.modules() if isinstance(part, ObjectSeeking)]
    pruned = [part for part in model.modules() if isinstance(part, SparseSwin)]
    for part in seeking:
        part.count_anew()
    hooks = [part.register_forward_pre_hook(
        lambda module, given: sizes.append((given[0].shape[-2], given[0].shape[-1])))
        for part in pruned]
    try:
        yield shares
    finally:
        for hook in hooks:
            hook.remove()
    for part in seeking:
        shares['cost/share_of_patches'] = part.share_of_patches or 0.0
    for part in pruned[:len(sizes)]:
        dense = [[0.0] * depth for depth in part.depths]
        shares['cost/share_of_macs'] = part.block_macs(sizes[0]) / part.block_macs(sizes[0], dense)


def voxels_by_resolution(model: BaseModel, sample: dict) -> dict[tuple[int, ...], int]:
    """How many voxels the last sparse layer of each grid (z, y, x cells) gives for a sample."""
    voxels: dict[tuple[int, ...], int] = {}

    def note(layer: nn.Module, inputs: Any, output: Any) -> None:
        output = output[0] if isinstance(output, tuple) else output
        if isinstance(output, SparseConvTensor):
            voxels[tuple(output.spatial_shape)] = len(output.indices)

    encoder = getattr(model, 'middle_encoder', None) or nn.Module()
    hooks = [layer.register_forward_hook(note) for layer in encoder.modules()]
    try:
        with torch.no_grad():
            model.test_step(pseudo_collate([sample]))
    finally:
        for hook in hooks:
            hook.remove()
    return voxels
