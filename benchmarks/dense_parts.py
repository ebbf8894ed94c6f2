"""Dense parts of detectors on the CPU: channels last, bfloat16, ``torch.compile``, beside plain."""
from __future__ import annotations

import copy
import time
from collections.abc import Callable
from contextlib import nullcontext

import torch
from mmdet3d.registry import MODELS
from mmengine.registry import init_default_scope
from torch import Tensor, nn

from dsvt.residual_bev_backbone import ResidualBEVBackbone
from sparse3d.engine.dense_parts import channels_last
from sparse3d.engine.timing import torch_threads
from sparse3d_benchmarks.side_by_side import in_turn

MOST_REPEATS = 5
COMPILE = True  # takes a minute for each part


def run(threads: int = 2, repeats: int = 10) -> list[dict]:
    """Rows for three backbones, CPU time of one thread; each beside the part as it is built."""
    rows = []
    with torch_threads(1):
        for name, (part, given) in parts().items():
            rows += rows_of(name, part, given, min(repeats, MOST_REPEATS))
    return rows


def parts() -> dict[str, tuple[nn.Module, Tensor]]:
    """Backbones with random weights, and what they take."""
    torch.manual_seed(0)
    init_default_scope('mmdet3d')
    second = dict(type='SECOND', in_channels=256, out_channels=[128, 256], layer_nums=[5, 5],
                  layer_strides=[1, 2], norm_cfg=dict(type='BN', eps=1e-3, momentum=0.01),
                  conv_cfg=dict(type='Conv2d', bias=False))
    images = dict(type='mmdet.ResNet', depth=50, norm_eval=True)
    return {
        'SECOND at 180 x 180': (MODELS.build(second), torch.randn(1, 256, 180, 180)),
        'DSVT map network at 160 x 160': (ResidualBEVBackbone(192), torch.randn(1, 192, 160, 160)),
        'ResNet-50 on two images of 704 x 256': (MODELS.build(images),
                                                 torch.randn(2, 3, 256, 704))}


def rows_of(name: str, part: nn.Module, given: Tensor, repeats: int) -> list[dict]:
    """Forward in four ways and a training step in two."""
    part.eval()     # mmdet's ResNet returns nothing here
    plain, last = part, copy.deepcopy(part)
    channels_last(last)
    exact = _forward(plain, given)()
    rows = []
    ways = [('channels last', last, None), ('bfloat16', plain, torch.bfloat16),
            ('channels last, bfloat16', last, torch.bfloat16)]
    for what, module, dtype in ways:
        rows.append(_row(f'{name}, {what}', _forward(plain, given), _forward(module, given, dtype),
                         repeats, exact))
    if COMPILE:
        compiled = copy.deepcopy(last)
        compiled.compile()
        begin = time.monotonic()
        _forward(compiled, given)()
        rows.append(_row(f'{name}, torch.compile, channels last', _forward(plain, given),
                         _forward(compiled, given), repeats, exact,
                         f'; compiled in {time.monotonic() - begin:.0f} s'))
    steps = [_step(module, given) for module in (plain, last)]
    plain_time, last_time = in_turn(steps, repeats)
    rows.append(_named(f'{name}, training step, channels last', last_time, plain_time, ''))
    return rows


def _row(name: str, plain: Callable, other: Callable, repeats: int, exact: Tensor,
         more: str = '') -> dict:
    apart = ((other() - exact).abs().max() / exact.abs().max()).item()
    plain_time, other_time = in_turn([plain, other], repeats)
    return _named(name, other_time, plain_time, f'; largest relative difference {apart:.0e}{more}')


def _named(name: str, ours: float, plain: float, more: str) -> dict:
    return dict(name=name, value=1e3 * ours, unit='ms', baseline=1e3 * plain, ratio=plain / ours,
                original=False,
                note=f'float32 as built; CPU time of one thread, the part alone{more}')


def _forward(part: nn.Module, given: Tensor, dtype: torch.dtype | None = None) -> Callable:
    def forward() -> Tensor:
        with torch.no_grad(), nullcontext() if dtype is None else torch.autocast('cpu', dtype):
            return part(given)[-1].float()
    return forward


def _step(part: nn.Module, given: Tensor) -> Callable[[], None]:
    def step() -> None:
        sum(level.square().mean() for level in part(given)).backward()
        part.zero_grad(set_to_none=True)
    return step
