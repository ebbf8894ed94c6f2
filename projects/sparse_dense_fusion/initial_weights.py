"""Initial weights of the second stage: a trained TransFusion-L and a trained image detector.

    python -m sparse_dense_fusion.initial_weights transfusion_l.pth mask_rcnn_nuim.pth initial.pth

The LiDAR file is a TransFusion-L trained here, or a released one that was converted
(sparse3d convert-checkpoint sparsefusion released.pth transfusion_l.pth); its tensors have the
same names in this detector. The image file is any 2D detector of mmdet with the backbone and the
feature pyramid of the config. Everything else starts as the config initializes it.
"""
from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping
from os import PathLike
from pathlib import Path

import torch
from mmdet3d.registry import MODELS
from mmengine.registry import init_default_scope
from torch import Tensor, nn

import sparse_dense_fusion.register  # noqa: F401  (registers what the config names)
from sparse3d.atomic_files import atomic_file
from sparse3d.checkpoints import read_published
from sparse3d.checkpoints.image_weights import load_image_parts, load_part
from sparse3d.checkpoints.open import open_checkpoint
from sparse3d.engine.load_config import load_config
from sparse3d.errors import CheckpointError

CONFIG = 'sdf_r50_nuscenes'
LIDAR_PARTS = ('voxel_encoder.', 'middle_encoder.', 'backbone.', 'neck.', 'bbox_head.')


def merge_initial_weights(lidar: str | PathLike, image: str | PathLike | None,
                          target: str | PathLike, config: str | PathLike = CONFIG,
                          seed: int = 0) -> dict[str, int]:
    """Write a whole checkpoint for ``config``; return how many tensors came from where.

    Args:
        lidar: checkpoint of TransFusion-L under our names.
        image: checkpoint of the image detector; None for a config without a branch.
        target: file to write; nothing is written where a part does not fit.
        config: of the detector to train.
        seed: of the random rest.

    Raises:
        CheckpointError: if a file lacks a part, or a tensor does not fit.
    """
    torch.manual_seed(seed)
    init_default_scope('mmdet3d')
    model = MODELS.build(load_config(config).model)
    model.init_weights()
    counts = dict(lidar=load_lidar(model, open_checkpoint(lidar).weights, lidar), image=0)
    if model.image_backbone is not None:
        if image is None:
            raise CheckpointError(f'{config} has an image backbone: name a file with its weights')
        counts['image'] = load_image_parts(model, read_published(image))
    state = model.state_dict()
    counts['initialized'] = len(state) - sum(counts.values())
    with atomic_file(Path(target)) as stream:
        torch.save(dict(meta=dict(initial_weights=counts), state_dict=state), stream)
    return counts


def load_lidar(model: nn.Module, weights: Mapping[str, Tensor], path: str | PathLike = '') -> int:
    """Load all of a TransFusion-L into ``model``; return the number of tensors.

    Raises:
        CheckpointError: if it has released names, lacks a tensor or has one of another shape.
    """
    if any(name.startswith('pts_') for name in weights):
        raise CheckpointError(
            f'{path} has the names of a release (pts_...); turn it into ours with '
            f'"sparse3d convert-checkpoint sparsefusion {path} transfusion_l.pth"')
    wanted = {name for name in model.state_dict() if name.startswith(LIDAR_PARTS)}
    return load_part(model, {name: weights[name] for name in wanted & set(weights)}, wanted,
                     'the LiDAR')


def main() -> int:
    """Command line of :func:`merge_initial_weights`."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('lidar', help='checkpoint of TransFusion-L')
    parser.add_argument('image', help='checkpoint of the image detector')
    parser.add_argument('target', help='file to write')
    parser.add_argument('--config', default=CONFIG)
    arguments = parser.parse_args()
    from sparse3d.apis.command_line import run_command
    return run_command(lambda: _merge_and_tell(arguments))


def _merge_and_tell(arguments: argparse.Namespace) -> None:
    counts = merge_initial_weights(arguments.lidar, arguments.image, arguments.target,
                                   arguments.config)
    print(f'{sum(counts.values())} tensors written to {arguments.target}: {counts["lidar"]} of the '
          f'LiDAR, {counts["image"]} of the images, {counts["initialized"]} initialized')


if __name__ == '__main__':
    sys.exit(main())
