"""Objects sought on early features; later stages of a convolutional backbone see patches with some.

What differs from the release (ESOD, arXiv 2407.16424): the patches stand on a fixed grid and their
features go back into whole maps, since heads in space read any point of an image; where nothing was
sought the maps of later stages are zero. There patches move to where objects are and go to the
detection head one by one.
"""
from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from mmdet3d.registry import MODELS
from mmengine.model import BaseModule
from torch import Tensor, nn

from sparse3d.errors import ConfigError
from sparse3d.models.backbones.object_mask import mask_targets, mask_weights
from sparse3d.models.backbones.seen_images import SeenImages

RARE_BIAS = -2.19  # logit of about one in ten: what heat maps start with
IN_TRAINING = ('sought', 'all')


@dataclass(frozen=True)
class Stages:
    """A convolutional backbone as steps.

    Attributes:
        stem: images to the features of the first stage.
        steps: one for each stage.
        outputs: numbers of the stages whose features go out.
    """

    stem: Callable[[Tensor], Tensor]
    steps: list[Callable[[Tensor], Tensor]]
    outputs: tuple[int, ...]

    @classmethod
    def of(cls, net: nn.Module) -> Stages:
        """The steps of a ResNet of mmdet or of a VoVNet.

        Raises:
            ConfigError: for another backbone.
        """
        if hasattr(net, 'res_layers'):
            return cls(_resnet_stem(net), [getattr(net, name) for name in net.res_layers],
                       tuple(net.out_indices))
        if hasattr(net, 'run_stage'):
            return cls(net.stem, [_vovnet_stage(net, number) for number in range(2, 6)],
                       tuple(number - 2 for number in net.out_stages))
        raise ConfigError(f'objects can be sought in a ResNet or a VoVNet, not in a '
                          f'{type(net).__name__}; a Swin leaves windows out as SparseSwin')


