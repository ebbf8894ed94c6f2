"""The mask of objects in an image, by hand."""
from __future__ import annotations

import math

import torch

from sparse3d.models.backbones.object_mask import mask_targets, mask_weights

IMAGE, SHAPE = (40, 80), torch.Size((2, 5, 10))  # cells of 8 pixels


def test_an_ellipse_falls_to_one_half_at_the_edge():
    # Middle in the cell (2, 4); three cells wide, one and a half high on either side.
    objects = torch.tensor([[1, 36 - 24, 20 - 12, 36 + 24, 20 + 12.]])
    mask = mask_targets(objects, IMAGE, SHAPE)
    assert mask[0].sum() == 0 and mask[1, 2, 4] == 1
    torch.testing.assert_close(mask[1, 2, 6], torch.tensor(.5 ** (4 / 9)))
    torch.testing.assert_close(mask[1, 1, 4], torch.tensor(.5 ** (4 / 9)))
    assert mask[1, 2, 8] == 0 and mask[1, 0, 4] == 0 and mask[1, 1, 6] > .5
    assert mask[1].gt(0).sum() == mask[1].ge(.5).sum()


def test_a_speck_has_a_cell_and_the_highest_counts():
    objects = torch.tensor([[0, 8, 8, 9, 9.], [0, 0, 0, 80, 40]])
    mask = mask_targets(objects, IMAGE, SHAPE)
    assert mask[0, 1, 1] == 1 and mask[0, 2, 5] > .9


def test_small_objects_weigh_more():
    area = 1600 / (1920 * 1080) * 40 * 80
    side = math.sqrt(area / 4)  # a quarter of the area
    objects = torch.tensor([[0, 20 - side / 2, 20 - side / 2, 20 + side / 2, 20 + side / 2],
                            [1, 0, 0, 80, 40.]])
    weights = mask_weights(objects, IMAGE, SHAPE)
    torch.testing.assert_close(weights[0, 2, 2], torch.tensor(1 + 2 * math.log(4)))
    assert weights[0].sum() - weights[0, 2, 2] == 49 and (weights[1] == 1).all()


def test_no_objects():
    none = torch.zeros(0, 5)
    assert mask_targets(none, IMAGE, SHAPE).sum() == 0
    assert (mask_weights(none, IMAGE, SHAPE) == 1).all()
