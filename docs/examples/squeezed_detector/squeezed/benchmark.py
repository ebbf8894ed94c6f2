"""How long the squeeze takes beside the convolution that it could replace."""
from __future__ import annotations

import torch
from torch import nn

from sparse3d.engine.timing import measure
from squeezed.channel_squeeze import ChannelSqueeze

CHANNELS, HEIGHT, WIDTH = 96, 100, 128  # of the small CenterPoint


@torch.no_grad()
def run(threads: int, repeats: int) -> list[dict]:
    """One row: milliseconds for a map, beside a 1 x 1 convolution."""
    bev = torch.randn(1, CHANNELS, HEIGHT, WIDTH)
    squeeze, convolution = ChannelSqueeze(CHANNELS), nn.Conv2d(CHANNELS, CHANNELS, 1)
    ours = measure(lambda: squeeze(bev), repeats).milliseconds
    baseline = measure(lambda: convolution(bev), repeats).milliseconds
    return [dict(name='weigh a map', value=ours, unit='ms', baseline=baseline,
                 ratio=baseline / ours, note=f'1 x 1 convolution, {CHANNELS} channels')]
