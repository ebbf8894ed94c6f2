"""The released ResNet-50 of SparK as a file that a detector takes."""
from __future__ import annotations

import re
from collections.abc import Mapping
from os import PathLike

from torch import Tensor

from sparse3d.atomic_files import refuse_same_file
from sparse3d.checkpoints.conversion import refuse_broken, refuse_unmatched
from sparse3d.checkpoints.reading import read_published
from sparse3d.errors import CheckpointError
from sparse3d.pretraining.encoder_files import IMAGE_PART, write_encoder

BLOCKS = {50: (3, 4, 6, 3), 101: (3, 4, 23, 3), 152: (3, 8, 36, 3), 200: (3, 24, 36, 3)}
# The encoder inside a whole pre-training checkpoint of SparK, and what stands beside it there.
INSIDE = 'sparse_encoder.sp_cnn.'
CLASSIFIER = re.compile(r'fc\.|classifier\.')
NORM = ('weight', 'bias', 'running_mean', 'running_var')


def convert_spark(source: str | PathLike, target: str | PathLike) -> dict[str, Tensor]:
    """Write the backbone of a released SparK checkpoint for ``pretrained_encoder``.

    timm's names of a ResNet and its strides (in the 3x3 convolution) are those of mmdet's
    ``ResNet(style='pytorch')``; the classifier and the pre-training's decoder are left out.

    Args:
        source: the released file, with timm's names (``resnet50_1kpretrained_timm_style.pth``) or
            a whole pre-training checkpoint.
        target: ``*.pth``.

    Returns:
        the tensors that were written.

    Raises:
        CheckpointError: if it is no ResNet of 50, 101, 152 or 200 layers, tensor by tensor.
    """
    refuse_same_file(source, target)
    weights = spark_backbone(read_published(source))
    refuse_broken(weights, str(source))
    write_encoder(weights, target, dict(method='SparK', published='SparK', kind='images'))
    return weights


def spark_backbone(published: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Tensors of the backbone, named for :func:`~sparse3d.pretraining.encoder_files.load_encoder`.

    Raises:
        CheckpointError: see :func:`convert_spark`.
    """
    inside = {name.removeprefix(INSIDE): value for name, value in published.items()
              if name.startswith(INSIDE)}
    bare = inside or dict(published)
    weights = {name: value for name, value in bare.items() if not CLASSIFIER.match(name)}
    found = tuple(len({name.split('.')[1] for name in weights
                       if name.startswith(f'layer{stage}.')}) for stage in range(1, 5))
    depth = next((depth for depth, blocks in BLOCKS.items() if blocks == found), None)
    if depth is None:
        raise CheckpointError(f'the file has {found} blocks in four stages, and the ResNets of '
                              f'SparK have {", ".join(map(str, BLOCKS.values()))}; give the file '
                              f'of a ResNet')
    expected = expected_shapes(depth)
    counters = {name for name in weights if name.endswith('num_batches_tracked')}
    refuse_unmatched(sorted(set(weights) - set(expected) - counters),
                     sorted(set(expected) - set(weights)))
    for name, shape in expected.items():
        if tuple(weights[name].shape) != shape:
            raise CheckpointError(f'{name} of the file is {list(weights[name].shape)}, in a '
                                  f'ResNet-{depth} it is {list(shape)}')
    return {f'{IMAGE_PART}.{name}': value for name, value in weights.items()}


def expected_shapes(depth: int) -> dict[str, tuple[int, ...]]:
    """Names and shapes of a bottleneck ResNet without classifier, as timm and mmdet write them."""
    shapes: dict[str, tuple[int, ...]] = {'conv1.weight': (64, 3, 7, 7), **_norm('bn1', 64)}
    before = 64
    for stage, count in enumerate(BLOCKS[depth], start=1):
        inner, out = 32 << stage, 128 << stage
        for block in range(count):
            place = f'layer{stage}.{block}'
            layers = (('1', (inner, before, 1, 1)), ('2', (inner, inner, 3, 3)),
                      ('3', (out, inner, 1, 1)))
            for number, shape in layers:
                shapes[f'{place}.conv{number}.weight'] = shape
                shapes.update(_norm(f'{place}.bn{number}', shape[0]))
            if block == 0:
                shapes[f'{place}.downsample.0.weight'] = (out, before, 1, 1)
                shapes.update(_norm(f'{place}.downsample.1', out))
            before = out
    return shapes


def _norm(name: str, channels: int) -> dict[str, tuple[int, ...]]:
    return {f'{name}.{part}': (channels, ) for part in NORM}
