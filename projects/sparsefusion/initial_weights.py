"""Initial weights of the second stage: a trained TransFusion-L and a trained image detector.

    python -m sparsefusion.initial_weights transfusion_l.pth mask_rcnn_nuim.pth initial.pth

The LiDAR file is a released TransFusion-L or one trained here; the image file is any 2D
detector of mmdet with the backbone and the feature pyramid of the config (the release used
a Mask R-CNN trained on nuImages). Everything else starts as the config initializes it.
"""
from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping
from os import PathLike
from pathlib import Path

import torch
from torch import Tensor, nn

from sparse3d.atomic_files import atomic_file
from sparse3d.checkpoints import read_published
from sparse3d.checkpoints.image_weights import load_image_parts, load_part
from sparsefusion.published_checkpoint import CONFIGS, build, convert_weights
from sparsefusion.published_names import NO_EFFECT, as_sparsefusion, ours

LIDAR_PARTS = ('middle_encoder.', 'backbone.', 'neck.', 'bbox_head.shared.',
               'bbox_head.class_encoding.', 'bbox_head.lidar_decoder.')


def merge_initial_weights(lidar: str | PathLike, image: str | PathLike, target: str | PathLike,
                          config: str | PathLike = CONFIGS['resnet50'],
                          seed: int = 0) -> dict[str, int]:
    """Write a whole checkpoint for ``config``; return how many tensors came from where.

    Args:
        lidar: checkpoint of TransFusion-L.
        image: checkpoint of the image detector.
        target: file to write.
        config: of the detector to train.
        seed: of the random rest.

    Raises:
        CheckpointError: if a file lacks a part, or a tensor does not fit.
    """
    torch.manual_seed(seed)
    model = build(config)
    model.init_weights()
    counts = dict(lidar=load_lidar(model, read_published(lidar)),
                  image=load_image_parts(model, read_published(image)))
    state = model.state_dict()
    counts['initialized'] = len(state) - sum(counts.values())
    with atomic_file(Path(target)) as stream:
        torch.save(dict(meta=dict(initial_weights=counts), state_dict=state), stream)
    return counts


def load_lidar(model: nn.Module, weights: Mapping[str, Tensor]) -> int:
    """Load the LiDAR's parts of ``model`` from a TransFusion-L; return the number of tensors."""
    name_of = _published_lidar if any(name.startswith('pts_') for name in weights) else _own_lidar
    found, _ = convert_weights(weights, model, name_of, whole=False)
    wanted = {name for name in model.state_dict() if name.startswith(LIDAR_PARTS)}
    return load_part(model, found, wanted, 'the LiDAR')


def _published_lidar(name: str) -> str | None:
    return ours(as_sparsefusion(name))


def _own_lidar(name: str) -> str | None:
    if name.startswith('bbox_head.heat.'):
        return NO_EFFECT
    return name.replace('bbox_head.decoder.', 'bbox_head.lidar_decoder.')


def main() -> int:
    """Command line of :func:`merge_initial_weights`."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('lidar', help='checkpoint of TransFusion-L')
    parser.add_argument('image', help='checkpoint of the image detector')
    parser.add_argument('target', help='file to write')
    parser.add_argument('--config', default=CONFIGS['resnet50'])
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