@MODELS.register_module()
class ObjectSeeking(BaseModule):
    """A convolutional backbone whose later stages work on patches with objects alone.

    After an early stage a large depthwise convolution says of each cell how likely an object is
    there. Patches with a peak above the threshold are cut out and pass the later stages, as small
    images with zeros around them; their features go back to their places in maps of zeros. In
    training, patches with labeled objects are kept as well, and the mask learns from rectangles
    around the boxes. Images that are zero everywhere (absent cameras) have no patch.

    Parameters are named as those of the backbone alone; ``seeker`` is added.

    Args:
        net: config of the backbone, a ResNet of mmdet or a VoVNet.
        early_stages: number of stages that see whole images.
        patch: height and width of a patch in pixels.
        threshold: of the mask, for a patch to be kept.
        loss_weight: of the mask's cross entropy.
        in_training: ``'sought'`` keeps what it would keep in testing and what has labeled objects;
            ``'all'`` keeps all patches, as published.
        kernel: cells of the depthwise convolution.

    Attributes:
        patches, kept: how many there were and how many were kept, since :meth:`count_anew`.

    Raises:
        ConfigError: for another backbone, or numbers that cannot be.

    Source: ESOD (arXiv 2407.16424), sections 3.2 and 3.3.
    """

    reads_seen_images = True
    learns_objects = True
    pretraining_part = 'net'  # boxes are what the mask learns from; the names are the same
    not_exported = 'the number of patches that its later stages see is known at run time only'

    def __init__(self, net: dict, early_stages: int = 2, patch: tuple[int, int] = (64, 64),
                 threshold: float = 0.5, loss_weight: float = 0.2, in_training: str = 'sought',
                 kernel: int = 13, init_cfg: dict | None = None) -> None:
        super().__init__(init_cfg)
        if in_training not in IN_TRAINING:
            raise ConfigError(f'in_training is {in_training!r}; use one of '
                              f'{", ".join(IN_TRAINING)}')
        _check_numbers(patch, threshold, loss_weight, kernel)
        built = MODELS.build(net)
        object.__setattr__(self, 'net', built)  # its parts are ours, under their own names
        for name, part in built.named_children():
            self.add_module(name, part)
        stages = Stages.of(built)
        if type(early_stages) is not int or not 0 < early_stages < len(stages.steps):
            raise ConfigError(f'objects are sought after {early_stages!r:.40} stages of '
                              f'{len(stages.steps)}; give 1 to {len(stages.steps) - 1}')
        self.early_stages, self.patch, self.threshold = early_stages, tuple(patch), threshold
        self.loss_weight, self.in_training = loss_weight, in_training
        self.seeker = _seeker(_channels(built, stages, early_stages), kernel)
        self.count_anew()

    def count_anew(self) -> None:
        """Set the counts of patches to zero."""
        self.patches = self.kept = 0

    @property
    def share_of_patches(self) -> float | None:
        """Of all patches since :meth:`count_anew`, how many were kept; None if there were none."""
        return self.kept / self.patches if self.patches else None

    def feature_settings(self) -> tuple:
        """What the features depend on besides the weights: who keeps features compares it."""
        return self.threshold, self.patch, self.early_stages

    def init_weights(self) -> None:
        """Those of the backbone, as its config says."""
        about = getattr(self, '_params_init_info', None)  # mmengine's, there while a model begins
        if about is None:
            self.net.init_weights()
            return
        self.net._params_init_info = about
        self.net.init_weights()
        del self.net._params_init_info

    def train(self, mode: bool = True) -> ObjectSeeking:
        """Switch to training; what the backbone freezes stays as it is."""
        super().train(mode)
        self.net.train(mode)
        return self

    def forward(self, images: Tensor, seen: SeenImages | None = None) -> tuple[Tensor, ...]:
        """Maps [M, C, H_l, W_l] of images [M, 3, H, W].

        Args:
            seen: in training with the objects of the images; gets ``loss_object_seeking``.

        Raises:
            ConfigError: if patches do not fall on whole cells of every stage.
        """
        stages, maps = Stages.of(self.net), []
        features = stages.stem(images)
        for number, step in enumerate(stages.steps[:self.early_stages]):
            features = step(features)
            if number in stages.outputs:
                maps.append(features)
        # oneDNN's wide depthwise kernel is eight times as fast with channels last; same bits.
        logits = self.seeker(features.contiguous(memory_format=torch.channels_last))[:, 0]
        wanted = self._learn(logits, images, seen)
        grid = PatchGrid.of(features.shape[-2:], images.shape[-2:], self.patch)
        kept = self._kept(logits.detach().sigmoid(), wanted, images, grid)
        rows = kept.flatten().nonzero()[:, 0]
        self.patches, self.kept = self.patches + kept.numel(), self.kept + len(rows)
        patches = grid.cut(features)[rows]
        for number, step in enumerate(stages.steps[self.early_stages:], self.early_stages):
            if 1 in patches.shape[2:]:  # it would stay one where the stage halves the whole map
                raise ConfigError(f'patches of {self.patch[0]} x {self.patch[1]} pixels are one '
                                  f'cell before stage {number + 1}; give larger ones')
            patches = step(patches)
            if number in stages.outputs:
                maps.append(grid.put_back(patches, rows, len(images)))
        return tuple(maps)

    def _learn(self, logits: Tensor, images: Tensor, seen: SeenImages | None) -> Tensor | None:
        """The mask that should be [M, h, w], and the loss into ``seen``."""
        if not self.training or seen is None or seen.objects is None:
            return None
        with torch.no_grad():
            size = tuple(images.shape[-2:])
            wanted = mask_targets(seen.objects, size, logits.shape)
            weights = mask_weights(seen.objects, size, logits.shape)
        loss = F.binary_cross_entropy_with_logits(logits.float(), wanted, weights)
        seen.losses['loss_object_seeking'] = self.loss_weight * loss
        return wanted

    def _kept(self, mask: Tensor, wanted: Tensor | None, images: Tensor,
              grid: PatchGrid) -> Tensor:
        """[M, rows, columns] bool."""
        highest = F.max_pool2d(mask[:, None], 3, 1, 1)[:, 0]
        there = (mask >= self.threshold) & (mask == highest)
        if wanted is not None:
            there = there | (wanted > 0)
        kept = grid.any_of(there)
        if self.training and self.in_training == 'all':
            return torch.ones_like(kept)
        kept = kept & (images != 0).flatten(1).any(1)[:, None, None]
        if self.training:
            kept[0, 0, 0] |= ~kept.any()  # every parameter gets a gradient, also on many GPUs
        return kept


