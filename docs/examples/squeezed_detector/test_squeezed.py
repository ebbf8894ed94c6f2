"""The squeeze by hand: excitations of zero weigh every channel by one half."""
import torch
from torch import nn

from squeezed.channel_squeeze import ChannelSqueeze


def test_zero_excitations_halve_the_map():
    squeeze = ChannelSqueeze(channels=8)
    for parameter in squeeze.parameters():
        nn.init.zeros_(parameter)
    bev = squeeze(torch.full((2, 8, 3, 4), 2.0))
    torch.testing.assert_close(bev, torch.ones(2, 8, 3, 4))


def test_the_published_sigmoid_is_another_function():
    ours, published = (ChannelSqueeze(8, published=dict(hard_sigmoid=flag))
                       for flag in (False, True))
    for squeeze in (ours, published):
        for parameter in squeeze.parameters():
            nn.init.constant_(parameter, 0.5)
    bev = torch.ones(1, 8, 3, 4)
    assert published.weights(bev).max() == 1 > ours.weights(bev).max()


def test_every_parameter_learns():
    squeeze = ChannelSqueeze(channels=8, reduction=1)
    squeeze(torch.ones(1, 8, 3, 4)).sum().backward()
    assert all(parameter.grad is not None for parameter in squeeze.parameters())
