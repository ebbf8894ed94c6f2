"""V2-99: a backbone that aggregates all layers of a block at its end, once."""
from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence

import torch
import torch.nn.functional as F
from mmdet3d.registry import MODELS
from mmengine.model import BaseModule
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.utils.checkpoint import checkpoint

STEM = (64, 64, 128)
INNER = (128, 160, 192, 224)
OUTER = (256, 512, 768, 1024)
BLOCKS = {'V-99-eSE': (1, 3, 9, 3), 'V-57-eSE': (1, 1, 4, 3), 'V-39-eSE': (1, 1, 2, 2)}
LAYERS = 5


def _convolution(name: str, channels: int, out: int, kernel: int = 3, stride: int = 1
                 ) -> nn.Sequential:
    """Convolution, norm, ReLU under the names of the released weights."""
    return nn.Sequential(OrderedDict([
        (f'{name}/conv', nn.Conv2d(channels, out, kernel, stride, kernel // 2, bias=False)),
        (f'{name}/norm', nn.BatchNorm2d(out)), (f'{name}/relu', nn.ReLU(inplace=True))]))


class EffectiveSqueezeExcitation(nn.Module):
    """Channels scaled by a hard sigmoid of their means.

    Source: CenterMask (CVPR 2020), section 3.3.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.mean = nn.AdaptiveAvgPool2d(1)  # a module, which masked pre-training finds
        self.fc = nn.Conv2d(channels, channels, 1)

    def forward(self, features: Tensor) -> Tensor:
        """[M, C, H, W] -> [M, C, H, W]."""
        return features * (F.relu6(self.fc(self.mean(features)) + 3) / 6)


class OneShotAggregation(nn.Module):
    """Five 3x3 convolutions in a row; input and all their outputs are joined at the end.

    Args:
        name: of the block in the released weights.
        residual: adds the input.
    """

    def __init__(self, name: str, channels: int, inner: int, out: int, residual: bool) -> None:
        super().__init__()
        self.residual = residual
        self.layers = nn.ModuleList(
            _convolution(f'{name}_{index}', inner if index else channels, inner)
            for index in range(LAYERS))
        self.concat = _convolution(f'{name}_concat', channels + LAYERS * inner, out, kernel=1)
        self.ese = EffectiveSqueezeExcitation(out)

    def forward(self, features: Tensor) -> Tensor:
        """[M, C, H, W] -> [M, C', H, W]."""
        joined = [features]
        for layer in self.layers:
            joined.append(layer(joined[-1]))
        aggregated = self.ese(self.concat(torch.cat(joined, 1)))
        return aggregated + features if self.residual else aggregated


@MODELS.register_module()
class VoVNet(BaseModule):
    """VoVNetV2 with the tensor names of DD3D's weights.

    Args:
        name: ``'V-99-eSE'``, ``'V-57-eSE'`` or ``'V-39-eSE'``.
        out_stages: among 2 to 5.
        frozen_stages: 1 freezes the stem, 2 also stage 2, and so on; 0 nothing.
        norm_eval: batch norms keep their statistics in training.
        with_checkpoint: spend time instead of memory in training.

    Source: CenterMask (CVPR 2020), section 3.3; published as VoVNetV2.
    """

    def __init__(self, name: str = 'V-99-eSE', out_stages: Sequence[int] = (2, 3, 4, 5),
                 frozen_stages: int = 0, norm_eval: bool = True, with_checkpoint: bool = False,
                 init_cfg: dict | None = None) -> None:
        super().__init__(init_cfg)
        self.out_stages, self.frozen_stages = tuple(out_stages), frozen_stages
        self.norm_eval, self.with_checkpoint = norm_eval, with_checkpoint
        self.pool = nn.MaxPool2d(3, 2, ceil_mode=True)
        self.stem = nn.Sequential()
        channels = 3
        for index, (out, stride) in enumerate(zip(STEM, (2, 1, 2), strict=True), 1):
            for part, layer in _convolution(f'stem_{index}', channels, out,
                                            stride=stride).named_children():
                self.stem.add_module(part, layer)
            channels = out
        for stage, (count, inner, out) in enumerate(
                zip(BLOCKS[name], INNER, OUTER, strict=True), 2):
            self.add_module(f'stage{stage}', _stage(stage, count, channels, inner, out))
            channels = out
        self.train()

    def forward(self, images: Tensor) -> tuple[Tensor, ...]:
        """Images [M, 3, H, W] to maps of strides 4, 8, 16, 32."""
        features, maps = self.stem(images), []
        for stage in range(2, 6):
            features = self.run_stage(stage, features)
            if stage in self.out_stages:
                maps.append(features)
        return tuple(maps)

    def run_stage(self, stage: int, features: Tensor) -> Tensor:
        """Features of the stage before (of the stem for stage 2) to those of a stage."""
        if stage > 2:
            features = self.pool(features)
        for block in getattr(self, f'stage{stage}').children():
            keep = self.with_checkpoint and self.training and features.requires_grad
            features = checkpoint(block, features, use_reentrant=False) if keep \
                else block(features)
        return features

    def train(self, mode: bool = True) -> VoVNet:
        """Frozen stages and, if wanted, all norms stay in evaluation mode."""
        super().train(mode)
        frozen = [self.stem, *(getattr(self, f'stage{stage}')
                               for stage in range(2, self.frozen_stages + 1))]
        for part in frozen[:max(self.frozen_stages, 0)]:
            part.eval()
            part.requires_grad_(False)
        if mode and self.norm_eval:
            for module in self.modules():
                if isinstance(module, _BatchNorm):
                    module.eval()
        return self


def _stage(stage: int, count: int, channels: int, inner: int, out: int) -> nn.Sequential:
    return nn.Sequential(OrderedDict(
        (f'OSA{stage}_{index}', OneShotAggregation(
            f'OSA{stage}_{index}', out if index > 1 else channels, inner, out, index > 1))
        for index in range(1, count + 1)))