@dataclass(frozen=True)
class PatchGrid:
    """Patches of a map, row by row; those at the right and the lower edge may reach beyond it.

    Attributes:
        size: height and width of the map, cells.
        patch: of a patch, cells.
    """

    size: tuple[int, int]
    patch: tuple[int, int]

    @classmethod
    def of(cls, size: tuple[int, int], image: tuple[int, int],
           patch: tuple[int, int]) -> PatchGrid:
        """The grid on a map of an image, for patches in pixels.

        Raises:
            ConfigError: if the cells of the map are no whole number of pixels, or the patch none
                of cells.
        """
        cells = []
        for of_map, of_image, of_patch in zip(size, image, patch, strict=True):
            stride = -(-of_image // of_map)  # a map of 13 cells is of 104 pixels, not of 100
            if of_image % of_map or of_patch % stride:
                raise ConfigError(f'patches of {patch[0]} x {patch[1]} pixels do not fall on whole '
                                  f'cells of a map of {size[0]} x {size[1]} of images of '
                                  f'{image[0]} x {image[1]}; give patches and images whose sides '
                                  f'are multiples of {stride}')
            cells.append(of_patch // stride)
        return cls((size[0], size[1]), (cells[0], cells[1]))

    @property
    def counts(self) -> tuple[int, int]:
        """Rows and columns of patches."""
        return -(-self.size[0] // self.patch[0]), -(-self.size[1] // self.patch[1])

    def any_of(self, cells: Tensor) -> Tensor:
        """[M, h, w] bool -> [M, rows, columns], whether any cell of a patch is True."""
        pooled = F.max_pool2d(self._padded(cells.float()[:, None]), self.patch, self.patch)
        return pooled[:, 0] > 0

    def cut(self, features: Tensor) -> Tensor:
        """[M, C, h, w] -> [M * rows * columns, C, height, width of a patch]."""
        (rows, columns), (height, width) = self.counts, self.patch
        cut = self._padded(features).unflatten(3, (columns, width)).unflatten(2, (rows, height))
        return cut.permute(0, 2, 4, 1, 3, 5).flatten(0, 2)

    def put_back(self, patches: Tensor, rows: Tensor, images: int) -> Tensor:
        """Patches [K, C, height, width] of a later stage at the places ``rows`` of whole maps.

        Raises:
            ConfigError: if the map of that stage is no whole number of cells.
        """
        size = [whole * part for whole, part in zip(self.size, patches.shape[2:], strict=True)]
        if any(whole % of_patch for whole, of_patch in zip(size, self.patch, strict=True)):
            raise ConfigError(f'a map of {self.size[0]} x {self.size[1]} cells in patches of '
                              f'{self.patch[0]} x {self.patch[1]} gives no whole cells in a later '
                              f'stage; give images and patches as multiples of 32 pixels')
        down, across = self.counts
        whole = patches.new_zeros(images * down * across, *patches.shape[1:])
        whole = whole.index_copy(0, rows, patches).unflatten(0, (images, down, across))
        joined = whole.permute(0, 3, 1, 4, 2, 5).flatten(4, 5).flatten(2, 3)
        return joined[..., :size[0] // self.patch[0], :size[1] // self.patch[1]].contiguous()

    def _padded(self, features: Tensor) -> Tensor:
        lack = [count * patch - size for count, patch, size in
                zip(self.counts, self.patch, self.size, strict=True)]
        return F.pad(features, (0, lack[1], 0, lack[0]))


def _check_numbers(patch: object, threshold: object, loss_weight: object, kernel: object) -> None:
    if not (isinstance(patch, Sequence) and len(patch) == 2
            and all(type(side) is int and side > 0 for side in patch)):
        raise ConfigError(f'patch is {patch!r:.40}; give height and width of a patch in pixels')
    if not isinstance(threshold, int | float) or not 0 <= threshold <= 1:
        raise ConfigError(f'threshold is {threshold!r:.40}; it is a score of the mask, from 0 to 1')
    if not isinstance(loss_weight, int | float) or not 0 <= loss_weight < math.inf:
        raise ConfigError(f'loss_weight is {loss_weight!r:.40}; give a number of 0 or more')
    if type(kernel) is not int or kernel < 1 or kernel % 2 == 0:
        raise ConfigError(f'kernel is {kernel!r:.40}; give an odd number of cells')


def _seeker(channels: int, kernel: int) -> nn.Sequential:
    seeker = nn.Sequential(
        nn.Conv2d(channels, channels, kernel, padding=kernel // 2, groups=channels, bias=False),
        nn.BatchNorm2d(channels), nn.SiLU(), nn.Conv2d(channels, 1, 1))
    nn.init.constant_(seeker[3].bias, RARE_BIAS)
    return seeker


def _channels(net: nn.Module, stages: Stages, early_stages: int) -> int:
    """Of the features behind so many stages: asked of the backbone itself."""
    training = net.training
    net.eval()
    try:
        with torch.no_grad():
            features = stages.stem(torch.zeros(1, 3, 64, 64))
            for step in stages.steps[:early_stages]:
                features = step(features)
        return features.shape[1]
    finally:
        net.train(training)


def _resnet_stem(net: nn.Module) -> Callable[[Tensor], Tensor]:
    def stem(images: Tensor) -> Tensor:
        first = net.stem(images) if net.deep_stem else net.relu(net.norm1(net.conv1(images)))
        return net.maxpool(first)
    return stem


def _vovnet_stage(net: nn.Module, number: int) -> Callable[[Tensor], Tensor]:
    return lambda features: net.run_stage(number, features)
