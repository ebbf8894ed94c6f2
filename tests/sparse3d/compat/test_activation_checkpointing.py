from __future__ import annotations

import warnings

import mmcv.cnn.resnet
import pytest
import torch
from mmdet.models.backbones import ResNet, SwinTransformer, resnet
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint as upstream

from sparse3d.compat.activation_checkpointing import apply_patch, checkpoint


def small_resnet(depth: int, with_cp: bool) -> nn.Module:
    torch.manual_seed(0)
    return ResNet(depth, base_channels=8, num_stages=2, strides=(1, 2), dilations=(1, 1),
                  out_indices=(0, 1), with_cp=with_cp, norm_eval=True, frozen_stages=-1)


def small_swin(depth: int, with_cp: bool) -> nn.Module:
    torch.manual_seed(0)
    return SwinTransformer(embed_dims=8, depths=(depth, depth), num_heads=(1, 2), strides=(4, 2),
                           out_indices=(0, 1), window_size=4, drop_path_rate=0.0, with_cp=with_cp)


def outputs_and_gradients(model: nn.Module, images: Tensor) -> tuple[list, list]:
    model.train()  # which gives None
    maps = model(images)
    sum(level.square().sum() for level in maps).backward()
    return list(maps), [value.grad for value in model.parameters() if value.grad is not None]


def test_upstream_warns_and_refuses_gradients_by_name():
    value = torch.ones(2, requires_grad=True)
    with pytest.warns(UserWarning, match='use_reentrant'):
        doubled = upstream(lambda x: 2 * x, value)
    with pytest.raises(RuntimeError, match='reentrant'):
        torch.autograd.grad(doubled.sum(), value)
    doubled = checkpoint(lambda x: 2 * x, value)
    assert torch.autograd.grad(doubled.sum(), value)[0].tolist() == [2, 2]


@pytest.mark.parametrize(('build', 'depth'), [(small_resnet, 18), (small_resnet, 50),
                                              (small_swin, 2)])
def test_layers_of_mmdet_are_silent_and_give_the_same(build, depth):
    images = torch.randn(2, 3, 32, 32)
    with warnings.catch_warnings():
        warnings.simplefilter('error')
        saved = outputs_and_gradients(build(depth, True), images)
        plain = outputs_and_gradients(build(depth, False), images)
    for found, expected in zip(saved, plain, strict=True):
        torch.testing.assert_close(found, expected)


def test_memory_is_saved_all_the_same():
    """Between forward and backward only what goes in is kept of a block."""
    kept = []
    for with_cp in (False, True):
        total = 0

        def count(tensor: Tensor) -> Tensor:
            nonlocal total
            total += tensor.numel()
            return tensor

        model = small_resnet(50, with_cp)
        model.train()
        with torch.autograd.graph.saved_tensors_hooks(count, lambda tensor: tensor):
            model(torch.randn(1, 3, 64, 64))
        kept.append(total)
    assert kept[1] < 0.5 * kept[0]


def test_the_repair_reaches_every_module_and_can_be_repeated():
    apply_patch()
    assert resnet.cp.checkpoint is checkpoint
    assert mmcv.cnn.resnet.cp.checkpoint is checkpoint
