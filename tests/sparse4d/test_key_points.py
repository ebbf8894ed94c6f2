"""Key points: the fixed ones on the axes of the box, the learned ones inside it."""
from __future__ import annotations

import torch

from sparse4d.key_points import FIXED, AnchorKeypoints


def test_fixed_points_turn_and_grow_with_the_box():
    points = AnchorKeypoints(8, learned=0)
    anchor = torch.zeros(1, 1, 11)
    anchor[..., :3] = torch.tensor([10.0, 20, 1])
    anchor[..., 3] = torch.tensor(4.0).log()
    anchor[..., 6] = 1.0  # sin: a quarter turn to the left
    found = points(anchor, None)[0, 0]
    assert points.count == len(found) == 7
    torch.testing.assert_close(found[0], torch.tensor([10.0, 20, 1]))
    torch.testing.assert_close(found[1], torch.tensor([10.0, 21.8, 1]))  # .45 of 4 m ahead
    anchor[..., 6] = 2.0  # the length of the pair counts, along x and y
    torch.testing.assert_close(points(anchor, None)[0, 0, 1], torch.tensor([10.0, 23.6, 1]))


def test_learned_points_lie_in_the_box():
    points = AnchorKeypoints(8)
    anchor = torch.zeros(2, 3, 11)
    anchor[..., 7] = 1.0
    found = points(anchor, torch.randn(2, 3, 8) * 100)
    assert found.shape == (2, 3, 13, 3) and found.abs().max() <= 0.5


def test_noise_in_place_of_the_fixed_points_is_a_quirk():
    right, noisy = AnchorKeypoints(8), AnchorKeypoints(8, noisy=True)
    assert torch.equal(right.fixed, torch.tensor(FIXED))
    assert (noisy.fixed - right.fixed).abs().max() > 0.1 and 'fixed' in noisy.state_dict()
